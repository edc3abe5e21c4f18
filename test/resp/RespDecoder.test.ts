// The Stream face of the request decoder gives what the decoder gives.
import { describe, expect, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { RespDecoder } from "../../src/index.js"
import { encodeCommand } from "../../src/resp/batch.js"
import { seeded, testSeed } from "../support/engine.js"
import { below, decodeChunks, pieces, randomRequests } from "./requests.js"

const collect = (chunks: Iterable<Uint8Array>) =>
  Stream.fromIterable(chunks).pipe(RespDecoder.decode(), Stream.runCollect, Effect.map(Chunk.toReadonlyArray))

describe("decode", () => {
  it.effect("gives random requests in random chunks, as the decoder does", () =>
    Effect.gen(function* () {
      const seed = testSeed()
      for (let round = 0; round < 5; round++) {
        const random = below(seeded((seed + round) >>> 0))
        const { requests, sent } = randomRequests(random, 200)
        for (const max of [40, 3000, 1_000_000]) {
          const chunks = [...pieces(sent, () => 1 + random(max))]
          const found = yield* collect(chunks)
          expect(found.length, `EFFECT_KV_SEED=${seed}`).toBe(requests.length)
          found.forEach((request, i) => {
            const same = request.every((arg, j) => Buffer.compare(arg, requests[i]![j]!) === 0)
            if (!same) expect(request, `request ${i}, EFFECT_KV_SEED=${seed}`).toEqual(requests[i])
          })
          expect(decodeChunks(chunks).requests.length).toBe(found.length)
        }
      }
    })
  )

  it.effect("gives bytes that stay, though the chunks are reused", () =>
    Effect.gen(function* () {
      const chunk = Buffer.alloc(64)
      const chunks = Stream.fromIterable(["one", "two", "three"]).pipe(
        Stream.rechunk(1),
        Stream.map((word) => {
          const sent = encodeCommand(["ECHO", word])
          chunk.fill(0)
          sent.copy(chunk)
          return chunk.subarray(0, sent.length)
        })
      )
      const requests = yield* Stream.runCollect(RespDecoder.decode()(chunks))
      expect(Chunk.toReadonlyArray(requests).map((args) => Buffer.from(args[1]!).toString())).toEqual([
        "one",
        "two",
        "three"
      ])
    })
  )

  it.effect("fails with Redis's text, after the requests before it", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const error = yield* Stream.make(
        Buffer.from("PING\r\n*1\r\n$4\r\nPI"),
        Buffer.from("NG\r\n*1\r\n$x\r\n")
      ).pipe(
        RespDecoder.decode(),
        Stream.runForEach((request) => Effect.sync(() => seen.push(request.length))),
        Effect.flip
      )
      expect(error).toBeInstanceOf(RespDecoder.ProtocolError)
      expect(error.message).toBe("Protocol error: invalid bulk length")
      expect(seen).toEqual([1, 1])
    })
  )

  it.effect("keeps to its limits, and its source's error", () =>
    Effect.gen(function* () {
      const limited = Stream.make(Buffer.from("*1\r\n$11\r\n")).pipe(
        RespDecoder.decode({ bulkBytesMax: 10, authenticated: true }),
        Stream.runDrain,
        Effect.flip
      )
      expect((yield* limited).message).toBe("Protocol error: invalid bulk length")
      const failing = Stream.concat(Stream.make(Buffer.from("PING\r\n")), Stream.fail("broken" as const))
      expect(yield* Effect.flip(Stream.runDrain(RespDecoder.decode()(failing)))).toBe("broken")
    })
  )

  it.effect("drops an incomplete request at the end, and may run again from the start", () =>
    Effect.gen(function* () {
      const requests = Stream.make(Buffer.from("PING\r\n*1\r\n$4\r\nPI")).pipe(RespDecoder.decode())
      expect(Chunk.size(yield* Stream.runCollect(requests))).toBe(1)
      expect(Chunk.size(yield* Stream.runCollect(requests))).toBe(1)
    })
  )

  it.effect("takes only as much of its source as is asked for", () =>
    Effect.gen(function* () {
      let pulled = 0
      const endless = Stream.repeatEffect(
        Effect.sync(() => {
          pulled++
          return Buffer.from("PING\r\n")
        })
      )
      expect(Chunk.size(yield* Stream.runCollect(Stream.take(RespDecoder.decode()(endless), 3)))).toBe(3)
      expect(pulled).toBeLessThan(10)
    })
  )

  it.effect("100,000 requests in 1 KB chunks take linear time", () =>
    Effect.gen(function* () {
      const sent = Buffer.concat(
        Array.from({ length: 100_000 }, (_, i) => encodeCommand(["SET", `k${i}`, "v"]))
      )
      const startedAt = performance.now()
      expect((yield* collect(pieces(sent, () => 1024))).length).toBe(100_000)
      expect(performance.now() - startedAt).toBeLessThan(4000)
    })
  )
})
