/**
 * EXPIRE and its kin, TTL and its kin, PERSIST: as Redis 7.2 has them.
 */
import { describe, expect, it } from "@effect/vitest"
import { makeEngine, START_MS } from "../../support/engine.js"

const START_S = START_MS / 1000

describe("EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT", () => {
  it("set a deadline that TTL, PTTL, EXPIRETIME and PEXPIRETIME tell", () => {
    const { call } = makeEngine()
    call("SET", "k", "v")
    expect(call("EXPIRE", "k", 100)).toBe(":1\r\n")
    expect([call("TTL", "k"), call("PTTL", "k")]).toEqual([":100\r\n", ":100000\r\n"])
    expect(call("PEXPIRE", "k", 1500)).toBe(":1\r\n")
    expect(call("PTTL", "k")).toBe(":1500\r\n")
    expect(call("EXPIREAT", "k", START_S + 5)).toBe(":1\r\n")
    expect([call("TTL", "k"), call("EXPIRETIME", "k")]).toEqual([":5\r\n", `:${START_S + 5}\r\n`])
    expect(call("PEXPIREAT", "k", START_MS + 7)).toBe(":1\r\n")
    expect(call("PEXPIRETIME", "k")).toBe(`:${START_MS + 7}\r\n`)
  })

  it("reply 0 where there is no key", () => {
    const { call, propagated } = makeEngine()
    for (const name of ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"])
      expect(call(name, "no", 1)).toBe(":0\r\n")
    expect(propagated()).toEqual([])
  })

  it("remove the key at its deadline, to the millisecond", () => {
    const engine = makeEngine()
    engine.call("SET", "k", "v")
    engine.call("PEXPIRE", "k", 10)
    engine.now += 9
    expect(engine.call("GET", "k")).toBe("$1\r\nv\r\n")
    engine.now += 1
    expect(engine.call("GET", "k")).toBe("$-1\r\n")
    expect(engine.call("DBSIZE")).toBe(":0\r\n")
    expect(engine.propagated().at(-1)).toEqual(["DEL", "k"])
  })

  it("delete the key at once where the deadline has passed, and propagate that", () => {
    const { call, propagated } = makeEngine()
    for (const args of [
      ["EXPIRE", "k", 0],
      ["EXPIRE", "k", -1],
      ["PEXPIRE", "k", "-9223372036854775808"],
      ["EXPIREAT", "k", START_S],
      ["PEXPIREAT", "k", START_MS],
      ["PEXPIREAT", "k", -1]
    ]) {
      call("SET", "k", "v")
      propagated()
      expect(call(...args)).toBe(":1\r\n")
      expect(call("EXISTS", "k")).toBe(":0\r\n")
      expect(propagated()).toEqual([["DEL", "k"]])
    }
  })

  it("delete the right key in the middle of a pipeline", () => {
    const { call, pipeline } = makeEngine()
    for (let i = 0; i < 200; i++) call("SET", `key:${i}`, "v")
    const deletions = Array.from({ length: 100 }, (_, i) => ["EXPIRE", `key:${i * 2}`, "-1"])
    expect(pipeline(deletions)).toBe(":1\r\n".repeat(100))
    expect(call("DBSIZE")).toBe(":100\r\n")
    for (let i = 0; i < 200; i++) expect(call("EXISTS", `key:${i}`)).toBe(`:${i % 2}\r\n`)
  })

  it("keep 64-bit deadlines exactly", () => {
    const { call } = makeEngine()
    call("SET", "foo", "bar")
    for (const deadline of [
      "9223372036854770000",
      "9223372036854775807",
      "9007199254740993",
      "9007199254740992"
    ]) {
      expect(call("PEXPIREAT", "foo", deadline)).toBe(":1\r\n")
      expect(call("PEXPIRETIME", "foo")).toBe(`:${deadline}\r\n`)
      expect(call("PTTL", "foo")).toBe(`:${BigInt(deadline) - BigInt(START_MS)}\r\n`)
    }
    call("PEXPIREAT", "foo", "9223372036854775807")
    expect(call("EXPIRETIME", "foo")).toBe(":9223372036854776\r\n")
  })

  it("NX sets where there is no deadline, XX where there is one", () => {
    const { call } = makeEngine()
    call("SET", "k", "v")
    expect(call("EXPIRE", "k", 100, "XX")).toBe(":0\r\n")
    expect(call("EXPIRE", "k", 100, "NX")).toBe(":1\r\n")
    expect(call("EXPIRE", "k", 200, "nx")).toBe(":0\r\n")
    expect(call("EXPIRE", "k", 300, "xx")).toBe(":1\r\n")
    expect(call("TTL", "k")).toBe(":300\r\n")
  })

  it("GT and LT compare, no deadline being the latest", () => {
    const { call } = makeEngine()
    call("SET", "k", "v")
    expect(call("EXPIRE", "k", 100, "GT")).toBe(":0\r\n")
    expect(call("EXPIRE", "k", 100, "LT")).toBe(":1\r\n")
    expect(call("EXPIRE", "k", 100, "GT")).toBe(":0\r\n")
    expect(call("EXPIRE", "k", 100, "LT")).toBe(":0\r\n")
    expect(call("EXPIRE", "k", 101, "GT")).toBe(":1\r\n")
    expect(call("EXPIRE", "k", 99, "LT", "XX")).toBe(":1\r\n")
    expect(call("TTL", "k")).toBe(":99\r\n")
  })

  it("propagate the deadline absolutely and in ms", () => {
    const { call, propagated } = makeEngine()
    call("SET", "k", "v")
    propagated()
    call("EXPIRE", "k", 100)
    call("PEXPIRE", "k", 5)
    call("EXPIREAT", "k", START_S + 1, "XX")
    call("PEXPIREAT", "k", "9223372036854770000", "GT")
    call("PEXPIREAT", "k", START_MS + 8)
    expect(propagated()).toEqual([
      ["PEXPIREAT", "k", `${START_MS + 100_000}`],
      ["PEXPIREAT", "k", `${START_MS + 5}`],
      ["PEXPIREAT", "k", `${START_MS + 1000}`],
      ["PEXPIREAT", "k", "9223372036854770000"],
      ["PEXPIREAT", "k", `${START_MS + 8}`]
    ])
  })

  it("while a file is loaded, keep a deadline that has passed, for the file to decide", () => {
    const engine = makeEngine()
    engine.keyspace.expires = false
    engine.call("SET", "k", "v")
    expect(engine.load("PEXPIREAT", "k", START_MS - 1000)).toBeNull()
    expect(engine.call("GET", "k")).toBe("$1\r\nv\r\n")
    expect(engine.call("TTL", "k")).toBe(":0\r\n")
    expect(engine.call("PERSIST", "k")).toBe(":1\r\n")
    expect(engine.load("PEXPIREAT", "k", -1)).toBeNull()
    engine.keyspace.expires = true
    expect(engine.call("GET", "k")).toBe("$-1\r\n")
  })

  describe("errors", () => {
    const { call } = makeEngine()

    it("for a time that leaves 64 bits", () => {
      call("SET", "k", "v")
      expect(call("EXPIRE", "k", "9223372036854775807")).toBe(
        "-ERR invalid expire time in 'expire' command\r\n"
      )
      expect(call("EXPIRE", "k", "-9223372036854776")).toBe(
        "-ERR invalid expire time in 'expire' command\r\n"
      )
      expect(call("PEXPIRE", "k", "9223372036854775807")).toBe(
        "-ERR invalid expire time in 'pexpire' command\r\n"
      )
      expect(call("EXPIREAT", "k", "9223372036854776")).toBe(
        "-ERR invalid expire time in 'expireat' command\r\n"
      )
      expect(call("TTL", "k")).toBe(":-1\r\n")
    })

    it("for a time that is no integer, and for options, which are looked at first", () => {
      expect(call("EXPIRE", "k", "1.5")).toBe("-ERR value is not an integer or out of range\r\n")
      expect(call("PEXPIREAT", "k", "9223372036854775808")).toBe(
        "-ERR value is not an integer or out of range\r\n"
      )
      expect(call("EXPIRE", "k", "x", "foo")).toBe("-ERR Unsupported option foo\r\n")
      const incompatible = "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"
      for (const other of ["XX", "GT", "LT"]) expect(call("EXPIRE", "k", 1, "NX", other)).toBe(incompatible)
      expect(call("EXPIRE", "k", 1, "GT", "LT")).toBe(
        "-ERR GT and LT options at the same time are not compatible\r\n"
      )
      expect(call("EXPIRE", "k")).toBe("-ERR wrong number of arguments for 'expire' command\r\n")
    })
  })
})

describe("TTL, PTTL, EXPIRETIME, PEXPIRETIME", () => {
  it("reply -2 without a key and -1 without a deadline", () => {
    const { call } = makeEngine()
    call("SET", "k", "v")
    for (const name of ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]) {
      expect(call(name, "no")).toBe(":-2\r\n")
      expect(call(name, "k")).toBe(":-1\r\n")
    }
  })

  it("round seconds to the nearest", () => {
    const { call } = makeEngine()
    call("SET", "k", "v", "PX", 1500)
    expect(call("TTL", "k")).toBe(":2\r\n")
    call("SET", "k", "v", "PX", 1499)
    expect(call("TTL", "k")).toBe(":1\r\n")
    call("SET", "k", "v", "PX", 499)
    expect(call("TTL", "k")).toBe(":0\r\n")
  })
})

describe("PERSIST", () => {
  it("takes a deadline away and propagates that", () => {
    const engine = makeEngine()
    engine.call("SET", "k", "12345", "EX", 10)
    engine.propagated()
    expect(engine.call("PERSIST", "k")).toBe(":1\r\n")
    expect(engine.call("PERSIST", "k")).toBe(":0\r\n")
    expect(engine.call("PERSIST", "no")).toBe(":0\r\n")
    expect(engine.propagated()).toEqual([["PERSIST", "k"]])
    engine.now += 20_000
    expect(engine.call("GET", "k")).toBe("$5\r\n12345\r\n")
  })
})
