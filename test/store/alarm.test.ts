/**
 * The expiry task's sleep: `nextDue` misses no deadline and wakes seldom, earlier deadlines ring, and a clock that is
 * set back puts keys in order anew. Random, from a seed.
 */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { nextDue, wheelsOf } from "../../src/store/alarm.js"
import { NO_DEADLINE } from "../../src/store/record.js"
import { START_MS, testSeed } from "../support/engine.js"
import { ModelKeyspace } from "../support/model.js"

const seed = testSeed()
afterAll(() => console.log(`EFFECT_KV_SEED=${seed}`))

const KEYS = 500
const YEAR = 365 * 86_400_000

const make = (offset: number) => {
  const model = new ModelKeyspace(seed + offset)
  const { keyspace } = model
  /** Deadlines in the order in which keys went, each with the time at which it did. */
  const expired: Array<{ readonly deadline: number; readonly at: number }> = []
  keyspace.onExpire = (_, ref) => {
    expired.push({ deadline: Number(keyspace.deadlineOf(ref)), at: keyspace.now })
  }
  const due = (): number => nextDue(wheelsOf(keyspace.databases))
  /** Lets time pass to `end` as the task does: from one wake to the next; how often it woke. */
  const sleepUntil = (end: number): number => {
    let wakes = 0
    for (let next = due(); next <= end; next = due(), wakes++) {
      expect(next).toBeGreaterThan(keyspace.now)
      keyspace.setTime(next)
      while (!keyspace.expireDue(100)) {
        // until everything due is gone
      }
    }
    keyspace.setTime(end)
    return wakes
  }
  /** A key whose deadline is some time from now, its order of magnitude random. */
  const add = (i: number, from = keyspace.now): number => {
    const deadline = from + Math.max(1, Math.floor(Math.exp((model.random() / 2 ** 32) * Math.log(YEAR))))
    model.set(0, `key:${i}`, Buffer.from("v"), deadline)
    return deadline
  }
  return { model, keyspace, expired, due, sleepUntil, add }
}

describe("the next deadline", () => {
  it("is never, where no key has one", () => {
    const { due, model, keyspace } = make(0)
    expect(due()).toBe(Number.POSITIVE_INFINITY)
    model.set(0, "k", Buffer.from("v"), NO_DEADLINE)
    expect(due()).toBe(Number.POSITIVE_INFINITY)
    model.set(0, "k", Buffer.from("v"), START_MS + 5)
    expect(due()).toBe(START_MS + 5)
    keyspace.flush(keyspace.databases[0]!)
    expect(due()).toBe(Number.POSITIVE_INFINITY)
  })

  it("has every key removed to the millisecond, and wakes at most seven times for one", () => {
    const { add, expired, sleepUntil } = make(1)
    const deadlines = Array.from({ length: KEYS }, (_, i) => add(i))
    const wakes = sleepUntil(START_MS + YEAR + 1)
    expect(expired.map(({ deadline }) => deadline).sort((a, b) => a - b)).toEqual(
      deadlines.sort((a, b) => a - b)
    )
    for (const { deadline, at } of expired) expect(at).toBe(deadline)
    expect(wakes).toBeLessThanOrEqual(7 * KEYS)
  })
})

describe("the alarm", () => {
  it("rings for earlier deadlines, once, and for no others", () => {
    const { keyspace, model } = make(2)
    let rings = 0
    keyspace.alarm.ring = () => {
      rings++
    }
    model.set(0, "unwatched", Buffer.from("v"), START_MS + 1000)
    expect(rings).toBe(0)
    keyspace.alarm.at = START_MS + 1000
    model.set(0, "later", Buffer.from("v"), START_MS + 1000)
    model.set(0, "never", Buffer.from("v"), NO_DEADLINE)
    expect(rings).toBe(0)
    model.set(0, "earlier", Buffer.from("v"), START_MS + 999)
    model.set(0, "earliest", Buffer.from("v"), START_MS + 10)
    expect(rings).toBe(1)
  })
})

describe("a clock that is set back", () => {
  it("leaves no key behind", () => {
    const { add, expired, keyspace, sleepUntil } = make(3)
    for (let i = 0; i < KEYS; i++) add(i)
    sleepUntil(START_MS + YEAR / 2)
    const before = expired.length
    expect(before).toBeGreaterThan(0)
    const back = START_MS + YEAR / 4
    keyspace.setTime(back)
    const moved = wheelsOf(keyspace.databases).filter((wheel) => wheel.setBack(back))
    expect(moved.length).toBeGreaterThan(0)
    for (let i = 0; i < KEYS; i++) add(KEYS + i)
    sleepUntil(back + YEAR + 1)
    expect(expired.length).toBe(2 * KEYS)
    for (const { deadline, at } of expired.slice(before)) expect(at).toBe(deadline)
    expect(wheelsOf(keyspace.databases).some((wheel) => wheel.setBack(keyspace.now - 500))).toBe(false)
  })
})
