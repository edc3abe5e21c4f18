/**
 * A keyspace beside the plain Map that it has to agree with: random writes go to both. Seeded.
 */
import { byteSource } from "../../src/resp/batch.js"
import type { Database, Deadline, Keyspace } from "../../src/store/database.js"
import { ByteSlice, KeySlice } from "../../src/store/key.js"
import { ENCODING_BYTES, NO_DEADLINE, TYPE_STRING } from "../../src/store/record.js"
import { bytesOf, setBytes } from "../../src/values/string.js"
import { makeKeyspace, seeded } from "./engine.js"

export interface Held {
  readonly value: Buffer
  readonly deadline: Deadline
}

/** By database: what each key (a byte a character) holds. */
export type State = Array<Map<string, Held>>

const POOL_BYTES = 2 * 1024 * 1024
const LENGTHS = [
  0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 44, 45, 100, 127, 128, 129, 255, 256, 300, 1000, 1016, 1024, 1025
]
const RARE_LENGTHS = [4000, 16384, 65535, 65536, 65537, 100_000]

export class ModelKeyspace {
  readonly random: () => number
  readonly keyspace: Keyspace
  readonly state: State
  /** All keys that were ever written, some of which are gone. */
  readonly keys: Array<string> = []
  /** The most databases that are used. */
  readonly databases: number
  private readonly pool: Buffer
  private nextKey = 0

  constructor(seed: number, databases = 1) {
    this.random = seeded(seed)
    this.keyspace = makeKeyspace(this.random)
    this.databases = databases
    this.state = Array.from({ length: databases }, () => new Map<string, Held>())
    this.pool = Buffer.alloc(POOL_BYTES)
    for (let at = 0; at < POOL_BYTES; at += 4) this.pool.writeUInt32LE(this.random(), at)
  }

  below(limit: number): number {
    return Math.floor((this.random() / 4294967296) * limit)
  }

  pick<T>(from: ReadonlyArray<T>): T {
    return from[this.below(from.length)]!
  }

  /** A key that was never used: short, with a common prefix, with binary bytes, or (rarely) very long. */
  freshKey(): string {
    const number = this.nextKey++
    const kind = this.below(1000)
    let key: string
    if (kind < 2) key = `${"very long ".repeat(30 + this.below(7000))}${number}`
    else if (kind < 20) key = `${"x".repeat(240 + this.below(30))}${number}`
    else if (kind < 200) key = String.fromCharCode(this.below(256), 0, 13) + number
    else if (kind < 500) key = String(number)
    else key = `a common prefix of many keys:${number}`
    this.keys.push(key)
    return key
  }

  /** A key that was used before, or a new one. */
  someKey(fresh: number): string {
    return this.keys.length === 0 || this.below(100) < fresh ? this.freshKey() : this.pick(this.keys)
  }

  someValue(): Buffer {
    const kind = this.below(10_000)
    let length: number
    if (kind < 3) length = 500_000 + this.below(548_577)
    else if (kind < 60) length = this.pick(RARE_LENGTHS)
    else if (kind < 3000) length = this.pick(LENGTHS)
    else length = this.below(64)
    const from = this.below(POOL_BYTES - length)
    return this.pool.subarray(from, from + length)
  }

  /** The database and the slice of a key, as keyspace methods take them. */
  private at(database: number, key: string): { readonly db: Database; readonly slice: KeySlice } {
    const { bytes, view } = byteSource(Buffer.from(key, "latin1"))
    const hash = this.keyspace.hash(view, 0, bytes.length)
    return {
      db: this.keyspace.databases[database]!,
      slice: new KeySlice().pointKey(bytes, view, 0, bytes.length, hash)
    }
  }

  find(database: number, key: string): number {
    const { db, slice } = this.at(database, key)
    return this.keyspace.find(db, slice)
  }

  set(database: number, key: string, value: Buffer, deadline: Deadline = NO_DEADLINE): void {
    const { db, slice } = this.at(database, key)
    const known = this.below(2) === 0 ? this.keyspace.find(db, slice) : 0
    const source = byteSource(value)
    const held = new ByteSlice().point(source.bytes, source.view, 0, value.length)
    setBytes(this.keyspace, db, slice, held, deadline, known)
    this.state[database]!.set(key, { value, deadline })
  }

  remove(database: number, key: string): boolean {
    const { db, slice } = this.at(database, key)
    const removed = this.keyspace.remove(db, slice)
    if (this.state[database]!.delete(key) !== removed) throw new Error("the model and the keyspace disagree")
    return removed
  }

  /** Cuts the value at the front part, or grows it by some bytes. */
  resize(database: number, key: string): void {
    const held = this.state[database]!.get(key)
    if (held === undefined) return
    const { db, slice } = this.at(database, key)
    const { records } = this.keyspace
    let ref = this.keyspace.find(db, slice)
    // digits are kept as a number: the model has bytes
    if (records.encoding(ref) !== ENCODING_BYTES) return
    // another look-up in between: what the shard remembers of the last one must not matter
    if (this.below(2) === 0) this.find(database, this.pick(this.keys))
    const added = this.below(3) === 0 ? this.someValue() : this.someValue().subarray(0, 8)
    const value =
      this.below(2) === 0
        ? held.value.subarray(0, this.below(held.value.length + 1))
        : Buffer.concat([held.value, added])
    if (value.length > 1_500_000) return
    ref = this.keyspace.resize(db, slice.hash, ref, value.length)
    const start = records.valueStart(ref)
    if (value.length > held.value.length) records.valueBytes(ref).set(added, start + held.value.length)
    this.state[database]!.set(key, { value, deadline: held.deadline })
  }

  setDeadline(database: number, key: string, deadline: Deadline): void {
    const held = this.state[database]!.get(key)
    if (held === undefined) return
    const { db, slice } = this.at(database, key)
    const ref = this.find(database, key)
    if (this.below(2) === 0) this.find(database, this.pick(this.keys))
    this.keyspace.setDeadline(db, slice.hash, ref, deadline)
    this.state[database]!.set(key, { value: held.value, deadline })
  }

  flush(database: number): void {
    const removed = this.keyspace.flush(this.keyspace.databases[database]!)
    if (removed !== this.state[database]!.size) throw new Error("flush counted wrong")
    this.state[database]!.clear()
  }

  swap(a: number, b: number): void {
    this.keyspace.swap(this.keyspace.databases[a]!, this.keyspace.databases[b]!)
    const held = this.state[a]!
    this.state[a] = this.state[b]!
    this.state[b] = held
  }

  /** What the record at `ref` holds. */
  read(ref: number): Held & { readonly key: string } {
    const { records } = this.keyspace
    const start = records.keyStart(ref)
    return {
      key: records.bytes(ref).toString("latin1", start, start + records.keyLength(ref)),
      value: Buffer.from(bytesOf(this.keyspace, ref)),
      deadline: this.keyspace.deadlineOf(ref)
    }
  }

  /** What is wrong with a key, or null. */
  problem(database: number, key: string): string | null {
    const held = this.state[database]!.get(key)
    const ref = this.find(database, key)
    if (held === undefined) return ref === 0 ? null : "a key is there that should be gone"
    if (ref === 0) return "a key is gone"
    const found = this.read(ref)
    if (found.key !== key || this.keyspace.records.type(ref) !== TYPE_STRING) return "a record is another"
    if (!found.value.equals(held.value)) return "a value is another"
    return found.deadline === held.deadline ? null : "a deadline is another"
  }

  /** Everything that is wrong, at most ten lines. */
  problems(): Array<string> {
    const found: Array<string> = []
    for (let database = 0; database < this.databases; database++) {
      const db = this.keyspace.databases[database]!
      const held = this.state[database]!
      for (const key of held.keys()) {
        const problem = this.problem(database, key)
        if (problem !== null && found.length < 10) found.push(`${database} ${key.slice(0, 40)}: ${problem}`)
      }
      let walked = 0
      for (const { current } of db.cells) current.walk(0, current.size + 1, () => walked++)
      if (walked !== held.size) found.push(`${database}: ${walked} records, not ${held.size}`)
      if (this.keyspace.size(db) !== held.size) found.push(`${database}: size ${this.keyspace.size(db)}`)
      const volatile = [...held.values()].filter(({ deadline }) => deadline !== NO_DEADLINE).length
      if (this.keyspace.volatileSize(db) !== volatile) found.push(`${database}: volatile size`)
    }
    return found
  }
}
