/**
 * Values that are too large for a segment: runs of pages of 4 KiB in slabs of their own, by number. Pure.
 *
 * A record refers to a blob by number, so that its key can change without copying the value, and the number of blobs
 * has nothing to do with the limits of refs. Neighbouring free runs become one; a slab with no blob goes back.
 */
import { classOfUnits, unitsOfClass } from "./classes.js"
import { type Memory, SLAB_START } from "./memory.js"

const PAGE_BITS = 12
/** A blob that takes more than this part of a slab has memory of its own. */
const OWN_SHARE = 2

/** Memory of blobs. Free runs are kept in order of place. */
class Slab {
  readonly starts: Array<number>
  readonly lengths: Array<number>
  /** Pages of the longest free run, or more. */
  longest: number
  used = 0

  constructor(
    readonly buffer: ArrayBuffer,
    pages: number
  ) {
    this.starts = [0]
    this.lengths = [pages]
    this.longest = pages
  }

  /** The first page of a run that was free, or -1. */
  take(pages: number): number {
    let longest = 0
    for (let i = 0; i < this.starts.length; i++) {
      const length = this.lengths[i]!
      if (length < pages) {
        longest = Math.max(longest, length)
        continue
      }
      const start = this.starts[i]!
      if (length === pages) {
        this.starts.splice(i, 1)
        this.lengths.splice(i, 1)
      } else {
        this.starts[i] = start + pages
        this.lengths[i] = length - pages
      }
      this.used += pages
      return start
    }
    this.longest = longest
    return -1
  }

  give(start: number, pages: number): void {
    const { lengths, starts } = this
    let low = 0
    for (let high = starts.length; low < high; ) {
      const middle = (low + high) >> 1
      if (starts[middle]! < start) low = middle + 1
      else high = middle
    }
    const joinsPrevious = low > 0 && starts[low - 1]! + lengths[low - 1]! === start
    const joinsNext = low < starts.length && start + pages === starts[low]
    let length = pages
    if (joinsNext) length += lengths[low]!
    if (joinsPrevious) {
      length += lengths[low - 1]!
      lengths[low - 1] = length
      if (joinsNext) {
        starts.splice(low, 1)
        lengths.splice(low, 1)
      }
    } else if (joinsNext) {
      starts[low] = start
      lengths[low] = length
    } else {
      starts.splice(low, 0, start)
      lengths.splice(low, 0, pages)
    }
    this.used -= pages
    this.longest = Math.max(this.longest, length)
  }
}

const NOTHING = Buffer.alloc(0)
const NO_VIEW = new DataView(new ArrayBuffer(0))

/** Bytes that a blob for a value of `length` bytes has: some to grow into, and whole pages. */
export const blobBytes = (length: number): number => {
  const units = unitsOfClass(classOfUnits((length + 7) >>> 3))
  return Math.ceil(units / (1 << (PAGE_BITS - 3))) * (1 << PAGE_BITS)
}

/** The blobs of a store. */
export class Blobs {
  /** By number: the blob's bytes, as many as it has room for. */
  readonly bytes: Array<Buffer> = [NOTHING]
  /** The same bytes. */
  readonly views: Array<DataView> = [NO_VIEW]
  /** By number: where in its heap's list the blob is (heap.ts). */
  readonly places: Array<number> = [0]
  /** By number: its slab (null where the blob has memory of its own) and first page. */
  private readonly slabOf: Array<Slab | null> = [null]
  private readonly pageOf: Array<number> = [0]
  private readonly freeNumbers: Array<number> = []
  private readonly slabs: Array<Slab> = []

  constructor(
    private readonly memory: Memory,
    private readonly onIdle: () => void,
    private readonly slabBytes: number
  ) {}

  /** Bytes of slabs that no blob takes at present. */
  get idleBytes(): number {
    let bytes = 0
    for (const slab of this.slabs) bytes += this.slabBytes - (slab.used << PAGE_BITS)
    return bytes
  }

  /** Takes a blob of `blobBytes(length)` bytes; its number. Throws RangeError where memory has run out. */
  take(length: number): number {
    const bytes = blobBytes(length)
    if (bytes > this.slabBytes / OWN_SHARE) {
      // never less than a slab, so that it is mapped by itself as well; what is not touched takes no memory
      const buffer = this.memory.allocate(Math.max(bytes, SLAB_START + this.slabBytes))
      return this.add(null, 0, buffer, 0, bytes)
    }
    const pages = bytes >> PAGE_BITS
    for (const slab of this.slabs) {
      if (slab.longest < pages) continue
      const page = slab.take(pages)
      if (page >= 0) return this.add(slab, page, slab.buffer, SLAB_START + (page << PAGE_BITS), bytes)
    }
    const buffer = this.memory.allocate(SLAB_START + this.slabBytes)
    const slab = new Slab(buffer, this.slabBytes >> PAGE_BITS)
    this.slabs.push(slab)
    const page = slab.take(pages)
    return this.add(slab, page, buffer, SLAB_START + (page << PAGE_BITS), bytes)
  }

  /** Frees a blob. */
  release(number: number): void {
    const slab = this.slabOf[number]!
    const bytes = this.bytes[number]!
    this.bytes[number] = NOTHING
    this.views[number] = NO_VIEW
    this.slabOf[number] = null
    this.freeNumbers.push(number)
    if (slab === null) {
      this.memory.discard(bytes.buffer as ArrayBuffer)
      return
    }
    slab.give(this.pageOf[number]!, bytes.length >> PAGE_BITS)
    if (slab.used === 0) this.onIdle()
  }

  /** Gives one slab without blobs back to the system; false where there is none. */
  trim(): boolean {
    const index = this.slabs.findIndex(({ used }) => used === 0)
    if (index < 0) return false
    const [slab] = this.slabs.splice(index, 1)
    this.memory.discard(slab!.buffer)
    return true
  }

  private add(slab: Slab | null, page: number, buffer: ArrayBuffer, start: number, bytes: number): number {
    const number = this.freeNumbers.pop() ?? this.bytes.length
    this.bytes[number] = Buffer.from(buffer, start, bytes)
    this.views[number] = new DataView(buffer, start, bytes)
    this.slabOf[number] = slab
    this.pageOf[number] = page
    return number
  }
}
