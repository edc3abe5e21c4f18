/**
 * Copying short runs of bytes without a call into the runtime. Pure.
 */

/** From so many bytes on, the runtime's copy wins (measured with 16 to 512 bytes). */
const LOOP_BYTES_MAX = 128

/** Copies bytes, a word at a time where they are few. */
export const copyWords = (
  source: DataView,
  sourceBytes: Uint8Array,
  from: number,
  length: number,
  target: DataView,
  targetBytes: Uint8Array,
  to: number
): void => {
  if (length > LOOP_BYTES_MAX) {
    targetBytes.set(sourceBytes.subarray(from, from + length), to)
    return
  }
  const wordsEnd = from + (length & ~3)
  const end = from + length
  for (; from < wordsEnd; from += 4, to += 4) target.setInt32(to, source.getInt32(from, true), true)
  for (; from < end; from++, to++) targetBytes[to] = sourceBytes[from]!
}

/** Copies bytes, a byte at a time where they are few. */
export const copyBytes = (
  source: Uint8Array,
  from: number,
  length: number,
  target: Uint8Array,
  to: number
): void => {
  if (length > LOOP_BYTES_MAX) {
    target.set(source.subarray(from, from + length), to)
    return
  }
  for (let i = 0; i < length; i++) target[to + i] = source[from + i]!
}
