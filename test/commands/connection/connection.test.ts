/**
 * The connection commands: what a client says of itself, and what it may do to others. Without sockets.
 */
import { describe, expect, it } from "@effect/vitest"
import { makeServerEngine } from "../../support/serverEngine.js"

const lines = (reply: unknown): ReadonlyArray<string> => String(reply).trimEnd().split("\n")
const field = (line: string, name: string): string | undefined =>
  line
    .split(" ")
    .find((one) => one.startsWith(`${name}=`))
    ?.slice(name.length + 1)

describe("PING and ECHO", () => {
  it("answer with PONG, or with what they were given", () => {
    const { call, raw } = makeServerEngine()
    expect(raw("PING")).toBe("+PONG\r\n")
    expect(raw("ping", "hi")).toBe("$2\r\nhi\r\n")
    expect(call("ECHO", "a b")).toBe("a b")
  })

  it("PING fails with two arguments", () => {
    expect(makeServerEngine().call("PING", "a", "b")).toBe(
      "-ERR wrong number of arguments for 'ping' command"
    )
  })
})

describe("SELECT", () => {
  it("changes the database of the connection alone", () => {
    const { call, connect } = makeServerEngine()
    expect(call("SELECT", "9")).toBe("OK")
    call("SET", "k", "v")
    expect(connect().call("GET", "k")).toBeNull()
    expect(call("GET", "k")).toBe("v")
  })

  it("holds for the commands of the same read that follow it", () => {
    const { call, pipeline } = makeServerEngine()
    call("SET", "k", "zero")
    expect(pipeline(["GET", "k"], ["SELECT", "1"], ["GET", "k"], ["SET", "k", "one"], ["GET", "k"])).toEqual([
      "zero",
      "OK",
      null,
      "OK",
      "one"
    ])
    call("SELECT", "0")
    expect(call("GET", "k")).toBe("zero")
  })

  it("refuses what is no index of a database", () => {
    const { call } = makeServerEngine()
    expect(call("SELECT", "16")).toBe("-ERR DB index is out of range")
    expect(call("SELECT", "-1")).toBe("-ERR DB index is out of range")
    expect(call("SELECT", "x")).toBe("-ERR value is not an integer or out of range")
    expect(call("SELECT", "3000000000")).toBe(
      "-ERR value is out of range, value must between -2147483648 and 2147483647"
    )
  })
})

describe("AUTH", () => {
  it("lets a client in with the password, with or without the name of the default user", () => {
    const { call, connect } = makeServerEngine({ requirepass: "secret" })
    expect(call("GET", "k")).toBe("-NOAUTH Authentication required.")
    expect(call("AUTH", "secret")).toBe("OK")
    expect(call("GET", "k")).toBeNull()
    expect(connect().call("AUTH", "default", "secret")).toBe("OK")
  })

  it("refuses any other password, and any other user", () => {
    const { call, session } = makeServerEngine({ requirepass: "secret" })
    const wrong = "-WRONGPASS invalid username-password pair or user is disabled."
    expect(call("AUTH", "secre")).toBe(wrong)
    expect(call("AUTH", "")).toBe(wrong)
    expect(call("AUTH", "default", "Secret")).toBe(wrong)
    expect(call("AUTH", "admin", "secret")).toBe(wrong)
    expect(session.authenticated).toBe(false)
  })

  it("without a password set, one argument is a mistake, and two let anybody in", () => {
    const { call } = makeServerEngine()
    expect(call("AUTH", "x")).toMatch(/^-ERR AUTH <password> called without any password configured/)
    expect(call("AUTH", "default", "x")).toBe("OK")
    expect(call("AUTH", "a", "b", "c")).toBe("-ERR syntax error")
  })
})

describe("HELLO", () => {
  it("tells of the server, in the protocol it has switched to", () => {
    const { call, session } = makeServerEngine()
    expect(call("HELLO", "3")).toEqual(
      new Map<string, unknown>([
        ["server", "redis"],
        ["version", "7.2.4"],
        ["proto", 3],
        ["id", session.id],
        ["mode", "standalone"],
        ["role", "master"],
        ["modules", []]
      ])
    )
    expect(call("HELLO")).toEqual(call("HELLO", "3"))
    expect(call("HELLO", "2")).toContain("proto")
    expect(session.protocol).toBe(2)
  })

  it("holds for the replies of the same read that follow it", () => {
    const { pipeline, raw } = makeServerEngine()
    pipeline(["GET", "k"], ["HELLO", "3"])
    expect(raw("GET", "k")).toBe("_\r\n")
  })

  it("authenticates and names the connection on the way", () => {
    const { call, session } = makeServerEngine({ requirepass: "secret" })
    expect(call("HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me")).toBeInstanceOf(Map)
    expect(session).toMatchObject({
      authenticated: true,
      name: "me",
      protocol: 3
    })
  })

  it("changes nothing where any part of it is wrong", () => {
    const { call, session } = makeServerEngine({ requirepass: "secret" })
    expect(call("HELLO", "3")).toMatch(/^-NOAUTH HELLO must be called with the client already authenticated/)
    expect(call("HELLO", "4")).toBe("-NOPROTO unsupported protocol version")
    expect(call("HELLO", "x")).toBe("-ERR Protocol version is not an integer or out of range")
    expect(call("HELLO", "3", "AUTH", "default", "wrong", "SETNAME", "me")).toMatch(/^-WRONGPASS/)
    expect(call("HELLO", "3", "AUTH", "default", "secret", "SETNAME", "a b")).toBe(
      "-ERR Client names cannot contain spaces, newlines or special characters."
    )
    expect(call("HELLO", "3", "FOO")).toBe("-ERR Syntax error in HELLO option 'FOO'")
    expect(session).toMatchObject({
      authenticated: false,
      name: "",
      protocol: 2
    })
  })
})

describe("QUIT and RESET", () => {
  it("QUIT answers, and runs nothing of what follows", () => {
    const server = makeServerEngine()
    expect(server.pipeline(["QUIT"], ["SET", "k", "v"])).toEqual(["OK"])
    expect(server.ended).toBe(true)
    expect(server.connect().call("GET", "k")).toBeNull()
  })

  it("RESET makes the connection a new one", () => {
    const { call, session } = makeServerEngine()
    call("SELECT", "3")
    call("CLIENT", "SETNAME", "me")
    call("CLIENT", "NO-TOUCH", "ON")
    call("HELLO", "3")
    expect(call("RESET")).toBe("RESET")
    expect(session).toMatchObject({
      protocol: 2,
      name: "",
      noTouch: false,
      authenticated: true
    })
    expect(session.database.index).toBe(0)
  })

  it("RESET takes the authentication away where a password is asked for", () => {
    const { call } = makeServerEngine({ requirepass: "secret" })
    call("AUTH", "secret")
    expect(call("RESET")).toBe("RESET")
    expect(call("PING")).toBe("-NOAUTH Authentication required.")
  })
})

describe("CLIENT", () => {
  it("keeps a name that can be listed, and no other", () => {
    const { call } = makeServerEngine()
    expect(call("CLIENT", "GETNAME")).toBeNull()
    expect(call("CLIENT", "SETNAME", "worker:1")).toBe("OK")
    expect(call("CLIENT", "GETNAME")).toBe("worker:1")
    expect(call("CLIENT", "SETNAME", "two words")).toBe(
      "-ERR Client names cannot contain spaces, newlines or special characters."
    )
    expect(call("CLIENT", "SETNAME", "")).toBe("OK")
    expect(call("CLIENT", "GETNAME")).toBeNull()
  })

  it("keeps what SETINFO says of the library", () => {
    const { call } = makeServerEngine()
    expect(call("CLIENT", "SETINFO", "lib-name", "some(lib_v1)")).toBe("OK")
    expect(call("CLIENT", "SETINFO", "LIB-VER", "1.2")).toBe("OK")
    expect(call("CLIENT", "INFO")).toMatch(/ lib-name=some\(lib_v1\) lib-ver=1\.2\n$/)
    expect(call("CLIENT", "SETINFO", "lib-name", "a b")).toBe(
      "-ERR lib-name cannot contain spaces, newlines or special characters."
    )
    expect(call("CLIENT", "SETINFO", "lib-age", "1")).toBe("-ERR Unrecognized option 'lib-age'")
  })

  it("LIST has a line for each client, with Redis's fields", () => {
    const { call, clock, connect } = makeServerEngine()
    connect("10.0.0.1:7").call("SELECT", "2")
    clock.now += 5000
    const [mine, other] = lines(call("CLIENT", "LIST"))
    expect(mine!.split(" ").map((one) => one.split("=")[0])).toEqual(
      (
        "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp obl " +
        "oll omem tot-mem events cmd user redir resp lib-name lib-ver"
      ).split(" ")
    )
    expect(field(mine!, "cmd")).toBe("client|list")
    expect(field(other!, "addr")).toBe("10.0.0.1:7")
    expect(field(other!, "db")).toBe("2")
    expect(field(other!, "age")).toBe("5")
    expect(field(other!, "cmd")).toBe("select")
  })

  it("LIST shows clients by type and by id", () => {
    const { call, connect, session } = makeServerEngine()
    const other = connect().session.id
    expect(lines(call("CLIENT", "LIST", "TYPE", "normal"))).toHaveLength(2)
    expect(call("CLIENT", "LIST", "TYPE", "pubsub")).toBe("")
    const both = lines(call("CLIENT", "LIST", "ID", String(other), "99", String(session.id)))
    expect(both.map((line) => field(line, "id"))).toEqual([String(other), String(session.id)])
    expect(call("CLIENT", "LIST", "TYPE", "x")).toBe("-ERR Unknown client type 'x'")
    expect(call("CLIENT", "LIST", "ID", "x")).toBe("-ERR Invalid client ID")
    expect(call("CLIENT", "LIST", "ID")).toBe("-ERR syntax error")
  })

  it("KILL with an address closes that client, oneself after the reply", () => {
    const server = makeServerEngine()
    const other = server.connect("10.0.0.1:7")
    expect(server.call("CLIENT", "KILL", "10.0.0.1:7")).toBe("OK")
    expect(other.destroyed).toBe(true)
    expect(lines(server.call("CLIENT", "LIST"))).toHaveLength(1)
    expect(server.call("CLIENT", "KILL", "10.0.0.1:7")).toBe("-ERR No such client")
    expect(server.call("CLIENT", "KILL", "127.0.0.1:50000")).toBe("OK")
    expect(server).toMatchObject({ destroyed: false, ended: true })
  })

  it("KILL with filters closes those that all of them mean, and spares the caller unless told otherwise", () => {
    const server = makeServerEngine()
    const young = server.connect("10.0.0.1:7")
    expect(server.call("CLIENT", "KILL", "ADDR", "10.0.0.1:7", "ID", "77")).toBe(0)
    expect(server.call("CLIENT", "KILL", "MAXAGE", "10")).toBe(0)
    expect(server.call("CLIENT", "KILL", "ID", String(young.session.id), "TYPE", "normal")).toBe(1)
    expect(server.call("CLIENT", "KILL", "USER", "default")).toBe(0)
    expect(server.call("CLIENT", "KILL", "LADDR", "127.0.0.1:6379", "SKIPME", "no")).toBe(1)
    expect(server.ended).toBe(true)
  })

  it("KILL refuses filters that are none", () => {
    const { call } = makeServerEngine()
    expect(call("CLIENT", "KILL", "ID", "0")).toBe("-ERR client-id should be greater than 0")
    expect(call("CLIENT", "KILL", "TYPE", "x")).toBe("-ERR Unknown client type 'x'")
    expect(call("CLIENT", "KILL", "USER", "x")).toBe("-ERR No such user 'x'")
    expect(call("CLIENT", "KILL", "SKIPME", "x")).toBe("-ERR syntax error")
    expect(call("CLIENT", "KILL", "ID", "1", "ADDR")).toBe("-ERR syntax error")
  })

  it("REPLY OFF silences everything until ON, SKIP the next command", () => {
    const { pipeline, raw } = makeServerEngine()
    expect(raw("CLIENT", "REPLY", "OFF")).toBe("")
    expect(raw("PING")).toBe("")
    expect(raw("CLIENT", "REPLY", "SKIP")).toBe("")
    expect(raw("CLIENT", "REPLY", "ON")).toBe("+OK\r\n")
    expect(pipeline(["CLIENT", "REPLY", "SKIP"], ["PING"], ["PING", "heard"])).toEqual(["heard"])
  })

  it("has no tracking yet, and says so", () => {
    const { call } = makeServerEngine()
    expect(call("CLIENT", "GETREDIR")).toBe(-1)
    expect(call("CLIENT", "TRACKINGINFO")).toEqual(["flags", ["off"], "redirect", -1, "prefixes", []])
  })

  it("refuses subcommands it does not have", () => {
    const { call } = makeServerEngine()
    expect(call("CLIENT", "FOO")).toBe("-ERR unknown subcommand 'FOO'. Try CLIENT HELP.")
    expect(call("CLIENT")).toBe("-ERR wrong number of arguments for 'client' command")
  })
})
