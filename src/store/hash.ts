/**
 * Key hashing and key comparison, over bytes where they lie (a socket's buffer or a segment). Pure.
 *
 * The hash is HalfSipHash-1-3 with a secret and random key, so that a client cannot choose keys that fall into one
 * place: multiplying by a secret would not do, for a difference in the top bit alone passes through it unchanged.
 */

/** The secret of a store's hash: 64 bits. */
export interface HashKey {
  readonly k0: number
  readonly k1: number
}

/** Makes a hash key of two random 32-bit integers. */
export const makeHashKey = (random1: number, random2: number): HashKey => ({
  k0: random1 | 0,
  k1: random2 | 0
})

/** Gives the 32-bit hash of `length` bytes at `start`. */
export type Hash = (view: DataView, start: number, length: number, key: HashKey) => number

/** The 32-bit hash of `length` bytes at `start`. */
export const hashBytes = (view: DataView, start: number, length: number, key: HashKey): number => {
  let v0 = key.k0
  let v1 = key.k1
  let v2 = 0x6c796765 ^ key.k0
  let v3 = 0x74656462 ^ key.k1
  const words = length >>> 2
  let at = start
  // one round for each word, one for the tail with the length, three to finish
  for (let i = 0; i < words + 4; i++) {
    let word = 0
    if (i < words) {
      word = view.getInt32(at, true)
      at += 4
    } else if (i === words) {
      word = length << 24
      const end = start + length
      for (let shift = 0; at < end; at++, shift += 8) word |= view.getUint8(at) << shift
    } else if (i === words + 1) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return v1 ^ v3
}

/** Whether `length` bytes at `start` of a buffer equal those that begin at `word` of a segment. */
export const equalsWords = (
  view: DataView,
  start: number,
  length: number,
  words: Int32Array,
  word: number
): boolean => {
  const wordsEnd = start + (length & ~3)
  let at = start
  for (; at < wordsEnd; at += 4, word++) if (view.getInt32(at, true) !== words[word]) return false
  const rest = length & 3
  if (rest === 0) return true
  let tail = 0
  for (let shift = 0; shift < rest << 3; at++, shift += 8) tail |= view.getUint8(at) << shift
  return tail === (words[word]! & (0xffffff >> ((3 - rest) << 3)))
}

/** Slots of a cluster: a key's is the CRC16 of it, or of its hashtag. */
export const SLOTS = 16384

const SHARD_BITS = 5
/** Bits of a slot that lead a key's position within its shard. */
const LEADING_SHIFT = 32 - 9
const SIGN = 0x80000000
/** Bits of a hash that are left beside its slot. */
const REST_MASK = (1 << LEADING_SHIFT) - (1 << SHARD_BITS)

const BRACE_OPEN = 123
const BRACE_CLOSE = 125

/** CRC16 of each byte: XMODEM's, polynomial 0x1021, as Redis Cluster uses it. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

/** The CRC16 of `length` bytes at `start`. */
export const crc16 = (view: DataView, start: number, length: number): number => {
  let crc = 0
  for (const end = start + length; start < end; start++) {
    crc = ((crc << 8) & 0xffff) ^ CRC16[(crc >>> 8) ^ view.getUint8(start)]!
  }
  return crc
}

/** The slot of a key: of what is between its first brace and the next that closes, where that is something. */
export const slotOf = (view: DataView, start: number, length: number): number => {
  const end = start + length
  let open = start
  while (open < end && view.getUint8(open) !== BRACE_OPEN) open++
  let close = open + 1
  while (close < end && view.getUint8(close) !== BRACE_CLOSE) close++
  return close < end && close > open + 1
    ? crc16(view, open + 1, close - open - 1) % SLOTS
    : crc16(view, start, length) % SLOTS
}

/**
 * A hash that begins with the key's slot, so that a slot is one contiguous walk: the only place that lays it out.
 *
 *   bits 0-4    the slot's low five: the shard (database.ts)
 *   bits 5-22   of `hashBytes`
 *   bits 23-31  the slot's high nine, which lead the position (`hash ^ SIGN`, keyIndex.ts)
 *
 * 18 bits tell the keys of one slot apart: a slot of a million keys has four to a hash, which a look-up compares.
 */
export const hashWithSlot = (view: DataView, start: number, length: number, key: HashKey): number => {
  const slot = slotOf(view, start, length)
  const leading = (slot >>> SHARD_BITS) << LEADING_SHIFT
  return (
    (leading ^ SIGN) | (hashBytes(view, start, length, key) & REST_MASK) | (slot & ((1 << SHARD_BITS) - 1))
  )
}

/** Where the keys of a slot are under `hashWithSlot`: in one shard, at positions from `from` and before `until`. */
export const slotRange = (
  slot: number
): { readonly shard: number; readonly from: number; readonly until: number } => {
  const leading = slot >>> SHARD_BITS
  return {
    shard: slot & ((1 << SHARD_BITS) - 1),
    from: leading * 2 ** LEADING_SHIFT,
    until: (leading + 1) * 2 ** LEADING_SHIFT
  }
}
