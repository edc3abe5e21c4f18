/**
 * The operations of Lua 5.1 that may call a metamethod: fengari's are 5.3's. Pure, but for what it changes in fengari.
 *
 * What a metamethod is called for is finished by `finishOperation` where the call was suspended in between.
 */

import type { LuaState } from "fengari"
import type { TValue } from "fengari/src/lobject.js"
import type { LuaString } from "fengari/src/lstring.js"
import { ldebug, ldo, lobject, lstring, ltm, lvm } from "./internals.js"
import { checkLength } from "./meter.js"
import { compareStrings } from "./strings.js"
import { border, get, type LuaTable, set } from "./tables.js"

const NIL = 0
const BOOLEAN = 1
const NUMBER = 3
const STRING = 4
const TABLE = 5
const FUNCTION = 6
const LONG_STRING = 20
/** Tables whose metamethods are tables again, at most. */
const CHAIN_MAX = 100
/** The interrupted `<=` is done by `<` with its operands exchanged. */
const CIST_LEQ = 1 << 7

const { TM_INDEX, TM_NEWINDEX, TM_LEN, TM_EQ, TM_LT, TM_LE, TM_CONCAT } = ltm.TMS as Record<
  string,
  number
> & {
  TM_INDEX: number
  TM_NEWINDEX: number
  TM_LEN: number
  TM_EQ: number
  TM_LT: number
  TM_LE: number
  TM_CONCAT: number
}

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"))
const INDEX = bytes("index")
const GET_LENGTH = bytes("get length of")
const LOOP_GET = bytes("loop in gettable")
const LOOP_SET = bytes("loop in settable")

export const isFalse = (value: TValue): boolean =>
  value.type === NIL || (value.type === BOOLEAN && (value.value as boolean) === false)

/** A number, or a string that is one. */
export const toNumber = (value: TValue): number | false => {
  const type = value.type & 15
  if (type === NUMBER) return value.value
  return type === STRING ? lvm.tonumber(value) : false
}

export const index = (L: LuaState, of: TValue, key: TValue, ra: number): void => {
  let t = of
  for (let loop = 0; loop < CHAIN_MAX; loop++) {
    let method: TValue | null
    if (t.type === TABLE) {
      const table: LuaTable = t.value
      const slot = get(table, key)
      if (slot.type !== NIL || table.metatable === null) {
        const target = L.stack[ra]!
        target.type = slot.type
        target.value = slot.value
        return
      }
      method = ltm.fasttm(L, table.metatable, TM_INDEX)
      if (method === null) {
        const target = L.stack[ra]!
        target.type = NIL
        target.value = null
        return
      }
    } else {
      method = ltm.luaT_gettmbyobj(L, t, TM_INDEX)
      if (method.type === NIL) ldebug.luaG_typeerror(L, t, INDEX)
    }
    if ((method.type & 15) === FUNCTION) {
      ltm.luaT_callTM(L, method, t, key, L.stack[ra]!, 1)
      return
    }
    t = method
  }
  ldebug.luaG_runerror(L, LOOP_GET)
}

export const setIndexed = (L: LuaState, of: TValue, key: TValue, value: TValue): void => {
  let t = of
  for (let loop = 0; loop < CHAIN_MAX; loop++) {
    let method: TValue | null
    if (t.type === TABLE) {
      const table: LuaTable = t.value
      if (table.metatable === null) method = null
      else if (get(table, key).type !== NIL) method = null
      else method = ltm.fasttm(L, table.metatable, TM_NEWINDEX)
      if (method === null) {
        set(L, table, key, value)
        table.flags = 0
        return
      }
    } else {
      method = ltm.luaT_gettmbyobj(L, t, TM_NEWINDEX)
      if (method.type === NIL) ldebug.luaG_typeerror(L, t, INDEX)
    }
    if ((method.type & 15) === FUNCTION) {
      ltm.luaT_callTM(L, method, t, key, value, 0)
      return
    }
    t = method
  }
  ldebug.luaG_runerror(L, LOOP_SET)
}

/** Calls the metamethod that both operands have; null where they have none. */
const callComparison = (L: LuaState, a: TValue, b: TValue, event: number): boolean | null => {
  const method = ltm.luaT_gettmbyobj(L, a, event)
  if (method.type === NIL) return null
  const other = ltm.luaT_gettmbyobj(L, b, event)
  if (method.type !== other.type || (method.value as unknown) !== other.value) return null
  const result = new lobject.TValue(NIL, null)
  ltm.luaT_callTM(L, method, a, b, result, 1)
  return !isFalse(result)
}

export const lessThan = (L: LuaState, a: TValue, b: TValue): boolean => {
  const type = a.type & 15
  if (type === (b.type & 15)) {
    if (type === NUMBER) return (a.value as number) < (b.value as number)
    if (type === STRING) return compareStrings(a.value, b.value) < 0
    const result = callComparison(L, a, b, TM_LT)
    if (result !== null) return result
  }
  return ldebug.luaG_ordererror(L, a, b)
}

export const lessEqual = (L: LuaState, a: TValue, b: TValue): boolean => {
  const type = a.type & 15
  if (type === (b.type & 15)) {
    if (type === NUMBER) return (a.value as number) <= (b.value as number)
    if (type === STRING) return compareStrings(a.value, b.value) <= 0
    const result = callComparison(L, a, b, TM_LE)
    if (result !== null) return result
    L.ci.callstatus |= CIST_LEQ
    const inverse = callComparison(L, b, a, TM_LT)
    L.ci.callstatus &= ~CIST_LEQ
    if (inverse !== null) return !inverse
  }
  return ldebug.luaG_ordererror(L, a, b)
}

/** Equal without metamethods. */
export const rawEqual = (a: TValue, b: TValue): boolean => {
  const type = a.type & 15
  if (type !== (b.type & 15)) return false
  if (type === NIL) return true
  if (type === STRING) return lstring.luaS_eqlngstr(a.value, b.value)
  return (a.value as unknown) === b.value
}

export const equal = (L: LuaState, a: TValue, b: TValue): boolean => {
  if (a.type !== TABLE || b.type !== TABLE) return rawEqual(a, b)
  const x: LuaTable = a.value
  const y: LuaTable = b.value
  if (x === y) return true
  if (x.metatable === null || y.metatable === null) return false
  const method = ltm.fasttm(L, x.metatable, TM_EQ)
  if (method === null) return false
  const other = ltm.fasttm(L, y.metatable, TM_EQ)
  if (other === null || !rawEqual(method, other)) return false
  const result = new lobject.TValue(NIL, null)
  ltm.luaT_callTM(L, method, a, b, result, 1)
  return !isFalse(result)
}

/** `#value`: of a table always its border, as in 5.1. */
export const lengthOf = (L: LuaState, result: TValue, of: TValue): void => {
  const type = of.type & 15
  if (type === TABLE) {
    const length = border(of.value)
    result.type = NUMBER
    result.value = length
  } else if (type === STRING) {
    const { realstring }: LuaString = of.value
    result.type = NUMBER
    result.value = realstring.length
  } else {
    const method = ltm.luaT_gettmbyobj(L, of, TM_LEN)
    if (method.type === NIL) ldebug.luaG_typeerror(L, of, GET_LENGTH)
    ltm.luaT_callTM(L, method, of, of, result, 1)
  }
}

/** Makes a string of a number in place; false where it is neither. */
const becomeString = (L: LuaState, value: TValue): boolean => {
  const type = value.type & 15
  if (type === STRING) return true
  if (type !== NUMBER) return false
  lobject.luaO_tostring(L, value)
  return true
}

const lengthAt = (L: LuaState, at: number): number => (L.stack[at]!.value as LuaString).realstring.length

/** Joins the `total` values at the top of the stack into one in the place of the first. */
export const concat = (L: LuaState, total: number): void => {
  for (let left = total; left > 1; ) {
    const { top } = L
    let taken = 2
    const a = L.stack[top - 2]!
    const b = L.stack[top - 1]!
    const type = a.type & 15
    if ((type !== STRING && type !== NUMBER) || !becomeString(L, b)) {
      ltm.luaT_trybinTM(L, a, b, a, TM_CONCAT)
    } else if (lengthAt(L, top - 1) === 0) becomeString(L, a)
    else {
      let length = lengthAt(L, top - 1)
      for (taken = 1; taken < left && becomeString(L, L.stack[top - taken - 1]!); taken++) {
        length += lengthAt(L, top - taken - 1)
      }
      join(L, top, taken, length)
    }
    left -= taken - 1
    L.top = top - (taken - 1)
  }
}

const join = (L: LuaState, top: number, count: number, length: number): void => {
  checkLength(length)
  const joined = new Uint8Array(length)
  let at = 0
  for (let i = top - count; i < top; i++) {
    const { realstring }: LuaString = L.stack[i]!.value
    joined.set(realstring, at)
    at += realstring.length
  }
  const target = L.stack[top - count]!
  const value = lstring.luaS_bless(L, joined)
  target.type = LONG_STRING
  target.value = value
}

/** Ends the instruction whose metamethod was suspended: its result is at the top of the stack. */
export const finishOperation = (L: LuaState): void => {
  const { ci } = L
  const instruction = ci.l_code[ci.l_savedpc - 1]!
  const { opcode } = instruction
  const base = ci.l_base
  if (opcode === 31 || opcode === 32 || opcode === 33) {
    // EQ, LT, LE
    let result = !isFalse(L.stack[--L.top]!)
    if ((ci.callstatus & CIST_LEQ) !== 0) {
      ci.callstatus &= ~CIST_LEQ
      result = !result
    }
    if (result !== (instruction.A !== 0)) ci.l_savedpc++
  } else if (opcode === 29) {
    // CONCAT
    const top = L.top - 1
    const left = top - 1 - (base + instruction.B)
    L.stack[top - 2]!.setfrom(L.stack[top]!)
    L.top = top - 1
    if (left > 1) concat(L, left)
    L.stack[base + instruction.A]!.setfrom(L.stack[L.top - 1]!)
    ldo.adjust_top(L, ci.top)
  } else if (opcode === 41) ldo.adjust_top(L, ci.top)
  else if (opcode === 36) {
    // CALL: a fixed number of results
    if (instruction.C - 1 >= 0) ldo.adjust_top(L, ci.top)
  } else if (hasResult(opcode)) L.stack[base + instruction.A]!.setfrom(L.stack[--L.top]!)
}

/** GETTABUP, GETTABLE, SELF, arithmetic, LEN: what puts the result of a metamethod into a register. */
const hasResult = (opcode: number): boolean =>
  opcode === 6 || opcode === 7 || (opcode >= 12 && opcode <= 26) || opcode === 28

Object.assign(lvm, {
  luaV_concat: concat,
  luaV_gettable: index,
  settable: setIndexed,
  luaV_lessthan: (L: LuaState, a: TValue, b: TValue) => (lessThan(L, a, b) ? 1 : 0),
  luaV_lessequal: (L: LuaState, a: TValue, b: TValue) => (lessEqual(L, a, b) ? 1 : 0),
  luaV_equalobj: (L: LuaState | null, a: TValue, b: TValue) =>
    (L === null ? rawEqual(a, b) : equal(L, a, b)) ? 1 : 0,
  luaV_objlen: lengthOf,
  luaV_finishOp: finishOperation
})
