/**
 * The tables of fengari, before its VM loads: an array part, Lua 5.1's rules, and tables that are read-only, as
 * Redis has them. Pure, but for what it changes in fengari.
 *
 * Every write to a table ends in one of two functions here, so that a mark on the table reaches them all. They also
 * charge the running script for what they allocate.
 */

import type { LuaState } from "fengari"
import type { TValue } from "fengari/src/lobject.js"
import { ldebug, lobject, lstring, ltable } from "./internals.js"
import { charge, meter } from "./meter.js"

const NIL = 0
const NUMBER = 3
const STRING = 4
const LIGHT_USERDATA = 2
/** Bytes in V8's heap, roughly. */
const TABLE_BYTES = 200
const SLOT_BYTES = 72
const ENTRY_BYTES = 200

const READONLY = Buffer.from("Attempt to modify a readonly table")
const INDEX_NIL = Buffer.from("table index is nil")
const INDEX_NAN = Buffer.from("table index is NaN")
const NOT_A_KEY = Buffer.from("invalid key to 'next'")

/** A key with its value; without one (nil) it is dead, and stays for who traverses the table. */
class Entry {
  next: Entry | null = null
  constructor(
    readonly key: TValue,
    readonly value: TValue
  ) {}
}

const NO_ENTRIES: Map<unknown, Entry> = new Map()

class LuaTable {
  readonly id: number
  /** The values of keys 1, 2, 3 and so on; nil where one was taken out. */
  readonly array: Array<TValue> = []
  /** All other keys, by hash. Shared while there are none. */
  strong = NO_ENTRIES
  first: Entry | null = null
  last: Entry | null = null
  /** Entries without a value. */
  dead = 0
  metatable: LuaTable | null = null
  flags = ~0
  readonly = false
  constructor(L: LuaState) {
    this.id = L.l_G.id_counter++
  }
}

/** What a Map tells keys by. */
const hashOf = (key: TValue): unknown => {
  const type = key.type & 15
  if (type === STRING) return lstring.luaS_hashlongstr(key.value)
  if (type === LIGHT_USERDATA && typeof key.value === "string") return `*${key.value}`
  return key.value
}

const none = lobject.luaO_nilobject

const get = (t: LuaTable, key: TValue): TValue => {
  const type = key.type & 15
  if (type === NUMBER) return getNumber(t, key.value)
  if (t.strong.size === 0 || type === NIL) return none
  const entry = t.strong.get(hashOf(key))
  return entry === undefined ? none : entry.value
}

const getNumber = (t: LuaTable, key: number): TValue => {
  if (key >= 1 && key <= t.array.length) {
    const value = t.array[key - 1]
    if (value !== undefined) return value
  }
  if (t.strong.size === 0) return none
  const entry = t.strong.get(key)
  return entry === undefined ? none : entry.value
}

const set = (L: LuaState, t: LuaTable, key: TValue, value: TValue): void => {
  if (t.readonly) ldebug.luaG_runerror(L, READONLY)
  const type = key.type & 15
  if (type === NUMBER) {
    const index: number = key.value
    if (setIndex(t, index, value)) return
    if (Number.isNaN(index)) ldebug.luaG_runerror(L, INDEX_NAN)
  } else if (type === NIL) ldebug.luaG_runerror(L, INDEX_NIL)
  setHash(t, hashOf(key), key, value)
}

/** Sets what belongs into the array part. */
const setIndex = (t: LuaTable, index: number, value: TValue): boolean => {
  const { array } = t
  if (index >= 1 && index <= array.length) {
    const slot = array[index - 1]
    if (slot === undefined) return false
    slot.setfrom(value)
    return true
  }
  if (index !== array.length + 1) return false
  if (value.type === NIL) return t.strong.size === 0
  charge(SLOT_BYTES)
  array.push(new lobject.TValue(value.type, value.value))
  if (t.strong.size > 0) adopt(t, index)
  return true
}

/** Takes over the keys that follow, which were set before. */
const adopt = (t: LuaTable, last: number): void => {
  // the key itself may have been one of them: dead or not, it is now in the array
  drop(t, last)
  for (let index = last + 1; ; index++) {
    const entry = t.strong.get(index)
    if (entry === undefined || entry.value.type === NIL) return
    t.array.push(new lobject.TValue(entry.value.type, entry.value.value))
    meter.steps--
    drop(t, index)
  }
}

const drop = (t: LuaTable, index: number): void => {
  const entry = t.strong.get(index)
  if (entry === undefined || entry.value.type === NIL) return
  entry.value.setfrom(none)
  t.dead++
}

const setHash = (t: LuaTable, hash: unknown, key: TValue, value: TValue): void => {
  const entry = t.strong.get(hash)
  if (entry !== undefined) {
    const wasDead = entry.value.type === NIL
    entry.value.setfrom(value)
    const isDead = value.type === NIL
    if (wasDead !== isDead) t.dead += isDead ? 1 : -1
    return
  }
  if (value.type === NIL) return
  charge(ENTRY_BYTES)
  if (t.strong === NO_ENTRIES) t.strong = new Map()
  // as in Lua, a new key may end a traversal that has begun: only then do dead ones go
  else if (t.dead > 8 && t.dead > t.strong.size / 2) sweep(t)
  const added = new Entry(
    new lobject.TValue(key.type, key.value),
    new lobject.TValue(value.type, value.value)
  )
  t.strong.set(hash, added)
  if (t.last === null) t.first = added
  else t.last.next = added
  t.last = added
}

const sweep = (t: LuaTable): void => {
  const entries = t.first
  t.strong = new Map()
  t.first = t.last = null
  t.dead = 0
  for (let entry = entries; entry !== null; ) {
    const { next } = entry
    entry.next = null
    if (entry.value.type !== NIL) {
      t.strong.set(hashOf(entry.key), entry)
      if (t.last === null) t.first = entry
      else t.last.next = entry
      t.last = entry
    }
    entry = next
    meter.steps--
  }
}

/** A border: 5.1's rules, by which the end of the array part is one where it has a value. */
const border = (t: LuaTable): number => {
  const { array } = t
  let high = array.length
  if (high > 0 && array[high - 1]!.type === NIL) {
    let low = 0
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (array[middle - 1]!.type === NIL) high = middle
      else low = middle
    }
    return low
  }
  if (t.strong.size === 0) return high
  let low = high
  high++
  while (getNumber(t, high).type !== NIL) {
    low = high
    high *= 2
    if (high > Number.MAX_SAFE_INTEGER) return low
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (getNumber(t, middle).type === NIL) high = middle
    else low = middle
  }
  return low
}

/** Puts the key after the one on the stack, and its value behind it. */
const next = (L: LuaState, t: LuaTable, at: number): boolean => {
  const key = L.stack[at]!
  const { array } = t
  let index = 0
  let entry: Entry | null = null
  if ((key.type & 15) === NUMBER && Number.isInteger(key.value as number)) index = key.value
  if (key.type !== NIL && !(index >= 1 && index <= array.length)) {
    const found = t.strong.get(hashOf(key))
    if (found === undefined) return ldebug.luaG_runerror(L, NOT_A_KEY)
    entry = found.next
  } else {
    for (; index < array.length; index++) {
      const value = array[index]!
      if (value.type === NIL) {
        meter.steps--
        continue
      }
      key.type = NUMBER
      key.value = index + 1
      L.stack[at + 1]!.setfrom(value)
      return true
    }
    entry = t.first
  }
  for (; entry !== null; entry = entry.next, meter.steps--) {
    if (entry.value.type === NIL) continue
    key.setfrom(entry.key)
    L.stack[at + 1]!.setfrom(entry.value)
    return true
  }
  return false
}

const newTable = (L: LuaState): LuaTable => {
  charge(TABLE_BYTES)
  return new LuaTable(L)
}

Object.assign(ltable, {
  Table: LuaTable,
  luaH_new: newTable,
  luaH_get: (_L: LuaState, t: LuaTable, key: TValue) => get(t, key),
  luaH_getint: getNumber,
  luaH_getstr: (t: LuaTable, key: Parameters<typeof lstring.luaS_hashlongstr>[0]) => {
    if (t.strong.size === 0) return none
    const entry = t.strong.get(lstring.luaS_hashlongstr(key))
    return entry === undefined ? none : entry.value
  },
  luaH_setint: (t: LuaTable, key: number, value: TValue) => {
    if (t.readonly) ldebug.luaG_runerror(meter.thread!, READONLY)
    if (!setIndex(t, key, value)) setHash(t, key, new lobject.TValue(NUMBER, key), value)
  },
  luaH_setfrom: set,
  luaH_getn: border,
  luaH_next: next
})

export { border, get, getNumber, type LuaTable, newTable, set }
