/**
 * Commands on parts of strings: as Redis 7.2 has them.
 */
import { describe, expect, it } from "@effect/vitest"
import { makeEngine, seeded, testSeed } from "../../support/engine.js"

const TOO_LONG = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"
const NOT_INTEGER = "-ERR value is not an integer or out of range\r\n"

describe("APPEND", () => {
  it("makes the key, or adds to its end", () => {
    const { bulk, call } = makeEngine()
    expect(call("APPEND", "k", "foo")).toBe(":3\r\n")
    expect(call("APPEND", "k", "bar")).toBe(":6\r\n")
    expect(call("APPEND", "k", "")).toBe(":6\r\n")
    expect(bulk("GET", "k")).toBe("foobar")
  })

  it("adds to digits as to any bytes", () => {
    const { bulk, call } = makeEngine()
    for (const digits of ["1", "-100", "2147483648", "9007199254740993", "-9223372036854775808"]) {
      call("SET", "k", digits)
      expect(call("APPEND", "k", "5")).toBe(`:${digits.length + 1}\r\n`)
      expect(bulk("GET", "k")).toBe(`${digits}5`)
    }
  })

  it("keeps the deadline, and is propagated as received", () => {
    const { call, propagated } = makeEngine()
    call("SET", "k", "v", "PX", 5000)
    propagated()
    call("APPEND", "k", "x".repeat(1000))
    call("APPEND", "new", "1")
    expect(call("PTTL", "k")).toBe(":5000\r\n")
    expect(propagated()).toEqual([
      ["APPEND", "k", "x".repeat(1000)],
      ["APPEND", "new", "1"]
    ])
  })

  it("keeps a new key as SET does, a changed one raw", () => {
    const { bulk, call } = makeEngine()
    call("APPEND", "k", "12")
    expect(bulk("OBJECT", "ENCODING", "k")).toBe("int")
    call("APPEND", "k", "")
    expect(bulk("OBJECT", "ENCODING", "k")).toBe("raw")
  })

  it("grows a value to a megabyte and beyond, a few bytes or many at a time", () => {
    const seed = testSeed()
    const random = seeded(seed)
    const engine = makeEngine({ seed })
    let expected = ""
    while (expected.length < 1_500_000) {
      const part = String.fromCharCode(97 + (random() % 26)).repeat(
        random() % (1 + (expected.length >> 3) + 8)
      )
      expected += part
      const neighbour = ["SET", `other:${random() % 10}`, "y".repeat(random() % 500)]
      engine.pipeline([neighbour, ["APPEND", "k", part], neighbour, neighbour])
    }
    expect(engine.call("STRLEN", "k")).toBe(`:${expected.length}\r\n`)
    expect(engine.bulk("GET", "k") === expected, `EFFECT_KV_SEED=${seed}`).toBe(true)
  })

  it("refuses what would be longer than proto-max-bulk-len", () => {
    const { call, load, propagated, session } = makeEngine()
    session.bulkBytesMax = 10
    call("SET", "k", "123456")
    propagated()
    expect(call("APPEND", "k", "7890x")).toBe(TOO_LONG)
    expect(propagated()).toEqual([])
    expect(call("APPEND", "k", "7890")).toBe(":10\r\n")
    expect(load("APPEND", "k", "x")).toBeNull()
    expect(call("STRLEN", "k")).toBe(":11\r\n")
  })
})

describe("SETRANGE", () => {
  it("overwrites, and fills what lies before with zero bytes", () => {
    const { bulk, call } = makeEngine()
    expect(call("SETRANGE", "k", 0, "Hello World")).toBe(":11\r\n")
    expect(call("SETRANGE", "k", 6, "Redis")).toBe(":11\r\n")
    expect(bulk("GET", "k")).toBe("Hello Redis")
    expect(call("SETRANGE", "k", 13, "!")).toBe(":14\r\n")
    expect(bulk("GET", "k")).toBe("Hello Redis\0\0!")
    expect(call("SETRANGE", "new", 3, "x")).toBe(":4\r\n")
    expect(bulk("GET", "new")).toBe("\0\0\0x")
  })

  it("fills with zero bytes in memory that was used before", () => {
    const { bulk, call } = makeEngine()
    call("SET", "old", "x".repeat(200))
    call("DEL", "old")
    call("SETRANGE", "new", 199, "y")
    expect(bulk("GET", "new")).toBe(`${"\0".repeat(199)}y`)
    call("SETRANGE", "new", 1000, "z")
    expect(bulk("GET", "new")).toBe(`${"\0".repeat(199)}y${"\0".repeat(800)}z`)
  })

  it("overwrites digits as any bytes", () => {
    const { bulk, call } = makeEngine()
    call("SET", "k", "1234567890123")
    expect(call("SETRANGE", "k", 1, "x")).toBe(":13\r\n")
    expect(bulk("GET", "k")).toBe("1x34567890123")
    call("SET", "k", "7", "PX", 500)
    expect(call("SETRANGE", "k", 3, "x")).toBe(":4\r\n")
    expect([bulk("GET", "k"), call("PTTL", "k")]).toEqual(["7\0\0x", ":500\r\n"])
  })

  it("changes nothing with an empty value", () => {
    const { bulk, call, propagated } = makeEngine()
    expect(call("SETRANGE", "k", 5, "")).toBe(":0\r\n")
    expect(call("EXISTS", "k")).toBe(":0\r\n")
    call("SET", "k", "12")
    propagated()
    expect(call("SETRANGE", "k", "9223372036854775807", "")).toBe(":2\r\n")
    expect(bulk("OBJECT", "ENCODING", "k")).toBe("int")
    expect(propagated()).toEqual([])
  })

  it("refuses a negative offset, one that is no integer, and one that is too large", () => {
    const { call } = makeEngine()
    expect(call("SETRANGE", "k", -1, "x")).toBe("-ERR offset is out of range\r\n")
    expect(call("SETRANGE", "k", "x", "x")).toBe(NOT_INTEGER)
    expect(call("SETRANGE", "k", 512 * 1024 * 1024, "x")).toBe(TOO_LONG)
    expect(call("SETRANGE", "k", "9223372036854775807", "x")).toBe(TOO_LONG)
    expect(call("EXISTS", "k")).toBe(":0\r\n")
  })
})

describe("GETRANGE and SUBSTR", () => {
  const { bulk, call } = makeEngine()
  call("MSET", "text", "Hello World", "digits", "1234", "empty", "")

  it("reply with the bytes from the first index to the last, which count from the end where negative", () => {
    for (const name of ["GETRANGE", "SUBSTR"]) {
      expect(bulk(name, "text", 0, 3)).toBe("Hell")
      expect(bulk(name, "text", 0, -1)).toBe("Hello World")
      expect(bulk(name, "text", -4, -1)).toBe("orld")
      expect(bulk(name, "text", 5, 3)).toBe("")
      expect(bulk(name, "text", 5, 5000)).toBe(" World")
      expect(bulk(name, "text", -5000, 10000)).toBe("Hello World")
      expect(bulk(name, "digits", 1, 2)).toBe("23")
      expect(bulk(name, "digits", -1, -1)).toBe("4")
      expect(bulk(name, "empty", 0, -1)).toBe("")
      expect(bulk(name, "no", 0, -1)).toBe("")
    }
  })

  it("clamp as Redis does where both indexes lie before the start", () => {
    expect(bulk("GETRANGE", "text", -20, -15)).toBe("H")
    expect(bulk("GETRANGE", "text", -15, -20)).toBe("")
    expect(bulk("GETRANGE", "text", "-9223372036854775808", "-9223372036854775807")).toBe("H")
    expect(bulk("GETRANGE", "text", "-9007199254740993", "-9007199254740994")).toBe("")
    expect(bulk("GETRANGE", "text", "9223372036854775807", "9223372036854775807")).toBe("")
  })

  it("refuse what is no integer, before they look for the key", () => {
    expect(call("GETRANGE", "no", "x", 0)).toBe(NOT_INTEGER)
    expect(call("GETRANGE", "no", 0, "x")).toBe(NOT_INTEGER)
  })
})

describe("LCS", () => {
  const { bulk, call, callResp3, engine, session } = makeEngine()
  call("MSET", "a", "ohmytext", "b", "mynewtext", "n", 12345, "m", 1345)

  it("replies with the longest common subsequence, or its length", () => {
    expect(bulk("LCS", "a", "b")).toBe("mytext")
    expect(call("LCS", "a", "b", "LEN")).toBe(":6\r\n")
    expect(bulk("LCS", "n", "m")).toBe("1345")
    expect([bulk("LCS", "a", "no"), bulk("LCS", "no", "no")]).toEqual(["", ""])
    expect(call("LCS", "a", "no", "len")).toBe(":0\r\n")
  })

  it("IDX replies with the ranges from the end, as a map in RESP3", () => {
    const ranges =
      "*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n"
    const rest = `$7\r\nmatches\r\n${ranges}$3\r\nlen\r\n:6\r\n`
    expect(call("LCS", "a", "b", "IDX")).toBe(`*4\r\n${rest}`)
    expect(callResp3("LCS", "a", "b", "IDX")).toBe(`%2\r\n${rest}`)
  })

  it("MINMATCHLEN leaves out short ranges, WITHMATCHLEN tells how long they are", () => {
    expect(call("LCS", "a", "b", "IDX", "MINMATCHLEN", 4, "WITHMATCHLEN")).toBe(
      "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n$3\r\nlen\r\n:6\r\n"
    )
    expect(call("LCS", "a", "no", "IDX")).toBe("*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n")
  })

  it("refuses wrong options and strings that are too long", () => {
    expect(call("LCS", "a", "b", "LEN", "IDX")).toBe(
      "-ERR If you want both the length and indexes, please just use IDX.\r\n"
    )
    expect(call("LCS", "a", "b", "MINMATCHLEN")).toBe("-ERR syntax error\r\n")
    expect(call("LCS", "a", "b", "MINMATCHLEN", "x")).toBe(NOT_INTEGER)
    expect(call("LCS", "a", "b", "foo")).toBe("-ERR syntax error\r\n")
    session.bulkBytesMax = 9 * 10 * 4 - 1
    expect(call("LCS", "a", "b")).toBe(
      "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n"
    )
    session.bulkBytesMax++
    expect(bulk("LCS", "a", "b")).toBe("mytext")
    expect(engine.stats.errorReplies).toBe(5)
  })
})
