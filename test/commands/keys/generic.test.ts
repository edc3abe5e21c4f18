/**
 * Commands on keys whatever they hold: as Redis 7.2 has them.
 */
import { describe, expect, it } from "@effect/vitest"
import { makeEngine, START_MS } from "../../support/engine.js"

const NO_SUCH_KEY = "-ERR no such key\r\n"
const NOT_INTEGER = "-ERR value is not an integer or out of range\r\n"
const NO_SUCH_DB = "-ERR DB index is out of range\r\n"
const SYNTAX = "-ERR syntax error\r\n"

describe("DEL and UNLINK", () => {
  it("remove keys and count them, a key that is named twice once", () => {
    const { call } = makeEngine()
    for (const name of ["DEL", "UNLINK"]) {
      call("MSET", "a", 1, "b", 2, "c", 3)
      expect(call(name, "a", "no", "b", "a")).toBe(":2\r\n")
      expect(call(name, "c")).toBe(":1\r\n")
      expect(call("DBSIZE")).toBe(":0\r\n")
    }
  })

  it("propagate as they were received, if anything was removed", () => {
    const { call, propagated } = makeEngine()
    call("MSET", "a", 1, "b", 2)
    propagated()
    call("DEL", "no")
    call("DEL", "no", "a")
    call("unlink", "b")
    expect(propagated()).toEqual([
      ["DEL", "no", "a"],
      ["unlink", "b"]
    ])
  })

  it("do not count a key that has expired, and propagate its end once", () => {
    const engine = makeEngine()
    engine.call("SET", "a", "v", "PX", 10)
    engine.propagated()
    engine.now += 10
    expect(engine.call("DEL", "a")).toBe(":0\r\n")
    expect(engine.propagated()).toEqual([["DEL", "a"]])
  })

  it("remove thousands of keys in one command and in one pipeline", () => {
    const { call, pipeline } = makeEngine()
    const keys = Array.from({ length: 5000 }, (_, i) => `key:${i}`)
    call("MSET", ...keys.flatMap((key) => [key, key]))
    expect(call("DEL", ...keys.slice(0, 2500), ...keys.slice(0, 100))).toBe(":2500\r\n")
    expect(pipeline(keys.slice(2000, 4000).map((key) => ["UNLINK", key]))).toBe(
      ":0\r\n".repeat(500) + ":1\r\n".repeat(1500)
    )
    expect(call("DBSIZE")).toBe(":1000\r\n")
    expect(call("EXISTS", ...keys)).toBe(":1000\r\n")
  })
})

describe("EXISTS and TOUCH", () => {
  it("count keys, one that is named twice twice", () => {
    const { call } = makeEngine()
    call("MSET", "a", 1, "b", 2)
    for (const name of ["EXISTS", "TOUCH"]) {
      expect(call(name, "a")).toBe(":1\r\n")
      expect(call(name, "a", "b", "no", "a")).toBe(":3\r\n")
      expect(call(name, "no")).toBe(":0\r\n")
    }
  })

  it("do not see what has expired", () => {
    const engine = makeEngine()
    engine.call("SET", "a", "v", "PX", 10)
    engine.now += 10
    expect(engine.call("EXISTS", "a", "a")).toBe(":0\r\n")
  })

  it("TOUCH is an access, EXISTS is none", () => {
    const engine = makeEngine()
    engine.call("SET", "a", "v")
    engine.now += 10_000
    engine.call("EXISTS", "a")
    expect(engine.call("OBJECT", "IDLETIME", "a")).toBe(":10\r\n")
    engine.call("TOUCH", "a")
    expect(engine.call("OBJECT", "IDLETIME", "a")).toBe(":0\r\n")
  })
})

describe("TYPE", () => {
  it("says string or none", () => {
    const { call } = makeEngine()
    call("SET", "a", 1)
    expect(call("TYPE", "a")).toBe("+string\r\n")
    expect(call("TYPE", "no")).toBe("+none\r\n")
  })
})

describe("RENAME and RENAMENX", () => {
  it("carry value, encoding and deadline over", () => {
    const { call } = makeEngine()
    call("SET", "a", "12345", "PX", 5000)
    expect(call("RENAME", "a", "b")).toBe("+OK\r\n")
    expect([call("EXISTS", "a"), call("GET", "b"), call("PTTL", "b")]).toEqual([
      ":0\r\n",
      "$5\r\n12345\r\n",
      ":5000\r\n"
    ])
    expect(call("OBJECT", "ENCODING", "b")).toBe("$3\r\nint\r\n")
    call("APPEND", "b", "6")
    expect(call("RENAMENX", "b", "c")).toBe(":1\r\n")
    expect(call("OBJECT", "ENCODING", "c")).toBe("$3\r\nraw\r\n")
    call("PEXPIREAT", "c", "9223372036854775807")
    call("RENAME", "c", "d")
    expect(call("PEXPIRETIME", "d")).toBe(":9223372036854775807\r\n")
  })

  it("RENAME replaces the destination with its deadline; RENAMENX leaves it", () => {
    const { call } = makeEngine()
    call("SET", "a", "new")
    call("SET", "b", "old", "EX", 100)
    expect(call("RENAMENX", "a", "b")).toBe(":0\r\n")
    expect(call("GET", "b")).toBe("$3\r\nold\r\n")
    expect(call("RENAME", "a", "b")).toBe("+OK\r\n")
    expect([call("GET", "b"), call("TTL", "b"), call("DBSIZE")]).toEqual([
      "$3\r\nnew\r\n",
      ":-1\r\n",
      ":1\r\n"
    ])
  })

  it("onto itself change nothing", () => {
    const { call, propagated } = makeEngine()
    call("SET", "a", "v")
    propagated()
    expect([call("RENAME", "a", "a"), call("RENAMENX", "a", "a")]).toEqual(["+OK\r\n", ":0\r\n"])
    expect(propagated()).toEqual([])
    expect(call("GET", "a")).toBe("$1\r\nv\r\n")
  })

  it("fail without the key, even onto itself", () => {
    const { call } = makeEngine()
    for (const name of ["RENAME", "RENAMENX"]) {
      expect(call(name, "no", "b")).toBe(NO_SUCH_KEY)
      expect(call(name, "no", "no")).toBe(NO_SUCH_KEY)
    }
  })

  it("RENAMENX replaces a destination that has expired", () => {
    const engine = makeEngine()
    engine.call("SET", "a", "v")
    engine.call("SET", "b", "w", "PX", 10)
    engine.now += 10
    expect(engine.call("RENAMENX", "a", "b")).toBe(":1\r\n")
    expect(engine.call("GET", "b")).toBe("$1\r\nv\r\n")
  })

  it("are propagated as received", () => {
    const { call, propagated } = makeEngine()
    call("SET", "a", "v")
    propagated()
    call("RENAME", "a", "b")
    call("RENAMENX", "b", "c")
    call("RENAMENX", "c", "c")
    expect(propagated()).toEqual([
      ["RENAME", "a", "b"],
      ["RENAMENX", "b", "c"]
    ])
  })

  it("move many keys of any length, in a pipeline", () => {
    const { call, pipeline } = makeEngine()
    const value = (i: number): string => String.fromCharCode(97 + (i % 26)).repeat((i * 37) % 3000)
    for (let i = 0; i < 500; i++) call("SET", `from:${i}`, value(i))
    const renames = Array.from({ length: 500 }, (_, i) => [
      "RENAME",
      `from:${i}`,
      `${"to ".repeat(i % 100)}${i}`
    ])
    expect(pipeline(renames)).toBe("+OK\r\n".repeat(500))
    expect(call("DBSIZE")).toBe(":500\r\n")
    for (let i = 0; i < 500; i++) {
      expect(call("GET", `${"to ".repeat(i % 100)}${i}`)).toBe(`$${value(i).length}\r\n${value(i)}\r\n`)
    }
  })
})

describe("COPY", () => {
  it("copies value, encoding and deadline, and leaves the source", () => {
    const { call } = makeEngine()
    call("SET", "a", "v", "PX", 5000)
    call("APPEND", "a", "w")
    expect(call("COPY", "a", "b")).toBe(":1\r\n")
    expect([call("GET", "a"), call("GET", "b"), call("PTTL", "b")]).toEqual([
      "$2\r\nvw\r\n",
      "$2\r\nvw\r\n",
      ":5000\r\n"
    ])
    expect(call("OBJECT", "ENCODING", "b")).toBe("$3\r\nraw\r\n")
    call("APPEND", "a", "x")
    expect(call("GET", "b")).toBe("$2\r\nvw\r\n")
  })

  it("replaces only where it is told to", () => {
    const { call } = makeEngine()
    call("MSET", "a", 1, "b", 2)
    expect(call("COPY", "a", "b")).toBe(":0\r\n")
    expect(call("GET", "b")).toBe("$1\r\n2\r\n")
    expect(call("COPY", "a", "b", "replace")).toBe(":1\r\n")
    expect(call("GET", "b")).toBe("$1\r\n1\r\n")
    expect(call("COPY", "no", "b", "REPLACE")).toBe(":0\r\n")
  })

  it("copies to another database, under the same name as well", () => {
    const { call, propagated, select } = makeEngine()
    call("SET", "a", "v")
    propagated()
    expect(call("COPY", "a", "a", "DB", 3)).toBe(":1\r\n")
    expect(call("COPY", "a", "b", "DB", 3, "REPLACE")).toBe(":1\r\n")
    expect(propagated()).toEqual([
      ["COPY", "a", "a", "DB", "3"],
      ["COPY", "a", "b", "DB", "3", "REPLACE"]
    ])
    select(3)
    expect([call("GET", "a"), call("GET", "b")]).toEqual(["$1\r\nv\r\n", "$1\r\nv\r\n"])
  })

  it("refuses what makes no sense", () => {
    const { call } = makeEngine()
    call("SET", "a", "v")
    expect(call("COPY", "a", "a")).toBe("-ERR source and destination objects are the same\r\n")
    expect(call("COPY", "a", "a", "DB", 0)).toBe("-ERR source and destination objects are the same\r\n")
    expect(call("COPY", "a", "b", "DB", 16)).toBe(NO_SUCH_DB)
    expect(call("COPY", "a", "b", "DB", -1)).toBe(NO_SUCH_DB)
    expect(call("COPY", "a", "b", "DB", "x")).toBe(NOT_INTEGER)
    expect(call("COPY", "a", "b", "DB", "2147483648")).toBe(
      "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n"
    )
    expect(call("COPY", "a", "b", "DB")).toBe(SYNTAX)
    expect(call("COPY", "a", "b", "foo")).toBe(SYNTAX)
  })
})

describe("MOVE", () => {
  it("moves a key with its deadline, if the other database does not have it", () => {
    const { call, propagated, select } = makeEngine()
    call("SET", "a", "v", "PX", 5000)
    propagated()
    expect(call("MOVE", "a", 1)).toBe(":1\r\n")
    expect(propagated()).toEqual([["MOVE", "a", "1"]])
    expect([call("EXISTS", "a"), call("MOVE", "a", 1)]).toEqual([":0\r\n", ":0\r\n"])
    call("SET", "a", "w")
    expect(call("MOVE", "a", 1)).toBe(":0\r\n")
    expect(call("GET", "a")).toBe("$1\r\nw\r\n")
    select(1)
    expect([call("GET", "a"), call("PTTL", "a")]).toEqual(["$1\r\nv\r\n", ":5000\r\n"])
  })

  it("refuses what makes no sense", () => {
    const { call } = makeEngine()
    expect(call("MOVE", "a", 0)).toBe("-ERR source and destination objects are the same\r\n")
    expect(call("MOVE", "a", 16)).toBe(NO_SUCH_DB)
    expect(call("MOVE", "a", "x")).toBe(NOT_INTEGER)
  })
})

describe("OBJECT", () => {
  it("ENCODING says int, embstr to 44 bytes, raw beyond and after a change in place", () => {
    const { bulk, call } = makeEngine()
    const encoding = (value: string): string | null => {
      call("SET", "k", value)
      return bulk("OBJECT", "ENCODING", "k")
    }
    expect(encoding("0")).toBe("int")
    expect(encoding("-9223372036854775808")).toBe("int")
    expect(encoding("9223372036854775808")).toBe("embstr")
    expect(encoding("007")).toBe("embstr")
    expect(encoding("")).toBe("embstr")
    expect(encoding("x".repeat(44))).toBe("embstr")
    expect(encoding("x".repeat(45))).toBe("raw")
    call("SET", "k", "1")
    call("APPEND", "k", "2")
    expect(bulk("OBJECT", "ENCODING", "k")).toBe("raw")
    call("INCR", "k")
    expect(bulk("OBJECT", "ENCODING", "k")).toBe("int")
    call("SETRANGE", "new", 0, "x")
    expect(bulk("OBJECT", "ENCODING", "new")).toBe("raw")
  })

  it("REFCOUNT is that of shared integers from 0 to 9999, else 1", () => {
    const { call } = makeEngine()
    call("MSET", "a", 0, "b", 9999, "c", 10000, "d", -1, "e", "x")
    expect(["a", "b", "c", "d", "e"].map((key) => call("OBJECT", "REFCOUNT", key))).toEqual([
      ":2147483647\r\n",
      ":2147483647\r\n",
      ":1\r\n",
      ":1\r\n",
      ":1\r\n"
    ])
  })

  it("IDLETIME counts seconds since the last access, of which it is none", () => {
    const engine = makeEngine()
    engine.call("SET", "k", "v")
    engine.now += 90_000
    expect(engine.call("OBJECT", "IDLETIME", "k")).toBe(":90\r\n")
    expect(engine.call("OBJECT", "IDLETIME", "k")).toBe(":90\r\n")
    engine.call("GET", "k")
    expect(engine.call("OBJECT", "IDLETIME", "k")).toBe(":0\r\n")
  })

  it("FREQ fails while no LFU policy is selected", () => {
    const { call } = makeEngine()
    call("SET", "k", "v")
    expect(call("OBJECT", "FREQ", "k")).toMatch(
      /^-ERR An LFU maxmemory policy is not selected, access frequency/
    )
  })

  it("replies with null where there is no key", () => {
    const { call, callResp3 } = makeEngine()
    for (const name of ["ENCODING", "REFCOUNT", "IDLETIME", "FREQ"]) {
      expect(call("OBJECT", name, "no")).toBe("$-1\r\n")
      expect(callResp3("OBJECT", name, "no")).toBe("_\r\n")
    }
  })

  it("HELP lists the subcommands", () => {
    const { call } = makeEngine()
    const reply = call("OBJECT", "HELP")
    expect(reply).toMatch(
      /^\*15\r\n\+OBJECT <subcommand> \[<arg> \[value\] \[opt\] ...\]. Subcommands are:\r\n/
    )
    expect(reply).toMatch(/\+HELP\r\n\+ {4}Print this help\.\r\n$/)
  })

  it("refuses what it does not know", () => {
    const { call } = makeEngine()
    expect(call("OBJECT", "foo", "k")).toBe("-ERR unknown subcommand 'foo'. Try OBJECT HELP.\r\n")
    expect(call("OBJECT")).toBe("-ERR wrong number of arguments for 'object' command\r\n")
    expect(call("OBJECT", "ENCODING")).toBe(
      "-ERR wrong number of arguments for 'object|encoding' command\r\n"
    )
  })
})

describe("look-ups", () => {
  it("count as hits and misses", () => {
    const { call, keyspace } = makeEngine()
    call("SET", "k", "v")
    for (const name of ["EXISTS", "TYPE", "TTL", "GET"]) {
      call(name, "k")
      call(name, "no")
    }
    expect(keyspace.stats).toMatchObject({ hits: 4, misses: 4 })
  })
})

describe("a pipeline that changes databases", () => {
  it("finds keys in the database that is selected then", () => {
    const engine = makeEngine({
      commands: [
        {
          name: "select",
          arity: 2,
          flags: [],
          categories: [],
          keys: [],
          group: "connection",
          since: "1.0.0",
          summary: "",
          complexity: "",
          handler: (c) => {
            c.session.database = c.keyspace.databases[Number(c.text(1))]!
            c.reply.ok()
          }
        }
      ]
    })
    engine.call("SET", "k", "zero")
    expect(
      engine.pipeline([
        ["GET", "k"],
        ["SELECT", "1"],
        ["GET", "k"],
        ["INCR", "n"],
        ["SELECT", "0"],
        ["GET", "k"]
      ])
    ).toBe("$4\r\nzero\r\n+OK\r\n$-1\r\n:1\r\n+OK\r\n$4\r\nzero\r\n")
    expect(
      engine.pipeline([
        ["GET", "k"],
        ["SWAPDB", "0", "1"],
        ["GET", "k"],
        ["GET", "n"]
      ])
    ).toBe("$4\r\nzero\r\n+OK\r\n$-1\r\n$1\r\n1\r\n")
    expect(engine.now).toBe(START_MS)
  })
})
