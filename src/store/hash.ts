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
