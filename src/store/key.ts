/**
 * Bytes where they lie, to be passed on without copying them: a key with its hash, a value. Pure.
 *
 * Whoever makes one owns it and points it to other bytes again and again; who is given one keeps nothing of it.
 */

const NO_BYTES = new Uint8Array(0)
const NO_VIEW = new DataView(new ArrayBuffer(0))

/** A part of some bytes. */
export class ByteSlice {
  bytes: Uint8Array = NO_BYTES
  /** The same bytes, for reading words. */
  view: DataView = NO_VIEW
  start = 0
  length = 0

  /** Points to other bytes; gives itself. */
  point(bytes: Uint8Array, view: DataView, start: number, length: number): this {
    // most often the same as before, and a test costs less than telling the garbage collector of a write
    if (this.bytes !== bytes) this.bytes = bytes
    if (this.view !== view) this.view = view
    this.start = start
    this.length = length
    return this
  }
}

/** A key, with its hash. */
export class KeySlice extends ByteSlice {
  hash = 0

  /** Points to another key; gives itself. */
  pointKey(bytes: Uint8Array, view: DataView, start: number, length: number, hash: number): this {
    if (this.bytes !== bytes) this.bytes = bytes
    if (this.view !== view) this.view = view
    this.start = start
    this.length = length
    this.hash = hash
    return this
  }
}
