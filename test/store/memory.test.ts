/**
 * Memory that runs out: whichever allocation fails, the command that needed it changes nothing, and everything that
 * was acknowledged is there. Every workload is tried with each of its allocations failing.
 */

import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { vi } from "vitest"
import { byteSource } from "../../src/resp/batch.js"
import { blobBytes } from "../../src/store/blobs.js"
import { classOfUnits, unitsOfClass } from "../../src/store/classes.js"
import { type Deadline, Keyspace, SHARDS } from "../../src/store/database.js"
import { hashBytes, makeHashKey } from "../../src/store/hash.js"
import { Heap } from "../../src/store/heap.js"
import { ByteSlice, KeySlice } from "../../src/store/key.js"
import { type Memory, OutOfMemory, processMemory } from "../../src/store/memory.js"
import { NO_DEADLINE } from "../../src/store/record.js"
import { copyKey, moveKey } from "../../src/store/relink.js"
import { ShardRef } from "../../src/store/ShardRef.js"
import { bytesOf, setBytes } from "../../src/values/string.js"
import { START_MS, seeded } from "../support/engine.js"

/** Fails once, at the allocation that it is told. */
class Fault {
  /** Allocations until it fails; negative: never. */
  left = -1
  allocations = 0

  check(): void {
    this.allocations++
    if (this.left > 0 && --this.left === 0) throw new OutOfMemory("as the test wants it")
  }
}

interface Step {
  readonly kind: "set" | "remove" | "resize" | "deadline" | "rename" | "copy" | "move" | "flush"
  readonly key: number
  readonly other: number
  readonly length: number
  readonly volatile: boolean
}

const KEYS_MAX = 1200
const pool = Buffer.alloc(400_000)
for (let i = 0; i < pool.length; i++) pool[i] = 97 + (i % 23)

const HASH_KEY = makeHashKey(1, 2)
const keys = new Map<number, string>()

/** The key of a number. Nine of ten are in one shard, so that its pages split. */
const keyOf = (number: number): string => {
  const known = keys.get(number)
  if (known !== undefined) return known
  for (let i = 0; ; i++) {
    const key = `${number % 50 === 0 ? "a long key ".repeat(30) : "key"} ${number} ${i}`
    const { bytes, view } = byteSource(Buffer.from(key, "latin1"))
    if (number % 10 !== 0 && (hashBytes(view, 0, bytes.length, HASH_KEY) & (SHARDS - 1)) !== 0) continue
    keys.set(number, key)
    return key
  }
}

class Store {
  readonly keyspace: Keyspace
  readonly held: Array<Map<string, { readonly value: Buffer; readonly deadline: Deadline }>> = [
    new Map(),
    new Map()
  ]

  constructor(memory: Memory) {
    const random = seeded(1)
    this.keyspace = new Keyspace({
      databases: 2,
      hashKey: HASH_KEY,
      makeCell: (shard) => new ShardRef(shard),
      now: START_MS,
      random,
      memory,
      slabSegments: 1
    })
  }

  slice(key: string): KeySlice {
    const { bytes, view } = byteSource(Buffer.from(key, "latin1"))
    const hash = this.keyspace.hash(view, 0, bytes.length)
    return new KeySlice().pointKey(bytes, view, 0, bytes.length, hash)
  }

  run({ kind, key, other, length, volatile }: Step): void {
    const { held, keyspace } = this
    const database = keyspace.databases[0]!
    const name = keyOf(key)
    const slice = this.slice(name)
    const target = this.slice(keyOf(other))
    const deadline = volatile ? START_MS + 1000 + key : NO_DEADLINE
    const value = pool.subarray(other, other + length)
    const before = held[0]!.get(name)
    const ref = keyspace.find(database, slice)
    if (kind === "set") {
      const source = byteSource(value)
      setBytes(keyspace, database, slice, new ByteSlice().point(value, source.view, 0, length), deadline, 0)
      held[0]!.set(name, { value, deadline })
    } else if (before === undefined) return
    else if (kind === "remove") {
      keyspace.remove(database, slice)
      held[0]!.delete(name)
    } else if (kind === "resize") {
      const grown = keyspace.resize(database, slice.hash, ref, length)
      const kept = Math.min(length, before.value.length)
      const whole = Buffer.alloc(length, "z")
      before.value.copy(whole, 0, 0, kept)
      keyspace.records.valueBytes(grown).set(whole.subarray(kept), keyspace.records.valueStart(grown) + kept)
      held[0]!.set(name, { value: whole, deadline: before.deadline })
    } else if (kind === "deadline") {
      keyspace.setDeadline(database, slice.hash, ref, deadline)
      held[0]!.set(name, { value: before.value, deadline })
    } else if (kind === "flush") {
      keyspace.flush(keyspace.databases[1]!)
      held[1]!.clear()
    } else if (kind === "move") {
      moveKey(keyspace, database, slice.hash, ref, keyspace.databases[1]!, slice)
      held[1]!.set(name, before)
      held[0]!.delete(name)
    } else if (key !== other && kind === "copy") {
      copyKey(keyspace, ref, database, target)
      held[0]!.set(keyOf(other), before)
    } else if (key !== other) {
      moveKey(keyspace, database, slice.hash, ref, database, target)
      held[0]!.set(keyOf(other), before)
      held[0]!.delete(name)
    }
  }

  /** What is wrong: with the keys, or with what is counted. */
  problems(): Array<string> {
    const { keyspace } = this
    const { records } = keyspace
    const found: Array<string> = []
    let bytes = 0
    keyspace.databases.forEach((database, index) => {
      const held = this.held[index]!
      for (const [key, { deadline, value }] of held) {
        const ref = keyspace.find(database, this.slice(key))
        if (ref === 0) found.push(`'${key}' is gone`)
        else if (!bytesOf(keyspace, ref).equals(value)) found.push(`'${key}' holds something else`)
        else if (keyspace.deadlineOf(ref) !== deadline) found.push(`'${key}' has another deadline`)
      }
      if (keyspace.size(database) !== held.size)
        found.push(`${keyspace.size(database)} keys, not ${held.size}`)
      let volatile = 0
      for (const { deadline } of held.values()) if (deadline !== NO_DEADLINE) volatile++
      if (keyspace.volatileSize(database) !== volatile) found.push(`${volatile} keys with a deadline`)
      for (const { current } of database.cells) {
        let used = current.pageBytes
        let walked = 0
        current.walk(0, Number.MAX_SAFE_INTEGER, (ref) => {
          walked++
          used += unitsOfClass(classOfUnits(records.units(ref))) * 8
          if (records.isOutside(ref)) used += blobBytes(records.valueLength(ref))
        })
        if (walked !== current.size) found.push(`${walked} records are met, not ${current.size}`)
        if (used !== current.heap.used) found.push(`${current.heap.used} bytes are counted, not ${used}`)
        bytes += used
      }
    })
    if (bytes !== keyspace.segments.usedBytes) found.push("the store counts other bytes than its shards")
    return found.slice(0, 5)
  }
}

const OTHER_KINDS = ["remove", "resize", "deadline", "rename", "copy", "move"] as const

const length = FastCheck.oneof(
  { weight: 80, arbitrary: FastCheck.nat(60) },
  { weight: 20, arbitrary: FastCheck.nat(3000) },
  { weight: 1, arbitrary: FastCheck.integer({ min: 60_000, max: 140_000 }) }
)
const step: FastCheck.Arbitrary<Step> = FastCheck.record({
  kind: FastCheck.oneof(
    { weight: 60, arbitrary: FastCheck.constant("set" as const) },
    {
      weight: 39,
      arbitrary: FastCheck.constantFrom(...OTHER_KINDS)
    },
    { weight: 1, arbitrary: FastCheck.constant("flush" as const) }
  ),
  key: FastCheck.nat(KEYS_MAX - 1),
  other: FastCheck.nat(KEYS_MAX - 1),
  length,
  volatile: FastCheck.boolean()
})

/** Runs steps with the allocation `n` failing (0: none); the steps that failed. */
const runAll = (store: Store, steps: ReadonlyArray<Step>, fault: Fault, n: number): number => {
  fault.left = n > 0 ? n : -1
  fault.allocations = 0
  let failed = 0
  for (const one of steps) {
    try {
      store.run(one)
    } catch (cause) {
      if (!(cause instanceof OutOfMemory)) throw cause
      failed++
      expect(store.problems()).toEqual([])
    }
  }
  expect(store.problems()).toEqual([])
  return failed
}

const failingMemory = (fault: Fault): Memory => ({
  allocate: (bytes) => {
    fault.check()
    return processMemory.allocate(bytes)
  },
  discard: processMemory.discard
})

describe("an allocation that fails", () => {
  it("of the process's memory, whichever it is, changes nothing", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { minLength: 900, maxLength: 900 }), (steps) => {
        const fault = new Fault()
        runAll(new Store(failingMemory(fault)), steps, fault, 0)
        const { allocations } = fault
        expect(allocations).toBeGreaterThan(20)
        for (let n = 1; n <= allocations; n++) {
          runAll(new Store(failingMemory(fault)), steps, fault, n)
        }
      }),
      { numRuns: 2, endOnFailure: true }
    )
  }, 120_000)

  it("of a block, whichever it is, changes nothing", () => {
    const fault = new Fault()
    const { allocate } = Heap.prototype
    const spy = vi.spyOn(Heap.prototype, "allocate").mockImplementation(function (this: Heap, units: number) {
      fault.check()
      return allocate.call(this, units)
    })
    try {
      FastCheck.assert(
        FastCheck.property(FastCheck.array(step, { minLength: 1300, maxLength: 1300 }), (steps) => {
          runAll(new Store(processMemory), steps, fault, 0)
          const { allocations } = fault
          let failed = 0
          for (let n = 1; n <= allocations; n += 1 + (n % 13)) {
            failed += runAll(new Store(processMemory), steps, fault, n)
          }
          // a page that cannot shrink is no failure
          expect(failed).toBeGreaterThan(allocations / 8)
        }),
        { numRuns: 2, endOnFailure: true }
      )
    } finally {
      spy.mockRestore()
    }
  }, 120_000)

  it("for good leaves all keys that were acknowledged, and room for what is removed", () => {
    const fault = new Fault()
    const store = new Store(failingMemory(fault))
    const set = (key: number, length: number): void =>
      store.run({ kind: "set", key, other: key % 1000, length, volatile: key % 3 === 0 })
    let refused = 0
    for (let key = 0; key < 20_000; key++) {
      // from some size on there is no more
      fault.left = fault.allocations >= 12 ? 1 : -1
      try {
        set(key, key % 40 === 0 ? 100_000 : 100)
      } catch (cause) {
        if (!(cause instanceof OutOfMemory)) throw cause
        refused++
      }
    }
    expect(refused).toBeGreaterThan(10)
    expect(store.problems()).toEqual([])
    for (const key of [...store.held[0]!.keys()]) {
      store.keyspace.remove(store.keyspace.databases[0]!, store.slice(key))
      store.held[0]!.delete(key)
    }
    expect(store.problems()).toEqual([])
    for (let key = 0; key < 1000; key++) set(key, 100)
    expect(store.problems()).toEqual([])
  }, 60_000)
})

describe("a store's account", () => {
  const keyspaceOf = (memory: Memory): Keyspace =>
    new Keyspace({
      databases: 1,
      hashKey: HASH_KEY,
      makeCell: (shard) => new ShardRef(shard),
      now: START_MS,
      random: seeded(1),
      memory,
      slabSegments: 4
    })

  it("knows what it has reserved, to the byte, and what is idle of it", () => {
    let taken = 0
    const memory: Memory = {
      allocate: (bytes) => {
        const buffer = processMemory.allocate(bytes)
        taken += buffer.byteLength
        return buffer
      },
      discard: (buffer) => {
        taken -= buffer.byteLength
        processMemory.discard(buffer)
      }
    }
    const keyspace = keyspaceOf(memory)
    const { segments } = keyspace
    const database = keyspace.databases[0]!
    expect([segments.reservedBytes, segments.idleBytes]).toEqual([0, 0])
    const slice = (number: number): KeySlice => {
      const { bytes, view } = byteSource(Buffer.from(`key ${number}`, "latin1"))
      return new KeySlice().pointKey(bytes, view, 0, bytes.length, keyspace.hash(view, 0, bytes.length))
    }
    // small values, values in pages of a slab, and one that has memory of its own
    const lengths = [...Array<number>(400).fill(3000), 100_000, 100_000, 2_000_000]
    const { bytes, view } = byteSource(Buffer.alloc(2_000_000, "x"))
    lengths.forEach((length, number) => {
      const value = new ByteSlice().point(bytes, view, 0, length)
      setBytes(keyspace, database, slice(number), value, NO_DEADLINE, 0)
    })
    // what shards keep beside their segments is the collector's
    expect(segments.reservedBytes).toBeGreaterThan(segments.usedBytes)
    expect(segments.reservedBytes).toBeLessThanOrEqual(taken)
    expect(taken - segments.reservedBytes).toBeLessThan(200_000)
    expect(segments.reservedBytes - segments.idleBytes).toBeGreaterThanOrEqual(segments.usedBytes)
    const idle = segments.idleBytes
    for (let number = 0; number < lengths.length; number++) keyspace.remove(database, slice(number))
    expect(segments.idleBytes).toBeGreaterThan(idle)
    while (segments.trim());
    keyspace.flush(database)
    while (segments.trim());
    expect([segments.usedBytes, segments.idleBytes, segments.reservedBytes]).toEqual([0, 0, 0])
  })
})
