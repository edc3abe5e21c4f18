// The short way of GET and SET: it must be told from the way over the engine by nothing but its speed.
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { Kv } from "../../src/index.js"
import { temporaryDir } from "../support/server.mjs"
import { engine, turns, withStore } from "./support.js"

const bytes = FastCheck.uint8Array({ maxLength: 80 })
const text = FastCheck.oneof(
  FastCheck.string({ unit: "binary", maxLength: 80 }),
  FastCheck.string({ unit: "grapheme-ascii", maxLength: 80 }),
  FastCheck.constantFrom("", "\ud800", "0", "-0", "007", "9223372036854775807", "9223372036854775808", "1e3"),
  // around the lengths at which another way is taken
  FastCheck.integer({ min: 60, max: 70 }).map((length) => "é".repeat(length)),
  FastCheck.constantFrom(5000, 6000, 16_380, 70_000).map((length) => "x".repeat(length))
)
const argument: FastCheck.Arbitrary<Kv.Argument> = FastCheck.oneof(
  text,
  bytes,
  FastCheck.integer(),
  FastCheck.double(),
  FastCheck.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
)

const hex = (keys: Iterable<Buffer>) => [...keys].map((key) => key.toString("hex")).sort()

describe("what is set the short way", () => {
  it.effect("is what the engine would have set, and is read alike", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const other = yield* kv.database(1)
        FastCheck.assert(
          FastCheck.property(argument, argument, (key, value) => {
            kv.unsafe.set(key, value)
            other.unsafe.send("SET", key, value)
            for (const client of [kv, other]) {
              expect(client.unsafe.get(key)).toBe(client.unsafe.send("GET", key))
              expect(client.unsafe.getBytes(key)).toEqual(Effect.runSync(client.sendBytes("GET", key)))
              expect(Effect.runSync(client.get(key))).toEqual(Option.some(client.unsafe.get(key)))
              expect(Effect.runSync(client.getBytes(key))).toEqual(Option.some(client.unsafe.getBytes(key)))
            }
            expect(kv.unsafe.getBytes(key)).toEqual(other.unsafe.getBytes(key))
            expect(kv.unsafe.send("OBJECT", "ENCODING", key)).toBe(
              other.unsafe.send("OBJECT", "ENCODING", key)
            )
          }),
          { numRuns: 300 }
        )
        const keys = (client: Kv.KvService) => Effect.map(Stream.runCollect(client.scanBytes()), hex)
        expect(yield* keys(kv)).toEqual(yield* keys(other))
      })
    )
  )

  it.effect("loses the deadline that the key had", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set("k", "v", { ttl: "1 second" })
        kv.unsafe.set("k", "w")
        yield* TestClock.adjust("2 seconds")
        expect(kv.unsafe.get("k")).toBe("w")
      })
    )
  )

  it.effect("is in the append-only file, before the call returns", () =>
    Effect.gen(function* () {
      const dir = yield* Effect.acquireRelease(
        Effect.sync(() => temporaryDir("effect-kv-direct")),
        (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
      )
      const options = { dir, appendonly: true } as const
      const key = Buffer.from([0, 255, 13, 10])
      yield* withStore(
        (kv) =>
          Effect.gen(function* () {
            const fifth = yield* kv.database(5)
            kv.unsafe.set(key, "bytes")
            fifth.unsafe.set("n", 42)
            yield* kv.set("effect", "ψ")
            const folder = path.join(dir, "appendonlydir")
            const file = fs.readdirSync(folder).find((name) => name.endsWith(".incr.aof"))!
            expect(fs.readFileSync(path.join(folder, file), "utf8")).toContain("$6\r\neffect\r\n$2\r\nψ\r\n")
            kv.unsafe.set("last", "1")
            expect(fs.readFileSync(path.join(folder, file), "latin1")).toContain("$4\r\nlast\r\n$1\r\n1\r\n")
          }),
        options
      )
      yield* withStore(
        (kv) =>
          Effect.gen(function* () {
            expect(kv.unsafe.get(key)).toBe("bytes")
            expect(kv.unsafe.get("effect")).toBe("ψ")
            expect(kv.unsafe.get("last")).toBe("1")
            expect((yield* kv.database(5)).unsafe.get("n")).toBe("42")
          }),
        options
      )
    }).pipe(Effect.scoped)
  )
})

describe("time on the short way", () => {
  it.effect("is exact for what has a deadline, within one run of code too", () => {
    let now = 1_700_000_000_000
    const clock: Clock.Clock = { ...Clock.make(), unsafeCurrentTimeMillis: () => now }
    return withStore((kv) =>
      Effect.sync(() => {
        kv.unsafe.set("k", "v", { ttl: 10 })
        kv.unsafe.set("forever", "v")
        expect(kv.unsafe.get("k")).toBe("v")
        now += 9
        expect(kv.unsafe.get("k")).toBe("v")
        now += 1
        expect(kv.unsafe.get("k")).toBeNull()
        expect(kv.unsafe.get("forever")).toBe("v")
      })
    ).pipe(Effect.withClock(clock))
  })

  it.effect("is what OBJECT IDLETIME counts from", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        kv.unsafe.set("k", "v")
        yield* TestClock.adjust("100 seconds")
        expect(kv.unsafe.send("OBJECT", "IDLETIME", "k")).toBe(100)
        kv.unsafe.get("k")
        expect(kv.unsafe.send("OBJECT", "IDLETIME", "k")).toBe(0)
        // one that asked not to touch does not
        const session = yield* kv.session
        yield* session.send("CLIENT", "NO-TOUCH", "ON")
        yield* TestClock.adjust("50 seconds")
        session.unsafe.get("k")
        expect(kv.unsafe.send("OBJECT", "IDLETIME", "k")).toBe(50)
      })
    )
  )
})

describe("the rules hold on the short way", () => {
  it.effect("a script is indivisible: what is synchronous cannot wait, an Effect does", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const { gate } = yield* engine
        const running = yield* Effect.fork(
          kv.eval("redis.call('SET', 'a', '1') for i = 1, 3e6 do end redis.call('SET', 'a', '2')")
        )
        while (!gate.running) yield* turns(1)
        const wait = expect.objectContaining({ _tag: "KvError", reason: "Wait", code: "WAIT" })
        expect(() => kv.unsafe.get("a")).toThrow(wait)
        expect(() => kv.unsafe.getBytes("a")).toThrow(wait)
        expect(() => kv.unsafe.set("a", "3")).toThrow(wait)
        expect(yield* kv.get("a")).toEqual(Option.some("2"))
        yield* running
      })
    )
  )

  it.effect("memory has its limit", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        kv.unsafe.set("k", "v")
        yield* kv.send("CONFIG", "SET", "maxmemory", 1)
        const error = { reason: "Reply", code: "OOM" }
        expect(() => kv.unsafe.set("k", "w")).toThrow(expect.objectContaining(error))
        expect(yield* Effect.flip(kv.set("k", "w"))).toMatchObject(error)
        expect(kv.unsafe.get("k")).toBe("v")
      })
    )
  )

  it.effect("a file that cannot be written refuses writes", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const { writesRefused } = yield* engine
        expect(writesRefused).toBeNull()
        ;(yield* engine).writesRefused = Buffer.from("-MISCONF Errors writing to the AOF file: a test\r\n")
        const error = { reason: "Reply", code: "MISCONF" }
        expect(() => kv.unsafe.set("k", "w")).toThrow(expect.objectContaining(error))
        expect(yield* Effect.flip(kv.set("k", "w"))).toMatchObject(error)
        expect(kv.unsafe.get("k")).toBeNull()
      })
    )
  )

  it.effect("it counts: commands, hits and misses, changes", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const { changes, keyspace, stats } = yield* engine
        const before = { commands: stats.commands, changes: changes.count }
        kv.unsafe.set("k", "v")
        yield* kv.set("k", "w")
        kv.unsafe.get("k")
        yield* kv.get("k")
        kv.unsafe.get("nobody")
        expect(stats.commands - before.commands).toBe(5)
        expect(changes.count - before.changes).toBe(2)
        expect(keyspace.stats).toMatchObject({ hits: 2, misses: 1 })
        const info = String(yield* kv.send("INFO", "commandstats"))
        expect(info).toMatch(/cmdstat_get:calls=3,/)
        expect(info).toMatch(/cmdstat_set:calls=2,/)
      })
    )
  )
})

describe("binary keys", () => {
  it.effect("survive scan and mget", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const keys = Array.from({ length: 300 }, (_, i) => Buffer.from([255, i >> 8, i & 255, 128]))
        for (const key of keys) kv.unsafe.set(key, Buffer.from([...key].reverse()))
        const all = yield* Stream.runCollect(kv.scanBytes())
        expect(hex(all)).toEqual(hex(keys))
        const match = Buffer.from([255, 1, 43])
        const some = yield* Stream.runCollect(
          kv.scanBytes({ match: Buffer.concat([match, Buffer.from("*")]) })
        )
        expect(Chunk.toReadonlyArray(some)).toEqual([Buffer.from([255, 1, 43, 128])])
        const values = yield* kv.mgetBytes([...keys.slice(0, 2), "nobody"])
        expect(values).toEqual([Buffer.from([128, 0, 0, 255]), Buffer.from([128, 1, 0, 255]), null])
      })
    )
  )
})
