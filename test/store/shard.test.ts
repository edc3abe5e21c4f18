/**
 * Shards against a Map: whatever is written, removed and resized, both hold the same. Random, from a seed.
 */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { Segments } from "../../src/store/segments.js"
import { testSeed } from "../support/engine.js"
import { ModelKeyspace } from "../support/model.js"

const seed = testSeed()
afterAll(() => console.log(`EFFECT_KV_SEED=${seed}`))

const write = (model: ModelKeyspace, fresh: number): void => {
  const key = model.someKey(fresh)
  const action = model.below(100)
  if (action < 60) model.set(0, key, model.someValue())
  else if (action < 80) model.remove(0, key)
  else model.resize(0, key)
}

describe("a shard", () => {
  it("holds what a Map holds after 400,000 random writes", () => {
    const model = new ModelKeyspace(seed)
    for (let i = 0; i < 400_000; i++) {
      write(model, 60)
      if (i % 16 === 0) expect(model.problem(0, model.pick(model.keys))).toBeNull()
    }
    expect(model.problems()).toEqual([])
  }, 120_000)

  it("gives all memory back when it is flushed", () => {
    const model = new ModelKeyspace(seed + 1)
    for (let i = 0; i < 50_000; i++) write(model, 70)
    expect(model.keyspace.segments.usedBytes).toBeGreaterThan(0)
    model.flush(0)
    expect(model.keyspace.segments.usedBytes).toBe(0)
    expect(model.problems()).toEqual([])
  }, 60_000)

  it("gives back the index as well when it is flushed after every key was removed", () => {
    const model = new ModelKeyspace(seed + 2)
    for (let i = 0; i < 20_000; i++) model.set(0, model.freshKey(), model.someValue())
    const full = model.keyspace.segments.usedBytes
    for (const key of model.keys) model.remove(0, key)
    expect(model.problems()).toEqual([])
    // no record is left, only index pages
    expect(model.keyspace.segments.usedBytes).toBeLessThan(full / 20)
    model.flush(0)
    expect(model.keyspace.segments.usedBytes).toBe(0)
  }, 60_000)

  it("uses the memory of removed keys again", () => {
    const model = new ModelKeyspace(seed + 3)
    for (let i = 0; i < 20_000; i++) model.set(0, model.freshKey(), model.someValue())
    const segments = model.keyspace.segments.count
    for (let round = 0; round < 5; round++) {
      for (const key of model.keys.splice(0)) model.remove(0, key)
      for (let i = 0; i < 20_000; i++) model.set(0, model.freshKey(), model.someValue())
    }
    expect(model.problems()).toEqual([])
    expect(model.keyspace.segments.count).toBeLessThan(segments * 2)
  }, 60_000)

  it("finds keys whose hashes are all the same", () => {
    const model = new ModelKeyspace(seed + 4)
    // every key is put under one hash, whatever its bytes
    model.keyspace.hash = () => 12345
    const keys = Array.from({ length: 300 }, (_, i) => `key ${1000 + i}`)
    for (const key of keys) model.set(0, key, Buffer.from(`the value of ${key}`))
    model.keys.push(...keys)
    expect(model.problems()).toEqual([])
    for (const key of keys.slice(0, 150)) model.remove(0, key)
    expect(model.problems()).toEqual([])
  })

  it("lets a value grow and shrink in place or elsewhere, from 0 bytes to 1.5 MB", () => {
    const model = new ModelKeyspace(seed + 5)
    for (let i = 0; i < 20; i++) model.set(0, model.freshKey(), Buffer.from("x"))
    for (let i = 0; i < 5000; i++) {
      const key = model.pick(model.keys)
      model.resize(0, key)
      expect(model.problem(0, key)).toBeNull()
      if (i % 50 === 0) model.set(0, key, model.someValue())
      if (i % 500 === 0) model.set(0, key, Buffer.alloc(524_200 + model.below(300), i))
    }
    expect(model.problems()).toEqual([])
  }, 60_000)
})

describe("a walk in steps", () => {
  const steps = (entries: boolean): void => {
    const model = new ModelKeyspace(seed + 6)
    for (let i = 0; i < 40_000; i++) model.set(0, model.freshKey(), Buffer.from("v"))
    const lasting = new Set(model.keys.filter((_, i) => i % 3 === 0))
    const passing = model.keys.filter((_, i) => i % 3 !== 0)
    const met = new Map<string, number>()
    for (const cell of model.keyspace.databases[0]!.cells) {
      let position = 0
      while (position >= 0) {
        const count = 1 + model.below(40)
        const visit = (ref: number): void => {
          const { key } = model.read(ref)
          met.set(key, (met.get(key) ?? 0) + 1)
        }
        position = entries
          ? cell.current.walkEntries(position, count, visit)
          : cell.current.walk(position, count, visit)
        for (let i = 0; i < 20; i++) {
          if (model.below(2) === 0) passing.push(model.freshKey())
          const key = model.pick(passing)
          if (model.below(2) === 0) model.remove(0, key)
          else model.set(0, key, model.someValue().subarray(0, 100))
        }
      }
    }
    for (const key of lasting) expect(met.get(key)).toBe(1)
    expect(Math.max(...met.values())).toBe(1)
  }

  it(
    "meets every key that stays exactly once, page by page, while others come and go",
    () => steps(false),
    60_000
  )
  it(
    "meets every key that stays exactly once, a few at a time, while others come and go",
    () => steps(true),
    60_000
  )

  it("visits about as many as it was asked for", () => {
    const model = new ModelKeyspace(seed + 7)
    for (let i = 0; i < 20_000; i++) model.set(0, model.freshKey(), Buffer.from("v"))
    const shard = model.keyspace.databases[0]!.cells[3]!.current
    for (let position = 0; position >= 0; ) {
      let visited = 0
      position = shard.walkEntries(position, 10, () => visited++)
      expect(visited).toBeLessThanOrEqual(12)
      if (position >= 0) expect(visited).toBeGreaterThanOrEqual(10)
    }
  })

  it("picks every key about as often when picking at random", () => {
    const model = new ModelKeyspace(seed + 8)
    for (let i = 0; i < 100; i++) model.set(0, model.freshKey(), Buffer.from("v"))
    const times = new Map<string, number>()
    for (let i = 0; i < 20_000; i++) {
      const { key } = model.read(model.keyspace.randomRecord(model.keyspace.databases[0]!)!.ref)
      times.set(key, (times.get(key) ?? 0) + 1)
    }
    expect(times.size).toBe(100)
    expect(Math.min(...times.values())).toBeGreaterThan(120)
    expect(Math.max(...times.values())).toBeLessThan(300)
  })
})

describe("segments", () => {
  it("give a number out again after the segment of a huge key is freed", () => {
    const segments = new Segments()
    const first = segments.takeSingle(600_000)
    segments.release(first)
    expect(segments.takeSingle(700_000)).toBe(first)
    expect(segments.bytes[first]!.length).toBe(700_000)
  })
})
