/**
 * What a record looks like in a segment. Pure.
 *
 *   word 0   bits 0-3 type, 4-7 encoding, 8-31 access clock (seconds, 24 bits, as Redis's LRU clock)
 *   word 1   bits 0-7 flags, 8-15 key bytes, 16-31 value bytes           (when LONG is not set)
 *   LONG     2 words: key bytes, value bytes                              (then word 1 holds the flags alone)
 *   EXPIRES  4 words: deadline in Unix ms (low, high), previous and next in the expiry wheel
 *   key      begins on an 8-byte boundary
 *   value    follows the key at once, unaligned
 *
 * A block's size class follows from these lengths, so it is not stored. GENERATION is the mark that snapshots use
 * (snapshot.ts). Two flag bits are free for the LRU links of a later step: they go between EXPIRES and the key.
 */
import { type Segments, UNIT_BITS, UNIT_MASK } from "./segments.js"

/** What a key holds. The numbers stay in memory only; files have their own. */
export const TYPE_STRING = 0

/** A string's bytes as they are; OBJECT ENCODING says embstr up to 44 bytes, else raw. */
export const ENCODING_BYTES = 0
/** A string that is a 64-bit integer: 4 or 8 bytes, little-endian. */
export const ENCODING_INT = 1
/** Bytes that were changed in place: "raw" at any length, as in Redis. */
export const ENCODING_RAW = 2

export const FLAG_LONG = 1
export const FLAG_EXPIRES = 2
export const FLAG_GENERATION = 4

/** Bytes before the key, by the low two flags. */
const KEY_OFFSET = new Int32Array([8, 16, 24, 32])

export const KEY_BYTES_SHORT_MAX = 255
export const VALUE_BYTES_SHORT_MAX = 65535
export const ACCESS_SHIFT = 8
/** The access clock has 24 bits. */
export const ACCESS_MASK = 0xffffff

/** The 64-bit deadline of a key that has none. */
export const NO_DEADLINE = -1

/** Words from the start of a record to a field. */
const LONG_KEY = 2
const LONG_VALUE = 3

const expiresWord = (flags: number): number => 2 + ((flags & FLAG_LONG) << 1)

/** Reads and writes the fields of the records of some segments. */
export class Records {
  constructor(readonly segments: Segments) {}

  flags(ref: number): number {
    return this.segments.words[ref >> UNIT_BITS]![((ref & UNIT_MASK) << 1) + 1]! & 0xff
  }
  type(ref: number): number {
    return this.segments.words[ref >> UNIT_BITS]![(ref & UNIT_MASK) << 1]! & 15
  }
  encoding(ref: number): number {
    return (this.segments.words[ref >> UNIT_BITS]![(ref & UNIT_MASK) << 1]! >> 4) & 15
  }
  setEncoding(ref: number, encoding: number): void {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const at = (ref & UNIT_MASK) << 1
    words[at] = (words[at]! & ~0xf0) | (encoding << 4)
  }

  /** Seconds of the access clock when the key was last touched. */
  access(ref: number): number {
    return this.segments.words[ref >> UNIT_BITS]![(ref & UNIT_MASK) << 1]! >>> ACCESS_SHIFT
  }
  touch(ref: number, clock: number): void {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const at = (ref & UNIT_MASK) << 1
    words[at] = (words[at]! & 0xff) | (clock << ACCESS_SHIFT)
  }

  keyLength(ref: number): number {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const at = (ref & UNIT_MASK) << 1
    const word = words[at + 1]!
    return word & FLAG_LONG ? words[at + LONG_KEY]! : (word >> 8) & 0xff
  }
  valueLength(ref: number): number {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const at = (ref & UNIT_MASK) << 1
    const word = words[at + 1]!
    return word & FLAG_LONG ? words[at + LONG_VALUE]! : word >>> 16
  }
  /** Changes the value's length within the same block and form. */
  setValueLength(ref: number, length: number): void {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const at = (ref & UNIT_MASK) << 1
    const word = words[at + 1]!
    if (word & FLAG_LONG) words[at + LONG_VALUE] = length
    else words[at + 1] = (word & 0xffff) | (length << 16)
  }

  /** The segment's bytes; offsets below are into them. */
  bytes(ref: number): Buffer {
    return this.segments.bytes[ref >> UNIT_BITS]!
  }
  keyStart(ref: number): number {
    return ((ref & UNIT_MASK) << 3) + KEY_OFFSET[this.flags(ref) & 3]!
  }
  valueStart(ref: number): number {
    return this.keyStart(ref) + this.keyLength(ref)
  }

  /** The deadline in Unix ms (above 2^53 rounded: `deadlineExact`), or NO_DEADLINE. */
  deadline(ref: number): number {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const at = (ref & UNIT_MASK) << 1
    const flags = words[at + 1]!
    if ((flags & FLAG_EXPIRES) === 0) return NO_DEADLINE
    const field = at + expiresWord(flags)
    return words[field + 1]! * 4294967296 + (words[field]! >>> 0)
  }
  deadlineExact(ref: number): bigint {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const field = ((ref & UNIT_MASK) << 1) + expiresWord(this.flags(ref))
    return (BigInt(words[field + 1]!) << 32n) | BigInt(words[field]! >>> 0)
  }
  setDeadline(ref: number, deadline: number | bigint): void {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const field = ((ref & UNIT_MASK) << 1) + expiresWord(this.flags(ref))
    if (typeof deadline === "number") {
      words[field] = (deadline % 4294967296) | 0
      words[field + 1] = Math.floor(deadline / 4294967296)
    } else {
      words[field] = Number(BigInt.asIntN(32, deadline))
      words[field + 1] = Number(deadline >> 32n)
    }
  }

  /** The neighbours in the expiry wheel: a ref, 0, or (previous only) ~slot where the record is a slot's first. */
  wheelPrevious(ref: number): number {
    return this.segments.words[ref >> UNIT_BITS]![
      ((ref & UNIT_MASK) << 1) + expiresWord(this.flags(ref)) + 2
    ]!
  }
  setWheelPrevious(ref: number, to: number): void {
    this.segments.words[ref >> UNIT_BITS]![((ref & UNIT_MASK) << 1) + expiresWord(this.flags(ref)) + 2] = to
  }
  wheelNext(ref: number): number {
    return this.segments.words[ref >> UNIT_BITS]![
      ((ref & UNIT_MASK) << 1) + expiresWord(this.flags(ref)) + 3
    ]!
  }
  setWheelNext(ref: number, to: number): void {
    this.segments.words[ref >> UNIT_BITS]![((ref & UNIT_MASK) << 1) + expiresWord(this.flags(ref)) + 3] = to
  }

  /** Units of the block that holds this record. */
  units(ref: number): number {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const at = (ref & UNIT_MASK) << 1
    const word = words[at + 1]!
    const offset = KEY_OFFSET[word & 3]!
    return word & FLAG_LONG
      ? (offset + words[at + LONG_KEY]! + words[at + LONG_VALUE]! + 7) >>> 3
      : (offset + ((word >> 8) & 0xff) + (word >>> 16) + 7) >>> 3
  }
}

/** Whether lengths need the long header. */
export const needsLong = (keyLength: number, valueLength: number): boolean =>
  keyLength > KEY_BYTES_SHORT_MAX || valueLength > VALUE_BYTES_SHORT_MAX

/** Units of a block for a record with these flags and lengths. */
export const unitsFor = (flags: number, keyLength: number, valueLength: number): number =>
  (KEY_OFFSET[flags & 3]! + keyLength + valueLength + 7) >>> 3

/** Writes a record's header (not the deadline, nor the links) at a fresh block. */
export const writeHeader = (
  words: Int32Array,
  word: number,
  type: number,
  encoding: number,
  clock: number,
  flags: number,
  keyLength: number,
  valueLength: number
): void => {
  words[word] = type | (encoding << 4) | (clock << ACCESS_SHIFT)
  if (flags & FLAG_LONG) {
    words[word + 1] = flags
    words[word + LONG_KEY] = keyLength
    words[word + LONG_VALUE] = valueLength
  } else words[word + 1] = flags | (keyLength << 8) | (valueLength << 16)
}
