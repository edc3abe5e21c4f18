/**
 * The string commands: as Redis 7.2 has them.
 */
import { describe, expect, it } from "@effect/vitest"
import { makeEngine, START_MS } from "../../support/engine.js"

const SYNTAX = "-ERR syntax error\r\n"
const NOT_INTEGER = "-ERR value is not an integer or out of range\r\n"
const NOT_FLOAT = "-ERR value is not a valid float\r\n"
const OVERFLOW = "-ERR increment or decrement would overflow\r\n"
const START_S = START_MS / 1000

describe("GET and SET", () => {
  it("keep any bytes, of any length", () => {
    const { bulk, call } = makeEngine()
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    for (const value of [
      Buffer.alloc(0),
      Buffer.from("\r\n"),
      all,
      Buffer.alloc(100_000, 7),
      Buffer.alloc(1 << 20, 9)
    ]) {
      expect(call("SET", all, value)).toBe("+OK\r\n")
      expect(bulk("GET", all)).toBe(value.toString("latin1"))
    }
    expect(call("SET", "", "the empty key")).toBe("+OK\r\n")
    expect(bulk("GET", "")).toBe("the empty key")
  })

  it("give back integers as they were written", () => {
    const { bulk, call } = makeEngine()
    for (const value of [
      "0",
      "-1",
      "2147483647",
      "2147483648",
      "-2147483649",
      "9007199254740991",
      "9007199254740992",
      "9007199254740993",
      "-9007199254740993",
      "9223372036854775807",
      "-9223372036854775808",
      "9223372036854775808",
      "007",
      "-0",
      "+1",
      " 1"
    ]) {
      call("SET", "k", value)
      expect(bulk("GET", "k")).toBe(value)
      expect(call("STRLEN", "k")).toBe(`:${value.length}\r\n`)
    }
  })

  it("reply with null where there is no key, in either protocol", () => {
    const { call, callResp3 } = makeEngine()
    expect([call("GET", "no"), callResp3("GET", "no")]).toEqual(["$-1\r\n", "_\r\n"])
  })

  it("work alike in a pipeline", () => {
    const { pipeline } = makeEngine()
    const commands = Array.from({ length: 600 }, (_, i) =>
      i % 2 === 0 ? ["SET", `k${i}`, i] : ["GET", `k${i - 1}`]
    )
    expect(pipeline(commands)).toBe(
      Array.from({ length: 300 }, (_, i) => `+OK\r\n$${String(2 * i).length}\r\n${2 * i}\r\n`).join("")
    )
  })
})

describe("SET's options", () => {
  it("NX sets a key that does not exist, XX one that does", () => {
    const { bulk, call } = makeEngine()
    expect(call("SET", "k", 1, "XX")).toBe("$-1\r\n")
    expect(call("SET", "k", 1, "NX")).toBe("+OK\r\n")
    expect(call("SET", "k", 2, "nx")).toBe("$-1\r\n")
    expect(call("SET", "k", 3, "xx")).toBe("+OK\r\n")
    expect(bulk("GET", "k")).toBe("3")
  })

  it("GET replies with what was there, whether it was replaced or not", () => {
    const { bulk, call } = makeEngine()
    expect(call("SET", "k", "a", "GET")).toBe("$-1\r\n")
    expect(call("SET", "k", "b", "GET")).toBe("$1\r\na\r\n")
    expect(call("SET", "k", "c", "NX", "GET")).toBe("$1\r\nb\r\n")
    expect(bulk("GET", "k")).toBe("b")
    expect(call("SET", "no", "c", "GET", "XX")).toBe("$-1\r\n")
    expect(call("EXISTS", "no")).toBe(":0\r\n")
  })

  it("EX, PX, EXAT and PXAT set a deadline; a plain SET removes it, KEEPTTL keeps it", () => {
    const { call } = makeEngine()
    call("SET", "k", "v", "EX", 100)
    expect(call("PTTL", "k")).toBe(":100000\r\n")
    call("SET", "k", "v", "px", 1234)
    expect(call("PTTL", "k")).toBe(":1234\r\n")
    call("SET", "k", "v", "EXAT", START_S + 7)
    expect(call("PTTL", "k")).toBe(":7000\r\n")
    call("SET", "k", "a longer value than before", "PXAT", "9223372036854775807")
    expect(call("PEXPIRETIME", "k")).toBe(":9223372036854775807\r\n")
    call("SET", "k", "w", "KEEPTTL")
    expect(call("PEXPIRETIME", "k")).toBe(":9223372036854775807\r\n")
    call("SET", "k", "v")
    expect(call("TTL", "k")).toBe(":-1\r\n")
    call("SET", "new", "v", "KEEPTTL")
    expect(call("TTL", "new")).toBe(":-1\r\n")
  })

  it("may come in any order and more than once where that says the same", () => {
    const { call } = makeEngine()
    expect(call("SET", "k", "v", "GET", "PX", 5000, "NX", "GET")).toBe("$-1\r\n")
    expect(call("PTTL", "k")).toBe(":5000\r\n")
  })

  it("are refused where they contradict each other", () => {
    const { call } = makeEngine()
    for (const options of [
      ["NX", "XX"],
      ["XX", "NX"],
      ["EX", 1, "PX", 1],
      ["EX", 1, "KEEPTTL"],
      ["KEEPTTL", "PXAT", 1],
      ["EX"],
      ["EX", 1, "EX"],
      ["PERSIST"],
      ["foo"]
    ]) {
      expect(call("SET", "k", "v", ...options)).toBe(SYNTAX)
    }
    expect(call("EXISTS", "k")).toBe(":0\r\n")
  })

  it("are refused with a time that is not positive, no integer, or too large", () => {
    const { call } = makeEngine()
    const invalid = "-ERR invalid expire time in 'set' command\r\n"
    for (const time of ["0", "-1", "9223372036854775807", "9223372036854776"]) {
      expect(call("SET", "k", "v", "EX", time)).toBe(invalid)
    }
    expect(call("SET", "k", "v", "PX", "9223372036854775807")).toBe(invalid)
    expect(call("SET", "k", "v", "PXAT", "0")).toBe(invalid)
    expect(call("SET", "k", "v", "EXAT", "9223372036854776")).toBe(invalid)
    expect(call("SET", "k", "v", "EX", "1.5")).toBe(NOT_INTEGER)
    expect(call("SET", "k", "v", "EX", "9223372036854775808")).toBe(NOT_INTEGER)
    expect(call("SETEX", "k", 0, "v")).toBe("-ERR invalid expire time in 'setex' command\r\n")
    expect(call("PSETEX", "k", -1, "v")).toBe("-ERR invalid expire time in 'psetex' command\r\n")
    expect(call("EXISTS", "k")).toBe(":0\r\n")
  })

  it("are propagated so that they mean the same later", () => {
    const { call, propagated } = makeEngine()
    call("SET", "k", "v", "EX", 10)
    call("SET", "k", "v", "NX")
    call("SET", "k", "w", "XX", "GET")
    call("SET", "k", "x", "KEEPTTL")
    call("SET", "k", "y", "PX", 5, "GET")
    call("SETEX", "k", 2, "z")
    call("PSETEX", "k", 3, "z")
    call("SETNX", "k", "z")
    call("SETNX", "n", "z")
    expect(propagated()).toEqual([
      ["SET", "k", "v", "PXAT", `${START_MS + 10_000}`],
      ["SET", "k", "w", "XX"],
      ["SET", "k", "x", "KEEPTTL"],
      ["SET", "k", "y", "PXAT", `${START_MS + 5}`],
      ["SET", "k", "z", "PXAT", `${START_MS + 2000}`],
      ["SET", "k", "z", "PXAT", `${START_MS + 3}`],
      ["SETNX", "n", "z"]
    ])
  })
})

describe("GETSET, GETDEL, GETEX", () => {
  it("GETSET replaces, and removes the deadline", () => {
    const { bulk, call, propagated } = makeEngine()
    expect(call("GETSET", "k", "a")).toBe("$-1\r\n")
    call("EXPIRE", "k", 100)
    propagated()
    expect(call("GETSET", "k", "b")).toBe("$1\r\na\r\n")
    expect([bulk("GET", "k"), call("TTL", "k")]).toEqual(["b", ":-1\r\n"])
    expect(propagated()).toEqual([["SET", "k", "b"]])
  })

  it("GETDEL removes, and propagates DEL", () => {
    const { call, propagated } = makeEngine()
    call("SET", "k", "v")
    propagated()
    expect([call("GETDEL", "k"), call("GETDEL", "k")]).toEqual(["$1\r\nv\r\n", "$-1\r\n"])
    expect(propagated()).toEqual([["DEL", "k"]])
  })

  it("GETDEL removes the right keys in a pipeline", () => {
    const { call, pipeline } = makeEngine()
    for (let i = 0; i < 300; i++) call("SET", `k${i}`, `value ${i}`)
    const commands = Array.from({ length: 150 }, (_, i) => ["GETDEL", `k${i * 2}`])
    expect(pipeline(commands)).toBe(
      Array.from({ length: 150 }, (_, i) => `$${`value ${i * 2}`.length}\r\nvalue ${i * 2}\r\n`).join("")
    )
    expect(call("DBSIZE")).toBe(":150\r\n")
    for (let i = 0; i < 300; i++) expect(call("EXISTS", `k${i}`)).toBe(`:${i % 2}\r\n`)
  })

  it("GETEX sets, removes or leaves the deadline", () => {
    const { call, propagated } = makeEngine()
    call("SET", "k", "v")
    propagated()
    expect(call("GETEX", "k")).toBe("$1\r\nv\r\n")
    expect(call("GETEX", "k", "PERSIST")).toBe("$1\r\nv\r\n")
    expect(call("GETEX", "k", "EX", 10)).toBe("$1\r\nv\r\n")
    expect(call("TTL", "k")).toBe(":10\r\n")
    expect(call("GETEX", "k", "PXAT", START_MS + 5)).toBe("$1\r\nv\r\n")
    expect(call("PTTL", "k")).toBe(":5\r\n")
    expect(call("GETEX", "k", "persist")).toBe("$1\r\nv\r\n")
    expect(call("TTL", "k")).toBe(":-1\r\n")
    expect(propagated()).toEqual([
      ["PEXPIREAT", "k", `${START_MS + 10_000}`],
      ["PEXPIREAT", "k", `${START_MS + 5}`],
      ["PERSIST", "k"]
    ])
    expect(call("GETEX", "k", "PXAT", 1)).toBe("$1\r\nv\r\n")
    expect(call("EXISTS", "k")).toBe(":0\r\n")
    expect(propagated()).toEqual([["DEL", "k"]])
  })

  it("GETEX keeps values in a pipeline that gives them deadlines", () => {
    const { call, pipeline } = makeEngine()
    for (let i = 0; i < 200; i++) call("SET", `k${i}`, `value ${i}`)
    pipeline(Array.from({ length: 200 }, (_, i) => ["GETEX", `k${i}`, "PX", 1000 + i]))
    for (let i = 0; i < 200; i++) {
      expect(call("GET", `k${i}`)).toBe(`$${`value ${i}`.length}\r\nvalue ${i}\r\n`)
      expect(call("PTTL", `k${i}`)).toBe(`:${1000 + i}\r\n`)
    }
  })

  it("GETEX refuses wrong options, and looks for the key before it looks at the time", () => {
    const { call } = makeEngine()
    expect(call("GETEX", "no", "EX", "x")).toBe("$-1\r\n")
    call("SET", "k", "v")
    for (const options of [["EX"], ["EX", 1, "PERSIST"], ["NX"], ["KEEPTTL"], ["GET"], ["EX", 1, "PX", 1]]) {
      expect(call("GETEX", "k", ...options)).toBe(SYNTAX)
    }
    expect(call("GETEX", "k", "EX", 0)).toBe("-ERR invalid expire time in 'getex' command\r\n")
    expect(call("GETEX", "k", "PX", "x")).toBe(NOT_INTEGER)
  })
})

describe("MGET, MSET, MSETNX", () => {
  it("read and write many keys", () => {
    const { call, callResp3 } = makeEngine()
    expect(call("MSET", "a", 1, "b", "two", "a", 3)).toBe("+OK\r\n")
    expect(call("MGET", "a", "no", "b", "a")).toBe("*4\r\n$1\r\n3\r\n$-1\r\n$3\r\ntwo\r\n$1\r\n3\r\n")
    expect(callResp3("MGET", "no")).toBe("*1\r\n_\r\n")
  })

  it("MSET removes deadlines", () => {
    const { call } = makeEngine()
    call("SET", "a", 1, "EX", 10)
    call("MSET", "a", 2)
    expect(call("TTL", "a")).toBe(":-1\r\n")
  })

  it("MSETNX sets all or none", () => {
    const { call, propagated } = makeEngine()
    expect(call("MSETNX", "a", 1, "b", 2)).toBe(":1\r\n")
    expect(call("MSETNX", "c", 1, "b", 3)).toBe(":0\r\n")
    expect(call("MGET", "a", "b", "c")).toBe("*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n")
    expect(call("MSETNX", "x", 1, "x", 2)).toBe(":1\r\n")
    expect(call("GET", "x")).toBe("$1\r\n2\r\n")
    expect(propagated()).toEqual([
      ["MSETNX", "a", "1", "b", "2"],
      ["MSETNX", "x", "1", "x", "2"]
    ])
  })

  it("MSETNX takes an expired key for none", () => {
    const engine = makeEngine()
    engine.call("SET", "a", 1, "PX", 5)
    engine.now += 5
    expect(engine.call("MSETNX", "a", 2, "b", 3)).toBe(":1\r\n")
    expect(engine.call("MGET", "a", "b")).toBe("*2\r\n$1\r\n2\r\n$1\r\n3\r\n")
  })

  it("refuse a key without a value", () => {
    const { call } = makeEngine()
    expect(call("MSET", "a", 1, "b")).toBe("-ERR wrong number of arguments for 'mset' command\r\n")
    expect(call("MSETNX", "a", 1, "b")).toBe("-ERR wrong number of arguments for 'msetnx' command\r\n")
  })
})

describe("INCR, DECR, INCRBY, DECRBY", () => {
  it("count from 0, and keep the deadline", () => {
    const { call } = makeEngine()
    expect([call("INCR", "k"), call("DECR", "k"), call("DECR", "k")]).toEqual([":1\r\n", ":0\r\n", ":-1\r\n"])
    call("EXPIRE", "k", 100)
    expect(call("INCRBY", "k", "2147483648")).toBe(":2147483647\r\n")
    expect(call("INCRBY", "k", 1)).toBe(":2147483648\r\n")
    expect(call("DECRBY", "k", "4294967297")).toBe(":-2147483649\r\n")
    expect(call("TTL", "k")).toBe(":100\r\n")
  })

  it("are exact to the edges of 64 bits", () => {
    const { call } = makeEngine()
    call("SET", "k", "9223372036854775806")
    expect(call("INCR", "k")).toBe(":9223372036854775807\r\n")
    expect(call("INCR", "k")).toBe(OVERFLOW)
    expect(call("INCRBY", "k", "-9223372036854775808")).toBe(":-1\r\n")
    expect(call("DECRBY", "k", "9223372036854775807")).toBe(":-9223372036854775808\r\n")
    expect(call("DECR", "k")).toBe(OVERFLOW)
    expect(call("INCRBY", "k", "9223372036854775807")).toBe(":-1\r\n")
    expect(call("DECRBY", "k", "-9223372036854775808")).toBe("-ERR decrement would overflow\r\n")
    call("SET", "k", "9007199254740991")
    expect(call("INCR", "k")).toBe(":9007199254740992\r\n")
    expect(call("INCR", "k")).toBe(":9007199254740993\r\n")
    expect(call("DECRBY", "k", 2)).toBe(":9007199254740991\r\n")
    expect(call("GET", "k")).toBe("$16\r\n9007199254740991\r\n")
  })

  it("refuse what is no canonical 64-bit integer", () => {
    const { call } = makeEngine()
    for (const value of ["", "x", " 1", "1 ", "01", "-0", "1.0", "9223372036854775808", "11    "]) {
      call("SET", "k", value)
      expect(call("INCR", "k")).toBe(NOT_INTEGER)
    }
    expect(call("INCRBY", "n", "x")).toBe(NOT_INTEGER)
    expect(call("DECRBY", "n", "1.5")).toBe(NOT_INTEGER)
    expect(call("EXISTS", "n")).toBe(":0\r\n")
  })

  it("take digits that were put together", () => {
    const { call } = makeEngine()
    call("APPEND", "k", "1")
    call("APPEND", "k", "2")
    expect(call("INCR", "k")).toBe(":13\r\n")
  })

  it("are propagated as received, and not when they fail", () => {
    const { call, propagated } = makeEngine()
    call("INCR", "k")
    call("INCRBY", "k", 5)
    call("SET", "k", "x")
    propagated()
    call("INCR", "k")
    call("DECRBY", "n", 3)
    expect(propagated()).toEqual([["DECRBY", "n", "3"]])
  })
})

describe("INCRBYFLOAT", () => {
  it("adds as long doubles do, and prints without a trailing 0 or an exponent", () => {
    const { bulk, call } = makeEngine()
    call("SET", "k", "10.50")
    expect(bulk("INCRBYFLOAT", "k", "0.1")).toBe("10.6")
    expect(bulk("INCRBYFLOAT", "k", "-5")).toBe("5.6")
    call("SET", "k", "5.0e3")
    expect(bulk("INCRBYFLOAT", "k", "2.0e2")).toBe("5200")
    expect(bulk("INCRBYFLOAT", "new", "3.0e10")).toBe("30000000000")
    call("SET", "k", "9223372036854775807")
    expect(bulk("INCRBYFLOAT", "k", "1")).toBe("9223372036854775808")
    call("SET", "k", "1")
    expect(bulk("INCRBYFLOAT", "k", "1e-18")).toBe("1")
    call("SET", "k", "0x1p3")
    expect(bulk("INCRBYFLOAT", "k", "-8")).toBe("0")
  })

  it("keeps the deadline, and propagates the sum", () => {
    const { call, propagated } = makeEngine()
    call("SET", "k", "1", "PX", 5000)
    propagated()
    call("INCRBYFLOAT", "k", "1.5")
    expect(call("PTTL", "k")).toBe(":5000\r\n")
    expect(propagated()).toEqual([["SET", "k", "2.5", "KEEPTTL"]])
  })

  it("refuses what is no number, and a sum that is none", () => {
    const { call } = makeEngine()
    for (const value of [
      "",
      "x",
      " 1",
      "1 ",
      "nan",
      "1e4933",
      "1e-5000",
      "1_0",
      "0x1p-16446",
      "1".repeat(5120)
    ]) {
      call("SET", "k", value)
      expect(call("INCRBYFLOAT", "k", 1)).toBe(NOT_FLOAT)
      expect(call("INCRBYFLOAT", "n", value)).toBe(NOT_FLOAT)
    }
    call("SET", "k", "1e4932")
    expect(call("INCRBYFLOAT", "k", "1e4932")).toBe("-ERR increment would produce NaN or Infinity\r\n")
    expect(call("INCRBYFLOAT", "k", "inf")).toBe("-ERR increment would produce NaN or Infinity\r\n")
  })
})

describe("STRLEN", () => {
  it("gives the length in bytes, of digits too", () => {
    const { call } = makeEngine()
    call("MSET", "a", "-123", "b", "", "c", "é")
    expect(["a", "b", "c", "no"].map((key) => call("STRLEN", key))).toEqual([
      ":4\r\n",
      ":0\r\n",
      ":2\r\n",
      ":0\r\n"
    ])
  })
})
