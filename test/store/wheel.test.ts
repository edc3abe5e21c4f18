/**
 * Expiry: every key goes exactly when its time has come, over seconds and over years. Random, from a seed.
 */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { NO_DEADLINE } from "../../src/store/record.js"
import { START_MS, testSeed } from "../support/engine.js"
import { ModelKeyspace } from "../support/model.js"

const seed = testSeed()
afterAll(() => console.log(`EFFECT_KV_SEED=${seed}`))

const SECOND = 1000
const DAY = 86_400 * SECOND
const YEAR = 365 * DAY

/** A span of time whose order of magnitude is random. */
const span = (model: ModelKeyspace, most: number): number =>
  Math.max(1, Math.floor(Math.exp((model.random() / 4294967296) * Math.log(most))))

class Expiry {
  readonly model: ModelKeyspace
  now = START_MS
  /** Keys that were handed out since the last look. */
  expired = new Set<string>()

  constructor(seed: number) {
    this.model = new ModelKeyspace(seed)
    const { keyspace } = this.model
    keyspace.onExpire = (_, ref) => {
      const { key, deadline } = this.model.read(ref)
      if (deadline > this.now) throw new Error(`'${key}' expired too early`)
      if (this.expired.has(key)) throw new Error(`'${key}' expired twice`)
      this.expired.add(key)
    }
  }

  setTime(now: number): void {
    this.now = now
    this.model.keyspace.setTime(now)
  }

  /** Lets time pass, and everything due go; checks that it is what a Map says. */
  pass(milliseconds: number, budget: number): void {
    const { keyspace, state } = this.model
    this.setTime(this.now + milliseconds)
    this.expired.clear()
    for (let calls = 0; !keyspace.expireDue(budget); calls++) if (calls > 1_000_000) throw new Error("no end")
    let due = 0
    for (const [key, { deadline }] of state[0]!) {
      if (deadline === NO_DEADLINE || deadline > this.now) continue
      due++
      if (!this.expired.has(key)) throw new Error(`'${key}' is late: ${this.now - Number(deadline)} ms`)
    }
    expect(this.expired.size).toBe(due)
    for (const key of this.expired) state[0]!.delete(key)
  }
}

const run = (
  start: number,
  rounds: number,
  keysPerRound: number,
  longest: number,
  budget: () => number
): void => {
  const expiry = new Expiry(start)
  const { model } = expiry
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < keysPerRound; i++) {
      const key = model.someKey(50)
      const deadline = model.below(10) === 0 ? NO_DEADLINE : expiry.now + span(model, longest)
      const action = model.below(10)
      if (action < 6) model.set(0, key, model.someValue().subarray(0, 200), deadline)
      else if (action < 8) model.setDeadline(0, key, deadline)
      else if (action < 9) model.resize(0, key)
      else model.remove(0, key)
    }
    expiry.pass(model.below(4) === 0 ? 0 : span(model, longest / 4), budget())
  }
  expect(model.problems()).toEqual([])
  expiry.pass(2 * longest, 1000)
  expect(model.keyspace.volatileSize(model.keyspace.databases[0]!)).toBe(0)
  expect(model.problems()).toEqual([])
}

describe("expiry", () => {
  it("is exact over a minute", () => run(seed, 400, 100, 60 * SECOND, () => 1_000_000), 60_000)
  it(
    "is exact over an hour, a few keys at a time",
    () => run(seed + 1, 300, 50, 3600 * SECOND, () => 3),
    60_000
  )
  it("is exact over a year", () => run(seed + 2, 200, 100, YEAR, () => 1000), 120_000)
  it("is exact over 30 years, with any budget", () => {
    let turn = 0
    run(seed + 3, 100, 100, 30 * YEAR, () => 1 + (turn++ % 50))
  }, 120_000)

  it("keeps deadlines beyond every level of the wheel", () => {
    const expiry = new Expiry(seed + 4)
    const { model } = expiry
    const deadlines = [START_MS + 150 * YEAR, START_MS + 500 * YEAR, 9007199254740993n, 9223372036854775807n]
    deadlines.forEach((deadline, i) => {
      model.keys.push(String(i))
      model.set(0, String(i), Buffer.from("v"), deadline)
    })
    for (let years = 0; years < 140; years += 10) expiry.pass(10 * YEAR, 100)
    expect(model.problems()).toEqual([])
    expiry.pass(10 * YEAR - 1, 100)
    expect(model.state[0]!.size).toBe(4)
    expiry.pass(1, 100)
    expect(model.state[0]!.size).toBe(3)
    expiry.pass(349 * YEAR, 100)
    expiry.pass(YEAR, 100)
    expect([...model.state[0]!.keys()]).toEqual(["2", "3"])
  }, 60_000)

  it("hides a key in the millisecond that it is due, before anything removed it", () => {
    const expiry = new Expiry(seed + 5)
    const { model } = expiry
    model.keys.push("k")
    model.set(0, "k", Buffer.from("v"), START_MS + 10)
    expiry.setTime(START_MS + 9)
    expect(model.find(0, "k")).not.toBe(0)
    expiry.setTime(START_MS + 10)
    expect(model.find(0, "k")).toBe(0)
    expect([...expiry.expired]).toEqual(["k"])
  })

  it("removes nothing while it is turned off, and what is due once it is on again", () => {
    const expiry = new Expiry(seed + 6)
    const { model } = expiry
    model.keys.push("k")
    model.set(0, "k", Buffer.from("v"), START_MS + 10)
    model.keyspace.expires = false
    expiry.setTime(START_MS + 1000)
    expect(model.keyspace.expireDue(10)).toBe(true)
    expect(model.find(0, "k")).not.toBe(0)
    model.keyspace.expires = true
    expiry.pass(0, 10)
    expect(model.state[0]!.size).toBe(0)
  })

  it("hides keys after the clock was set back, and removes them at the latest when it is where it was", () => {
    const expiry = new Expiry(seed + 7)
    const { model } = expiry
    for (let i = 0; i < 100; i++) model.set(0, model.freshKey(), Buffer.from("v"), START_MS + DAY + i)
    expiry.pass(DAY / 2, 1000)
    expiry.setTime(START_MS)
    const keys = Array.from({ length: 100 }, () => model.freshKey())
    keys.forEach((key, i) => {
      model.set(0, key, Buffer.from("v"), START_MS + SECOND + i)
    })
    expiry.setTime(START_MS + SECOND + 50)
    while (!model.keyspace.expireDue(1000));
    keys.forEach((key, i) => {
      if (i % 2 === 0) expect(model.find(0, key) === 0).toBe(i <= 50)
      if (expiry.expired.has(key)) model.state[0]!.delete(key)
    })
    expiry.pass(DAY, 1000)
    expect(model.state[0]!.size).toBe(0)
    expect(model.problems()).toEqual([])
  })
})
