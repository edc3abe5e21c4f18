/**
 * The server and scripting commands, up to where the shell takes over. Without sockets or files.
 */

import { describe, expect, it } from "@effect/vitest"
import { scriptSha } from "../../../src/lua/scripts.js"
import { makeServerEngine } from "../../support/serverEngine.js"

const section = (text: unknown): ReadonlyMap<string, string> =>
  new Map([...String(text).matchAll(/^([^#:\r\n]+):(.*)\r$/gm)].map(([, name, value]) => [name!, value!]))
const titles = (text: unknown): ReadonlyArray<string> =>
  [...String(text).matchAll(/^# (.*)\r$/gm)].map(([, title]) => title!)

describe("INFO", () => {
  it("says which Redis it is like, and what it is", () => {
    const { call, engine } = makeServerEngine({ port: "7000", supervised: "systemd" })
    const server = section(call("INFO", "server"))
    expect(server.get("redis_version")).toBe("7.2.4")
    expect(server.get("server_name")).toBe("effect-kv")
    expect(server.get("redis_mode")).toBe("standalone")
    expect(server.get("tcp_port")).toBe("7000")
    expect(server.get("process_id")).toBe("4242")
    expect(server.get("process_supervised")).toBe("systemd")
    expect(server.get("run_id")).toBe(engine.server.runId)
    expect(engine.server.runId).toMatch(/^[0-9a-f]{40}$/)
  })

  it("shows the default sections where none is named, or those that are", () => {
    const { call } = makeServerEngine()
    const usual = [
      "Server",
      "Clients",
      "Memory",
      "Persistence",
      "Stats",
      "Replication",
      "CPU",
      "Modules",
      "Errorstats",
      "Cluster",
      "Keyspace"
    ]
    expect(titles(call("INFO"))).toEqual(usual)
    expect(titles(call("INFO", "default"))).toEqual(usual)
    expect(titles(call("INFO", "KEYSPACE", "cpu"))).toEqual(["CPU", "Keyspace"])
    expect(titles(call("INFO", "all"))).toContain("Commandstats")
    expect(titles(call("INFO", "everything"))).toContain("Latencystats")
    expect(call("INFO", "nosuch")).toBe("")
  })

  it("counts keys by database", () => {
    const { call } = makeServerEngine()
    call("SET", "a", "1")
    call("SET", "b", "1", "EX", "100")
    call("SELECT", "3")
    call("SET", "a", "1")
    const keyspace = section(call("INFO", "keyspace"))
    expect([...keyspace]).toEqual([
      ["db0", "keys=2,expires=1,avg_ttl=0"],
      ["db3", "keys=1,expires=0,avg_ttl=0"]
    ])
  })

  it("shows memory as numbers and for people, and no allocator that tests would take for jemalloc", () => {
    const { call } = makeServerEngine({ maxmemory: "1gb" })
    const memory = section(call("INFO", "memory"))
    expect(memory.get("used_memory_human")).toBe("10.00M")
    expect(memory.get("used_memory_rss_human")).toBe("64.00M")
    expect(memory.get("maxmemory_human")).toBe("1.00G")
    expect(memory.get("maxmemory_policy")).toBe("noeviction")
    expect(memory.get("mem_allocator")).not.toContain("jemalloc")
  })

  it("has figures of the AOF while there is one", () => {
    const { call, engine } = makeServerEngine()
    expect(section(call("INFO", "persistence")).has("aof_current_size")).toBe(false)
    Object.assign(engine.server.aof, {
      enabled: true,
      currentBytes: 42,
      baseBytes: 7,
      lastWriteOk: false
    })
    const persistence = section(call("INFO", "persistence"))
    expect(persistence.get("aof_enabled")).toBe("1")
    expect(persistence.get("aof_current_size")).toBe("42")
    expect(persistence.get("aof_base_size")).toBe("7")
    expect(persistence.get("aof_last_write_status")).toBe("err")
  })

  it("counts calls and failures by command, subcommands apart", () => {
    const { call } = makeServerEngine()
    call("SET", "k", "v")
    call("INCR", "k")
    call("CLIENT", "ID")
    call("GET")
    const stats = section(call("INFO", "commandstats"))
    expect(stats.get("cmdstat_set")).toMatch(
      /^calls=1,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0$/
    )
    expect(stats.get("cmdstat_incr")).toMatch(/failed_calls=1$/)
    expect(stats.get("cmdstat_client|id")).toMatch(/^calls=1,/)
    expect(stats.get("cmdstat_get")).toMatch(/^calls=0,.*rejected_calls=1,/)
  })

  it("counts errors by their first word", () => {
    const { call, connect, settings } = makeServerEngine()
    call("SET", "k", "v")
    call("INCR", "k")
    call("GET")
    call("NOSUCH")
    settings.set([["requirepass", "secret"]])
    connect().call("GET", "k")
    const errors = section(call("INFO", "errorstats"))
    expect([...errors]).toEqual([
      ["errorstat_ERR", "count=3"],
      ["errorstat_NOAUTH", "count=1"]
    ])
    expect(section(call("INFO", "stats")).get("total_error_replies")).toBe("4")
  })
})

describe("CONFIG", () => {
  it("GET gives values of names and patterns, as a map in RESP3", () => {
    const { call } = makeServerEngine()
    expect(call("CONFIG", "GET", "hz")).toEqual(["hz", "10"])
    expect(call("CONFIG", "GET", "appendf*")).toEqual([
      "appendfilename",
      "appendonly.aof",
      "appendfsync",
      "everysec"
    ])
    expect(call("CONFIG", "GET", "nosuch")).toEqual([])
    call("HELLO", "3")
    expect(call("CONFIG", "GET", "hz", "nosuch")).toEqual(new Map([["hz", "10"]]))
  })

  it("SET changes all or nothing", () => {
    const { call } = makeServerEngine()
    expect(call("CONFIG", "SET", "hz", "20", "timeout", "5")).toBe("OK")
    expect(call("CONFIG", "SET", "hz", "30", "timeout", "x")).toMatch(
      /^-ERR CONFIG SET failed \(possibly related to argument 'timeout'\)/
    )
    expect(call("CONFIG", "GET", "hz")).toEqual(["hz", "20"])
    expect(call("CONFIG", "SET", "hz", "30", "timeout")).toBe("-ERR syntax error")
  })

  it("SET of protected directives is for those that enable-protected-configs lets", () => {
    const refused = "-ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config"
    expect(makeServerEngine().call("CONFIG", "SET", "dir", "/")).toBe(refused)
    const local = makeServerEngine({ "enable-protected-configs": "local" })
    expect(local.call("CONFIG", "SET", "dir", "/")).toBe("OK")
    expect(local.connect("10.0.0.1:7").call("CONFIG", "SET", "dir", "/")).toBe(refused)
    expect(local.connect("[::1]:7").call("CONFIG", "SET", "dir", "/")).toBe("OK")
  })

  it("REWRITE puts what is in force into the file", () => {
    const server = makeServerEngine()
    expect(server.call("CONFIG", "REWRITE")).toBe("-ERR The server is running without a config file")
    server.settings.configFile = "/etc/redis.conf"
    server.files.set("/etc/redis.conf", "# mine\nhz 10\n")
    server.call("CONFIG", "SET", "hz", "42")
    expect(server.call("CONFIG", "REWRITE")).toBe("OK")
    expect(server.files.get("/etc/redis.conf")).toContain("# mine\nhz 42\n")
    server.settings.configFile = "/read-only/redis.conf"
    expect(server.call("CONFIG", "REWRITE")).toBe("-ERR Rewriting config file: Permission denied")
  })

  it("RESETSTAT begins to count anew", () => {
    const { call, engine } = makeServerEngine()
    call("GET", "nokey")
    call("NOSUCH")
    expect(call("CONFIG", "RESETSTAT")).toBe("OK")
    expect(engine.keyspace.stats.misses).toBe(0)
    expect(engine.stats.errorReplies).toBe(0)
    expect(section(call("INFO", "commandstats")).has("cmdstat_get")).toBe(false)
  })
})

describe("DEBUG", () => {
  const open = { "enable-debug-command": "yes" }

  it("is refused unless the configuration lets it", () => {
    expect(makeServerEngine().call("DEBUG", "SLEEP", "0")).toMatch(/^-ERR DEBUG command not allowed\./)
    const local = makeServerEngine({ "enable-debug-command": "local" })
    expect(local.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")).toBe("OK")
    expect(local.connect("10.0.0.1:7").call("DEBUG", "SET-ACTIVE-EXPIRE", "0")).toMatch(/^-ERR DEBUG/)
    expect(local.engine.server.activeExpire).toBe(false)
  })

  it("SLEEP waits without keeping others from working", () => {
    const { call, waits } = makeServerEngine(open)
    expect(call("DEBUG", "SLEEP", "0.25")).toBeUndefined()
    expect(waits).toEqual([{ _tag: "Later", request: { _tag: "Sleep", milliseconds: 250 } }])
  })

  it("PROTOCOL replies with each type", () => {
    const { raw } = makeServerEngine(open)
    expect(raw("DEBUG", "PROTOCOL", "map")).toBe("*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n")
    expect(raw("DEBUG", "PROTOCOL", "double")).toBe("$5\r\n3.141\r\n")
    expect(raw("DEBUG", "PROTOCOL", "push")).toBe("-ERR RESP2 is not supported by this command\r\n")
    raw("HELLO", "3")
    expect(raw("DEBUG", "PROTOCOL", "map")).toBe("%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n")
    expect(raw("DEBUG", "PROTOCOL", "double")).toBe(",3.141\r\n")
    expect(raw("DEBUG", "PROTOCOL", "set")).toBe("~3\r\n:0\r\n:1\r\n:2\r\n")
    expect(raw("DEBUG", "PROTOCOL", "push")).toMatch(/^>2\r\n\$16\r\nserver-cpu-usage\r\n:42\r\n\$40\r\n/)
    expect(raw("DEBUG", "PROTOCOL", "attrib")).toMatch(/^\|1\r\n\$14\r\nkey-popularity\r\n\*2\r\n/)
    expect(raw("DEBUG", "PROTOCOL", "verbatim")).toBe("=29\r\ntxt:This is a verbatim\nstring\r\n")
    expect(raw("DEBUG", "PROTOCOL", "constructor")).toMatch(/^-ERR Wrong protocol type name/)
  })

  it("DIGEST is that of Redis for the same data", () => {
    const { call } = makeServerEngine(open)
    const nothing = "0".repeat(40)
    expect(call("DEBUG", "DIGEST")).toBe(nothing)
    call("DEBUG", "POPULATE", "5")
    // what redis-server 7.0.15 says
    expect(call("DEBUG", "DIGEST")).toBe("3dcf585977786a6d2413f8f05c161ea425b44de4")
    expect(call("DEBUG", "DIGEST-VALUE", "key:0", "nokey")).toEqual([
      "c15f34c747bf411833c10208c03e1da1bb7da7cf",
      nothing
    ])
  })

  it("RELOAD loads the AOF again, and fails without one", () => {
    expect(makeServerEngine(open).call("DEBUG", "RELOAD")).toMatch(/^-ERR there is no file to reload from/)
    const { call, waits } = makeServerEngine({ ...open, appendonly: "yes" })
    call("DEBUG", "RELOAD")
    expect(waits).toEqual([{ _tag: "Later", request: { _tag: "ReloadAof" } }])
    expect(makeServerEngine(open).call("DEBUG", "RELOAD", "FOO")).toBe(
      "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
    )
  })

  it("OBJECT tells of a key's encoding", () => {
    const { call } = makeServerEngine(open)
    call("SET", "n", "300")
    call("SET", "s", "x".repeat(50))
    expect(call("DEBUG", "OBJECT", "n")).toMatch(
      /^Value at:0x[0-9a-f]+ refcount:1 encoding:int serializedlength:3 /
    )
    expect(call("DEBUG", "OBJECT", "s")).toMatch(
      / encoding:raw serializedlength:51 lru:\d+ lru_seconds_idle:0$/
    )
    expect(call("DEBUG", "OBJECT", "nokey")).toBe("-ERR no such key")
  })

  it("LOG writes to the log, ERROR replies as it is told", () => {
    const { call, logged } = makeServerEngine(open)
    expect(call("DEBUG", "LOG", "hello")).toBe("OK")
    expect(logged).toEqual(["warning: DEBUG LOG: hello"])
    expect(call("DEBUG", "ERROR", "FOO two\nlines")).toBe("-FOO two lines")
  })

  it("refuses subcommands it does not have", () => {
    expect(makeServerEngine(open).call("DEBUG", "JMAP")).toBe(
      "-ERR unknown subcommand or wrong number of arguments for 'JMAP'. Try DEBUG HELP."
    )
  })
})

describe("SHUTDOWN", () => {
  it("is handed to the shell with its options", () => {
    const { call, waits } = makeServerEngine()
    expect(call("SHUTDOWN", "nosave", "NOW", "force")).toBeUndefined()
    expect(waits).toEqual([
      {
        _tag: "Later",
        request: { _tag: "Shutdown", save: false, now: true, force: true }
      }
    ])
  })

  it("refuses options that contradict one another", () => {
    const { call } = makeServerEngine()
    for (const options of [["SAVE", "NOSAVE"], ["ABORT", "NOW"], ["ABORT", "SAVE"], ["LATER"]]) {
      expect(call("SHUTDOWN", ...options)).toBe("-ERR syntax error")
    }
  })

  it("ABORT finds none that waits", () => {
    const { call } = makeServerEngine()
    expect(call("SHUTDOWN", "ABORT")).toBe("-ERR No shutdown in progress.")
  })

  it("SAVE is refused, as long as nothing can be saved", () => {
    const { call, waits } = makeServerEngine()
    expect(call("SHUTDOWN", "SAVE")).toMatch(/^-ERR effect-kv cannot write RDB files yet/)
    expect(call("BGSAVE")).toMatch(/^-ERR effect-kv cannot write RDB files yet/)
    expect(waits).toEqual([])
  })

  it("only NOSAVE goes on while a script runs for too long", () => {
    const { call, engine, waits } = makeServerEngine()
    Object.assign(engine.gate, { running: true, busy: true })
    expect(call("SHUTDOWN")).toMatch(/^-BUSY /)
    call("SHUTDOWN", "NOSAVE")
    expect(waits).toHaveLength(1)
  })
})

describe("other server commands", () => {
  it("TIME gives seconds and microseconds", () => {
    expect(makeServerEngine().call("TIME")).toEqual(["2000000000", "7"])
  })

  it("ROLE, MODULE LIST, ACL WHOAMI and LOLWUT answer as clients expect", () => {
    const { call } = makeServerEngine()
    expect(call("ROLE")).toEqual(["master", 0, []])
    expect(call("MODULE", "LIST")).toEqual([])
    expect(call("ACL", "WHOAMI")).toBe("default")
    expect(call("LOLWUT")).toMatch(/Redis ver\. 7\.2\.4\n$/)
  })

  it("MEMORY USAGE counts a key's block", () => {
    const { call } = makeServerEngine()
    call("SET", "k", "x".repeat(1000))
    expect(call("MEMORY", "USAGE", "k")).toBeGreaterThan(1000)
    expect(call("MEMORY", "USAGE", "k")).toBeLessThan(1200)
    expect(call("MEMORY", "USAGE", "nokey")).toBeNull()
    expect(call("MEMORY", "USAGE", "k", "SAMPLES", "-1")).toBe("-ERR syntax error")
  })

  it("MEMORY USAGE counts a value that is outside its record, and that of a copy", () => {
    const { call } = makeServerEngine()
    call("SET", "k", "x".repeat(1_000_000))
    call("COPY", "k", "copy")
    for (const key of ["k", "copy"]) {
      expect(call("MEMORY", "USAGE", key)).toBeGreaterThan(1_000_000)
      expect(call("MEMORY", "USAGE", key)).toBeLessThan(1_200_000)
    }
  })

  it("HELP of each container is an array of lines", () => {
    const { call } = makeServerEngine()
    for (const name of ["CLIENT", "CONFIG", "COMMAND", "MEMORY", "SCRIPT", "ACL", "MODULE"]) {
      const help = call(name, "HELP") as ReadonlyArray<string>
      expect(help[0]).toBe(`${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`)
      expect(help.at(-1)).toBe("    Print this help.")
    }
  })
})

describe("scripting commands", () => {
  const none = "a".repeat(40)

  it("EVAL hands the script to the actor, keys and arguments apart", () => {
    const { call, engine, waits } = makeServerEngine()
    expect(call("EVAL", "return 1", "2", "k1", "k2", "a")).toBeUndefined()
    const [run] = waits
    expect(run).toMatchObject({
      _tag: "RunScript",
      readOnly: false,
      args: [Buffer.from("a")]
    })
    expect(run).toMatchObject({ keys: [Buffer.from("k1"), Buffer.from("k2")] })
    expect(engine.scripts.size).toBe(1)
  })

  it("EVALSHA finds it by its SHA1 in any case; EVALSHA_RO runs it read-only", () => {
    const { connect, engine, waits } = makeServerEngine()
    const script = engine.scripts.use(Buffer.from("return 1"))
    const { sha } = script
    connect().call("EVALSHA", sha.toUpperCase(), "0")
    connect().call("EVALSHA_RO", sha, "0")
    expect(waits).toMatchObject([
      { _tag: "RunScript", script, readOnly: false },
      { _tag: "RunScript", script, readOnly: true }
    ])
  })

  it("refuses a count of keys that cannot be", () => {
    const { call } = makeServerEngine()
    expect(call("EVAL", "return 1", "x")).toBe("-ERR value is not an integer or out of range")
    expect(call("EVAL", "return 1", "2", "a")).toBe(
      "-ERR Number of keys can't be greater than number of args"
    )
    expect(call("EVAL", "return 1", "-1")).toBe("-ERR Number of keys can't be negative")
    expect(call("EVALSHA", none, "1")).toBe("-ERR Number of keys can't be greater than number of args")
  })

  it("EVALSHA fails where the script is not known", () => {
    const { call } = makeServerEngine()
    const noScript = "-NOSCRIPT No matching script. Please use EVAL."
    expect(call("EVALSHA", none, "0")).toBe(noScript)
    expect(call("EVALSHA", "short", "x")).toBe(noScript)
  })

  it("SCRIPT EXISTS and FLUSH act on the cache", () => {
    const { call, scripts } = makeServerEngine()
    const script = { sha: scriptSha(Buffer.from("return 1")), source: Buffer.from("return 1") }
    scripts.load(script)
    const { sha } = script
    expect(call("SCRIPT", "EXISTS", sha, none, sha.toUpperCase())).toEqual([1, 0, 1])
    expect(call("SCRIPT", "FLUSH", "later")).toBe("-ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    expect(call("SCRIPT", "FLUSH", "ASYNC")).toBe("OK")
    expect(call("SCRIPT", "EXISTS", sha)).toEqual([0])
  })

  it("SCRIPT LOAD has the actor compile the script first", () => {
    const { call, waits } = makeServerEngine()
    expect(call("SCRIPT", "LOAD", "return 1")).toBeUndefined()
    const source = Buffer.from("return 1")
    expect(waits).toEqual([{ _tag: "LoadScript", script: { sha: scriptSha(source), source } }])
  })

  it("SCRIPT KILL ends a script that has written nothing", () => {
    const { call, engine } = makeServerEngine()
    expect(call("SCRIPT", "KILL")).toBe("-NOTBUSY No scripts in execution right now.")
    Object.assign(engine.gate, { running: true, busy: true, wrote: true })
    expect(call("SCRIPT", "KILL")).toMatch(/^-UNKILLABLE /)
    engine.gate.wrote = false
    expect(call("SCRIPT", "KILL")).toBe("OK")
    expect(engine.gate.killed).toContain("Script killed by user with SCRIPT KILL...")
  })

  it("SCRIPT DEBUG has only NO", () => {
    const { call } = makeServerEngine()
    expect(call("SCRIPT", "DEBUG", "NO")).toBe("OK")
    expect(call("SCRIPT", "DEBUG", "YES")).toBe("-ERR effect-kv has no Lua debugger")
    expect(call("SCRIPT", "DEBUG", "x")).toBe("-ERR Use SCRIPT DEBUG YES/SYNC/NO")
  })
})
