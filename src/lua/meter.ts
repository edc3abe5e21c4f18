/**
 * What the running script has used: steps until the clock is looked at again, and bytes of memory. Pure, but for
 * the one account that fengari's patched functions charge: the VM that runs a slice puts its own figures into it.
 */
import * as v8 from "node:v8"
import * as vm from "node:vm"
import type { LuaState } from "fengari"

/** One operation makes no string longer than this share of the limit: it cannot be suspended in between. */
export const STRING_SHARE = 8

/** Steps between two looks at the clock: an instruction is one, what takes longer counts for more. */
export const STEPS = 2000
/** Bytes of a string's bytes that are copied or looked at for the price of a step. */
const BYTES_A_STEP = 32

/** The account of the script that runs. */
export const meter = {
  /** Steps left until the clock is to be looked at. */
  steps: STEPS,
  /** Bytes that it may hold, as estimated: what it has allocated since they were last measured, and had then. */
  bytes: 0,
  limit: Number.POSITIVE_INFINITY,
  /** The longest string that one operation makes. */
  stringMax: Number.POSITIVE_INFINITY,
  /** Bytes that V8 held when the script began. */
  before: 0,
  /** The thread that runs. */
  thread: null as LuaState | null,
  /** The slice is over: what suspends itself goes up to the actor, and is no coroutine's yield. */
  paused: false,
  /** Says whether the slice is over. */
  due: (): boolean => false,
  /** Throws Lua's error of this name (this module is evaluated before fengari is). */
  fail: (_thread: LuaState | null): never => {
    throw new RangeError("not enough memory")
  }
}

/** Ends what runs by Lua's own error for it. */
export const outOfMemory = (): never => meter.fail(meter.thread)

/** Charges memory that is about to be allocated. */
export const charge = (bytes: number): void => {
  meter.bytes += bytes
  if (meter.bytes > meter.limit) measure(bytes)
}

/** Charges a string, and the time it takes to make it. */
export const chargeString = (length: number): void => {
  charge(length)
  chargeTime(length)
}

/** Refuses to make a string that is too long: before it is allocated, and before the time is spent. */
export const checkLength = (length: number): void => {
  if (length > meter.stringMax) outOfMemory()
}

/** Charges the time it takes to look at so many bytes. */
export const chargeTime = (length: number): void => {
  if (length > BYTES_A_STEP) meter.steps -= (length / BYTES_A_STEP) | 0
}

const held = (): number => {
  const { used_heap_size, external_memory } = v8.getHeapStatistics()
  return used_heap_size + external_memory
}

let collect: (() => void) | null = null
/** V8's own collector: most of what was charged may be garbage that V8 has seen no need to collect yet. */
const collectGarbage = (): void => {
  if (collect === null) {
    v8.setFlagsFromString("--expose-gc")
    collect = vm.runInNewContext("gc") as () => void
    v8.setFlagsFromString("--no-expose-gc")
  }
  collect()
}

/**
 * What was charged reaches the limit: finds out what is held indeed. More than half of the limit is too much, so that
 * there is always as much again to allocate before the next collection.
 */
const measure = (wanted: number): void => {
  const enough = meter.limit / 2
  if (wanted < enough) {
    meter.bytes = wanted + Math.max(0, held() - meter.before)
    if (meter.bytes > enough) {
      collectGarbage()
      meter.bytes = wanted + Math.max(0, held() - meter.before)
    }
    if (meter.bytes <= enough) return
  }
  // who goes on after the error is measured again when it has allocated as much once more
  meter.bytes = enough
  outOfMemory()
}

let measuredAt = Number.NEGATIVE_INFINITY

/** The account of a script that begins at this time. */
export const openAccount = (limit: number, now: number): void => {
  meter.bytes = 0
  meter.limit = limit
  meter.stringMax = limit / STRING_SHARE
  // scripts may be many in a millisecond, and what is held beside them changes slowly
  if (now - measuredAt < 100) return
  measuredAt = now
  meter.before = held()
}
