// Replies as bytes: each form in RESP2 and RESP3.
import { describe, expect, it } from "vitest"
import { type Reply, ReplyError, ReplyReader } from "../../src/resp/reply.js"
import { constantReply, formatDouble, ReplyWriter } from "../../src/resp/writer.js"
import { seeded, testSeed } from "../support/engine.js"

type Write = (writer: ReplyWriter) => void

const bytesOf = (write: Write, protocol: 2 | 3): string => {
  const writer = new ReplyWriter()
  writer.protocol = protocol
  write(writer)
  return writer.buffer.toString("latin1", 0, writer.length)
}

const forms: ReadonlyArray<readonly [name: string, write: Write, resp2: string, resp3: string]> = [
  ["ok", (w) => w.ok(), "+OK\r\n", "+OK\r\n"],
  ["a status", (w) => w.simple("QUEUED"), "+QUEUED\r\n", "+QUEUED\r\n"],
  ["an error", (w) => w.error("ERR no"), "-ERR no\r\n", "-ERR no\r\n"],
  ["an error of several lines", (w) => w.error("ERR a\r\nb\nc"), "-ERR a  b c\r\n", "-ERR a  b c\r\n"],
  ["a constant", (w) => w.constant(constantReply("+x\r\n")), "+x\r\n", "+x\r\n"],
  ["0", (w) => w.integer(0), ":0\r\n", ":0\r\n"],
  ["9", (w) => w.integer(9), ":9\r\n", ":9\r\n"],
  ["10", (w) => w.integer(10), ":10\r\n", ":10\r\n"],
  ["-1", (w) => w.integer(-1), ":-1\r\n", ":-1\r\n"],
  ["2^53 - 1", (w) => w.integer(2 ** 53 - 1), ":9007199254740991\r\n", ":9007199254740991\r\n"],
  ["2^63 - 1", (w) => w.integer(2n ** 63n - 1n), ":9223372036854775807\r\n", ":9223372036854775807\r\n"],
  ["-2^63", (w) => w.integer(-(2n ** 63n)), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"],
  ["null", (w) => w.null(), "$-1\r\n", "_\r\n"],
  ["a null array", (w) => w.nullArray(), "*-1\r\n", "_\r\n"],
  ["true", (w) => w.boolean(true), ":1\r\n", "#t\r\n"],
  ["false", (w) => w.boolean(false), ":0\r\n", "#f\r\n"],
  ["a double", (w) => w.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"],
  ["infinity", (w) => w.double(Number.POSITIVE_INFINITY), "$3\r\ninf\r\n", ",inf\r\n"],
  ["-infinity", (w) => w.double(Number.NEGATIVE_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"],
  ["no number", (w) => w.double(Number.NaN), "$3\r\nnan\r\n", ",nan\r\n"],
  [
    "a big number",
    (w) => w.bigNumber("123456789012345678901"),
    "$21\r\n123456789012345678901\r\n",
    "(123456789012345678901\r\n"
  ],
  ["a verbatim string", (w) => w.verbatim("txt", "a b"), "$3\r\na b\r\n", "=7\r\ntxt:a b\r\n"],
  [
    "a verbatim string in UTF-8",
    (w) => w.verbatim("txt", "é"),
    "$2\r\n\xc3\xa9\r\n",
    "=6\r\ntxt:\xc3\xa9\r\n"
  ],
  ["an array", (w) => w.array(2), "*2\r\n", "*2\r\n"],
  ["a long array", (w) => w.array(12345), "*12345\r\n", "*12345\r\n"],
  ["a map", (w) => w.map(3), "*6\r\n", "%3\r\n"],
  ["a set", (w) => w.set(3), "*3\r\n", "~3\r\n"],
  ["a push", (w) => w.push(3), "*3\r\n", ">3\r\n"],
  ["a bulk string", (w) => w.bulk(Buffer.from("xabcx"), 1, 3), "$3\r\nabc\r\n", "$3\r\nabc\r\n"],
  ["an empty bulk string", (w) => w.bulk(Buffer.alloc(0), 0, 0), "$0\r\n\r\n", "$0\r\n\r\n"],
  ["text", (w) => w.bulkText("é"), "$2\r\n\xc3\xa9\r\n", "$2\r\n\xc3\xa9\r\n"],
  ["an integer as a string", (w) => w.bulkInteger(-42), "$3\r\n-42\r\n", "$3\r\n-42\r\n"],
  [
    "2^63 - 1 as a string",
    (w) => w.bulkInteger(2n ** 63n - 1n),
    "$19\r\n9223372036854775807\r\n",
    "$19\r\n9223372036854775807\r\n"
  ]
]

describe("forms", () => {
  it.each(forms)("%s", (_name, write, resp2, resp3) => {
    expect(bytesOf(write, 2)).toBe(resp2)
    expect(bytesOf(write, 3)).toBe(resp3)
  })

  it("bulk strings of every length up to 1100, and of large ones", () => {
    const source = Buffer.alloc(1_000_000, "y")
    for (const length of [
      ...Array.from({ length: 1101 }, (_, i) => i),
      9999,
      10_000,
      99_999,
      100_000,
      1_000_000
    ]) {
      const written = bytesOf((writer) => writer.bulk(source, 0, length), 2)
      expect(written).toBe(`$${length}\r\n${"y".repeat(length)}\r\n`)
    }
  })

  it("the bytes of a bulk string copied by words", () => {
    const source = Buffer.from(Array.from({ length: 600 }, (_, i) => i & 255))
    const view = new DataView(source.buffer, source.byteOffset, source.length)
    for (let start = 0; start < 9; start++) {
      for (let length = 0; length < 80; length++) {
        const writer = new ReplyWriter()
        for (let shift = 0; shift < (start * 7) % 5; shift++) writer.ok()
        const from = writer.length
        writer.bulkWords(view, source, start, length)
        const expected = `$${length}\r\n${source.toString("latin1", start, start + length)}\r\n`
        expect(writer.buffer.toString("latin1", from, writer.length)).toBe(expected)
      }
    }
  })
})

describe("doubles print as Redis prints them", () => {
  // %.17g of each, as redis-server 7.0.15 replies to ZSCORE and to scripts
  it.each([
    [0, "0"],
    [-0, "-0"],
    [3, "3"],
    [-3.5, "-3.5"],
    [0.1, "0.1"],
    [1e15, "1000000000000000"],
    [1e16, "10000000000000000"],
    [1e21, "1e+21"],
    [1e-7, "1e-07"],
    [1.5e300, "1.5e+300"],
    [5e-324, "5e-324"]
  ])("%f is %s", (value, printed) => {
    expect(formatDouble(value)).toBe(printed)
  })
})

describe("the buffer", () => {
  it("grows with what is written, and keeps it", () => {
    const writer = new ReplyWriter()
    const expected: Array<string> = []
    for (let i = 0; i < 20_000; i++) {
      writer.bulkText(`value ${i}`)
      expected.push(`$${`value ${i}`.length}\r\nvalue ${i}\r\n`)
    }
    expect(writer.buffer.toString("latin1", 0, writer.length)).toBe(expected.join(""))
  })

  it("is let go after a huge reply, and given away when it is kept elsewhere", () => {
    const writer = new ReplyWriter()
    writer.bulk(Buffer.alloc(4_000_000), 0, 4_000_000)
    expect(writer.buffer.length).toBeGreaterThan(4_000_000)
    writer.reset()
    expect(writer.length).toBe(0)
    expect(writer.buffer.length).toBeLessThan(1_000_000)
    writer.bulkText("kept")
    const kept = writer.buffer
    writer.detach()
    writer.bulkText("other")
    expect(kept.toString("latin1", 0, 10)).toBe("$4\r\nkept\r\n")
    expect(writer.buffer.toString("latin1", 0, writer.length)).toBe("$5\r\nother\r\n")
  })
})

describe("what is written reads as what was meant", () => {
  const read = (write: Write, protocol: 2 | 3): Reply => {
    const writer = new ReplyWriter()
    writer.protocol = protocol
    write(writer)
    const reader = new ReplyReader(writer.buffer, (bytes, start, end) => bytes.toString("utf8", start, end))
    const value = reader.read()
    expect(reader.at).toBe(writer.length)
    return value
  }

  it("scalars", () => {
    expect(read((w) => w.integer(2n ** 63n - 1n), 3)).toBe(2n ** 63n - 1n)
    expect(read((w) => w.integer(-(2 ** 53 - 1)), 3)).toBe(-(2 ** 53 - 1))
    expect(read((w) => w.integer(-(2n ** 63n)), 3)).toBe(-(2n ** 63n))
    expect(read((w) => w.double(-1.25), 3)).toBe(-1.25)
    expect(read((w) => w.double(Number.NEGATIVE_INFINITY), 3)).toBe(Number.NEGATIVE_INFINITY)
    expect(read((w) => w.double(Number.NaN), 3)).toBeNaN()
    expect(read((w) => w.boolean(false), 3)).toBe(false)
    expect(read((w) => w.bigNumber("-99999999999999999999"), 3)).toBe(-99999999999999999999n)
    expect(read((w) => w.verbatim("mkd", "# é"), 3)).toBe("# é")
    expect(read((w) => w.null(), 2)).toBeNull()
    expect(read((w) => w.nullArray(), 2)).toBeNull()
    expect(read((w) => w.nullArray(), 3)).toBeNull()
  })

  it("errors, alone and within arrays", () => {
    const error = read((w) => w.error("WRONGTYPE Operation"), 2)
    expect(error).toBeInstanceOf(ReplyError)
    expect(error).toMatchObject({
      code: "WRONGTYPE",
      message: "WRONGTYPE Operation"
    })
    const nested = read((w) => {
      w.array(2)
      w.integer(1)
      w.error("ERR x")
    }, 2)
    expect(nested).toEqual([1, expect.objectContaining({ code: "ERR" })])
  })

  it("random trees", () => {
    const seed = testSeed()
    const random = seeded(seed)
    const tree = (depth: number): { readonly write: Write; readonly value: Reply } => {
      const kind = random() % (depth > 4 ? 4 : 7)
      if (kind === 0) {
        const value = (random() | 0) * (random() % 1000)
        return {
          write: (w) => w.integer(value),
          value: value === 0 ? 0 : value
        }
      }
      if (kind === 1) return { write: (w) => w.null(), value: null }
      if (kind === 2) return { write: (w) => w.boolean(true), value: true }
      if (kind === 3) {
        const value = "ä".repeat(random() % 200) + String(random())
        return { write: (w) => w.bulkText(value), value }
      }
      const children = Array.from({ length: random() % 5 }, () => tree(depth + 1))
      if (kind === 6) {
        return {
          write: (w) => {
            w.map(children.length)
            children.forEach((child, i) => {
              w.bulkText(`key ${i}`)
              child.write(w)
            })
          },
          value: new Map(children.map((child, i) => [`key ${i}`, child.value]))
        }
      }
      return {
        write: (w) => {
          if (kind === 4) w.array(children.length)
          else w.set(children.length)
          for (const child of children) child.write(w)
        },
        value: children.map((child) => child.value)
      }
    }
    for (let i = 0; i < 500; i++) {
      const { write, value } = tree(0)
      expect(read(write, 3), `EFFECT_KV_SEED=${seed}`).toEqual(value)
    }
  })
})
