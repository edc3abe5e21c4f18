/**
 * A shard's allocator: blocks of size classes, cut from the segments that the shard owns. Pure.
 *
 * A free block holds its successor in the list of its class in its segment. A segment's table holds, by class, the
 * first free block (unit + 1), and the next and the previous segment of the shard that have one; so that a segment
 * whose last block is freed leaves all lists at once and goes back.
 * Where much is free in blocks that fit nothing, neighbouring ones are joined, a segment at a time.
 * What throws (OutOfMemory, RangeError) has changed nothing.
 */
import { CLASS_UNITS_MAX, CLASSES, classOfUnits, EXACT_CLASS_MAX, unitsOfClass } from "./classes.js"
import { SEGMENT_UNITS, type Segments, UNIT_BITS, UNIT_MASK } from "./segments.js"

/** Units of the regions that small blocks are cut from; a larger block is cut from its segment by itself. */
const REGION_UNITS = 1024
const REGION_BLOCK_UNITS = 16
/** From this class on, a free block may become a region. */
const REGION_CLASS_MIN = EXACT_CLASS_MAX + 1

/** Words of a segment's table. */
const NEXT = CLASSES
const PREVIOUS = 2 * CLASSES
/** Units of blocks that are in use. */
const USED = 3 * CLASSES
/** The same, plus 1, when its free blocks were joined last. */
const JOINED = USED + 1
/** Where in the heap's list the segment is. */
const PLACE = USED + 2

/** A heap is fragmented when more than this part of its segments, and another segment, is free. */
const FRAGMENTED_SHARE = 4
/** Segments that are looked at, and of those joined, before a new one is taken. */
const LOOKED_AT_MAX = 16
const JOINED_MAX = 2

const UNIT_BYTES = 8
const NO_LISTS = new Uint16Array(CLASSES)
/** By unit: the size of the free block that begins there. Used while blocks are joined; zeros else. */
const freeAt = new Uint16Array(SEGMENT_UNITS)

/** A shard's allocator. Blocks are not zeroed. */
export class Heap {
  /** By class: the first segment with a free block; made with the first segment, for most shards stay empty. */
  private lists = NO_LISTS
  private readonly owned: Array<number> = []
  private readonly singles: Array<number> = []
  private readonly blobs: Array<number> = []
  /** Where small blocks are cut from. */
  private regionSegment = 0
  private regionUnit = 0
  private regionEnd = 0
  /** What no block has been cut from yet of the newest segment. */
  private freshSegment = 0
  private freshUnit = 0
  private freshEnd = 0
  /** Lists that hold blocks large enough to be a region: index pages leave many as they grow. */
  private regions = 0
  private usedBytes = 0
  /** Those of them that are in no segment that blocks are cut from. */
  private apartBytes = 0
  private nextJoined = 0

  constructor(readonly segments: Segments) {}

  /** Bytes that this heap has handed out. */
  get used(): number {
    return this.usedBytes
  }

  /** Segments that this heap owns. */
  get segmentCount(): number {
    return this.owned.length + this.singles.length
  }

  /** Allocates a block of at least `units` units and gives its ref. */
  allocate(units: number): number {
    if (units > CLASS_UNITS_MAX) return this.allocateSingle(units)
    const sizeClass = classOfUnits(units)
    const size = unitsOfClass(sizeClass)
    const number = this.lists[sizeClass]!
    const ref = number !== 0 ? this.pop(number, sizeClass) : this.allocateNew(sizeClass, size)
    this.segments.tables[ref >> UNIT_BITS]![USED]! += size
    this.count(size << 3)
    return ref
  }

  /** Frees a block that was allocated with the same `units` (or any other count of the same class). */
  release(ref: number, units: number): void {
    if (units > CLASS_UNITS_MAX) {
      this.releaseSingle(ref)
      return
    }
    const sizeClass = classOfUnits(units)
    const size = unitsOfClass(sizeClass)
    const number = ref >> UNIT_BITS
    this.count(-size << 3)
    this.put(number, ref & UNIT_MASK, sizeClass)
    const table = this.segments.tables[number]!
    const used = table[USED]! - size
    table[USED] = used
    if (used === 0) this.giveBack(number)
  }

  /** Takes a blob for a value of `length` bytes; its number. */
  takeBlob(length: number): number {
    const number = this.segments.blobs.take(length)
    this.adoptBlob(number)
    return number
  }

  /** Frees a blob of this heap. */
  releaseBlob(number: number): void {
    this.yieldBlob(number)
    this.segments.blobs.release(number)
  }

  /** A blob that belonged to no heap is this one's. */
  adoptBlob(number: number): void {
    const { blobs } = this.segments
    blobs.places[number] = this.blobs.length
    this.blobs.push(number)
    this.countApart(blobs.bytes[number]!.length)
  }

  /** A blob of this heap belongs to none from now on. */
  yieldBlob(number: number): void {
    const { blobs } = this.segments
    const place = blobs.places[number]!
    const last = this.blobs.pop()!
    if (last !== number) {
      this.blobs[place] = last
      blobs.places[last] = place
    }
    this.countApart(-blobs.bytes[number]!.length)
  }

  /** Gives everything back at once; nothing allocated from this heap may be used after. */
  dispose(): void {
    const { segments } = this
    for (const number of this.owned) segments.release(number)
    for (const number of this.singles) segments.release(number)
    for (const number of this.blobs) segments.blobs.release(number)
    this.owned.length = this.singles.length = this.blobs.length = 0
    segments.usedBytes -= this.usedBytes
    this.usedBytes = this.apartBytes = 0
    this.lists = NO_LISTS
    this.regionUnit = this.regionEnd = this.freshUnit = this.freshEnd = this.regions = 0
  }

  private count(bytes: number): void {
    this.usedBytes += bytes
    this.segments.usedBytes += bytes
  }

  private countApart(bytes: number): void {
    this.apartBytes += bytes
    this.count(bytes)
  }

  /** Puts a free block into its list. */
  private put(number: number, unit: number, sizeClass: number): void {
    const table = this.segments.tables[number]!
    const head = table[sizeClass]!
    this.segments.words[number]![unit << 1] = head
    table[sizeClass] = unit + 1
    if (head === 0) this.link(number, table, sizeClass)
  }

  /** Takes a free block out of its list. */
  private pop(number: number, sizeClass: number): number {
    const table = this.segments.tables[number]!
    const unit = table[sizeClass]! - 1
    const next = this.segments.words[number]![unit << 1]!
    table[sizeClass] = next
    if (next === 0) this.unlink(table, sizeClass)
    return (number << UNIT_BITS) | unit
  }

  private link(number: number, table: Uint16Array, sizeClass: number): void {
    const first = this.lists[sizeClass]!
    table[NEXT + sizeClass] = first
    table[PREVIOUS + sizeClass] = 0
    if (first !== 0) this.segments.tables[first]![PREVIOUS + sizeClass] = number
    this.lists[sizeClass] = number
    if (sizeClass >= REGION_CLASS_MIN) this.regions++
  }

  private unlink(table: Uint16Array, sizeClass: number): void {
    const { tables } = this.segments
    const next = table[NEXT + sizeClass]!
    const previous = table[PREVIOUS + sizeClass]!
    if (previous === 0) this.lists[sizeClass] = next
    else tables[previous]![NEXT + sizeClass] = next
    if (next !== 0) tables[next]![PREVIOUS + sizeClass] = previous
    if (sizeClass >= REGION_CLASS_MIN) this.regions--
  }

  private unlinkAll(table: Uint16Array): void {
    for (let sizeClass = 1; sizeClass < CLASSES; sizeClass++) {
      if (table[sizeClass] === 0) continue
      table[sizeClass] = 0
      this.unlink(table, sizeClass)
    }
  }

  /** A segment has no block in use any more. */
  private giveBack(number: number): void {
    const table = this.segments.tables[number]!
    this.unlinkAll(table)
    if (number === this.regionSegment) this.regionUnit = this.regionEnd = 0
    if (number === this.freshSegment) {
      if (this.owned.length > 1 || this.usedBytes > 0) {
        this.freshUnit = 0
        return
      }
      this.freshUnit = this.freshEnd = 0
    }
    const last = this.owned.pop()!
    if (last !== number) {
      const place = table[PLACE]!
      this.owned[place] = last
      this.segments.tables[last]![PLACE] = place
    }
    this.segments.release(number)
  }

  /** A block where no free one of its class is left. */
  private allocateNew(sizeClass: number, size: number): number {
    // a region would be left with a remainder that blocks of this size cannot use
    if (size > EXACT_CLASS_MAX && this.regions > 0) return this.takeLarger(sizeClass, size) || this.cut(size)
    if (size > EXACT_CLASS_MAX || (size > REGION_BLOCK_UNITS && this.regions === 0)) return this.cut(size)
    if (this.regionUnit + size > this.regionEnd) this.nextRegion(sizeClass)
    const ref = (this.regionSegment << UNIT_BITS) | this.regionUnit
    this.regionUnit += size
    return ref
  }

  /** The next region: a large free block where there is one, so that memory is reused first; else fresh memory. */
  private nextRegion(sizeClass: number): void {
    const least = this.regions > 0 ? REGION_CLASS_MIN : this.isFragmented() ? sizeClass + 1 : CLASSES
    const found = this.largestFree(least)
    const ref = found === 0 ? this.cut(REGION_UNITS) : this.pop(this.lists[found]!, found)
    this.scatter(this.regionSegment, this.regionUnit, this.regionEnd)
    this.regionSegment = ref >> UNIT_BITS
    this.regionUnit = ref & UNIT_MASK
    this.regionEnd = this.regionUnit + (found === 0 ? REGION_UNITS : unitsOfClass(found))
  }

  /** The largest class from `least` on that has a free block, or 0. */
  private largestFree(least: number): number {
    for (let sizeClass = CLASSES - 1; sizeClass >= least; sizeClass--) {
      if (this.lists[sizeClass] !== 0) return sizeClass
    }
    return 0
  }

  /** Cuts a block from the smallest free one that holds it; 0 where there is none. */
  private takeLarger(sizeClass: number, size: number): number {
    for (let larger = sizeClass; larger < CLASSES; larger++) {
      const number = this.lists[larger]!
      if (number === 0) continue
      const ref = this.pop(number, larger)
      const unit = ref & UNIT_MASK
      this.scatter(number, unit + size, unit + unitsOfClass(larger))
      return ref
    }
    return 0
  }

  /** Cuts a block from the newest segment, from what is free in others where that is much, or from another. */
  private cut(size: number): number {
    if (this.freshUnit + size > this.freshEnd) {
      const found = this.isFragmented() ? this.join(size) : 0
      if (found !== 0) return found
      const number = this.segments.take()
      if (this.lists === NO_LISTS) this.lists = new Uint16Array(CLASSES)
      this.scatter(this.freshSegment, this.freshUnit, this.freshEnd)
      this.segments.tables[number]![PLACE] = this.owned.length
      this.owned.push(number)
      this.freshSegment = number
      this.freshUnit = 0
      this.freshEnd = SEGMENT_UNITS
    }
    const ref = (this.freshSegment << UNIT_BITS) | this.freshUnit
    this.freshUnit += size
    return ref
  }

  private isFragmented(): boolean {
    const units = this.owned.length * SEGMENT_UNITS
    const uncut = this.freshEnd - this.freshUnit + this.regionEnd - this.regionUnit
    const used = (this.usedBytes - this.apartBytes) / UNIT_BYTES
    return (units - uncut - used - SEGMENT_UNITS) * FRAGMENTED_SHARE > units
  }

  /** Joins free blocks of a few segments until one is large enough; 0 where none is. */
  private join(size: number): number {
    const sizeClass = classOfUnits(size)
    let found = this.takeLarger(sizeClass, size)
    let joined = 0
    for (
      let i = Math.min(LOOKED_AT_MAX, this.owned.length);
      i > 0 && joined < JOINED_MAX && found === 0;
      i--
    ) {
      this.nextJoined = (this.nextJoined + 1) % this.owned.length
      const number = this.owned[this.nextJoined]!
      const table = this.segments.tables[number]!
      const used = table[USED]!
      if ((SEGMENT_UNITS - used) * FRAGMENTED_SHARE < SEGMENT_UNITS || table[JOINED] === used + 1) continue
      table[JOINED] = used + 1
      this.joinSegment(number, table)
      joined++
      found = this.takeLarger(sizeClass, size)
    }
    return found
  }

  private joinSegment(number: number, table: Uint16Array): void {
    const words = this.segments.words[number]!
    for (let sizeClass = 1; sizeClass < CLASSES; sizeClass++) {
      const size = unitsOfClass(sizeClass)
      for (let next = table[sizeClass]!; next !== 0; next = words[(next - 1) << 1]!) freeAt[next - 1] = size
    }
    this.unlinkAll(table)
    for (let unit = 0; unit < SEGMENT_UNITS; unit++) {
      let end = unit
      while (end < SEGMENT_UNITS && freeAt[end] !== 0) {
        const size = freeAt[end]!
        freeAt[end] = 0
        end += size
      }
      if (end === unit) continue
      this.scatter(number, unit, end)
      unit = end
    }
  }

  /** What is left of a region goes to the free lists, in the largest blocks that fit. */
  private scatter(number: number, unit: number, end: number): void {
    while (unit < end) {
      const left = end - unit
      let sizeClass = classOfUnits(Math.min(left, CLASS_UNITS_MAX))
      if (unitsOfClass(sizeClass) > left) sizeClass--
      this.put(number, unit, sizeClass)
      unit += unitsOfClass(sizeClass)
    }
  }

  /** A block above 128 KiB is a segment of its own, of its class's size. */
  private allocateSingle(units: number): number {
    const number = this.segments.takeSingle(unitsOfClass(classOfUnits(units)) << 3)
    this.singles.push(number)
    this.countApart(this.segments.bytes[number]!.length)
    return number << UNIT_BITS
  }

  private releaseSingle(ref: number): void {
    const number = ref >> UNIT_BITS
    this.countApart(-this.segments.bytes[number]!.length)
    this.singles.splice(this.singles.indexOf(number), 1)
    this.segments.release(number)
  }
}
