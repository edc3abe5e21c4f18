/**
 * The memory that records and index pages live in: segments of 256 KiB outside V8's heap. Pure.
 *
 * A reference ("ref") is a positive 32-bit integer: segment number * 2^15 + unit; a unit is 8 bytes. 0 is no record.
 * So a store has at most 65,535 segments, 16 GiB of records and index; values above 64 KiB are in blobs (blobs.ts),
 * which only memory limits. Segments belong to one `Heap` each (a shard has one), so that dropping a shard drops its
 * memory without a walk. They are cut from slabs (memory.ts); a slab none of whose segments is in use goes back.
 */
import { Blobs } from "./blobs.js"
import { CLASSES } from "./classes.js"
import { CountedMemory, type Memory, OutOfMemory, processMemory, SLAB_BYTES, SLAB_START } from "./memory.js"

/** Bits of a ref that are the unit within its segment. */
export const UNIT_BITS = 15
/** `ref & UNIT_MASK` is the unit within the segment. */
export const UNIT_MASK = (1 << UNIT_BITS) - 1
/** Bytes of a segment. */
export const SEGMENT_BYTES = 8 << UNIT_BITS
/** Units of a segment. */
export const SEGMENT_UNITS = 1 << UNIT_BITS
/** So that a ref stays a positive 32-bit integer. */
export const SEGMENTS_MAX = 1 << (31 - UNIT_BITS)

/** Words of 16 bits that a heap keeps about a segment of its own: heap.ts says which. */
export const TABLE_WORDS = 3 * CLASSES + 3
const TABLE_BYTES = (TABLE_WORDS * 2 + 7) & ~7
const SLAB_SEGMENTS = SLAB_BYTES / SEGMENT_BYTES

if (new Uint8Array(new Int32Array([1]).buffer)[0] !== 1)
  throw new Error("effect-kv needs a little-endian machine")

/** Segments that come from one piece of memory, or that have one each (`buffer` is null then). */
interface Slab {
  readonly buffer: ArrayBuffer | null
  /** The number of its first segment. */
  readonly first: number
  /** Numbers of segments that are not in use. */
  readonly free: Array<number>
}

const EMPTY_WORDS = new Int32Array(0)
const EMPTY_BYTES = Buffer.alloc(0)
const EMPTY_VIEW = new DataView(new ArrayBuffer(0))
const EMPTY_TABLE = new Uint16Array(0)

/** Every segment of a store, by number. */
export class Segments {
  /** A segment's bytes as 32-bit words. */
  readonly words: Array<Int32Array> = []
  /** The same bytes. */
  readonly bytes: Array<Buffer> = []
  /** The same bytes, for unaligned numbers. */
  readonly views: Array<DataView> = []
  /** What the heap that a segment belongs to keeps about it. */
  readonly tables: Array<Uint16Array> = []
  /** Values that are too large for a segment. */
  readonly blobs: Blobs
  /** Bytes allocated by all heaps: what maxmemory limits. */
  usedBytes = 0
  /** Called when there is memory that `trim` would give back. */
  onIdle: () => void = () => {}
  private readonly slabs: Array<Slab | null> = []
  /** What slabs and single segments are taken from; what shards keep beside them is the collector's to free. */
  private readonly counted: CountedMemory
  /** No slab before this one has a free segment. */
  private firstFree = 0

  /** `slabSegments`: segments of a slab; tests want few. */
  constructor(
    readonly memory: Memory = processMemory,
    private readonly slabSegments = SLAB_SEGMENTS
  ) {
    this.counted = new CountedMemory(memory)
    this.blobs = new Blobs(this.counted, () => this.onIdle(), slabSegments * SEGMENT_BYTES)
    // segment 0 holds nothing: ref 0 means "none"
    this.words.push(new Int32Array(2))
    this.bytes.push(Buffer.alloc(8))
    this.views.push(new DataView(new ArrayBuffer(8)))
    this.tables.push(EMPTY_TABLE)
  }

  /** Segments whose memory is there, in use or not. */
  get count(): number {
    return this.slabs.reduce((sum, slab) => sum + (slab?.buffer ? this.slabSegments : 0), 0)
  }

  /** Bytes of all slabs, in use or not. What was never touched of them takes no memory. */
  get reservedBytes(): number {
    return this.counted.takenBytes
  }

  /** Bytes of slabs that no segment or blob takes at present. */
  get idleBytes(): number {
    let segments = 0
    for (const slab of this.slabs) if (slab?.buffer) segments += slab.free.length
    return segments * SEGMENT_BYTES + this.blobs.idleBytes
  }

  /** Takes a segment; the number of it. Throws OutOfMemory. */
  take(): number {
    for (let i = this.firstFree; i < this.slabs.length; i++) {
      const slab = this.slabs[i]!
      if (slab === null || slab.buffer === null || slab.free.length === 0) continue
      this.firstFree = i
      return this.open(slab, slab.buffer)
    }
    const buffer = this.allocate(SLAB_START + this.slabSegments * (SEGMENT_BYTES + TABLE_BYTES))
    const slab = this.addSlab(buffer)
    return this.open(slab, buffer)
  }

  /** Takes a segment of `bytes` bytes for one block: a key above 128 KiB has one. */
  takeSingle(bytes: number): number {
    const buffer = this.allocate(bytes)
    let slab = this.slabs.find((one) => one !== null && one.buffer === null && one.free.length > 0)
    slab ??= this.addSlab(null)
    const number = slab!.free.pop()!
    this.words[number] = new Int32Array(buffer, 0, bytes >> 2)
    this.bytes[number] = Buffer.from(buffer, 0, bytes)
    this.views[number] = new DataView(buffer, 0, bytes)
    return number
  }

  /** Gives a segment back: the next that is taken may be it. */
  release(number: number): void {
    const index = this.indexOf(number)
    const slab = this.slabs[index]!
    slab.free.push(number)
    if (slab.buffer === null) {
      const { buffer } = this.words[number]!
      this.close(number)
      this.counted.discard(buffer as ArrayBuffer)
      if (slab.free.length === this.slabSegments) this.slabs[index] = null
      return
    }
    if (index < this.firstFree) this.firstFree = index
    if (slab.free.length === this.slabSegments) this.onIdle()
  }

  /** Gives one slab in which nothing is used back to the system; false where there is none. */
  trim(): boolean {
    for (let i = this.slabs.length - 1; i >= 0; i--) {
      const slab = this.slabs[i]
      if (!slab || slab.buffer === null || slab.free.length < this.slabSegments) continue
      for (const number of slab.free) this.close(number)
      this.slabs[i] = null
      this.counted.discard(slab.buffer)
      return true
    }
    return this.blobs.trim()
  }

  /** Zeros, for what a shard keeps beside its segments. */
  newWords(count: number): Int32Array {
    return new Int32Array(this.memory.allocate(count << 2)).fill(0)
  }

  private indexOf(number: number): number {
    return ((number - 1) / this.slabSegments) | 0
  }

  private allocate(bytes: number): ArrayBuffer {
    if (this.slabs.length * this.slabSegments + 1 >= SEGMENTS_MAX && !this.slabs.includes(null)) {
      throw new OutOfMemory("the store is full: 16 GiB of keys and small values is all that it can refer to")
    }
    return this.counted.allocate(bytes)
  }

  private addSlab(buffer: ArrayBuffer | null): Slab {
    const gap = this.slabs.indexOf(null)
    const index = gap < 0 ? this.slabs.length : gap
    const first = 1 + index * this.slabSegments
    const count = Math.min(this.slabSegments, SEGMENTS_MAX - first)
    const slab: Slab = { buffer, first, free: Array.from({ length: count }, (_, i) => first + count - 1 - i) }
    this.slabs[index] = slab
    // every number below the length has an entry, so that V8 keeps these arrays packed
    for (let number = first; number < first + count; number++)
      if (number >= this.words.length) this.close(number)
    return slab
  }

  private open(slab: Slab, buffer: ArrayBuffer): number {
    const number = slab.free.pop()!
    if (this.words[number] === EMPTY_WORDS) {
      const at = number - slab.first
      const start = SLAB_START + at * SEGMENT_BYTES
      const table = SLAB_START + this.slabSegments * SEGMENT_BYTES + at * TABLE_BYTES
      this.words[number] = new Int32Array(buffer, start, SEGMENT_BYTES >> 2)
      this.bytes[number] = Buffer.from(buffer, start, SEGMENT_BYTES)
      this.views[number] = new DataView(buffer, start, SEGMENT_BYTES)
      this.tables[number] = new Uint16Array(buffer, table, TABLE_WORDS)
    }
    this.tables[number]!.fill(0)
    return number
  }

  private close(number: number): void {
    this.words[number] = EMPTY_WORDS
    this.bytes[number] = EMPTY_BYTES
    this.views[number] = EMPTY_VIEW
    this.tables[number] = EMPTY_TABLE
  }
}
