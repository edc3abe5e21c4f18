/**
 * The index of a shard: from key to record. Pure.
 *
 * The index is an extendible hash: the leading bits of a key's hash choose a page, and within the page the entries
 * (hash, ref) lie in ascending order of hash, each at or after its home slot, with no empty slot between: linear
 * probing with sorted runs. So
 *   - a look-up reads one cache line of a page in most cases, for a miss as for a hit;
 *   - a full page is spread over a larger block or splits in two: a few microseconds, never the whole table;
 *   - walking in order of hash is stable whatever the table does meanwhile: SCAN and snapshots rest on it.
 * Pages and records are blocks of the shard's heap, so that dropping the shard drops all. Whatever needs memory is
 * allocated before anything is changed: a write that throws (memory.ts) leaves the shard as it was.
 *
 * Hashes are compared as signed integers; `hash ^ SIGN` is the unsigned position.
 */
import type { Alarm } from "./alarm.js"
import { classOfUnits, unitsOfClass } from "./classes.js"
import type { Hash, HashKey } from "./hash.js"
import type { Heap } from "./heap.js"
import { hasKeyAt, type Records } from "./record.js"
import { type Segments, UNIT_BITS, UNIT_MASK } from "./segments.js"

const SIGN = 0x80000000
const PAGE_FIELDS = 4
const PAGE_SLOTS_FIRST = 16
/**
 * A large page has one of two sizes, so that the block that one page leaves fits the next that grows or splits
 * (measured: eight sizes left a third as much again in free blocks).
 */
const PAGE_SLOTS_LARGE = 512
const PAGE_SLOTS_MAX = 768
/** Empty slots kept behind a page's last home slot, for the run that ends there. */
const PAGE_TAIL_MAX = 24
/** A page is spread out or split above this part of its home slots (of 256). */
const FILL_MAX = 220
const FILL_AFTER_SPLIT = 190
const DEPTH_MAX = 24
/** How many records a random one is picked from. */
const RANDOM_SAMPLE = 15

/** What the indexes of a store have in common. */
export interface IndexContext {
  readonly segments: Segments
  readonly records: Records
  readonly hashKey: HashKey
  readonly hash: Hash
  /** Hears of every deadline. */
  readonly alarm: Alarm
  /** Counts changes of where records lie: a ref found before the latest may be stale. */
  structure: number
}

/** The size that a full page grows to. */
const nextPageSlots = (slots: number): number => {
  if (slots < PAGE_SLOTS_LARGE)
    return Math.min(PAGE_SLOTS_LARGE, Math.max(PAGE_SLOTS_FIRST, slots + (slots >> 2)))
  return slots < PAGE_SLOTS_MAX ? PAGE_SLOTS_MAX : unitsOfClass(classOfUnits(slots + 1))
}

const homeSlots = (slots: number): number => slots - Math.min(PAGE_TAIL_MAX, slots >> 2)

/** As many slots as the block has that is allocated for `slots`. */
const wholeSlots = (slots: number): number => unitsOfClass(classOfUnits(slots))

/** The slots of a page that comes of a split with `count` entries. */
const pageSlotsFor = (count: number): number => {
  const needed = ((count << 8) / FILL_AFTER_SPLIT + PAGE_TAIL_MAX) | 0
  return needed <= PAGE_SLOTS_LARGE ? PAGE_SLOTS_LARGE : PAGE_SLOTS_MAX
}

export class KeyIndex {
  /** Keys in the index. */
  size = 0
  protected readonly segments: Segments
  protected readonly records: Records
  private depth = 0
  /** Page number by the leading `depth` bits of the position. */
  private directory: Int32Array = new Int32Array(1)
  /** By page number: ref, home slots | slots << 16, entries, depth. Page 0 has no slots until the first insert. */
  private pages: Int32Array = new Int32Array(PAGE_FIELDS)
  private pageCount = 1
  /** Where the last `find` ended: the page's number, and the word of the slot. */
  private foundPage = 0
  private foundWord = 0
  /** The block that `build` has filled. */
  private builtRef = 0
  private builtSlots = 0

  constructor(
    readonly context: IndexContext,
    readonly heap: Heap
  ) {
    this.segments = context.segments
    this.records = context.records
  }

  /** Bytes of the heap's blocks that are pages. */
  get pageBytes(): number {
    let units = 0
    for (let at = 0; at < this.pageCount * PAGE_FIELDS; at += PAGE_FIELDS) {
      const slots = this.pages[at + 1]! >>> 16
      if (slots > 0) units += wholeSlots(slots)
    }
    return units << 3
  }

  /** Bytes of what the index keeps outside the heap. */
  protected get tableBytes(): number {
    return this.directory.byteLength + this.pages.byteLength
  }

  /** The ref of the record with this key, or 0. Remembers the place for `insert`, `replace` and `remove`. */
  find(hash: number, view: DataView, start: number, length: number): number {
    const page = this.directory[((hash ^ SIGN) >>> 1) >>> (31 - this.depth)]! * PAGE_FIELDS
    const pageRef = this.pages[page]!
    const shape = this.pages[page + 1]!
    const words = this.segments.words[pageRef >> UNIT_BITS]!
    const first = (pageRef & UNIT_MASK) << 1
    const local = ((hash ^ SIGN) << this.pages[page + 3]!) >>> 0
    let at = first + (((local * (shape & 0xffff)) / 4294967296) << 1)
    const end = first + ((shape >>> 16) << 1)
    for (; at < end; at += 2) {
      const ref = words[at + 1]!
      if (ref === 0) break
      const other = words[at]!
      if (other < hash) continue
      if (other > hash) break
      if (this.hasKey(ref, view, start, length)) {
        this.foundPage = page
        this.foundWord = at
        return ref
      }
    }
    this.foundPage = page
    this.foundWord = at
    return 0
  }

  /** The ref of the index slot where a hash is at home (a slot is a unit, so it has a ref as records do). */
  homeSlot(hash: number): number {
    const page = this.directory[((hash ^ SIGN) >>> 1) >>> (31 - this.depth)]! * PAGE_FIELDS
    const local = ((hash ^ SIGN) << this.pages[page + 3]!) >>> 0
    return this.pages[page]! + (((local * (this.pages[page + 1]! & 0xffff)) / 4294967296) | 0)
  }

  /** Whether a record has this key. */
  hasKey(ref: number, view: DataView, start: number, length: number): boolean {
    return hasKeyAt(this.segments.words[ref >> UNIT_BITS]!, (ref & UNIT_MASK) << 1, view, start, length)
  }

  /**
   * Puts a new record where the last `find` (of its key, with this hash) ended without finding it. Where it throws
   * the record is in no index.
   */
  insert(hash: number, ref: number): void {
    this.context.structure++
    let page = this.foundPage
    const full = this.pages[page + 2]! + 1 > ((this.pages[page + 1]! & 0xffff) * FILL_MAX) >> 8
    if (full || !this.shiftIn(hash, ref, page)) page = this.insertGrowing(hash, ref, page)
    this.pages[page + 2]!++
    this.size++
  }

  /** Makes room until an entry is in; its page. */
  protected insertGrowing(hash: number, ref: number, page: number): number {
    do {
      this.makeRoom(hash, page)
      page = this.locate(hash)
    } while (!this.shiftIn(hash, ref, page))
    return page
  }

  /**
   * Makes the place that `find` remembers that of a record which is in the index: a ref that came by a prefetch was
   * found without `find`, or another key was looked up since. Costs a few loads where it is that place already.
   */
  seek(ref: number): void {
    const page = this.foundPage
    const pageRef = this.pages[page]!
    const first = (pageRef & UNIT_MASK) << 1
    const at = this.foundWord
    if (
      at >= first &&
      at < first + ((this.pages[page + 1]! >>> 16) << 1) &&
      this.segments.words[pageRef >> UNIT_BITS]![at + 1] === ref
    ) {
      return
    }
    if (!this.findSelf(ref)) throw new Error("a record is not in its shard's index")
  }

  /** The record that the last `find` found is replaced by another with the same key. The old one is not freed. */
  replace(ref: number): void {
    this.context.structure++
    this.segments.words[this.pages[this.foundPage]! >> UNIT_BITS]![this.foundWord + 1] = ref
  }

  /** Takes the record that the last `find` found out of the index. It is not freed. */
  unlink(): void {
    this.context.structure++
    const page = this.foundPage
    const pageRef = this.pages[page]!
    const shape = this.pages[page + 1]!
    const words = this.segments.words[pageRef >> UNIT_BITS]!
    const first = (pageRef & UNIT_MASK) << 1
    const end = first + ((shape >>> 16) << 1)
    const depth = this.pages[page + 3]!
    let at = this.foundWord
    for (let next = at + 2; next < end && words[next + 1] !== 0; at = next, next += 2) {
      const home = first + ((((((words[next]! ^ SIGN) << depth) >>> 0) * (shape & 0xffff)) / 4294967296) << 1)
      if (home === next) break
      words[at] = words[next]!
      words[at + 1] = words[next + 1]!
    }
    words[at + 1] = 0
    const count = this.pages[page + 2]! - 1
    this.pages[page + 2] = count
    this.size--
    if (count < (shape & 0xffff) >> 3) this.shrink(page, count)
    else if (count === 0 && this.depth > 0) this.closePage(page)
  }

  /** Finds a record by its own key, so that it can be unlinked or replaced. */
  findSelf(ref: number): boolean {
    const view = this.segments.views[ref >> UNIT_BITS]!
    const start = this.records.keyStart(ref)
    const length = this.records.keyLength(ref)
    const { hash, hashKey } = this.context
    return this.find(hash(view, start, length, hashKey), view, start, length) === ref
  }

  /**
   * Walks the records in order of position from `from` (unsigned 32 bits), a page at a time, until `most` were
   * visited. Gives the position to go on from, or -1 at the end. `visit` must not change the shard.
   */
  walk(from: number, most: number, visit: (ref: number, hash: number) => void): number {
    let visited = 0
    for (;;) {
      const page = this.directory[(from >>> 1) >>> (31 - this.depth)]! * PAGE_FIELDS
      const depth = this.pages[page + 3]!
      const next = depth === 0 ? 4294967296 : ((from >>> (32 - depth)) + 1) * 2 ** (32 - depth)
      visited += this.walkPage(page, from, visit)
      if (next >= 4294967296) return -1
      from = next
      if (visited >= most) return from
    }
  }

  /** Like `walk`, but may end within a page, after all entries of one hash: SCAN's step. */
  walkEntries(from: number, most: number, visit: (ref: number, hash: number) => void): number {
    let seen = 0
    let stop = -1
    const counted = (ref: number, hash: number): void => {
      const position = (hash ^ SIGN) >>> 0
      if (seen >= most && stop < 0 && position !== last) stop = position
      if (stop >= 0) return
      last = position
      seen++
      visit(ref, hash)
    }
    let last = -1
    let at = from
    while (at >= 0 && seen < most && stop < 0) at = this.walk(at, 1, counted)
    return stop >= 0 ? stop : at
  }

  /**
   * A random record, or 0 where the shard is empty; `random` gives unsigned 32-bit integers. It is one of the first
   * from a random position on, as Redis picks one of a sample, so that a gap before a key does not make it likelier.
   */
  randomRecord(random: () => number): number {
    const sample: Array<number> = []
    const from = random()
    const take = (ref: number): void => {
      if (sample.length < RANDOM_SAMPLE) sample.push(ref)
    }
    this.walk(from, RANDOM_SAMPLE, take)
    if (sample.length < RANDOM_SAMPLE && sample.length < this.size) {
      this.walk(0, RANDOM_SAMPLE, (ref, hash) => {
        if ((hash ^ SIGN) >>> 0 < from) take(ref)
      })
    }
    return sample.length === 0 ? 0 : sample[random() % sample.length]!
  }

  private walkPage(page: number, from: number, visit: (ref: number, hash: number) => void): number {
    const pageRef = this.pages[page]!
    const words = this.segments.words[pageRef >> UNIT_BITS]!
    const first = (pageRef & UNIT_MASK) << 1
    const end = first + ((this.pages[page + 1]! >>> 16) << 1)
    const least = from ^ SIGN
    let visited = 0
    for (let at = first; at < end; at += 2) {
      const ref = words[at + 1]!
      if (ref === 0 || words[at]! < least) continue
      visited++
      visit(ref, words[at]!)
    }
    return visited
  }

  private locate(hash: number): number {
    return this.directory[((hash ^ SIGN) >>> 1) >>> (31 - this.depth)]! * PAGE_FIELDS
  }

  /** Inserts an entry in order, shifting the run behind it by one; false where the page ends before the run does. */
  private shiftIn(hash: number, ref: number, page: number): boolean {
    const pageRef = this.pages[page]!
    const shape = this.pages[page + 1]!
    const words = this.segments.words[pageRef >> UNIT_BITS]!
    const first = (pageRef & UNIT_MASK) << 1
    const end = first + ((shape >>> 16) << 1)
    const local = ((hash ^ SIGN) << this.pages[page + 3]!) >>> 0
    let at = first + (((local * (shape & 0xffff)) / 4294967296) << 1)
    while (at < end && words[at + 1] !== 0 && words[at]! <= hash) at += 2
    let gap = at
    while (gap < end && words[gap + 1] !== 0) gap += 2
    if (gap === end) return false
    for (; gap > at; gap -= 2) {
      words[gap] = words[gap - 2]!
      words[gap + 1] = words[gap - 1]!
    }
    words[at] = hash
    words[at + 1] = ref
    return true
  }

  /** Spreads a page over more slots, or splits it. */
  private makeRoom(hash: number, page: number): void {
    const slots = this.pages[page + 1]! >>> 16
    if (slots < PAGE_SLOTS_MAX || this.pages[page + 3]! >= DEPTH_MAX) {
      this.spread(page, nextPageSlots(slots))
    } else this.split(hash, page)
  }

  /** Less memory for a page that few entries are left in. */
  private shrink(page: number, count: number): void {
    if (count === 0 && this.depth > 0) {
      this.closePage(page)
      return
    }
    const slots = this.pages[page + 1]! >>> 16
    if (slots <= PAGE_SLOTS_FIRST) return
    try {
      this.spread(page, Math.max(PAGE_SLOTS_FIRST, slots >> 2))
    } catch (cause) {
      // a key was removed, which must not fail because there is no memory: the page stays as it is
      if (!(cause instanceof RangeError)) throw cause
    }
  }

  /** A page without entries needs no block; a shard without keys needs no more than its first page. */
  private closePage(page: number): void {
    if (this.size > 0) {
      this.setPage(page, 0, 0, 0, this.pages[page + 3]!)
      return
    }
    for (let at = 0; at < this.pageCount * PAGE_FIELDS; at += PAGE_FIELDS) this.setPage(at, 0, 0, 0, 0)
    this.directory = new Int32Array(1)
    this.pages = new Int32Array(PAGE_FIELDS)
    this.pageCount = 1
    this.depth = this.foundPage = this.foundWord = 0
  }

  /** Gives a page another block (0: none) and frees the one it had. */
  private setPage(page: number, ref: number, slots: number, count: number, depth: number): void {
    const old = this.pages[page]!
    const oldSlots = this.pages[page + 1]! >>> 16
    this.pages[page] = ref
    this.pages[page + 1] = homeSlots(slots) | (slots << 16)
    this.pages[page + 2] = count
    this.pages[page + 3] = depth
    if (old !== 0) this.heap.release(old, oldSlots)
  }

  /** Moves a page's entries to a block of `slots` slots (a slot is a unit) or more. */
  private spread(page: number, slots: number): void {
    const ref = this.pages[page]!
    const words = this.segments.words[ref >> UNIT_BITS]!
    const first = (ref & UNIT_MASK) << 1
    const end = first + ((this.pages[page + 1]! >>> 16) << 1)
    const count = this.pages[page + 2]!
    const depth = this.pages[page + 3]!
    this.build(slots, depth, count, words, first, end)
    this.setPage(page, this.builtRef, this.builtSlots, count, depth)
  }

  /** Makes two pages of one: the entries below and above the middle of its range. */
  private split(hash: number, page: number): void {
    const ref = this.pages[page]!
    const slots = this.pages[page + 1]! >>> 16
    const total = this.pages[page + 2]!
    const depth = this.pages[page + 3]!
    const start = depth === 0 ? 0 : ((hash ^ SIGN) >>> (32 - depth)) * 2 ** (32 - depth)
    const middle = (start + 2 ** (31 - depth)) ^ SIGN
    const words = this.segments.words[ref >> UNIT_BITS]!
    const first = (ref & UNIT_MASK) << 1
    const end = first + (slots << 1)
    let border = first
    let below = 0
    for (let at = first; at < end; at += 2) {
      if (words[at + 1] === 0) continue
      if (words[at]! >= middle) break
      below++
      border = at + 2
    }
    const directory = depth === this.depth ? this.doubledDirectory() : this.directory
    const pages = this.pageCount * PAGE_FIELDS === this.pages.length ? this.doubledPages() : this.pages
    this.build(pageSlotsFor(below), depth + 1, below, words, first, border)
    const lowerRef = this.builtRef
    const lowerSlots = this.builtSlots
    try {
      this.build(pageSlotsFor(total - below), depth + 1, total - below, words, border, end)
    } catch (cause) {
      this.heap.release(lowerRef, lowerSlots)
      throw cause
    }
    // all that can fail has been done
    this.pages = pages
    if (directory !== this.directory) {
      this.directory = directory
      this.depth++
    }
    const upper = this.pageCount++ * PAGE_FIELDS
    this.setPage(upper, this.builtRef, this.builtSlots, total - below, depth + 1)
    this.setPage(page, lowerRef, lowerSlots, below, depth + 1)
    const run = 1 << (this.depth - depth - 1)
    const at = (start / 2 ** (32 - this.depth)) | 0
    this.directory.fill(upper / PAGE_FIELDS, at + run, at + 2 * run)
  }

  /** Puts entries that are in order into a fresh block of `slots` slots or more: `builtRef`, `builtSlots`. */
  private build(
    slots: number,
    depth: number,
    count: number,
    words: Int32Array,
    from: number,
    end: number
  ): void {
    for (let wanted = wholeSlots(slots); ; wanted = wholeSlots(nextPageSlots(wanted))) {
      const ref = this.heap.allocate(wanted)
      const target = this.segments.words[ref >> UNIT_BITS]!
      const first = (ref & UNIT_MASK) << 1
      target.fill(0, first, first + (wanted << 1))
      if (fill(target, first, wanted, depth, words, from, end) === count) {
        this.builtRef = ref
        this.builtSlots = wanted
        return
      }
      this.heap.release(ref, wanted)
    }
  }

  private doubledDirectory(): Int32Array {
    const old = this.directory
    const wider = this.segments.newWords(old.length * 2)
    for (let i = 0; i < old.length; i++) wider[2 * i] = wider[2 * i + 1] = old[i]!
    return wider
  }

  private doubledPages(): Int32Array {
    const more = this.segments.newWords(this.pages.length * 2)
    more.set(this.pages)
    return more
  }
}

/** Appends entries that are in order to an empty page; the count, or fewer where a run met the page's end. */
const fill = (
  target: Int32Array,
  first: number,
  slots: number,
  depth: number,
  words: Int32Array,
  from: number,
  end: number
): number => {
  const targetEnd = first + (slots << 1)
  const homes = homeSlots(slots)
  let free = first
  let count = 0
  for (let at = from; at < end; at += 2) {
    const ref = words[at + 1]!
    if (ref === 0) continue
    const hash = words[at]!
    const home = first + ((((((hash ^ SIGN) << depth) >>> 0) * homes) / 4294967296) << 1)
    if (home > free) free = home
    if (free === targetEnd) return count
    target[free] = hash
    target[free + 1] = ref
    free += 2
    count++
  }
  return count
}
