/**
 * Key hashing and key comparison, over bytes where they lie (a socket's buffer or a segment). Pure.
 *
 * Invariants: little-endian machine (checked once in segments.ts); `hashBytes` over a DataView and `hashWords` over a
 * record's words give the same hash for the same bytes, so a record can find its own index slot again.
 *
 * The hash is keyed: seed and multiplier come from the owner of the store and are secret and random, so that a client
 * cannot choose keys that fall into one place (what SipHash is for in Redis).
 */

/** The secret of a store's hash: two 32-bit integers; the multiplier is odd. */
export interface HashKey {
  readonly seed: number
  readonly multiplier: number
}

/** Makes a hash key of two random 32-bit integers. */
export const makeHashKey = (random1: number, random2: number): HashKey => ({
  seed: random1 | 0,
  multiplier: random2 | 1
})

const finish = (hash: number): number => {
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

const step = (hash: number, word: number, multiplier: number): number => {
  hash = Math.imul(hash ^ word, multiplier)
  return hash ^ (hash >>> 15)
}

/** The 32-bit hash of `length` bytes at `start`. */
export const hashBytes = (view: DataView, start: number, length: number, key: HashKey): number => {
  const multiplier = key.multiplier
  let hash = key.seed ^ length
  const wordsEnd = start + (length & ~3)
  let at = start
  for (; at < wordsEnd; at += 4) hash = step(hash, view.getInt32(at, true), multiplier)
  const end = start + length
  if (at < end) {
    let tail = 0
    for (let shift = 0; at < end; at++, shift += 8) tail |= view.getUint8(at) << shift
    hash = step(hash, tail, multiplier)
  }
  return finish(hash)
}

/** The same hash, of bytes that begin on a word boundary of a segment (`word` is an index into `words`). */
export const hashWords = (words: Int32Array, word: number, length: number, key: HashKey): number => {
  const multiplier = key.multiplier
  let hash = key.seed ^ length
  const end = word + (length >> 2)
  for (; word < end; word++) hash = step(hash, words[word]!, multiplier)
  const rest = length & 3
  if (rest > 0) hash = step(hash, words[word]! & (0xffffff >> ((3 - rest) << 3)), multiplier)
  return finish(hash)
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
