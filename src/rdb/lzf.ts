/**
 * LibLZF's format, in which RDB files keep compressible strings: the decompressor. Pure.
 *
 * The input is a run of two kinds of items. A control byte below 32 is followed by that many bytes plus one,
 * taken as they are. Any other control byte is a reference: its upper three bits are the length minus two (7:
 * a byte to add follows), its lower five bits and the next byte are the distance back into the output, minus
 * one.
 *
 * Invariants: never reads outside `input[start..end)`, never writes outside `output[0..length)`.
 */

/**
 * The most output bytes one input byte can stand for: three bytes make a reference of 264. A claimed length
 * above this is damage, which is known so before any memory is allocated for it.
 */
export const expansionMax = 88

/**
 * Decompresses `input[start..end)` into `output[0..length)`.
 *
 * @returns true when the input was well formed and gave exactly `length` bytes; else the output is to be
 * thrown away
 */
export function decompress(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  length: number
): boolean {
  let from = start
  let to = 0
  while (from < end) {
    const control = input[from++]
    if (control < 32) {
      const runEnd = from + control + 1
      if (runEnd > end || to + control + 1 > length) return false
      while (from < runEnd) output[to++] = input[from++]
      continue
    }
    let count = (control >>> 5) + 2
    if (count === 9) {
      if (from === end) return false
      count += input[from++]
    }
    if (from === end) return false
    let back = to - ((control & 31) << 8) - 1 - input[from++]
    if (back < 0 || to + count > length) return false
    // Byte by byte: a reference may reach into the bytes it is just writing (a run).
    const copyEnd = to + count
    while (to < copyEnd) output[to++] = output[back++]
  }
  return to === length
}
