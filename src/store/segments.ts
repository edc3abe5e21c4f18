/**
 * The memory that records and index pages live in: segments of 256 KiB outside V8's heap, and an allocator of size
 * classes over the segments that one shard owns. Pure.
 *
 * A reference ("ref") is a positive 32-bit integer: segment number * 2^15 + unit; a unit is 8 bytes. 0 is no record.
 * Segments belong to one `Heap` each (a shard has one), so that dropping a shard drops its memory without a walk.
 * Pages of a segment that were never touched take no memory.
 */

/** Bits of a ref that are the unit within its segment. */
export const UNIT_BITS = 15
/** `ref & UNIT_MASK` is the unit within the segment. */
export const UNIT_MASK = (1 << UNIT_BITS) - 1
/** Bytes of an ordinary segment. */
export const SEGMENT_BYTES = 8 << UNIT_BITS
/** So that a ref stays a positive 32-bit integer. */
export const SEGMENTS_MAX = 1 << (31 - UNIT_BITS)

const EXACT_UNITS = 128
const CLASS_UNITS_MAX = 1 << 14
const CLASSES = 128 + 9 * 8 + 1
/** Units of the regions that small blocks are cut from; a larger block is cut from its segment by itself. */
const REGION_UNITS = 1024
const REGION_BLOCK_UNITS = 16
/** From this class on, a free block may become a region. */
const REGION_CLASS_MIN = 129

if (new Uint8Array(new Int32Array([1]).buffer)[0] !== 1)
  throw new Error("effect-kv needs a little-endian machine")

/** The size class of a block of `units` units: exact to 1 KiB, then eight steps a doubling. */
export const classOfUnits = (units: number): number => {
  if (units <= EXACT_UNITS) return units
  const power = 31 - Math.clz32(units - 1)
  const stepBits = power - 3
  return 128 + ((power - 7) << 3) + (((units - (1 << power) - 1) >> stepBits) + 1)
}

/** How many units a block of a class has. */
export const unitsOfClass = (sizeClass: number): number => {
  if (sizeClass <= EXACT_UNITS) return sizeClass
  const power = 7 + ((sizeClass - 129) >> 3)
  return (1 << power) + ((((sizeClass - 129) & 7) + 1) << (power - 3))
}

/** Every segment of a store, by number. */
export class Segments {
  /** A segment's bytes as 32-bit words. */
  readonly words: Array<Int32Array> = []
  /** The same bytes. */
  readonly bytes: Array<Buffer> = []
  /** The same bytes, for unaligned numbers. */
  readonly views: Array<DataView> = []
  /** Bytes allocated by all heaps (what INFO calls used_memory, less the process's own). */
  usedBytes = 0
  private readonly freeNumbers: Array<number> = []
  private readonly spare: Array<number> = []

  constructor() {
    // segment 0 holds nothing: ref 0 means "none"
    this.take(8)
  }

  /** Takes a segment of `bytes` bytes; the number of it. Throws RangeError where memory or numbers have run out. */
  take(bytes: number): number {
    if (bytes === SEGMENT_BYTES && this.spare.length > 0) return this.spare.pop()!
    const number = this.freeNumbers.pop() ?? this.words.length
    if (number >= SEGMENTS_MAX) throw new RangeError("effect-kv: all segments are in use")
    const memory = new ArrayBuffer(bytes)
    this.words[number] = new Int32Array(memory)
    this.bytes[number] = Buffer.from(memory)
    this.views[number] = new DataView(memory)
    return number
  }

  /** Gives a segment back. A few ordinary ones are kept for the next shard; others go to the garbage collector. */
  release(number: number): void {
    if (this.words[number]!.byteLength === SEGMENT_BYTES && this.spare.length < 8) {
      this.spare.push(number)
      return
    }
    this.words[number] = EMPTY_WORDS
    this.bytes[number] = EMPTY_BYTES
    this.views[number] = EMPTY_VIEW
    this.freeNumbers.push(number)
  }
}

const EMPTY_WORDS = new Int32Array(0)
const EMPTY_BYTES = Buffer.alloc(0)
const EMPTY_VIEW = new DataView(new ArrayBuffer(0))

const NO_FREE_BLOCKS = new Int32Array(CLASSES)

/** A shard's allocator. Blocks are not zeroed. */
export class Heap {
  /** The first free block of each class; made with the first region, for most shards of a server stay empty. */
  private free = NO_FREE_BLOCKS
  private readonly owned: Array<number> = []
  /** Where small blocks are cut from. */
  private regionSegment = 0
  private regionUnit = 0
  private regionEnd = 0
  /** What no block has been cut from yet of the newest segment. */
  private freshSegment = 0
  private freshUnit = 0
  private freshEnd = 0
  /** Free blocks large enough to be a region: index pages leave many as they grow. */
  private regions = 0
  private usedBytes = 0

  constructor(readonly segments: Segments) {}

  /** Bytes that this heap has handed out. */
  get used(): number {
    return this.usedBytes
  }

  /** Allocates a block of at least `units` units and gives its ref. */
  allocate(units: number): number {
    if (units > CLASS_UNITS_MAX) return this.allocateHuge(units)
    const sizeClass = classOfUnits(units)
    const size = unitsOfClass(sizeClass)
    this.usedBytes += size << 3
    this.segments.usedBytes += size << 3
    const head = this.free[sizeClass]!
    if (head !== 0) {
      this.popFree(sizeClass)
      return head
    }
    // a region would be left with a remainder that blocks of this size cannot use
    if (size > EXACT_UNITS) return this.regions === 0 ? this.cut(size) : this.cutFromFree(sizeClass, size)
    if (size > REGION_BLOCK_UNITS && this.regions === 0) return this.cut(size)
    if (this.regionUnit + size > this.regionEnd) this.nextRegion()
    const ref = (this.regionSegment << UNIT_BITS) | this.regionUnit
    this.regionUnit += size
    return ref
  }

  /** Frees a block that was allocated with the same `units` (or any other count of the same class). */
  release(ref: number, units: number): void {
    if (units > CLASS_UNITS_MAX) {
      this.releaseHuge(ref)
      return
    }
    const sizeClass = classOfUnits(units)
    const size = unitsOfClass(sizeClass)
    this.usedBytes -= size << 3
    this.segments.usedBytes -= size << 3
    this.pushFree(ref, sizeClass)
  }

  /** Gives every segment back at once; nothing allocated from this heap may be used after. */
  dispose(): void {
    for (const number of this.owned) this.segments.release(number)
    this.owned.length = 0
    this.segments.usedBytes -= this.usedBytes
    this.usedBytes = 0
    this.free = NO_FREE_BLOCKS
    this.regionUnit = this.regionEnd = this.freshUnit = this.freshEnd = this.regions = 0
  }

  private pushFree(ref: number, sizeClass: number): void {
    if (sizeClass >= REGION_CLASS_MIN) this.regions++
    this.segments.words[ref >> UNIT_BITS]![(ref & UNIT_MASK) << 1] = this.free[sizeClass]!
    this.free[sizeClass] = ref
  }

  private popFree(sizeClass: number): number {
    if (sizeClass >= REGION_CLASS_MIN) this.regions--
    const ref = this.free[sizeClass]!
    this.free[sizeClass] = this.segments.words[ref >> UNIT_BITS]![(ref & UNIT_MASK) << 1]!
    return ref
  }

  /** The next region: a large free block where there is one, so that memory is reused first; else fresh memory. */
  private nextRegion(): void {
    if (this.free === NO_FREE_BLOCKS) this.free = new Int32Array(CLASSES)
    this.scatter(this.regionSegment, this.regionUnit, this.regionEnd)
    const sizeClass = this.regions === 0 ? 0 : this.largestFree()
    const ref = sizeClass === 0 ? this.cut(REGION_UNITS) : this.popFree(sizeClass)
    this.regionSegment = ref >> UNIT_BITS
    this.regionUnit = ref & UNIT_MASK
    this.regionEnd = this.regionUnit + (sizeClass === 0 ? REGION_UNITS : unitsOfClass(sizeClass))
  }

  private largestFree(): number {
    for (let sizeClass = CLASSES - 1; sizeClass >= REGION_CLASS_MIN; sizeClass--) {
      if (this.free[sizeClass] !== 0) return sizeClass
    }
    return 0
  }

  /** Cuts a large block from the smallest free one that holds it, else from fresh memory. */
  private cutFromFree(sizeClass: number, size: number): number {
    for (let larger = sizeClass + 1; larger < CLASSES; larger++) {
      if (this.free[larger] === 0) continue
      const ref = this.popFree(larger)
      const unit = ref & UNIT_MASK
      this.scatter(ref >> UNIT_BITS, unit + size, unit + unitsOfClass(larger))
      return ref
    }
    return this.cut(size)
  }

  /** Cuts a block from the newest segment, or from another. */
  private cut(size: number): number {
    if (this.free === NO_FREE_BLOCKS) this.free = new Int32Array(CLASSES)
    if (this.freshUnit + size > this.freshEnd) {
      this.scatter(this.freshSegment, this.freshUnit, this.freshEnd)
      this.freshSegment = this.segments.take(SEGMENT_BYTES)
      this.owned.push(this.freshSegment)
      this.freshUnit = 0
      this.freshEnd = UNIT_MASK + 1
    }
    const ref = (this.freshSegment << UNIT_BITS) | this.freshUnit
    this.freshUnit += size
    return ref
  }

  /** What is left of a region goes to the free lists, in the largest blocks that fit. */
  private scatter(segment: number, unit: number, end: number): void {
    while (unit < end) {
      const left = end - unit
      let sizeClass = classOfUnits(Math.min(left, CLASS_UNITS_MAX))
      if (unitsOfClass(sizeClass) > left) sizeClass--
      this.pushFree((segment << UNIT_BITS) | unit, sizeClass)
      unit += unitsOfClass(sizeClass)
    }
  }

  /** A block above 128 KiB is a segment of its own, of its class's size: what fits the class may grow in place. */
  private allocateHuge(units: number): number {
    const number = this.segments.take(unitsOfClass(classOfUnits(units)) << 3)
    this.owned.push(number)
    const bytes = this.segments.words[number]!.byteLength
    this.usedBytes += bytes
    this.segments.usedBytes += bytes
    return number << UNIT_BITS
  }

  private releaseHuge(ref: number): void {
    const number = ref >> UNIT_BITS
    const bytes = this.segments.words[number]!.byteLength
    this.usedBytes -= bytes
    this.segments.usedBytes -= bytes
    this.owned.splice(this.owned.indexOf(number), 1)
    this.segments.release(number)
  }
}
