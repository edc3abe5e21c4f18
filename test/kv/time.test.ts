// Time in the in-process client is Effect's Clock: deadlines, durations of every kind, and what a TestClock costs.
import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { until } from "../support/server.mjs"
import { engine, turns, withStore } from "./support.js"

const never = Option.some(Duration.infinity)

describe("a deadline", () => {
  it.effect("is when a key vanishes, exactly", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set("k", "v", { ttl: "10 seconds" })
        expect(yield* kv.ttl("k")).toEqual(Option.some(Duration.seconds(10)))
        yield* TestClock.adjust(Duration.millis(9_999))
        expect(yield* kv.get("k")).toEqual(Option.some("v"))
        expect(yield* kv.ttl("k")).toEqual(Option.some(Duration.millis(1)))
        yield* TestClock.adjust(Duration.millis(1))
        expect(yield* kv.get("k")).toEqual(Option.none())
        expect(yield* kv.ttl("k")).toEqual(Option.none())
      })
    )
  )

  it.effect("is given, kept and taken away", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(yield* kv.expire("none", "1 second")).toBe(false)
        yield* kv.set("a", "1", { ttl: "10 seconds" })
        yield* kv.set("a", "2", { keepTtl: true })
        expect(yield* kv.ttl("a")).toEqual(Option.some(Duration.seconds(10)))
        expect(yield* kv.persist("a")).toBe(true)
        expect(yield* kv.persist("a")).toBe(false)
        expect(yield* kv.ttl("a")).toEqual(never)
        expect(yield* kv.expire("a", "2 seconds")).toBe(true)
        yield* TestClock.adjust("2 seconds")
        expect(yield* kv.exists("a")).toBe(0)
      })
    )
  )

  it.effect("a key without one and no key at all are told apart", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set("forever", "v")
        expect(yield* kv.ttl("forever")).toEqual(never)
        expect(yield* kv.ttl("nobody")).toEqual(Option.none())
      })
    )
  )
})

describe("durations", () => {
  it.effect("that never end are no deadline", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set("k", "v", { ttl: Duration.infinity })
        expect(yield* kv.ttl("k")).toEqual(never)
        yield* kv.set("k", "v", { ttl: "1 second" })
        yield* kv.set("k", "v", { ttl: Duration.infinity })
        expect(yield* kv.ttl("k")).toEqual(never)
        kv.unsafe.set("k", "v", { ttl: Number.POSITIVE_INFINITY })
        expect(yield* kv.ttl("k")).toEqual(never)
        // expire takes a deadline away, and says whether the key is there, with a deadline or without
        yield* kv.expire("k", "1 second")
        expect(yield* kv.expire("k", Duration.infinity)).toBe(true)
        expect(yield* kv.ttl("k")).toEqual(never)
        expect(yield* kv.expire("k", Duration.infinity)).toBe(true)
        expect(yield* kv.expire("nobody", Duration.infinity)).toBe(false)
      })
    )
  )

  it.effect.each([0, -1, Number.NEGATIVE_INFINITY, Duration.zero, Duration.seconds(-5)])(
    "of nothing (%s) delete at once with expire, and are refused by set",
    (ttl) =>
      withStore((kv) =>
        Effect.gen(function* () {
          yield* kv.set("k", "v")
          const refusal = { reason: "Reply", message: "ERR invalid expire time in 'set' command" }
          expect(yield* Effect.flip(kv.set("k", "w", { ttl }))).toMatchObject(refusal)
          expect(() => kv.unsafe.set("k", "w", { ttl })).toThrow(expect.objectContaining(refusal))
          expect(yield* kv.get("k")).toEqual(Option.some("v"))
          expect(yield* kv.expire("k", ttl)).toBe(true)
          expect(yield* kv.get("k")).toEqual(Option.none())
          expect(yield* kv.expire("k", ttl)).toBe(false)
        })
      )
  )

  it.effect("below a millisecond are a millisecond", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set("k", "v", { ttl: Duration.micros(1n) })
        expect(yield* kv.ttl("k")).toEqual(Option.some(Duration.millis(1)))
      })
    )
  )

  it.effect("beyond what Redis can count are refused in its words", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(kv.set("k", "v", { ttl: 1e19 }))).toMatchObject({ reason: "Reply" })
        expect(yield* Effect.flip(kv.set("k", "v", { ttl: 1e300 }))).toMatchObject({ reason: "Reply" })
        yield* kv.set("k", "v", { ttl: Duration.days(365_000) })
        expect(yield* kv.ttl("k")).toEqual(Option.some(Duration.days(365_000)))
      })
    )
  )
})

describe("keys that nobody asks for", () => {
  it.effect("are removed when their time comes", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const { keyspace } = yield* engine
        const before = keyspace.segments.usedBytes
        yield* Effect.forEach(
          Array.from({ length: 3000 }, (_, i) => i),
          (i) => kv.set(`k${i}`, "x".repeat(100), { ttl: Duration.millis(i < 2000 ? 1000 : 3000) })
        )
        yield* TestClock.adjust(999)
        yield* turns(20)
        expect(yield* kv.dbSize).toBe(3000)
        yield* TestClock.adjust(1)
        // a pass comes at most 1/hz of a second later
        yield* TestClock.adjust(100)
        yield* turns(50)
        expect(yield* kv.dbSize).toBe(1000)
        expect(keyspace.stats.expired).toBe(2000)
        yield* TestClock.adjust("2 seconds")
        yield* turns(50)
        expect(yield* kv.dbSize).toBe(0)
        expect(keyspace.segments.usedBytes).toBeLessThan(before + 3000 * 100)
      })
    )
  )

  it.effect("are removed when a deadline comes that is earlier than those that were awaited", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const { keyspace } = yield* engine
        const expiredAfter = (ms: number) =>
          Effect.gen(function* () {
            yield* TestClock.adjust(ms)
            yield* turns(20)
            return keyspace.stats.expired
          })
        yield* kv.set("late", "v", { ttl: "1 day" })
        yield* turns(5)
        yield* kv.set("soon", "v", { ttl: "1 minute" })
        yield* turns(5)
        yield* kv.set("sooner", "v", { ttl: "1 second" })
        yield* turns(5)
        expect(yield* expiredAfter(1100)).toBe(1)
        expect(yield* expiredAfter(59_000)).toBe(2)
        // a deadline that is moved, and one that a key is given later
        yield* kv.expire("late", "5 seconds")
        expect(yield* expiredAfter(5100)).toBe(3)
        yield* kv.set("given", "v")
        yield* turns(5)
        yield* kv.expire("given", "2 seconds")
        expect(yield* expiredAfter(2100)).toBe(4)
      })
    )
  )

  it.effect("are removed in every database", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const ninth = yield* kv.database(9)
        yield* kv.set("a", "v", { ttl: "1 hour" })
        yield* ninth.set("b", "v", { ttl: "2 hours" })
        yield* TestClock.adjust("3 hours")
        yield* turns(20)
        expect((yield* engine).keyspace.stats.expired).toBe(2)
      })
    )
  )
})

describe("a TestClock", () => {
  it.effect("moves a day with a store in milliseconds", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set("forever", "v")
        yield* kv.set("tomorrow", "v", { ttl: "23 hours" })
        yield* turns(5)
        const startedAt = performance.now()
        yield* TestClock.adjust("1 hour")
        yield* TestClock.adjust("23 hours")
        yield* turns(20)
        expect((yield* engine).keyspace.stats.expired).toBe(1)
        // a pass every 100 ms would be 864,000 of them
        expect(performance.now() - startedAt).toBeLessThan(500)
      })
    )
  )
})

describe("a clock that is set", () => {
  it.effect("back does not keep keys", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const { keyspace } = yield* engine
        yield* TestClock.setTime(Duration.toMillis("10 hours"))
        for (let i = 0; i < 200; i++) yield* kv.set(`before:${i}`, "v", { ttl: "1 second" })
        yield* TestClock.adjust("2 seconds")
        yield* turns(20)
        expect(keyspace.stats.expired).toBe(200)
        for (let i = 0; i < 200; i++) yield* kv.set(`kept:${i}`, "v", { ttl: "1 second" })
        yield* TestClock.setTime(Duration.toMillis("1 hour"))
        for (let i = 0; i < 200; i++) yield* kv.set(`after:${i}`, "v", { ttl: "5 seconds" })
        yield* turns(50)
        yield* TestClock.adjust("6 seconds")
        yield* turns(50)
        expect(keyspace.stats.expired).toBe(400)
        // what was set before keeps its deadline, which is a time of day
        expect(yield* kv.dbSize).toBe(200)
        expect(yield* kv.ttl("kept:1")).not.toEqual(Option.none())
        yield* TestClock.setTime(Duration.toMillis("10 hours") + 3100)
        yield* turns(50)
        expect(keyspace.stats.expired).toBe(600)
      })
    )
  )

  it.live("forward takes keys without a timer that ends", () =>
    Effect.gen(function* () {
      const real = Clock.make()
      let ahead = 0
      const adjustable: Clock.Clock = {
        ...real,
        unsafeCurrentTimeMillis: () => real.unsafeCurrentTimeMillis() + ahead,
        sleep: (duration) => real.sleep(duration)
      }
      yield* withStore((kv) =>
        Effect.gen(function* () {
          const { keyspace } = yield* engine
          yield* kv.set("k", "v", { ttl: "1 hour" })
          yield* turns(5)
          expect(keyspace.stats.expired).toBe(0)
          ahead = Duration.toMillis("2 hours")
          yield* Effect.promise(() => until("the key is removed", () => keyspace.stats.expired === 1))
        })
      ).pipe(Effect.withClock(adjustable))
    })
  )
})
