// The raw client is what other tests believe in: each type of reply is read as what it is, and never early.
import { describe, expect, it } from "vitest"
import { encode, parseReply, plain, replyEnd } from "./client.mjs"

const parse = (text: string) => parseReply(Buffer.from(text)).reply

describe("parseReply", () => {
  it("tells the three nulls apart", () => {
    expect(parse("$-1\r\n")).toEqual({
      type: "null",
      value: null,
      wire: "$-1"
    })
    expect(parse("*-1\r\n")).toEqual({
      type: "null",
      value: null,
      wire: "*-1"
    })
    expect(parse("_\r\n")).toEqual({ type: "null", value: null, wire: "_" })
  })

  it("keeps integers exact", () => {
    expect(parse(":9007199254740991\r\n")).toEqual({
      type: "integer",
      value: 9007199254740991
    })
    expect(parse(":-9223372036854775808\r\n")).toEqual({
      type: "integer",
      value: -(2n ** 63n)
    })
    expect(parse("(12345678901234567890123\r\n")).toEqual({
      type: "bignum",
      value: 12345678901234567890123n
    })
  })

  it("reads the other types of RESP3", () => {
    expect(parse("#t\r\n")).toEqual({ type: "boolean", value: true })
    expect(parse(",3.5\r\n")).toEqual({
      type: "double",
      value: 3.5,
      text: "3.5"
    })
    expect(parse(",-inf\r\n")).toEqual({
      type: "double",
      value: -Infinity,
      text: "-inf"
    })
    expect(parse("=6\r\ntxt:hi\r\n")).toEqual({
      type: "verbatim",
      format: "txt",
      value: Buffer.from("hi")
    })
    expect(plain(parse("%1\r\n+a\r\n*2\r\n:1\r\n_\r\n"))).toEqual([["a", [1, null]]])
    expect(parse("~1\r\n:1\r\n").type).toBe("set")
    expect(parse(">1\r\n:1\r\n").type).toBe("push")
    expect(plain(parse("!5\r\nERR x\r\n"))).toEqual({ error: "ERR x" })
  })

  it("keeps bytes as bytes", () => {
    const bytes = Buffer.from([0x24, 0x33, 13, 10, 0, 255, 13, 13, 10])
    expect(parseReply(bytes)).toEqual({
      reply: { type: "bulk", value: Buffer.from([0, 255, 13]) },
      end: bytes.length
    })
  })
})

describe("replyEnd", () => {
  it("says -1 for every proper prefix of a reply", () => {
    const reply = Buffer.from("*3\r\n%1\r\n$1\r\na\r\n*0\r\n$-1\r\n~2\r\n:1\r\n$4\r\n\r\n\r\n\r\n")
    expect(replyEnd(reply)).toBe(reply.length)
    for (let length = 0; length < reply.length; length++) {
      expect(replyEnd(reply.subarray(0, length)), `prefix of ${length}`).toBe(-1)
    }
  })

  it("throws at what begins no reply", () => {
    expect(() => replyEnd(Buffer.from("PONG\r\n"))).toThrow("no reply begins with")
  })
})

describe("encode", () => {
  it("counts bytes, not characters", () => {
    expect(encode(["SET", "é", Buffer.from([255])])).toEqual(
      Buffer.concat([
        Buffer.from("*3\r\n$3\r\nSET\r\n$2\r\né\r\n$1\r\n"),
        Buffer.from([255]),
        Buffer.from("\r\n")
      ])
    )
  })
})
