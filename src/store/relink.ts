/**
 * A key under another name, or in another database: what RENAME, MOVE and COPY do. Pure.
 *
 * The key's bytes are in the record, so the record is made anew; a value that is outside of it is handed on as it
 * lies. Where there is no memory (these throw then) nothing has changed.
 */
import { copyWords } from "../values/bytes.js"
import { typeOf } from "../values/types.js"
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

/** A record like another's, under another key in a shard; `handle` is of a value outside, or 0 of one inside. */
const remake = (
  keyspace: Keyspace,
  from: number,
  clock: number,
  shard: Shard,
  key: KeySlice,
  handle: number
): void => {
  const { records } = keyspace
  const flags = records.hasDeadline(from) ? FLAG_EXPIRES : 0
  const form = typeAndEncodingAt(keyspace.segments.words[from >> UNIT_BITS]!, (from & UNIT_MASK) << 1)
  const length = records.valueLength(from)
  const outside = records.isOutside(from)
  if (flags !== 0) shard.openWheel(keyspace.now)
  const ref = outside
    ? shard.createOutside(form, clock, flags | FLAG_OUTSIDE, key, length, NO_HANDLE)
    : shard.createRecord(form, clock, flags, key, length)
  put(shard, key, ref)
  if (flags !== 0) {
    records.setDeadline(ref, keyspace.deadlineOf(from))
    shard.wheel!.add(ref)
  }
  if (outside) records.setOutside(ref, handle)
  else copyInside(keyspace, from, ref)
}

/** A value inside its record is bytes, whatever its type. */
const copyInside = (keyspace: Keyspace, from: number, to: number): void => {
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
  const { records } = keyspace
  const shard = keyspace.writable(database, key.hash)
  if (!records.isOutside(from)) {
    remake(keyspace, from, keyspace.clock, shard, key, NO_HANDLE)
    return
  }
  const { outside } = typeOf(keyspace, from)
  const handle = outside.copy(shard.heap, records.outside(from), records.valueLength(from))
  try {
    remake(keyspace, from, keyspace.clock, shard, key, handle)
  } catch (cause) {
    outside.free(shard.heap, handle)
    throw cause
  }
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
  const handle = records.isOutside(ref) ? records.outside(ref) : NO_HANDLE
  remake(keyspace, ref, records.access(ref), target, key, handle)
  if (source.snapshot !== null) source.snapshot.beforeChange(source, ref)
  if (handle !== NO_HANDLE) {
    typeOf(keyspace, ref).outside.move(source.heap, target.heap, handle)
    records.setOutside(ref, NO_HANDLE)
  }
  source.remove(ref)
}
