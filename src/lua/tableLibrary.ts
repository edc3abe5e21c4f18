/**
 * Lua 5.1's table library. Pure.
 *
 * Elements are read and written without metamethods, as in 5.1. What is proportional to a table is done in steps.
 */

import type { LuaFunction, LuaState } from "fengari"
import type { TValue } from "fengari/src/lobject.js"
import {
  checkFunction,
  checkTable,
  fail,
  integerAt,
  integerOr,
  isNone,
  numberAt,
  pushOwned,
  stringAt
} from "./arguments.js"
import { lengthAt } from "./baseLibrary.js"
import { lua } from "./fengari.js"
import { ldebug, lobject } from "./internals.js"
import { charge, checkLength, meter } from "./meter.js"
import { lessThan } from "./operations.js"
import { bytesOf, call, inSteps, PAUSE, type Steps, spent } from "./steps.js"
import { getNumber, type LuaTable, set } from "./tables.js"

const NUMBER = 3
const STRING = 4
const NIL = new lobject.TValue(0, null)

const tableAt = (L: LuaState, index: number): LuaTable => {
  checkTable(L, index)
  return lua.lua_topointer(L, index) as LuaTable
}

const copyOf = (value: TValue): TValue => new lobject.TValue(value.type, value.value)
const valueAt = (L: LuaState, index: number): TValue => copyOf(L.stack[L.ci.funcOff + index]!)
const setAt = (L: LuaState, t: LuaTable, index: number, value: TValue): void =>
  set(L, t, new lobject.TValue(NUMBER, index), value)
const push = (L: LuaState, value: TValue): void => {
  lua.lua_pushnil(L)
  L.stack[L.top - 1]!.setfrom(value)
}

function* insertSteps(L: LuaState): Steps {
  const t = tableAt(L, 1)
  const end = lengthAt(L, 1) + 1
  const count = lua.lua_gettop(L)
  if (count === 2) setAt(L, t, end, valueAt(L, 2))
  else if (count === 3) {
    const at = integerAt(L, 2)
    const value = valueAt(L, 3)
    if (t.readonly) setAt(L, t, end, value)
    for (let i = Math.max(end, at); i > at; i--) {
      setAt(L, t, i, getNumber(t, i - 1))
      if (--meter.steps < 0) yield PAUSE
    }
    setAt(L, t, at, value)
  } else return fail(L, "wrong number of arguments to 'insert'")
  return 0
}
const shifts = inSteps(insertSteps)

/** Appending is the ordinary case, and needs no steps. */
const insert: LuaFunction = (L) => {
  if (lua.lua_gettop(L) !== 2) return shifts(L)
  const t = tableAt(L, 1)
  setAt(L, t, lengthAt(L, 1) + 1, valueAt(L, 2))
  return 0
}

function* removeSteps(L: LuaState): Steps {
  const t = tableAt(L, 1)
  const end = lengthAt(L, 1)
  let at = integerOr(L, 2, end)
  if (!(at >= 1 && at <= end)) return 0
  push(L, getNumber(t, at))
  for (; at < end; at++) {
    setAt(L, t, at, getNumber(t, at + 1))
    if (--meter.steps < 0) yield PAUSE
  }
  setAt(L, t, end, NIL)
  return 1
}

function* concatSteps(L: LuaState): Steps {
  const t = tableAt(L, 1)
  const separator = isNone(L, 2) ? new Uint8Array(0) : stringAt(L, 2)
  const first = integerOr(L, 3, 1)
  const last = isNone(L, 4) ? lengthAt(L, 1) : integerAt(L, 4)
  const parts: Array<Uint8Array> = []
  let length = 0
  for (let i = first; i <= last; i++) {
    const value = getNumber(t, i)
    parts.push(elementText(L, value, i))
    length += parts[parts.length - 1]!.length
    if (i < last) length += separator.length
    checkLength(length)
    charge(8)
    if (--meter.steps < 0) yield PAUSE
  }
  const joined = new Uint8Array(length)
  let at = 0
  for (let i = 0; i < parts.length; i++) {
    joined.set(parts[i]!, at)
    at += parts[i]!.length
    if (i < parts.length - 1 && separator.length > 0) {
      joined.set(separator, at)
      at += separator.length
    }
    meter.steps -= 1 + (parts[i]!.length >> 8)
    if (spent()) yield PAUSE
  }
  pushOwned(L, joined)
  return 1
}

const elementText = (L: LuaState, value: TValue, index: number): Uint8Array => {
  const type = value.type & 15
  if (type === STRING) return (value.value as { readonly realstring: Uint8Array }).realstring
  if (type === NUMBER) {
    push(L, value)
    const text = lua.lua_tolstring(L, -1)
    lua.lua_pop(L, 1)
    return text
  }
  const name = Buffer.from(lua.lua_typename(L, type)).toString("latin1")
  return fail(L, `invalid value (${name}) at index ${index} in table for 'concat'`)
}

// ---- sort: 5.1's quicksort, with a stack of its own

/** Whether `a` comes before `b`: by the function at index 2, or by `<`. */
function* before(L: LuaState, a: TValue, b: TValue): Generator<number, boolean, void> {
  lua.lua_pushvalue(L, 2)
  push(L, a)
  push(L, b)
  yield call(2, 1)
  const result = lua.lua_toboolean(L, -1)
  lua.lua_pop(L, 1)
  return result
}

const METHOD = bytesOf("__lt")

/** Compares what needs no call; null where a metamethod is to be called, which is pushed at index 2. */
const compareDirectly = (L: LuaState, a: TValue, b: TValue): boolean | null => {
  const type = a.type & 15
  if (type === (b.type & 15)) {
    if (type === NUMBER) return (a.value as number) < (b.value as number)
    if (type === STRING) return lessThan(L, a, b)
    if (pushMethod(L, a) && pushMethod(L, b) && lua.lua_rawequal(L, -1, -2) !== 0) {
      lua.lua_settop(L, 3)
      lua.lua_replace(L, 2)
      return null
    }
  }
  return ldebug.luaG_ordererror(L, a, b)
}

const pushMethod = (L: LuaState, value: TValue): boolean => {
  push(L, value)
  if (!lua.lua_getmetatable(L, -1)) return false
  lua.lua_pushlstring(L, METHOD, METHOD.length)
  lua.lua_rawget(L, -2)
  lua.lua_replace(L, -3)
  lua.lua_pop(L, 1)
  return lua.lua_type(L, -1) !== lua.LUA_TNIL
}

function* sortSteps(L: LuaState): Steps {
  const t = tableAt(L, 1)
  const count = lengthAt(L, 1)
  const own = !isNone(L, 2)
  if (own) checkFunction(L, 2)
  lua.lua_settop(L, 2)
  if (count < 2) return 0
  if (t.readonly) setAt(L, t, 1, NIL)
  const a: Array<TValue> = []
  for (let i = 0; i <= count + 1; i++) {
    a.push(i === 0 || i > count ? NIL : copyOf(getNumber(t, i)))
    charge(48)
    if (--meter.steps < 0) yield PAUSE
  }
  function* less(x: TValue, y: TValue): Generator<number, boolean, void> {
    if (!own) {
      const known = compareDirectly(L, x, y)
      if (known !== null) return known
    }
    return yield* before(L, x, y)
  }
  yield* own ? quicksort(L, a, count, less) : quicksortPlain(L, a, count, less)
  for (let i = 1; i <= count; i++) {
    setAt(L, t, i, a[i]!)
    if (--meter.steps < 0) yield PAUSE
  }
  return 0
}

type Less = (x: TValue, y: TValue) => Generator<number, boolean, void>

const swap = (a: Array<TValue>, i: number, j: number): void => {
  const held = a[i]!
  a[i] = a[j]!
  a[j] = held
}

/** Numbers alone, or strings alone, compare without a call: they are sorted in runs, which are merged. */
function* quicksortPlain(
  L: LuaState,
  a: Array<TValue>,
  count: number,
  less: Less
): Generator<number, void, void> {
  const type = a[1]!.type & 15
  let plain = type === NUMBER || type === STRING
  for (let i = 2; plain && i <= count; i++) plain = (a[i]!.type & 15) === type
  if (!plain) return yield* quicksort(L, a, count, less)
  const order = (x: TValue, y: TValue): number => (lessThan(L, x, y) ? -1 : lessThan(L, y, x) ? 1 : 0)
  const RUN = 1024
  for (let at = 1; at <= count; at += RUN) {
    const run = a.slice(at, Math.min(at + RUN, count + 1)).sort(order)
    for (let i = 0; i < run.length; i++) a[at + i] = run[i]!
    meter.steps -= RUN
    if (spent()) yield PAUSE
  }
  for (let width = RUN; width < count; width *= 2) {
    const from = a.slice()
    for (let low = 1; low <= count; low += width * 2) {
      const middle = Math.min(low + width, count + 1)
      const high = Math.min(low + width * 2, count + 1)
      for (let i = low, j = middle, to = low; to < high; to++) {
        const left = i < middle && (j >= high || !lessThan(L, from[j]!, from[i]!))
        a[to] = left ? from[i++]! : from[j++]!
        if (--meter.steps < 0) yield PAUSE
      }
    }
  }
}

function* quicksort(L: LuaState, a: Array<TValue>, count: number, less: Less): Generator<number, void, void> {
  const ranges: Array<number> = [1, count]
  while (ranges.length > 0) {
    let up = ranges.pop()!
    let low = ranges.pop()!
    while (low < up) {
      meter.steps -= 4
      if (spent()) yield PAUSE
      if (yield* less(a[up]!, a[low]!)) swap(a, low, up)
      if (up - low === 1) break
      let i = (low + up) >> 1
      if (yield* less(a[i]!, a[low]!)) swap(a, i, low)
      else if (yield* less(a[up]!, a[i]!)) swap(a, i, up)
      if (up - low === 2) break
      const pivot = a[i]!
      swap(a, i, up - 1)
      i = low
      let j = up - 1
      for (;;) {
        while (yield* less(a[++i] ?? NIL, pivot)) {
          if (i > up) fail(L, "invalid order function for sorting")
        }
        while (yield* less(pivot, a[--j] ?? NIL)) {
          if (j < low) fail(L, "invalid order function for sorting")
        }
        if (j < i) break
        swap(a, i, j)
      }
      swap(a, up - 1, i)
      // the smaller half waits, the larger goes on
      if (i - low < up - i) {
        ranges.push(low, i - 1)
        low = i + 1
      } else {
        ranges.push(i + 1, up)
        up = i - 1
      }
    }
  }
}

// ---- 5.1's old ones

function* foreachSteps(L: LuaState): Steps {
  checkTable(L, 1)
  checkFunction(L, 2)
  lua.lua_settop(L, 2)
  lua.lua_pushnil(L)
  while (lua.lua_next(L, 1) !== 0) {
    // [t, f, key, value]
    lua.lua_pushvalue(L, 2)
    lua.lua_pushvalue(L, 3)
    lua.lua_pushvalue(L, 4)
    yield call(2, 1)
    if (lua.lua_type(L, -1) !== lua.LUA_TNIL) return 1
    lua.lua_settop(L, 3)
  }
  return 0
}

function* foreachiSteps(L: LuaState): Steps {
  const t = tableAt(L, 1)
  checkFunction(L, 2)
  const count = lengthAt(L, 1)
  for (let i = 1; i <= count; i++) {
    lua.lua_settop(L, 2)
    lua.lua_pushvalue(L, 2)
    lua.lua_pushnumber(L, i)
    push(L, getNumber(t, i))
    yield call(2, 1)
    if (lua.lua_type(L, -1) !== lua.LUA_TNIL) return 1
  }
  return 0
}

function* maxnSteps(L: LuaState): Steps {
  checkTable(L, 1)
  lua.lua_settop(L, 1)
  let most = 0
  lua.lua_pushnil(L)
  while (lua.lua_next(L, 1) !== 0) {
    lua.lua_pop(L, 1)
    if (lua.lua_type(L, -1) === lua.LUA_TNUMBER) most = Math.max(most, numberAt(L, -1))
    if (--meter.steps < 0) yield PAUSE
  }
  lua.lua_pushnumber(L, most)
  return 1
}

const getn: LuaFunction = (L) => {
  checkTable(L, 1)
  lua.lua_pushnumber(L, lengthAt(L, 1))
  return 1
}

const setn: LuaFunction = (L) => {
  checkTable(L, 1)
  return fail(L, "'setn' is obsolete")
}

export const tableFunctions: Readonly<Record<string, LuaFunction>> = {
  concat: inSteps(concatSteps),
  foreach: inSteps(foreachSteps),
  foreachi: inSteps(foreachiSteps),
  getn,
  insert,
  maxn: inSteps(maxnSteps),
  remove: inSteps(removeSteps),
  setn,
  sort: inSteps(sortSteps)
}
