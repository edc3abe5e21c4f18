/**
 * A keyspace: the numbered databases, their shards, and everything commands do to keys. Pure.
 *
 * `hash & 31` picks a key's shard. All methods are synchronous and indivisible. Rules they keep, so that commands need
 * not: an expired key is never seen; a running snapshot is handed the old state before it changes; the expiry index
 * and the memory counter are right. A ref stays valid until the next call that writes to its shard.
 */
import { Alarm } from "./alarm.js"
import { blobBytes } from "./blobs.js"
import { classOfUnits } from "./classes.js"
import { type Hash, hashBytes, hashWithSlot } from "./hash.js"
import { KeySlice } from "./key.js"
import type { IndexContext } from "./keyIndex.js"
import type { KeyspaceOptions } from "./options.js"
import type { Prefetch } from "./prefetch.js"
import {
  ACCESS_MASK,
  changeShort,
  expiresAt,
  FLAG_EXPIRES,
  FLAG_OUTSIDE,
  fitsPlainBlock,
  fitsShort,
  headerAt,
  isPlain,
  NO_DEADLINE,
  Records,
  shapeOf,
  touchAt,
  typeAndEncodingAt,
  unitsFor
} from "./record.js"
import { Segments, UNIT_BITS, UNIT_MASK } from "./segments.js"
import { Shard } from "./shard.js"
import { Snapshot } from "./snapshot.js"
import { KeyspaceStats } from "./stats.js"
import { Undo } from "./undo.js"

/** Shards of a database: each bounds every pause (a flush, a walk) to 1/32 of the keys. */
export const SHARDS = 32
const SHARD_MASK = SHARDS - 1
/** How far from its home slot a prefetch looks for an entry. */
const PREFETCH_SLOTS = 12

/** What holds a shard; ShardRef.ts makes it an Effect Ref. The keyspace alone replaces what it holds. */
export interface ShardCell {
  readonly current: Shard
  /** Holds another shard from now on; gives the one that it held. */
  readonly replace: (shard: Shard) => Shard
}

/** A deadline in Unix ms: a bigint beyond 2^53. NO_DEADLINE where a key has none. */
export type Deadline = number | bigint

const KEEP_DEADLINE = -2

/** For `prepare`: the latest `find` in the key's shard was for this key, and did not find it. */
export const JUST_MISSED = -1
/** For `prepare`: whatever the key holds is kept in `undo` until that is told what becomes of it. */
export const KEEP_OLD = -3

export interface Database {
  /** The number that SELECT takes. */
  readonly index: number
  readonly cells: ReadonlyArray<ShardCell>
}

export class Keyspace {
  readonly segments: Segments
  readonly records: Records
  readonly databases: ReadonlyArray<Database>
  readonly stats = new KeyspaceStats()
  /** What was replaced by writes with KEEP_OLD. */
  readonly undo = new Undo()
  /** Wakes the expiry task. */
  readonly alarm = new Alarm()
  /** Unix ms, as read at the start of the batch. */
  now: number
  /** Seconds, 24 bits: what records keep of the time of their last access. */
  clock = 0
  /** Whether keys whose time has come are hidden and removed; loading an AOF turns it off. */
  expires = true
  /** Called before an expired key is removed: propagation tells the AOF. */
  onExpire: (database: number, ref: number) => void = () => {}
  /** What prefetches add up to: kept so that they are not optimized away. */
  loadSum = 0
  /** Unsigned 32-bit integers for whatever is to be random. */
  readonly random: () => number
  private readonly context: IndexContext
  private readonly hashOf: Hash
  private readonly makeCell: (shard: Shard) => ShardCell
  private readonly ownKey = new KeySlice()
  private running: Snapshot | null = null
  /** What every cell holds until its first key: a database that is empty costs its cells. Never written to. */
  private readonly empty: Shard

  constructor(options: KeyspaceOptions) {
    const { hashKey } = options
    this.hashOf = options.slots === true ? hashWithSlot : hashBytes
    this.segments = new Segments(options.memory, options.slabSegments)
    this.records = new Records(this.segments)
    this.context = {
      segments: this.segments,
      records: this.records,
      hashKey,
      hash: this.hashOf,
      alarm: this.alarm,
      structure: 0
    }
    this.empty = new Shard(this.context)
    this.makeCell = options.makeCell
    this.random = options.random
    this.now = options.now
    this.setTime(options.now)
    this.databases = Array.from({ length: options.databases }, (_, index) => ({
      index,
      cells: Array.from({ length: SHARDS }, () => this.makeCell(this.empty))
    }))
  }

  /** Sets the time that everything until the next call sees. */
  setTime(now: number): void {
    this.now = now
    this.clock = Math.floor(now / 1000) & ACCESS_MASK
  }

  /** The hash of a key. */
  hash(view: DataView, start: number, length: number): number {
    return this.hashOf(view, start, length, this.context.hashKey)
  }

  shard(database: Database, hash: number): Shard {
    return database.cells[hash & SHARD_MASK]!.current
  }

  /** The shard of a key that is about to be inserted: one of its own in place of the shared empty one. */
  writable(database: Database, hash: number): Shard {
    const cell = database.cells[hash & SHARD_MASK]!
    if (cell.current === this.empty) this.replaceShard(cell, new Shard(this.context))
    return cell.current
  }

  /** The one way in which a cell comes to hold another shard; gives the one that it held. */
  private replaceShard(cell: ShardCell, shard: Shard): Shard {
    this.context.structure++
    return cell.replace(shard)
  }

  /**
   * Brings the index slots and then the records of many keys into the cache. Each loop's loads are independent of
   * one another and little else is in it, so that their cache misses overlap.
   */
  prefetch(database: Database, keys: Prefetch, count: number): void {
    const { hashes, refs } = keys
    const { words } = this.segments
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!
      refs[i] = database.cells[hash & SHARD_MASK]!.current.homeSlot(hash)
    }
    let sum = 0
    for (let i = 0; i < count; i++) {
      const ref = refs[i]!
      sum += words[ref >> UNIT_BITS]![(ref & UNIT_MASK) << 1]!
    }
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!
      const ref = refs[i]!
      const page = words[ref >> UNIT_BITS]!
      const first = (ref & UNIT_MASK) << 1
      const end = Math.min(first + 2 * PREFETCH_SLOTS, page.length)
      let at = first
      while (at < end && page[at]! < hash && page[at + 1] !== 0) at += 2
      refs[i] = at < end && page[at] === hash ? page[at + 1]! : 0
    }
    for (let i = 0; i < count; i++) {
      const ref = refs[i]!
      sum += words[ref >> UNIT_BITS]![(ref & UNIT_MASK) << 1]!
    }
    this.loadSum = sum | 0
    keys.structure = this.context.structure
    keys.database = database
  }

  /**
   * The record of the key whose hash was at `index` of a prefetch, where that came across it and nothing has moved
   * since; else 0, which says nothing. It may have expired.
   */
  knownRecord(keys: Prefetch, index: number, database: Database, key: KeySlice): number {
    const ref = keys.refs[index]!
    if (ref === 0 || keys.structure !== this.context.structure || keys.database !== database) return 0
    const shard = database.cells[key.hash & SHARD_MASK]!.current
    return shard.hasKey(ref, key.view, key.start, key.length) ? ref : 0
  }

  /** `find` for the key whose hash was at `index` of a prefetch. */
  findPrefetched(keys: Prefetch, index: number, database: Database, key: KeySlice): number {
    const ref = this.knownRecord(keys, index, database, key)
    return ref !== 0 && !this.isExpired(ref) ? ref : this.find(database, key)
  }

  /** The ref of a key, or 0 where it does not exist or has expired (it is removed then). */
  find(database: Database, key: KeySlice): number {
    const shard = database.cells[key.hash & SHARD_MASK]!.current
    const ref = shard.find(key.hash, key.view, key.start, key.length)
    if (ref !== 0 && this.isExpired(ref)) {
      this.expire(database.index, shard, ref)
      return 0
    }
    return ref
  }

  /** Counts a look-up that reads the value of `ref` (0: there was none), and notes the access. */
  noteRead(ref: number): void {
    if (ref === 0) {
      this.stats.misses++
      return
    }
    this.stats.hits++
    touchAt(this.segments.words[ref >> UNIT_BITS]!, (ref & UNIT_MASK) << 1, this.clock)
  }

  /** Counts a look-up that is no access. */
  noteLookUp(ref: number): void {
    if (ref === 0) this.stats.misses++
    else this.stats.hits++
  }

  isExpired(ref: number): boolean {
    if (!expiresAt(this.segments.words[ref >> UNIT_BITS]!, (ref & UNIT_MASK) << 1)) return false
    return this.expires && this.records.deadline(ref) <= this.now
  }

  /**
   * Makes the key hold a value of `valueLength` bytes, which the caller must write at `records.valueStart` of the ref
   * it is given; whatever the key held is gone. `known` is the key's record where the caller has found it already,
   * or JUST_MISSED where it has just looked for it. Where there is no memory (it throws) nothing has changed.
   */
  prepare(
    database: Database,
    key: KeySlice,
    typeAndEncoding: number,
    valueLength: number,
    deadline: Deadline,
    known = 0
  ): number {
    const { hash } = key
    let shard = database.cells[hash & SHARD_MASK]!.current
    const flags = deadline === NO_DEADLINE ? 0 : FLAG_EXPIRES
    if (
      known > 0 &&
      this.overwrite(shard, known, typeAndEncoding, flags, key.length, valueLength, deadline)
    ) {
      return known
    }
    const old = known === JUST_MISSED ? 0 : shard.find(hash, key.view, key.start, key.length)
    if (shard === this.empty) shard = this.writable(database, hash)
    if (old !== 0 && old !== known && known !== KEEP_OLD) {
      if (this.overwrite(shard, old, typeAndEncoding, flags, key.length, valueLength, deadline)) return old
    }
    if (flags !== 0) shard.openWheel(this.now)
    const ref = shard.createRecord(typeAndEncoding, this.clock, flags, key, valueLength)
    if (old !== 0) {
      if (shard.snapshot !== null) shard.snapshot.beforeChange(shard, old)
      shard.replace(ref)
      if (known !== KEEP_OLD) shard.free(old)
    } else shard.insert(hash, ref)
    if (known === KEEP_OLD) this.undo.keep(shard, old, ref)
    if (flags !== 0) {
      this.records.setDeadline(ref, deadline)
      shard.wheel!.add(ref)
    }
    return ref
  }

  /** Whether writing a value without a deadline to a record needs no memory. */
  isInPlace(ref: number, keyLength: number, valueLength: number): boolean {
    const header = headerAt(this.segments.words[ref >> UNIT_BITS]!, (ref & UNIT_MASK) << 1)
    return isPlain(header) && fitsShort(valueLength) && fitsPlainBlock(header, keyLength, valueLength)
  }

  /** Turns a record into another of the same block, where form and size class allow it. */
  private overwrite(
    shard: Shard,
    ref: number,
    typeAndEncoding: number,
    flags: number,
    keyLength: number,
    valueLength: number,
    deadline: Deadline
  ): boolean {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const at = (ref & UNIT_MASK) << 1
    const header = headerAt(words, at)
    // the usual record, before and after; short enough to be inlined where SET needs it
    if (!isPlain(header) || flags !== 0 || !fitsShort(valueLength)) {
      return this.overwriteShaped(shard, ref, typeAndEncoding, flags, keyLength, valueLength, deadline)
    }
    if (!fitsPlainBlock(header, keyLength, valueLength)) return false
    if (shard.snapshot !== null) shard.snapshot.beforeChange(shard, ref)
    changeShort(words, at, typeAndEncoding, this.clock, valueLength)
    return true
  }

  /** `overwrite` for a record that is not plain, or would not be. */
  private overwriteShaped(
    shard: Shard,
    ref: number,
    typeAndEncoding: number,
    flags: number,
    keyLength: number,
    valueLength: number,
    deadline: Deadline
  ): boolean {
    const { records } = this
    const shape = shapeOf(flags, keyLength, valueLength)
    if (records.shape(ref) !== shape) return false
    if (records.isOutside(ref)) {
      if (blobBytes(valueLength) !== blobBytes(records.valueLength(ref))) return false
    } else {
      const units = unitsFor(shape, keyLength, valueLength)
      if (classOfUnits(units) !== classOfUnits(records.units(ref))) return false
    }
    if (shard.snapshot !== null) shard.snapshot.beforeChange(shard, ref)
    records.setTypeAndEncoding(ref, typeAndEncoding, this.clock)
    records.setValueLength(ref, valueLength)
    if (flags !== 0 && deadline !== KEEP_DEADLINE) this.changeDeadline(shard, ref, deadline)
    return true
  }

  /**
   * Changes the length of the value of a record, keeping its bytes up to the shorter of both and its deadline.
   * Gives the ref from now on.
   */
  resize(database: Database, hash: number, ref: number, valueLength: number): number {
    const shard = this.shard(database, hash)
    if (shard.snapshot !== null) shard.snapshot.beforeChange(shard, ref)
    const records = this.records
    const keyLength = records.keyLength(ref)
    const expires = records.hasDeadline(ref) ? FLAG_EXPIRES : 0
    const form = typeAndEncodingAt(this.segments.words[ref >> UNIT_BITS]!, (ref & UNIT_MASK) << 1)
    if (this.overwrite(shard, ref, form, expires, keyLength, valueLength, KEEP_DEADLINE)) return ref
    return this.rebuild(shard, ref, expires, valueLength)
  }

  /** A record anew with other flags or another length; the old one is freed. */
  private rebuild(shard: Shard, old: number, flags: number, valueLength: number): number {
    const { records } = this
    const expired = records.hasDeadline(old)
    const form = typeAndEncodingAt(this.segments.words[old >> UNIT_BITS]!, (old & UNIT_MASK) << 1)
    const key = records.keyOf(old, this.ownKey)
    if (flags !== 0) shard.openWheel(this.now)
    let ref: number
    if (records.isOutside(old) && records.valueLength(old) === valueLength) {
      // the value stays where it is
      const handle = records.outside(old)
      ref = shard.createOutside(form, records.access(old), flags | FLAG_OUTSIDE, key, valueLength, handle)
      records.setOutside(old, 0)
    } else {
      ref = shard.createRecord(form, records.access(old), flags, key, valueLength)
      const from = records.valueStart(old)
      const kept = records
        .valueBytes(old)
        .subarray(from, from + Math.min(valueLength, records.valueLength(old)))
      records.valueBytes(ref).set(kept, records.valueStart(ref))
    }
    shard.seek(old)
    shard.replace(ref)
    if (flags !== 0 && expired) {
      records.setDeadline(ref, records.deadlineExact(old))
      shard.free(old)
      shard.wheel!.add(ref)
    } else shard.free(old)
    return ref
  }

  /** To be called before the value of a record is changed in place. */
  beforeChange(database: Database, hash: number, ref: number): void {
    const shard = this.shard(database, hash)
    if (shard.snapshot !== null) shard.snapshot.beforeChange(shard, ref)
  }

  /** Gives a record a deadline, or takes it away. Gives the ref from now on. */
  setDeadline(database: Database, hash: number, ref: number, deadline: Deadline): number {
    const shard = this.shard(database, hash)
    if (shard.snapshot !== null) shard.snapshot.beforeChange(shard, ref)
    const has = this.records.hasDeadline(ref)
    if (deadline === NO_DEADLINE)
      return has ? this.rebuild(shard, ref, 0, this.records.valueLength(ref)) : ref
    if (has) {
      this.changeDeadline(shard, ref, deadline)
      return ref
    }
    const rebuilt = this.rebuild(shard, ref, FLAG_EXPIRES, this.records.valueLength(ref))
    this.records.setDeadline(rebuilt, deadline)
    shard.wheel!.add(rebuilt)
    return rebuilt
  }

  private changeDeadline(shard: Shard, ref: number, deadline: Deadline): void {
    shard.wheel!.remove(ref)
    this.records.setDeadline(ref, deadline)
    shard.wheel!.add(ref)
  }

  /** The exact deadline of a record, or NO_DEADLINE. */
  deadlineOf(ref: number): Deadline {
    const deadline = this.records.deadline(ref)
    return deadline > Number.MAX_SAFE_INTEGER ? this.records.deadlineExact(ref) : deadline
  }

  /** Removes a key; whether it existed. */
  remove(database: Database, key: KeySlice): boolean {
    const ref = this.find(database, key)
    if (ref === 0) return false
    this.shard(database, key.hash).remove(ref)
    return true
  }

  /** Keys of a database; expired ones that were not removed yet count, as in Redis. */
  size(database: Database): number {
    let size = 0
    for (const cell of database.cells) size += cell.current.size
    return size
  }

  /** Keys of a database that have a deadline. */
  volatileSize(database: Database): number {
    let size = 0
    for (const cell of database.cells) size += cell.current.volatileCount
    return size
  }

  /** Empties a database by putting fresh shards into its Refs; the keys it had. */
  flush(database: Database): number {
    let removed = 0
    for (const cell of database.cells) {
      if (cell.current === this.empty) continue
      const old = this.replaceShard(cell, this.empty)
      removed += old.size
      old.drop()
    }
    return removed
  }

  /** Swaps what two databases hold. */
  swap(a: Database, b: Database): void {
    for (let i = 0; i < SHARDS; i++) {
      const held = this.replaceShard(a.cells[i]!, b.cells[i]!.current)
      this.replaceShard(b.cells[i]!, held)
    }
  }

  /** Starts a snapshot of all databases; `take` is given every record as it is now, during later calls too. */
  snapshot(take: (database: number, ref: number) => void): Snapshot {
    // records have one mark
    if (this.running?.done === false) throw new Error("a snapshot is still running")
    const shards = this.databases.flatMap(({ index, cells }) =>
      cells.filter((cell) => cell.current.size > 0).map((cell) => ({ database: index, shard: cell.current }))
    )
    this.running = new Snapshot(this.records, shards, take)
    return this.running
  }

  /** Removes keys whose time has come, at most about `budget` of them; false where there may be more. */
  expireDue(budget: number): boolean {
    if (!this.expires) return true
    for (const database of this.databases) {
      for (const cell of database.cells) {
        const shard = cell.current
        if (shard.wheel === null) continue
        budget = shard.wheel.advance(this.now, budget, (ref) => this.expire(database.index, shard, ref))
        if (budget === 0) return false
      }
    }
    return true
  }

  private expire(database: number, shard: Shard, ref: number): void {
    this.stats.expired++
    this.onExpire(database, ref)
    shard.remove(ref)
  }

  /** Removes a record that has expired and was met in a walk. */
  dropExpired(database: Database, shard: Shard, ref: number): void {
    this.expire(database.index, shard, ref)
  }

  /** A random key's record (it may have expired) and its shard, every key about as likely; null where there is none. */
  randomRecord(database: Database): { readonly shard: Shard; readonly ref: number } | null {
    let rest = Math.floor((this.random() / 4294967296) * this.size(database))
    for (const cell of database.cells) {
      const shard = cell.current
      if (rest < shard.size) return { shard, ref: shard.randomRecord(this.random) }
      rest -= shard.size
    }
    return null
  }
}
