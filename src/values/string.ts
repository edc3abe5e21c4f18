/**
 * The string value: bytes, or a 64-bit integer in 4 or 8 bytes. Pure.
 */

import type { ReplyWriter } from "../resp/writer.js"
import type { Database, Deadline, Keyspace } from "../store/database.js"
import {
  ACCESS_SHIFT,
  ENCODING_BYTES,
  ENCODING_INT,
  FLAG_EXPIRES,
  FLAG_LONG,
  TYPE_STRING
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

/** Type and encoding of a string that is an integer, as a record's first word has them. */
const INTEGER_STRING = TYPE_STRING | (ENCODING_INT << 4)

/** Longest text of a 64-bit integer. */
const INTEGER_TEXT_MAX = 20

/** Sets a key to bytes; they are kept as an integer where they are one in canonical form. */
export const setBytes = (
  keyspace: Keyspace,
  database: Database,
  hash: number,
  key: Uint8Array,
  view: DataView,
  keyStart: number,
  keyLength: number,
  value: Uint8Array,
  valueView: DataView,
  valueStart: number,
  valueLength: number,
  deadline: Deadline,
  known: number
): void => {
  if (valueLength <= INTEGER_TEXT_MAX) {
    const integer = parseInteger(value, valueStart, valueLength)
    if (integer !== undefined) {
      setInteger(keyspace, database, hash, key, view, keyStart, keyLength, integer, deadline, known)
      return
    }
  }
  const ref = keyspace.prepare(
    database,
    hash,
    key,
    view,
    keyStart,
    keyLength,
    TYPE_STRING,
    ENCODING_BYTES,
    valueLength,
    deadline,
    known
  )
  const segment = ref >> UNIT_BITS
  const to = keyspace.records.valueStart(ref)
  copyWords(
    valueView,
    value,
    valueStart,
    valueLength,
    keyspace.segments.views[segment]!,
    keyspace.segments.bytes[segment]!,
    to
  )
}

/** Sets a key to an integer. */
export const setInteger = (
  keyspace: Keyspace,
  database: Database,
  hash: number,
  key: Uint8Array,
  view: DataView,
  keyStart: number,
  keyLength: number,
  value: Integer,
  deadline: Deadline,
  known: number
): void => {
  const ref = keyspace.prepare(
    database,
    hash,
    key,
    view,
    keyStart,
    keyLength,
    TYPE_STRING,
    ENCODING_INT,
    integerBytes(value),
    deadline,
    known
  )
  writeInteger(keyspace.segments.views[ref >> UNIT_BITS]!, keyspace.records.valueStart(ref), value)
}

/** The integer that a string record holds, or undefined. */
export const integerOf = (keyspace: Keyspace, ref: number): Integer | undefined => {
  const { records } = keyspace
  const start = records.valueStart(ref)
  const length = records.valueLength(ref)
  return records.encoding(ref) === ENCODING_INT
    ? readInteger(keyspace.segments.views[ref >> UNIT_BITS]!, start, length)
    : parseInteger(records.bytes(ref), start, length)
}

/**
 * Adds to the integer of a usual record (no deadline, 4 bytes) where it lies; undefined where the record is another or
 * the sum needs more room. INCR's path.
 */
export const addInPlace = (keyspace: Keyspace, shard: Shard, ref: number, by: number): number | undefined => {
  const { segments } = keyspace
  const words = segments.words[ref >> UNIT_BITS]!
  const at = (ref & UNIT_MASK) << 1
  const header = words[at + 1]!
  if (
    (words[at]! & 0xff) !== INTEGER_STRING ||
    (header & (FLAG_LONG | FLAG_EXPIRES)) !== 0 ||
    header >>> 16 !== 4
  ) {
    return undefined
  }
  const view = segments.views[ref >> UNIT_BITS]!
  const start = (at << 2) + 8 + ((header >> 8) & 0xff)
  const sum = view.getInt32(start, true) + by
  if (sum !== (sum | 0)) return undefined
  if (shard.snapshot !== null) shard.snapshot.beforeChange(shard, ref)
  view.setInt32(start, sum, true)
  words[at] = INTEGER_STRING | (keyspace.clock << ACCESS_SHIFT)
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
  const { segments } = keyspace
  const segment = ref >> UNIT_BITS
  const words = segments.words[segment]!
  const at = (ref & UNIT_MASK) << 1
  const header = words[at + 1]!
  if ((header & (FLAG_LONG | FLAG_EXPIRES)) === 0 && ((words[at]! >> 4) & 15) !== ENCODING_INT) {
    // the usual record, its header read once
    const start = (at << 2) + 8 + ((header >> 8) & 0xff)
    reply.bulkWords(segments.views[segment]!, segments.bytes[segment]!, start, header >>> 16)
    return
  }
  const start = keyspace.records.valueStart(ref)
  const length = keyspace.records.valueLength(ref)
  if (((words[at]! >> 4) & 15) === ENCODING_INT) {
    reply.bulkInteger(readInteger(segments.views[segment]!, start, length))
  } else reply.bulk(segments.bytes[segment]!, start, length)
}

/** The bytes of the string: a view of the record, valid until the key is written; digits are made for an integer. */
export const bytesOf = (keyspace: Keyspace, ref: number): Buffer => {
  const { records } = keyspace
  const start = records.valueStart(ref)
  const length = records.valueLength(ref)
  if (records.encoding(ref) !== ENCODING_INT) return records.bytes(ref).subarray(start, start + length)
  const value = readInteger(keyspace.segments.views[ref >> UNIT_BITS]!, start, length)
  const text = Buffer.allocUnsafe(decimalLength(value))
  writeDecimal(text, 0, value, text.length)
  return text
}
