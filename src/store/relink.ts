/**
 * A key under another name, or in another database: what RENAME, MOVE and COPY do. Pure.
 *
 * The key's bytes are in the record, so the record is made anew; a value that is outside of it is handed on as it
 * lies. Where there is no memory (these throw then) nothing has changed.
 */
import { copyWords } from "../values/bytes.js"
import type { Database, Keyspace } from "./database.js"
import type { KeySlice } from "./key.js"
import { FLAG_EXPIRES, FLAG_OUTSIDE, typeAndEncodingAt } from "./record.js"
import { UNIT_BITS, UNIT_MASK } from "./segments.js"
import type { Shard } from "./shard.js"

/** Of a value that is nowhere. */
const NO_HANDLE = 0

/** Puts a fresh record, whose value is not written yet, in a key's place, whatever that held. */
const put = (shard: Shard, key: KeySlice, ref: number): void => {
  const old = shard.find(key.hash, key.view, key.start, key.length)
  if (old === 0) shard.insert(key.hash, ref)
  else {
    if (shard.snapshot !== null) shard.snapshot.beforeChange(shard, old)
    shard.replace(ref)
    shard.free(old)
  }
}

/** A record like another's, under another key in a shard; its value is still to be written, its deadline is set. */
const remake = (
  keyspace: Keyspace,
  from: number,
  clock: number,
  shard: Shard,
  key: KeySlice,
  emptyHandle: boolean
): number => {
  const { records } = keyspace
  const flags = records.hasDeadline(from) ? FLAG_EXPIRES : 0
  const form = typeAndEncodingAt(keyspace.segments.words[from >> UNIT_BITS]!, (from & UNIT_MASK) << 1)
  const length = records.valueLength(from)
  if (flags !== 0) shard.openWheel(keyspace.now)
  const ref = emptyHandle
    ? shard.createOutside(form, clock, flags | FLAG_OUTSIDE, key, length, NO_HANDLE)
    : shard.createRecord(form, clock, flags, key, length)
  put(shard, key, ref)
  if (flags !== 0) {
    records.setDeadline(ref, keyspace.deadlineOf(from))
    shard.wheel!.add(ref)
  }
  return ref
}

const copyValue = (keyspace: Keyspace, from: number, to: number): void => {
  const { records } = keyspace
  copyWords(
    records.valueView(from),
    records.valueBytes(from),
    records.valueStart(from),
    records.valueLength(from),
    records.valueView(to),
    records.valueBytes(to),
    records.valueStart(to)
  )
}

/** Makes a key hold what the record `from` holds, with its deadline. */
export const copyKey = (keyspace: Keyspace, from: number, database: Database, key: KeySlice): void => {
  const shard = keyspace.writable(database, key.hash)
  copyValue(keyspace, from, remake(keyspace, from, keyspace.clock, shard, key, false))
}

/** Gives the record `ref`, whose key has this hash in `from`, another key or another database. */
export const moveKey = (
  keyspace: Keyspace,
  from: Database,
  hash: number,
  ref: number,
  database: Database,
  key: KeySlice
): void => {
  const { records } = keyspace
  const source = keyspace.shard(from, hash)
  const target = keyspace.writable(database, key.hash)
  const outside = records.isOutside(ref)
  const fresh = remake(keyspace, ref, records.access(ref), target, key, outside)
  if (source.snapshot !== null) source.snapshot.beforeChange(source, ref)
  if (outside) {
    const handle = records.outside(ref)
    source.heap.yieldBlob(handle)
    target.heap.adoptBlob(handle)
    records.setOutside(fresh, handle)
    records.setOutside(ref, NO_HANDLE)
  } else copyValue(keyspace, ref, fresh)
  source.remove(ref)
}
