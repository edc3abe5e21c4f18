/**
 * Slots of a cluster: what a key's is, and that a keyspace laid out by them keeps each in one walk, and SCAN's word.
 */
import { describe, expect, it } from "@effect/vitest"
import { byteSource } from "../../src/resp/batch.js"
import { Keyspace, SHARDS } from "../../src/store/database.js"
import { crc16, makeHashKey, SLOTS, slotOf, slotRange } from "../../src/store/hash.js"
import { ByteSlice, KeySlice } from "../../src/store/key.js"
import { NO_DEADLINE } from "../../src/store/record.js"
import { ShardRef } from "../../src/store/ShardRef.js"
import { setText } from "../../src/values/string.js"
import { START_MS, seeded } from "../support/engine.js"

const SIGN = 0x80000000

const over = <A>(text: string, read: (view: DataView, start: number, length: number) => A): A => {
  const { bytes, view } = byteSource(Buffer.from(`before${text}after}`, "latin1"))
  return read(view, "before".length, bytes.length - "beforeafter}".length)
}
const slot = (key: string): number => over(key, slotOf)

class Store {
  readonly keyspace: Keyspace

  constructor(slots: boolean) {
    this.keyspace = new Keyspace({
      databases: 1,
      hashKey: makeHashKey(3, 4),
      slots,
      makeCell: (shard) => new ShardRef(shard),
      now: START_MS,
      random: seeded(1)
    })
  }
  get database() {
    return this.keyspace.databases[0]!
  }
  key(text: string): KeySlice {
    const { bytes, view } = byteSource(Buffer.from(text, "latin1"))
    return new KeySlice().pointKey(bytes, view, 0, bytes.length, this.keyspace.hash(view, 0, bytes.length))
  }
  set(text: string): void {
    const { bytes, view } = byteSource(Buffer.from("value", "latin1"))
    const value = new ByteSlice().point(bytes, view, 0, bytes.length)
    setText(this.keyspace, this.database, this.key(text), value, NO_DEADLINE, 0)
  }
  textOf(ref: number): string {
    const { bytes, length, start } = this.keyspace.records.keyOf(ref, new ByteSlice())
    return Buffer.from(bytes.subarray(start, start + length)).toString("latin1")
  }
  /** The keys that a walk over the positions of a slot meets, in order. */
  walkSlot(number: number): ReadonlyArray<string> {
    const { from, shard, until } = slotRange(number)
    const found: Array<string> = []
    const { current } = this.database.cells[shard]!
    for (let at = from; at >= 0 && at < until; ) {
      at = current.walk(at, 1, (ref, hash) => {
        if ((hash ^ SIGN) >>> 0 < until) found.push(this.textOf(ref))
      })
    }
    return found
  }
}

describe("the slot of a key", () => {
  it("is of CRC16 as Redis Cluster has it", () => {
    expect(over("123456789", crc16)).toBe(0x31c3)
    expect(over("", crc16)).toBe(0)
    // what CLUSTER KEYSLOT says
    expect(slot("foo")).toBe(12182)
    expect(slot("123456789")).toBe(0x31c3)
    expect(slot("")).toBe(0)
  })

  it("is that of the hashtag, where there is one", () => {
    expect(slot("{user1000}.following")).toBe(slot("user1000"))
    expect(slot("{user1000}.followers")).toBe(slot("user1000"))
    expect(slot("foo{bar}{zap}")).toBe(slot("bar"))
    expect(slot("foo{{bar}}zap")).toBe(slot("{bar"))
  })

  it("is that of the whole key where the braces hold nothing or do not close", () => {
    for (const key of ["foo{}{bar}", "foo{bar", "foo}bar{", "{", "{}", "bar}"]) {
      expect(slot(key)).toBe(over(key, crc16) % SLOTS)
    }
  })
})

describe("a keyspace laid out by slots", () => {
  it("has each slot's keys, and no others, in one walk", () => {
    const store = new Store(true)
    const expected = new Map<number, Array<string>>()
    const add = (key: string): void => {
      store.set(key)
      const number = slot(key)
      expected.set(number, [...(expected.get(number) ?? []), key])
    }
    for (let i = 0; i < 40_000; i++) add(`key:${i}`)
    // two slots that are full beside their neighbours
    for (let i = 0; i < 5000; i++) add(`{user1000}.${i}`)
    for (let i = 0; i < 5000; i++) add(`${i}{123456789}`)
    for (let number = 0; number < SLOTS; number++) {
      const found = store.walkSlot(number)
      const wanted = expected.get(number) ?? []
      if (found.length !== wanted.length || found.length > 1000) {
        expect([...found].sort()).toEqual([...wanted].sort())
      } else for (const key of found) if (!wanted.includes(key)) expect(key).toBe("a key of the slot")
    }
  })

  it("finds and removes every key of one slot", () => {
    const store = new Store(true)
    for (let i = 0; i < 20_000; i++) store.set(`{tag}${i}`)
    expect(store.keyspace.size(store.database)).toBe(20_000)
    for (let i = 0; i < 20_000; i += 2)
      expect(store.keyspace.remove(store.database, store.key(`{tag}${i}`))).toBe(true)
    for (let i = 0; i < 20_000; i++)
      expect(store.keyspace.find(store.database, store.key(`{tag}${i}`)) !== 0).toBe(i % 2 === 1)
  })
})

describe.each([
  ["hash", false],
  ["slot", true]
] as const)("a walk in steps over a keyspace laid out by %s", (_, slots) => {
  it("meets a key that is there all the while exactly once, whatever comes and goes", () => {
    const store = new Store(slots)
    const random = seeded(11)
    const lasting = Array.from({ length: 3000 }, (_unused, i) => (i % 3 === 0 ? `{tag}${i}` : `lasting:${i}`))
    for (const key of lasting) store.set(key)
    const met = new Map<string, number>()
    for (let shard = 0; shard < SHARDS; shard++) {
      for (let at = 0; at >= 0; ) {
        at = store.database.cells[shard]!.current.walkEntries(at, 10, (ref) => {
          const key = store.textOf(ref)
          met.set(key, (met.get(key) ?? 0) + 1)
        })
        for (let i = 0; i < 20; i++) {
          const passing = `${random() % 2 === 0 ? "{tag}" : ""}passing:${random() % 4000}`
          if (random() % 2 === 0) store.set(passing)
          else store.keyspace.remove(store.database, store.key(passing))
        }
      }
    }
    for (const key of lasting) expect(`${key} ${met.get(key)}`).toBe(`${key} 1`)
  })
})
