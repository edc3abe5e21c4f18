/**
 * CRC-64/Jones as RDB files and DUMP payloads carry it: reflected, polynomial 0xad93d23594c935a9, start value
 * and final xor 0. Pure.
 *
 * Invariants: the 64-bit state is two 32-bit halves, since a BigInt per byte would be a hundred times slower;
 * eight bytes are taken a step (slicing by 8), so that the check costs less than reading the file.
 */

/** The polynomial 0xad93d23594c935a9 with its bits in reverse order, as two halves. */
const polynomialLow = 0xac4bc9b5
const polynomialHigh = 0x95ac9329

/**
 * `slices[(s * 256 + b) * 2]` and the next are the low and high half of the state which byte `b` leaves when
 * `s` zero bytes follow it.
 */
const slices = makeSlices()

/** Bytes of one run of the inner loop. */
const blockBytes = 16384

function makeSlices(): Int32Array {
  const table = new Int32Array(8 * 256 * 2)
  for (let byte = 0; byte < 256; byte++) {
    let low = byte
    let high = 0
    for (let bit = 0; bit < 8; bit++) {
      const carry = low & 1
      low = (low >>> 1) | (high << 31)
      high >>>= 1
      if (carry === 1) {
        low ^= polynomialLow
        high ^= polynomialHigh
      }
    }
    table[byte * 2] = low
    table[byte * 2 + 1] = high
  }
  for (let index = 256; index < 8 * 256; index++) {
    const low = table[(index - 256) * 2]
    const high = table[(index - 256) * 2 + 1]
    const first = (low & 255) * 2
    table[index * 2] = ((low >>> 8) | (high << 24)) ^ table[first]
    table[index * 2 + 1] = (high >>> 8) ^ table[first + 1]
  }
  return table
}

/** A running checksum: feed it bytes in any portions, ask for the digest at any time. */
export class Crc64 {
  #low = 0
  #high = 0

  /** Takes in `bytes[start..end)`. */
  update(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const eighths = start + ((end - start) & -8)
    // In blocks, so that the loop within is compiled as a whole: entered once for a megabyte, V8 compiles it
    // while it runs and drops that code at the loop's end, each time again (node --trace-deopt).
    let index = start
    while (index < eighths) {
      const blockEnd = Math.min(index + blockBytes, eighths)
      this.#block(bytes, index, blockEnd)
      index = blockEnd
    }
    while (index < end) {
      const first = ((this.#low ^ bytes[index++]) & 255) * 2
      this.#low = ((this.#low >>> 8) | (this.#high << 24)) ^ slices[first]
      this.#high = (this.#high >>> 8) ^ slices[first + 1]
    }
  }

  // Takes in a multiple of eight bytes.
  #block(bytes: Uint8Array, start: number, end: number): void {
    const table = slices
    let low = this.#low
    let high = this.#high
    for (let index = start; index < end; index += 8) {
      const a = ((low ^ bytes[index]) & 255) * 2 + 3584
      const b = (((low >>> 8) ^ bytes[index + 1]) & 255) * 2 + 3072
      const c = (((low >>> 16) ^ bytes[index + 2]) & 255) * 2 + 2560
      const d = ((low >>> 24) ^ bytes[index + 3]) * 2 + 2048
      const e = ((high ^ bytes[index + 4]) & 255) * 2 + 1536
      const f = (((high >>> 8) ^ bytes[index + 5]) & 255) * 2 + 1024
      const g = (((high >>> 16) ^ bytes[index + 6]) & 255) * 2 + 512
      const h = ((high >>> 24) ^ bytes[index + 7]) * 2
      const lower = table[a] ^ table[b] ^ table[c] ^ table[d]
      const upper = table[a + 1] ^ table[b + 1] ^ table[c + 1] ^ table[d + 1]
      low = lower ^ table[e] ^ table[f] ^ table[g] ^ table[h]
      high = upper ^ table[e + 1] ^ table[f + 1] ^ table[g + 1] ^ table[h + 1]
    }
    this.#low = low
    this.#high = high
  }

  /**
   * The checksum of all bytes so far, as an unsigned 64-bit integer; files hold it in little-endian order.
   */
  digest(): bigint {
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0)
  }
}

/** The checksum of `bytes[start..end)`; of the ASCII digits "123456789" it is 0xe9c6d914c4b8d9ca. */
export function crc64(bytes: Uint8Array, start = 0, end = bytes.length): bigint {
  const crc = new Crc64()
  crc.update(bytes, start, end)
  return crc.digest()
}
