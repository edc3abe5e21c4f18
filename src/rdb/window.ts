/**
 * The bytes of an RDB file as its reader sees them: a window over a source, with the checksum of all that was
 * consumed. Pure.
 *
 * Invariants: the window is one chunk long, or for a longer string at most twice the bytes that are there;
 * consumed bytes stay in it until the next call that reads, and longer from `retain` on; each byte enters the
 * checksum once.
 */

import { Crc64 } from "./crc64.js"

/** Where bytes come from. */
export interface ByteSource {
  /**
   * Writes the next 1 to `length` bytes into `buffer`, from index `offset` on, and gives their count; 0 at
   * the end.
   * `(buffer, offset, length) => fs.readSync(descriptor, buffer, offset, length, null)` is one. The source
   * may be read further than the RDB goes: whoever wants what follows it starts again at `RdbEnd.bytes`.
   */
  readInto(buffer: Uint8Array, offset: number, length: number): number
}

/** unsupported: sound as far as can be seen, but this version of effect-kv cannot hold it. */
export type RdbReason =
  | "short-file"
  | "wrong-magic"
  | "wrong-version"
  | "wrong-checksum"
  | "corrupt"
  | "unsupported"
  | "too-long"

/**
 * Why an RDB cannot be read. `offset` counts bytes from the magic: the opcode, type or length that is at
 * fault, or the end of a short file. `key` is set where the fault is in a key's value or type.
 */
export class RdbError extends Error {
  override readonly name = "RdbError"
  constructor(
    readonly reason: RdbReason,
    readonly offset: number,
    readonly detail: string,
    readonly key: Uint8Array | null = null
  ) {
    super(`${detail} (offset ${offset})`)
  }
}

/** A window over `source`, which is asked for `chunkBytes` (at least 64) at a time. */
export class Window {
  readonly #source: ByteSource
  readonly #chunkBytes: number

  /**
   * `bytes[position..limit)` is read from the source and not consumed; `bytes[0]` is at `#base` in the file.
   */
  bytes: Uint8Array
  position = 0
  #limit = 0
  #base = 0
  /**
   * From this index on consumed bytes are kept, whatever is read; it moves with them. -1: nothing is kept.
   */
  retain = -1
  // Consumed bytes from here on are not in the checksum yet; it is brought up to date a window at a time.
  #unhashed = 0
  #hashing: boolean
  readonly #crc = new Crc64()

  constructor(source: ByteSource, chunkBytes: number, hashing: boolean) {
    this.#source = source
    this.#chunkBytes = Math.max(64, chunkBytes)
    this.#hashing = hashing
    this.bytes = new Uint8Array(this.#chunkBytes)
  }

  /** Bytes consumed so far, from the start of the file. */
  get offset(): number {
    return this.#base + this.position
  }

  /** The checksum of the bytes consumed so far (0 when it is not wanted); later ones do not enter it. */
  closeChecksum(): bigint {
    this.#hash()
    this.#hashing = false
    return this.#crc.digest()
  }

  /** The next byte. Like all of these it throws RdbError (short-file) when the source has ended. */
  byte(): number {
    if (this.position === this.#limit) this.#fill(1)
    return this.bytes[this.position++]
  }

  /** An unsigned 32-bit integer in network order: lengths. */
  bigEndian32(): number {
    this.need(4)
    const at = this.position
    const bytes = this.bytes
    this.position = at + 4
    return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0
  }

  /** A signed 8-bit integer. */
  int8(): number {
    return (this.byte() << 24) >> 24
  }

  /** A signed 16-bit integer in little-endian order. */
  int16(): number {
    const low = this.byte()
    return low | (this.int8() << 8)
  }

  /** A signed 32-bit integer in little-endian order: all other numbers. */
  int32(): number {
    this.need(4)
    const at = this.position
    const bytes = this.bytes
    this.position = at + 4
    return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
  }

  /** A signed 64-bit integer in little-endian order. */
  int64(): bigint {
    const low = this.int32() >>> 0
    const high = this.int32()
    // A BigInt made from one number costs a third of one put together, and times are always this small.
    if (high >= -0x200000 && high < 0x200000) return BigInt(high * 4294967296 + low)
    return (BigInt(high) << 32n) | BigInt(low)
  }

  /** Makes sure that `count` bytes from `position` on are in the window, which may move for it. */
  need(count: number): void {
    if (this.#limit - this.position < count) this.#fill(count)
  }

  #fill(count: number): void {
    if (this.position + count > this.bytes.length) this.#makeRoom(count)
    while (this.#limit - this.position < count) {
      if (this.#limit === this.bytes.length) this.#makeRoom(count)
      const room = Math.min(this.#chunkBytes, this.bytes.length - this.#limit)
      const got = this.#source.readInto(this.bytes, this.#limit, room)
      this.#limit += got
      if (got === 0)
        throw new RdbError("short-file", this.#base + this.#limit, "Unexpected EOF reading RDB file")
    }
  }

  /**
   * Drops consumed bytes that nobody needs, and changes the window's size: one chunk, or for a longer string
   * at most twice the bytes that are there, so that a damaged length cannot ask for memory.
   */
  #makeRoom(count: number): void {
    this.#hash()
    const start = this.retain === -1 ? this.position : this.retain
    const kept = this.#limit - start
    const wanted = this.position - start + count
    const chunk = this.#chunkBytes
    const size = wanted <= chunk ? chunk : Math.min(wanted, Math.max(chunk, 2 * kept))
    if (size === this.bytes.length) {
      this.bytes.copyWithin(0, start, this.#limit)
    } else {
      const bytes = new Uint8Array(size)
      bytes.set(this.bytes.subarray(start, this.#limit))
      this.bytes = bytes
    }
    this.#base += start
    this.position -= start
    this.#limit = kept
    this.#unhashed = this.position
    if (this.retain !== -1) this.retain = 0
  }

  #hash(): void {
    if (this.#hashing) this.#crc.update(this.bytes, this.#unhashed, this.position)
    this.#unhashed = this.position
  }
}
