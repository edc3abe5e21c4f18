/**
 * What a record looks like in a segment: the only file that counts its words and tests its flags. Pure.
 *
 *   word 0   bits 0-3 type, 4-7 encoding, 8-31 access clock (seconds, 24 bits, as Redis's LRU clock)
 *   word 1   bits 0-7 flags, 8-15 key bytes, 16-31 value bytes           (when LONG is not set)
 *   LONG     2 words: key bytes, value bytes                              (then word 1 holds the flags alone)
 *   EXPIRES  4 words: deadline in Unix ms (low, high), previous and next in the expiry wheel
 *   LINKED   2 words: previous and next in the order of access (for eviction)
 *   OUTSIDE  2 words: where the value is, and one that is free
 *   key      begins on an 8-byte boundary
 *   value    follows the key at once, unaligned; nothing where it is OUTSIDE
 *
 * A value above 64 KiB is OUTSIDE, in a blob; so will be values of many blocks, of which the record holds a handle
 * that only their type understands (values/types.ts). Who changes the key then moves the handle and no bytes.
 * A block's size class follows from these lengths, so it is not stored. GENERATION is the mark that snapshots use
 * (snapshot.ts). A record with none of the flags that shape it is plain: most are, and what is called plain here has
 * a way of its own, for which the header is read once.
 */
import { copyWords } from "../values/bytes.js"
import { classOfUnits } from "./classes.js"
import { equalsWords } from "./hash.js"
import type { ByteSlice } from "./key.js"
import { type Segments, UNIT_BITS, UNIT_MASK } from "./segments.js"

/** What a key holds. The numbers stay in memory only; files have their own. */
export const TYPE_STRING = 0

/** A string's bytes as they are; OBJECT ENCODING says embstr up to 44 bytes, else raw. */
export const ENCODING_BYTES = 0
/** A string that is a 64-bit integer: 4 or 8 bytes, little-endian. */
export const ENCODING_INT = 1
/** Bytes that were changed in place: "raw" at any length, as in Redis. */
export const ENCODING_RAW = 2

const FLAG_LONG = 1
export const FLAG_EXPIRES = 2
/** Room for the links of the order of access. */
export const FLAG_LINKED = 4
export const FLAG_OUTSIDE = 8
export const FLAG_GENERATION = 16
/** The flags that say where things are. */
const SHAPE = FLAG_LONG | FLAG_EXPIRES | FLAG_LINKED | FLAG_OUTSIDE

/** Words before the key, by shape. */
const KEY_WORDS = Int32Array.from(
  { length: SHAPE + 1 },
  (_, shape) =>
    2 +
    (shape & FLAG_LONG ? 2 : 0) +
    (shape & FLAG_EXPIRES ? 4 : 0) +
    (shape & FLAG_LINKED ? 2 : 0) +
    (shape & FLAG_OUTSIDE ? 2 : 0)
)

const KEY_BYTES_SHORT_MAX = 255
/** A longer value is outside its record. */
const VALUE_BYTES_INSIDE_MAX = 65535
const ACCESS_SHIFT = 8
/** The access clock has 24 bits. */
export const ACCESS_MASK = 0xffffff

/** The 64-bit deadline of a key that has none. */
export const NO_DEADLINE = -1

/** Bytes before the key of a plain record. */
const PLAIN_BYTES = 8

/** Words from the start of a record to a field. */
const LONG_KEY = 2
const LONG_VALUE = 3

const expiresWord = (flags: number): number => 2 + ((flags & FLAG_LONG) << 1)
const linksWord = (flags: number): number => expiresWord(flags) + ((flags & FLAG_EXPIRES) << 1)

/** The shape of a record for a key and a value of these lengths; `flags` has EXPIRES, LINKED and OUTSIDE or not. */
export const shapeOf = (flags: number, keyLength: number, valueLength: number): number => {
  if (valueLength > VALUE_BYTES_INSIDE_MAX || flags & FLAG_OUTSIDE) return flags | FLAG_LONG | FLAG_OUTSIDE
  return keyLength > KEY_BYTES_SHORT_MAX ? flags | FLAG_LONG : flags
}

/** Units of a block for a record of this shape. */
export const unitsFor = (shape: number, keyLength: number, valueLength: number): number =>
  ((KEY_WORDS[shape & SHAPE]! << 2) + keyLength + (shape & FLAG_OUTSIDE ? 0 : valueLength) + 7) >>> 3

/** The second word of a record's header; `at` is the word that the record begins at. */
export const headerAt = (words: Int32Array, at: number): number => words[at + 1]!
/** Whether a value can be in a short record (one that has its lengths in its header) whose key is. */
export const fitsShort = (valueLength: number): boolean => valueLength <= VALUE_BYTES_INSIDE_MAX
export const shortValueLength = (header: number): number => header >>> 16
/** Whether the block of a plain record is that of one with another value. */
export const fitsPlainBlock = (header: number, keyLength: number, valueLength: number): boolean => {
  const oldUnits = (PLAIN_BYTES + keyLength + (header >>> 16) + 7) >>> 3
  const units = (PLAIN_BYTES + keyLength + valueLength + 7) >>> 3
  return units === oldUnits || classOfUnits(units) === classOfUnits(oldUnits)
}
/** Gives a short record another type, encoding and access time, and a value of another length in the same block. */
export const changeShort = (
  words: Int32Array,
  at: number,
  form: number,
  clock: number,
  valueLength: number
): void => {
  words[at] = form | (clock << ACCESS_SHIFT)
  words[at + 1] = (words[at + 1]! & 0xffff) | (valueLength << 16)
}
/** Whether a header is that of a plain record. */
export const isPlain = (header: number): boolean => (header & SHAPE) === 0
/** Where the value of a plain record begins: an offset in bytes into the segment. */
export const plainValueStart = (at: number, header: number): number =>
  (at << 2) + PLAIN_BYTES + ((header >> 8) & 0xff)
/** Type and encoding as the first word has them. */
export const typeAndEncoding = (type: number, encoding: number): number => type | (encoding << 4)
/** The same of a record. */
export const typeAndEncodingAt = (words: Int32Array, at: number): number => words[at]! & 0xff
/** Notes an access. */
export const touchAt = (words: Int32Array, at: number, clock: number): void => {
  words[at] = (words[at]! & 0xff) | (clock << ACCESS_SHIFT)
}
/** Whether a record has a deadline. */
export const expiresAt = (words: Int32Array, at: number): boolean => (words[at + 1]! & FLAG_EXPIRES) !== 0

/** Whether the record at a word has this key. */
export const hasKeyAt = (
  words: Int32Array,
  at: number,
  view: DataView,
  start: number,
  length: number
): boolean => {
  const header = words[at + 1]!
  if ((header & SHAPE) === 0) {
    return ((header >> 8) & 0xff) === length && equalsWords(view, start, length, words, at + 2)
  }
  const keyLength = header & FLAG_LONG ? words[at + LONG_KEY]! : (header >> 8) & 0xff
  return keyLength === length && equalsWords(view, start, length, words, at + KEY_WORDS[header & SHAPE]!)
}

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

  /** Gives a record another type, encoding and access time. */
  setTypeAndEncoding(ref: number, form: number, clock: number): void {
    this.segments.words[ref >> UNIT_BITS]![(ref & UNIT_MASK) << 1] = form | (clock << ACCESS_SHIFT)
  }

  /** Points a slice to a record's key. */
  keyOf<Slice extends ByteSlice>(ref: number, slice: Slice): Slice {
    return slice.point(
      this.bytes(ref),
      this.segments.views[ref >> UNIT_BITS]!,
      this.keyStart(ref),
      this.keyLength(ref)
    )
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
    return ((ref & UNIT_MASK) << 3) + (KEY_WORDS[this.flags(ref) & SHAPE]! << 2)
  }

  /** Where the value is: bytes, a view of them, and the offset that it begins at. */
  valueBytes(ref: number): Buffer {
    return this.isOutside(ref) ? this.segments.blobs.bytes[this.outside(ref)]! : this.bytes(ref)
  }
  valueView(ref: number): DataView {
    return this.isOutside(ref)
      ? this.segments.blobs.views[this.outside(ref)]!
      : this.segments.views[ref >> UNIT_BITS]!
  }
  valueStart(ref: number): number {
    return this.isOutside(ref) ? 0 : this.keyStart(ref) + this.keyLength(ref)
  }

  /** Whether the record holds a handle of its value rather than the value; the handle. */
  isOutside(ref: number): boolean {
    return (this.flags(ref) & FLAG_OUTSIDE) !== 0
  }
  outside(ref: number): number {
    return this.segments.words[ref >> UNIT_BITS]![this.outsideWord(ref)]!
  }
  setOutside(ref: number, handle: number): void {
    this.segments.words[ref >> UNIT_BITS]![this.outsideWord(ref)] = handle
  }
  private outsideWord(ref: number): number {
    return ((ref & UNIT_MASK) << 1) + KEY_WORDS[this.flags(ref) & SHAPE]! - 2
  }

  /** Neighbours in the order of access, where the record has room for them. */
  previous(ref: number): number {
    return this.segments.words[ref >> UNIT_BITS]![((ref & UNIT_MASK) << 1) + linksWord(this.flags(ref))]!
  }
  setPrevious(ref: number, to: number): void {
    this.segments.words[ref >> UNIT_BITS]![((ref & UNIT_MASK) << 1) + linksWord(this.flags(ref))] = to
  }
  next(ref: number): number {
    return this.segments.words[ref >> UNIT_BITS]![((ref & UNIT_MASK) << 1) + linksWord(this.flags(ref)) + 1]!
  }
  setNext(ref: number, to: number): void {
    this.segments.words[ref >> UNIT_BITS]![((ref & UNIT_MASK) << 1) + linksWord(this.flags(ref)) + 1] = to
  }

  /** Whether the record has a deadline. */
  hasDeadline(ref: number): boolean {
    return (this.flags(ref) & FLAG_EXPIRES) !== 0
  }
  /** What `shapeOf` gave when the record was made. */
  shape(ref: number): number {
    return this.flags(ref) & SHAPE
  }
  /** Gives a record the mark of a generation (FLAG_GENERATION or 0). */
  setGeneration(ref: number, generation: number): void {
    const words = this.segments.words[ref >> UNIT_BITS]!
    const at = ((ref & UNIT_MASK) << 1) + 1
    words[at] = (words[at]! & ~FLAG_GENERATION) | generation
  }
  generation(ref: number): number {
    return this.flags(ref) & FLAG_GENERATION
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
    const header = words[at + 1]!
    return header & FLAG_LONG
      ? unitsFor(header, words[at + LONG_KEY]!, words[at + LONG_VALUE]!)
      : ((KEY_WORDS[header & SHAPE]! << 2) + ((header >> 8) & 0xff) + (header >>> 16) + 7) >>> 3
  }

  /** Writes a record into a fresh block, but for its deadline, its links and its value. `flags`: shape and mark. */
  write(
    ref: number,
    typeAndEncoding: number,
    clock: number,
    flags: number,
    key: ByteSlice,
    valueLength: number
  ): void {
    const { segments } = this
    const keyLength = key.length
    const segment = ref >> UNIT_BITS
    const words = segments.words[segment]!
    const at = (ref & UNIT_MASK) << 1
    words[at] = typeAndEncoding | (clock << ACCESS_SHIFT)
    if (flags & FLAG_LONG) {
      words[at + 1] = flags
      words[at + LONG_KEY] = keyLength
      words[at + LONG_VALUE] = valueLength
    } else words[at + 1] = flags | (keyLength << 8) | (valueLength << 16)
    const to = (at + KEY_WORDS[flags & SHAPE]!) << 2
    copyWords(
      key.view,
      key.bytes,
      key.start,
      keyLength,
      segments.views[segment]!,
      segments.bytes[segment]!,
      to
    )
  }
}
