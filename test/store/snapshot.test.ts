/**
 * Snapshots: whatever is written meanwhile, a snapshot takes the state at its start. Random, from a seed.
 */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { NO_DEADLINE } from "../../src/store/record.js"
import { START_MS, testSeed } from "../support/engine.js"
import { ModelKeyspace, type State } from "../support/model.js"

const seed = testSeed()
afterAll(() => console.log(`EFFECT_KV_SEED=${seed}`))

const DATABASES = 3

/** What a snapshot took, and whether anything was taken twice. */
class Taken {
  readonly state: State = Array.from({ length: DATABASES }, () => new Map())
  twice = 0

  constructor(private readonly model: ModelKeyspace) {}

  readonly take = (database: number, ref: number): void => {
    const { key, value, deadline } = this.model.read(ref)
    if (this.state[database]!.has(key)) this.twice++
    this.state[database]!.set(key, { value, deadline })
  }

  /** What differs from a state, at most ten lines. */
  differences(from: State): Array<string> {
    const found: Array<string> = []
    for (let database = 0; database < DATABASES; database++) {
      const taken = this.state[database]!
      for (const [key, { value, deadline }] of from[database]!) {
        const other = taken.get(key)
        if (other === undefined) found.push(`${database} ${key.slice(0, 40)}: missing`)
        else if (!other.value.equals(value)) found.push(`${database} ${key.slice(0, 40)}: another value`)
        else if (other.deadline !== deadline) found.push(`${database} ${key.slice(0, 40)}: another deadline`)
      }
      for (const key of taken.keys()) {
        if (!from[database]!.has(key)) found.push(`${database} ${key.slice(0, 40)}: should not be there`)
      }
    }
    return found.slice(0, 10)
  }
}

/** A copy of the model's state: values are never changed in place there. */
const copyOf = (state: State): State => state.map((database) => new Map(database))

const write = (model: ModelKeyspace, wild: boolean): void => {
  const database = model.below(DATABASES)
  const key = model.someKey(20)
  const action = model.below(1000)
  const deadline = model.below(3) === 0 ? START_MS + 1 + model.below(1_000_000_000) : NO_DEADLINE
  if (wild && action < 3) model.flush(database)
  else if (wild && action < 6) model.swap(database, model.below(DATABASES))
  else if (action < 500) model.set(database, key, model.someValue(), deadline)
  else if (action < 700) model.remove(database, key)
  else if (action < 850) model.resize(database, key)
  else model.setDeadline(database, key, deadline)
}

const fill = (model: ModelKeyspace, keys: number): void => {
  for (let i = 0; i < keys; i++) {
    const deadline = model.below(3) === 0 ? START_MS + 1 + model.below(1_000_000_000) : NO_DEADLINE
    model.set(model.below(DATABASES), model.freshKey(), model.someValue(), deadline)
  }
}

/** Snapshots one after another, with writes between their steps; how many steps they took. */
const run = (start: number, snapshots: number, writes: () => number, wild: boolean): void => {
  const model = new ModelKeyspace(start, DATABASES)
  fill(model, 6000)
  for (let i = 0; i < snapshots; i++) {
    const before = copyOf(model.state)
    const taken = new Taken(model)
    const snapshot = model.keyspace.snapshot(taken.take)
    while (!snapshot.advance(1 + model.below(200))) {
      for (let left = writes(); left > 0; left--) write(model, wild)
    }
    expect(taken.differences(before)).toEqual([])
    expect(taken.twice).toBe(0)
    expect(model.problems()).toEqual([])
    // writes between snapshots, too
    for (let left = 500; left > 0; left--) write(model, wild)
    fill(model, Math.max(0, 5000 - model.state.reduce((sum, { size }) => sum + size, 0)))
  }
  for (let database = 0; database < DATABASES; database++) model.flush(database)
  expect(model.keyspace.segments.usedBytes).toBe(0)
}

describe("a snapshot", () => {
  it("takes the state at its start when nothing is written", () => run(seed, 3, () => 0, false), 60_000)
  it(
    "takes the state at its start while keys are written, removed, resized and given deadlines",
    () => run(seed + 1, 8, () => 20, false),
    60_000
  )
  it(
    "takes the state at its start while databases are flushed and swapped as well",
    () => run(seed + 2, 20, () => 20, true),
    60_000
  )
  it(
    "takes the state at its start when far more is written than it walks",
    () => run(seed + 3, 4, () => 300, true),
    60_000
  )

  it("takes keys that expire while it runs", () => {
    const model = new ModelKeyspace(seed + 4, DATABASES)
    fill(model, 5000)
    const before = copyOf(model.state)
    const taken = new Taken(model)
    const snapshot = model.keyspace.snapshot(taken.take)
    snapshot.advance(500)
    model.keyspace.setTime(START_MS + 500_000_000)
    while (!model.keyspace.expireDue(100)) snapshot.advance(1)
    while (!snapshot.advance(100));
    expect(taken.differences(before)).toEqual([])
    expect(taken.twice).toBe(0)
  })

  it("takes nothing more once it is cancelled, and the next one is whole again", () => {
    const model = new ModelKeyspace(seed + 5, DATABASES)
    fill(model, 5000)
    const cancelled = new Taken(model)
    const snapshot = model.keyspace.snapshot(cancelled.take)
    snapshot.advance(1000)
    const count = cancelled.state.reduce((sum, { size }) => sum + size, 0)
    snapshot.cancel()
    for (let i = 0; i < 2000; i++) write(model, true)
    while (!snapshot.advance(100));
    expect(cancelled.state.reduce((sum, { size }) => sum + size, 0)).toBe(count)
    const before = copyOf(model.state)
    const taken = new Taken(model)
    const next = model.keyspace.snapshot(taken.take)
    while (!next.advance(100)) write(model, true)
    expect(taken.differences(before)).toEqual([])
  })

  it("is refused while another runs, and may start once that has ended", () => {
    const model = new ModelKeyspace(seed + 7, DATABASES)
    fill(model, 3000)
    const first = model.keyspace.snapshot(() => {})
    expect(() => model.keyspace.snapshot(() => {})).toThrow("a snapshot is still running")
    while (!first.advance(100));
    const before = copyOf(model.state)
    const taken = new Taken(model)
    const second = model.keyspace.snapshot(taken.take)
    while (!second.advance(100)) write(model, true)
    expect(taken.differences(before)).toEqual([])
  })

  it("keeps the memory of a flushed database until it has passed it, then gives it back", () => {
    const model = new ModelKeyspace(seed + 6, DATABASES)
    fill(model, 3000)
    const snapshot = model.keyspace.snapshot(() => {})
    for (let database = 0; database < DATABASES; database++) model.flush(database)
    expect(model.keyspace.segments.usedBytes).toBeGreaterThan(0)
    while (!snapshot.advance(100));
    expect(model.keyspace.segments.usedBytes).toBe(0)
  })
})
