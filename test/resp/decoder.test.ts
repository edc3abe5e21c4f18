// The request decoder: the same commands however the bytes are cut, Redis's protocol errors, and linear time.
import { describe, expect, it } from "vitest"
import { CommandBatch, encodeCommand } from "../../src/resp/batch.js"
import { type DecoderLimits, RequestDecoder } from "../../src/resp/decoder.js"
import { seeded, testSeed } from "../support/engine.js"
import { below, decodeChunks, LIMITS, pieces, type Request, randomRequests } from "./requests.js"

const sameRequests = (
  found: ReadonlyArray<Request>,
  expected: ReadonlyArray<Request>,
  seed: number
): void => {
  const hint = `EFFECT_KV_SEED=${seed}`
  expect(found.length, hint).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) {
    const same =
      found[i]!.length === expected[i]!.length && expected[i]!.every((arg, j) => arg.equals(found[i]![j]!))
    if (!same) expect(found[i], `request ${i}, ${hint}`).toEqual(expected[i])
  }
}

const text = (requests: ReadonlyArray<Request>): ReadonlyArray<ReadonlyArray<string>> =>
  requests.map((request) => request.map((arg) => arg.toString("latin1")))

const decodeText = (sent: string, limits: DecoderLimits = LIMITS) => {
  const { requests, error } = decodeChunks([Buffer.from(sent, "latin1")], limits)
  return { requests: text(requests), error }
}

describe("random requests are the same", () => {
  const seed = testSeed()
  const rounds = Array.from({ length: 10 }, (_, i) => (seed + i) >>> 0)

  it("in one chunk", () => {
    for (const one of rounds) {
      const { requests, sent } = randomRequests(below(seeded(one)), 700)
      sameRequests(decodeChunks([sent]).requests, requests, one)
    }
  })

  it("a byte at a time", () => {
    for (const one of rounds.slice(0, 6)) {
      const { requests, sent } = randomRequests(below(seeded(one)), 60)
      sameRequests(decodeChunks(pieces(sent, () => 1)).requests, requests, one)
    }
  })

  it("in random pieces, small, large and mixed", () => {
    for (const one of rounds) {
      const random = below(seeded(one))
      const { requests, sent } = randomRequests(random, 300)
      for (const max of [3, 50, 1500, 65_536]) {
        sameRequests(decodeChunks(pieces(sent, () => 1 + random(max))).requests, requests, one)
      }
      const mixed = () => 1 + random([2, 20, 700, 40_000][random(4)]!)
      sameRequests(decodeChunks(pieces(sent, mixed)).requests, requests, one)
    }
  })

  it("cut at every offset of a short pipeline", () => {
    const sent = Buffer.from(
      "*2\r\n$3\r\nGET\r\n$0\r\n\r\nset \"a b\" 'c'\r\nPING\r\n*1\r\n$4\r\nPING\r\n",
      "latin1"
    )
    const expected = [["GET", ""], ["set", "a b", "c"], ["PING"], ["PING"]]
    for (let first = 0; first <= sent.length; first++) {
      for (let second = first; second <= sent.length; second++) {
        const chunks = [sent.subarray(0, first), sent.subarray(first, second), sent.subarray(second)]
        const { requests } = decodeChunks(chunks.filter((chunk) => chunk.length > 0))
        expect(text(requests)).toEqual(expected)
      }
    }
  })

  it("with an error at the end, after everything that came before it", () => {
    for (const one of rounds) {
      const random = below(seeded(one))
      const { requests, sent } = randomRequests(random, 100)
      const all = Buffer.concat([sent, Buffer.from("*1\r\n$x\r\n")])
      for (const max of [2, 900, 100_000]) {
        const decoded = decodeChunks(pieces(all, () => 1 + random(max)))
        sameRequests(decoded.requests, requests, one)
        expect(decoded.error).toBe("Protocol error: invalid bulk length")
      }
    }
  })
})

describe("requests", () => {
  it("may be empty: nothing is executed for them", () => {
    expect(decodeText("\r\n\n*0\r\n*-1\r\n*-5\r\n   \r\nPING\r\n")).toEqual({
      requests: [["PING"]],
      error: null
    })
  })

  it("may follow one another in any form", () => {
    expect(decodeText("PING\r\n*1\r\n$4\r\nPING\r\nECHO 'a'\n*2\r\n$4\r\nECHO\r\n$1\r\nb\r\n")).toEqual({
      requests: [["PING"], ["PING"], ["ECHO", "a"], ["ECHO", "b"]],
      error: null
    })
  })

  it("more than a batch holds come in order", () => {
    const commands = Array.from({ length: 1000 }, (_, i) => ["SET", `k${i}`, `v${i}`])
    const sent = Buffer.concat(commands.map((command) => encodeCommand(command)))
    expect(text(decodeChunks([sent]).requests)).toEqual(commands)
  })

  it("are not decoded before they are whole", () => {
    const sent = Buffer.from("*2\r\n$4\r\nECHO\r\n$2\r\nab\r\n")
    for (let length = 0; length < sent.length; length++) {
      expect(decodeChunks([sent.subarray(0, length)])).toEqual({
        requests: [],
        error: null
      })
    }
    expect(decodeChunks([Buffer.from("PING")])).toEqual({
      requests: [],
      error: null
    })
  })
})

describe("inline requests", () => {
  it.each([
    ['SET k "a b"\r\n', ["SET", "k", "a b"]],
    ["SET k 'a \\' b'\r\n", ["SET", "k", "a ' b"]],
    ['SET k "\\x41\\n\\r\\t\\a\\b\\q"\r\n', ["SET", "k", "A\n\r\t\x07\bq"]],
    ["SET k 'a\\nb'\r\n", ["SET", "k", "a\\nb"]],
    ['SET k ""\r\n', ["SET", "k", ""]],
    ["  SET\t k   v \r\n", ["SET", "k", "v"]],
    ['SET k "\\x4"\r\n', ["SET", "k", "x4"]]
  ])("%j", (sent, expected) => {
    expect(decodeText(sent)).toEqual({ requests: [expected], error: null })
  })

  it.each(['SET k "a\r\n', "SET k 'a\r\n", 'SET k "a"b\r\n', "SET k 'a'b\r\n", 'SET k "a\\"\r\n'])(
    "%j has unbalanced quotes",
    (sent) => {
      expect(decodeText(sent)).toEqual({
        requests: [],
        error: "Protocol error: unbalanced quotes in request"
      })
    }
  )
})

it("a NUL ends the search for the line's end, as in Redis: the command waits", () => {
  expect(decodeText("PING\0\r\nPING\r\n")).toEqual({
    requests: [],
    error: null
  })
  expect(decodeText("PING\r\nP\0NG\r\n")).toEqual({
    requests: [["PING"]],
    error: null
  })
})

describe("protocol errors have Redis's texts", () => {
  const K64 = 64 * 1024
  it.each([
    ["*x\r\n", "invalid multibulk length"],
    ["*\r\n", "invalid multibulk length"],
    ["*01\r\n", "invalid multibulk length"],
    ["*+1\r\n", "invalid multibulk length"],
    ["* 1\r\n", "invalid multibulk length"],
    ["*-0\r\n", "invalid multibulk length"],
    ["*2147483648\r\n", "invalid multibulk length"],
    ["*9223372036854775807\r\n", "invalid multibulk length"],
    ["*99999999999999999999999\r\n", "invalid multibulk length"],
    [`*${"1".repeat(K64 + 10)}`, "too big mbulk count string"],
    ["*1\r\n:1\r\n", "expected '$', got ':'"],
    ["*2\r\n$3\r\nGET\r\nxyz\r\n", "expected '$', got 'x'"],
    ["*1\r\n$\r\n", "invalid bulk length"],
    ["*1\r\n$x\r\n", "invalid bulk length"],
    ["*1\r\n$-1\r\n", "invalid bulk length"],
    ["*1\r\n$-10\r\n", "invalid bulk length"],
    ["*1\r\n$01\r\n", "invalid bulk length"],
    ["*1\r\n$536870913\r\n", "invalid bulk length"],
    ["*1\r\n$9223372036854775808\r\n", "invalid bulk length"],
    [`*1\r\n$${"1".repeat(K64 + 10)}`, "too big bulk count string"],
    ["x".repeat(K64 + 10), "too big inline request"]
  ])("$1: $0", (sent, error) => {
    const expected = { requests: [], error: `Protocol error: ${error}` }
    expect(decodeText(sent)).toEqual(expected)
    const sentBytes = Buffer.from(sent, "latin1")
    expect(decodeChunks(pieces(sentBytes, () => (sent.length > 1000 ? 1000 : 1)))).toEqual(expected)
  })

  it("requests before the error are given, those after it are not", () => {
    expect(decodeText("PING\r\n*1\r\n$4\r\nPING\r\n*1\r\n!\r\nPING\r\n")).toEqual({
      requests: [["PING"], ["PING"]],
      error: "Protocol error: expected '$', got '!'"
    })
  })

  it("the limits: proto-max-bulk-len, and counts of 2^31 - 1", () => {
    const limits = { bulkBytesMax: 10, authenticated: true }
    expect(decodeText("*1\r\n$10\r\n0123456789\r\n", limits).error).toBeNull()
    expect(decodeText("*1\r\n$11\r\n", limits).error).toBe("Protocol error: invalid bulk length")
    expect(decodeText("*2147483647\r\n$1\r\na\r\n")).toEqual({
      requests: [],
      error: null
    })
    expect(decodeText("*1\r\n$536870912\r\n").error).toBeNull()
  })

  it("who has not authenticated may send 10 arguments of 16384 bytes", () => {
    const limits = { bulkBytesMax: 512 * 1024 * 1024, authenticated: false }
    expect(decodeText("*10\r\n", limits).error).toBeNull()
    expect(decodeText("*11\r\n", limits).error).toBe("Protocol error: unauthenticated multibulk length")
    expect(decodeText("*1\r\n$16384\r\n", limits).error).toBeNull()
    expect(decodeText("*1\r\n$16385\r\n", limits).error).toBe("Protocol error: unauthenticated bulk length")
  })
})

describe("time is linear", () => {
  // generous: what is quadratic takes minutes
  const within = (limitMs: number, work: () => void): void => {
    const startedAt = performance.now()
    work()
    expect(performance.now() - startedAt).toBeLessThan(limitMs)
  }
  const mset = (count: number): Buffer =>
    encodeCommand(["MSET", ...Array.from({ length: count }, (_, i) => `argument:${i}`)])

  it("for MSET with 100,000 arguments in pieces of 1 KB", () => {
    const sent = mset(100_000)
    within(1000, () => {
      const { requests } = decodeChunks(pieces(sent, () => 1024))
      expect(requests[0]!.length).toBe(100_001)
      expect(requests[0]![100_000]!.toString()).toBe("argument:99999")
    })
  })

  it("and for one with 1,000,000", () => {
    const sent = mset(1_000_000)
    within(5000, () => expect(decodeChunks(pieces(sent, () => 1024)).requests[0]!.length).toBe(1_000_001))
  })

  it("for a value of 64 MB in pieces of 16 KB", () => {
    const sent = encodeCommand(["SET", "k", Buffer.alloc(64 * 1024 * 1024, 97)])
    within(2000, () =>
      expect(decodeChunks(pieces(sent, () => 16_384)).requests[0]![2]!.length).toBe(64 * 1024 * 1024)
    )
  })

  it("for 600,000 inline commands in one chunk", () => {
    const sent = Buffer.from("PING\r\n".repeat(600_000))
    within(4000, () => expect(decodeChunks([sent]).requests.length).toBe(600_000))
  })

  it("for 30,000 quoted inline commands in one chunk", () => {
    const sent = Buffer.from("ECHO 'a b'\r\n".repeat(30_000))
    within(3000, () => expect(decodeChunks([sent]).requests.length).toBe(30_000))
  })

  it("for a line of 60,000 bytes, a byte at a time", () => {
    const sent = Buffer.from(`ECHO ${"x".repeat(60_000)}\r\n`)
    within(10_000, () => expect(decodeChunks(pieces(sent, () => 1)).requests.length).toBe(1))
  })
})

describe("an announced length", () => {
  it("reserves no more than twice what has arrived, and in the end what is needed", () => {
    const decoder = new RequestDecoder()
    const batch = new CommandBatch()
    const length = 4 * 1024 * 1024
    const sent = encodeCommand(["SET", "k", Buffer.alloc(length, 97)])
    for (const chunk of pieces(sent, () => 10_000)) {
      const source = decoder.append(chunk, chunk.length)
      expect(decoder.held!.bytes.length).toBeLessThanOrEqual(Math.max(2 * decoder.heldBytes, 1024))
      if (source === null) continue
      decoder.keep(source, decoder.decode(source, 0, decoder.heldBytes, batch, LIMITS), decoder.heldBytes)
    }
    expect(batch.size).toBe(1)
    expect(batch.argLength[2]).toBe(length)
    expect(batch.source.bytes.length).toBe(sent.length)
  })
})
