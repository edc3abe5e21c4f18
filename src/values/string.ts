/**
 * The string value: bytes, or a 64-bit integer in 4 or 8 bytes. Pure.
 */

import type { ReplyWriter } from "../resp/writer.js"
import type { Database, Deadline, Keyspace } from "../store/database.js"
import type { ByteSlice, KeySlice } from "../store/key.js"
import {
  changeShort,
  ENCODING_BYTES,
  ENCODING_INT,
  fitsShort,
  headerAt,
  isPlain,
  plainValueStart,
  shortValueLength,
  TYPE_STRING,
  typeAndEncoding,
  typeAndEncodingAt
} from "../store/record.js"
import { UNIT_BITS, UNIT_MASK } from "../store/segments.js"
import type { Shard } from "../store/shard.js"
import { copyWords } from "./bytes.js"
import {
  decimalLength,
  type Integer,
  integerBytes,
  parseInteger,
  readInteger,
  writeDecimal,
  writeInteger
} from "./integer.js"

const BYTES_STRING = typeAndEncoding(TYPE_STRING, ENCODING_BYTES)
const INTEGER_STRING = typeAndEncoding(TYPE_STRING, ENCODING_INT)

/** Longest text of a 64-bit integer. */
const INTEGER_TEXT_MAX = 20

/** Sets a key to bytes; they are kept as an integer where they are one in canonical form. */
export const setBytes = (
  keyspace: Keyspace,
  database: Database,
  key: KeySlice,
  value: ByteSlice,
  deadline: Deadline,
  known: number
): void => {
  if (value.length <= INTEGER_TEXT_MAX) {
    const integer = parseInteger(value.bytes, value.start, value.length)
    if (integer !== undefined) {
      setInteger(keyspace, database, key, integer, deadline, known)
      return
    }
  }
  setText(keyspace, database, key, value, deadline, known)
}

/** Sets a key to bytes that stay bytes, even where they are an integer's. */
export const setText = (
  keyspace: Keyspace,
  database: Database,
  key: KeySlice,
  value: ByteSlice,
  deadline: Deadline,
  known: number
): void => {
  const { length } = value
  const ref = keyspace.prepare(database, key, BYTES_STRING, length, deadline, known)
  const { records, segments } = keyspace
  if (!fitsShort(length)) {
    records
      .valueBytes(ref)
      .set(value.bytes.subarray(value.start, value.start + length), records.valueStart(ref))
    return
  }
  const segment = ref >> UNIT_BITS
  const words = segments.words[segment]!
  const at = (ref & UNIT_MASK) << 1
  const header = headerAt(words, at)
  const to = isPlain(header) ? plainValueStart(at, header) : records.valueStart(ref)
  copyWords(
    value.view,
    value.bytes,
    value.start,
    length,
    segments.views[segment]!,
    segments.bytes[segment]!,
    to
  )
}

/** Sets a key to an integer. */
export const setInteger = (
  keyspace: Keyspace,
  database: Database,
  key: KeySlice,
  value: Integer,
  deadline: Deadline,
  known: number
): void => {
  const ref = keyspace.prepare(database, key, INTEGER_STRING, integerBytes(value), deadline, known)
  writeInteger(keyspace.segments.views[ref >> UNIT_BITS]!, keyspace.records.valueStart(ref), value)
}

/** The integer that a string record holds, or undefined. */
export const integerOf = (keyspace: Keyspace, ref: number): Integer | undefined => {
  const { records } = keyspace
  const start = records.valueStart(ref)
  const length = records.valueLength(ref)
  return records.encoding(ref) === ENCODING_INT
    ? readInteger(keyspace.segments.views[ref >> UNIT_BITS]!, start, length)
    : parseInteger(records.valueBytes(ref), start, length)
}

/**
 * Adds to the integer of a usual record (no deadline, 4 bytes) where it lies; undefined where the record is another or
 * the sum needs more room. INCR's path.
 */
export const addInPlace = (keyspace: Keyspace, shard: Shard, ref: number, by: number): number | undefined => {
  const { segments } = keyspace
  const words = segments.words[ref >> UNIT_BITS]!
  const at = (ref & UNIT_MASK) << 1
  const header = headerAt(words, at)
  if (typeAndEncodingAt(words, at) !== INTEGER_STRING || !isPlain(header)) return undefined
  if (shortValueLength(header) !== 4) return undefined
  const view = segments.views[ref >> UNIT_BITS]!
  const start = plainValueStart(at, header)
  const sum = view.getInt32(start, true) + by
  if (sum !== (sum | 0)) return undefined
  if (shard.snapshot !== null) shard.snapshot.beforeChange(shard, ref)
  view.setInt32(start, sum, true)
  changeShort(words, at, INTEGER_STRING, keyspace.clock, 4)
  return sum
}

/** The length of the string as clients see it. */
export const lengthOf = (keyspace: Keyspace, ref: number): number => {
  const { records } = keyspace
  const length = records.valueLength(ref)
  if (records.encoding(ref) !== ENCODING_INT) return length
  return decimalLength(
    readInteger(keyspace.segments.views[ref >> UNIT_BITS]!, records.valueStart(ref), length)
  )
}

/** Writes the string as a bulk reply. */
export const writeBulk = (keyspace: Keyspace, ref: number, reply: ReplyWriter): void => {
  const { records, segments } = keyspace
  const segment = ref >> UNIT_BITS
  const words = segments.words[segment]!
  const at = (ref & UNIT_MASK) << 1
  const header = headerAt(words, at)
  const isInteger = typeAndEncodingAt(words, at) === INTEGER_STRING
  if (isPlain(header) && !isInteger) {
    // the usual record, its header read once
    const start = plainValueStart(at, header)
    reply.bulkWords(segments.views[segment]!, segments.bytes[segment]!, start, shortValueLength(header))
    return
  }
  const start = records.valueStart(ref)
  const length = records.valueLength(ref)
  if (isInteger) reply.bulkInteger(readInteger(segments.views[segment]!, start, length))
  else reply.bulk(records.valueBytes(ref), start, length)
}

/** The bytes of the string: a view of the record, valid until the key is written; digits are made for an integer. */
export const bytesOf = (keyspace: Keyspace, ref: number): Buffer => {
  const { records } = keyspace
  const start = records.valueStart(ref)
  const length = records.valueLength(ref)
  if (records.encoding(ref) !== ENCODING_INT) return records.valueBytes(ref).subarray(start, start + length)
  const value = readInteger(keyspace.segments.views[ref >> UNIT_BITS]!, start, length)
  const text = Buffer.allocUnsafe(decimalLength(value))
  writeDecimal(text, 0, value, text.length)
  return text
}
