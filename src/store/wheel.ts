/**
 * The expiry index of a shard: a hierarchical timing wheel whose lists run through the records. Pure.
 *
 * Seven levels of 64 slots; a slot of level n spans 64^n ms. Adding and removing a key is O(1); time passing moves a
 * key down at most seven times. Deadlines beyond the last level (139 years) wait in its farthest slot.
 * Invariant: a record with FLAG_EXPIRES is in exactly one list; `previous` of a list's first record is ~slot.
 */
import type { Alarm } from "./alarm.js"
import type { Records } from "./record.js"

const LEVELS = 7
const SLOT_BITS = 6
const SLOTS = 1 << SLOT_BITS
const SET_BACK_MS_MIN = 1000
const SPANS = Array.from({ length: LEVELS + 1 }, (_, level) => SLOTS ** level)

/** The expiry index of one shard. */
export class Wheel {
  private readonly heads: Int32Array
  /** Keys that have a deadline. */
  size = 0

  /** `time`: the Unix ms up to which everything due has been handed out. */
  constructor(
    private readonly records: Records,
    private time: number,
    private readonly alarm: Alarm
  ) {
    this.heads = records.segments.newWords(LEVELS * SLOTS)
  }

  /** Adds a record whose deadline is set. */
  add(ref: number): void {
    const deadline = this.records.deadline(ref)
    const slot = this.slotOf(deadline)
    this.alarm.noteDeadline(deadline)
    const head = this.heads[slot]!
    this.records.setWheelPrevious(ref, ~slot)
    this.records.setWheelNext(ref, head)
    if (head !== 0) this.records.setWheelPrevious(head, ref)
    this.heads[slot] = ref
    this.size++
  }

  /** Removes a record; its deadline may have changed already. */
  remove(ref: number): void {
    const previous = this.records.wheelPrevious(ref)
    const next = this.records.wheelNext(ref)
    if (previous > 0) this.records.setWheelNext(previous, next)
    else this.heads[~previous] = next
    if (next !== 0) this.records.setWheelPrevious(next, previous)
    this.size--
  }

  /**
   * Lets time pass to `now` and calls `expire` with each record that is due; `expire` must remove it.
   * Handles at most `budget` records and gives what is left of the budget; 0 means there may be more.
   */
  advance(now: number, budget: number, expire: (ref: number) => void): number {
    while (this.size > 0 && this.time < now) {
      const tick = this.nextTick(now)
      for (let level = LEVELS - 1; level >= 0; level--) {
        if (tick % SPANS[level]! !== 0) continue
        const slot = (level << SLOT_BITS) + (Math.floor(tick / SPANS[level]!) % SLOTS)
        budget = this.drain(slot, tick, budget, expire)
        if (budget === 0) {
          // the tick is not done: the next call takes it up again
          this.time = tick - 1
          return 0
        }
      }
      this.time = tick
    }
    if (this.size === 0 && now > this.time) this.time = now
    return budget
  }

  /** The Unix ms from which `advance` has next something to do (perhaps only to sort finer); infinite if never. */
  nextDue(): number {
    let due = Number.POSITIVE_INFINITY
    if (this.size === 0) return due
    for (let level = 0; level < LEVELS; level++) {
      const span = SPANS[level]!
      const passed = Math.floor(this.time / span)
      for (let ahead = 1; ahead <= SLOTS && (passed + ahead) * span < due; ahead++) {
        if (this.heads[(level << SLOT_BITS) + ((passed + ahead) % SLOTS)] !== 0) due = (passed + ahead) * span
      }
    }
    return due
  }

  /**
   * Where the clock was set back, puts the keys in order as seen from there, which takes time for each; whether it was.
   * Less than a second is no matter: keys go late by that.
   */
  setBack(now: number): boolean {
    if (now >= this.time - SET_BACK_MS_MIN) return false
    const refs: Array<number> = []
    for (let slot = 0; slot < this.heads.length; slot++) {
      for (let ref = this.heads[slot]!; ref !== 0; ref = this.records.wheelNext(ref)) refs.push(ref)
    }
    this.heads.fill(0)
    this.size = 0
    this.time = now
    for (const ref of refs) this.add(ref)
    return true
  }

  private drain(slot: number, tick: number, budget: number, expire: (ref: number) => void): number {
    // a record that is not due yet goes to a lower level as seen from this tick, so never back into this slot
    this.time = tick
    for (let ref = this.heads[slot]!; ref !== 0 && budget > 0; ref = this.heads[slot]!, budget--) {
      if (this.records.deadline(ref) <= tick) expire(ref)
      else {
        this.remove(ref)
        this.add(ref)
      }
    }
    return budget
  }

  /** The next tick with anything to do: empty levels are stepped over. */
  private nextTick(now: number): number {
    let span = 1
    for (let level = 0; level < LEVELS - 1 && this.levelEmpty(level); level++) span = SPANS[level + 1]!
    return Math.min(now, Math.floor(this.time / span) * span + span)
  }

  private levelEmpty(level: number): boolean {
    const end = (level + 1) << SLOT_BITS
    for (let slot = level << SLOT_BITS; slot < end; slot++) if (this.heads[slot] !== 0) return false
    return true
  }

  private slotOf(deadline: number): number {
    const due = Math.max(deadline, this.time + 1)
    const delta = due - this.time
    let level = 0
    while (level < LEVELS - 1 && delta >= SPANS[level + 1]!) level++
    const at = Math.min(due, this.time + SPANS[LEVELS]! - SPANS[LEVELS - 1]!)
    return (level << SLOT_BITS) + (Math.floor(at / SPANS[level]!) % SLOTS)
  }
}
