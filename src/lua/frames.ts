/**
 * Calls of Lua and library functions: their frames, arguments and results, and where a slice ends. Pure, but for what
 * it changes in fengari.
 */
import type { CallInfo, Instruction, LuaFunction, LuaState, Proto } from "fengari"
import type { CClosure, LClosure, TValue } from "fengari/src/lobject.js"
import { ldebug, ldo, lfunc, lobject, lstate, ltable } from "./internals.js"
import { charge, meter, STEPS } from "./meter.js"
import type { LuaTable } from "./tables.js"

const NIL = 0
export const LUA_CLOSURE = 6
export const LIBRARY_FUNCTION = 22
export const LIBRARY_CLOSURE = 38
/** Slots of the stack that a library function may rely on. */
const STACK_MIN = 20
const YIELD = 1
const CIST_LUA = 1 << 1
const CIST_TAIL = 1 << 5
export const MULTIPLE = -1
/** Elements that one SETLIST sets. */
const FIELDS_PER_FLUSH = 50
/** Calls within one another, as in 5.1. */
const CALLS_MAX = 20_000
const CALL_BYTES = 150
const CLOSURE_BYTES = 120
const VALUE_BYTES = 40

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"))
const STACK_OVERFLOW = bytes("stack overflow")

const { TValue: Value } = lobject
type Value = TValue
/** The frame of a call: those that have ended are used again. */
const extendCalls = (L: LuaState): CallInfo => {
  const below = L.ci
  const depth = (below.depth ?? 0) + 1
  if (depth > CALLS_MAX) ldebug.luaG_runerror(L, STACK_OVERFLOW)
  let ci = below.next
  if (ci === null) {
    charge(CALL_BYTES)
    ci = new lstate.CallInfo()
    ci.depth = depth
    ci.previous = below
    below.next = ci
  }
  ci.c_k = null
  L.ci = ci
  return ci
}

/** The slice is over, or not: looks at the clock. */
export const look = (L: LuaState): void => {
  meter.steps = STEPS
  if (L.nny === 0 && meter.due()) suspend(L)
}

const suspend = (L: LuaState): never => {
  const { ci } = L
  meter.paused = true
  L.status = YIELD
  ci.extra = ci.funcOff
  return ldo.luaD_throw(L, YIELD)
}

/** Sets up the call of a Lua function, whose arguments are on the stack. */
export const enter = (L: LuaState, at: number, results: number, func: Value): CallInfo => {
  const p: Proto = (func.value as LClosure).p
  const size = p.maxstacksize
  const { stack } = L
  let count = L.top - at - 1
  if (L.stack_last - L.top <= size) ldo.luaD_checkstack(L, size)
  let base = at + 1
  if (p.is_vararg) {
    base = L.top
    // the fixed parameters go above the others
    for (let i = 0; i < p.numparams; i++) {
      if (i < count) {
        const from = stack[at + 1 + i]!
        put(stack, L.top++, from.type, from.value)
        from.type = NIL
        from.value = null
      } else put(stack, L.top++, NIL, null)
    }
  } else for (; count < p.numparams; count++) put(stack, L.top++, NIL, null)
  const ci = extendCalls(L)
  ci.funcOff = at
  ci.func = func
  ci.nresults = results
  ci.l_base = base
  ci.top = base + size
  ci.l_code = p.code
  ci.l_savedpc = 0
  ci.callstatus = CIST_LUA
  raise(L, ci.top)
  return ci
}

export const put = (stack: Array<Value>, at: number, type: number, value: unknown): void => {
  const slot = stack[at]
  if (slot === undefined) stack[at] = new Value(type, value)
  else {
    slot.type = type
    slot.value = value
  }
}

/** Fills the stack with nil up to a new top, or lowers it. */
export const raise = (L: LuaState, top: number): void => {
  const { stack } = L
  for (let at = L.top; at < top; at++) put(stack, at, NIL, null)
  L.top = top
}

/** Ends a call: moves its results to where the function was. True where their number was given. */
export const leave = (L: LuaState, ci: CallInfo, first: number, count: number): boolean => {
  const { stack } = L
  const wanted = ci.nresults
  const to = ci.funcOff
  L.ci = ci.previous!
  if (wanted === MULTIPLE) {
    for (let i = 0; i < count; i++) stack[to + i]!.setfrom(stack[first + i]!)
    L.top = to + count
    return false
  }
  for (let i = 0; i < wanted; i++) {
    if (i < count) stack[to + i]!.setfrom(stack[first + i]!)
    else put(stack, to + i, NIL, null)
  }
  L.top = to + wanted
  return true
}

/** Calls a function of the libraries. */
export const callLibrary = (L: LuaState, at: number, results: number, func: Value): void => {
  if (L.stack_last - L.top <= STACK_MIN) ldo.luaD_checkstack(L, STACK_MIN)
  const f: LuaFunction = func.type === LIBRARY_FUNCTION ? func.value : (func.value as CClosure).f
  const ci = extendCalls(L)
  ci.funcOff = at
  ci.func = func
  ci.nresults = results
  ci.top = L.top + STACK_MIN
  ci.callstatus = 0
  const count = f(L)
  leave(L, ci, L.top - count, count)
}

/** A new function; in 5.1 each is one of its own. */
export const closure = (
  L: LuaState,
  p: Proto,
  outer: ReadonlyArray<Value>,
  base: number,
  ra: number
): void => {
  const { upvalues } = p
  charge(CLOSURE_BYTES + upvalues.length * 8)
  const made = new lobject.LClosure(L, upvalues.length)
  made.p = p
  const slot = L.stack[ra]!
  slot.type = LUA_CLOSURE
  slot.value = made
  for (let i = 0; i < upvalues.length; i++) {
    const { instack, idx } = upvalues[i]!
    made.upvals[i] = instack ? L.stack[base + idx]! : outer[idx]!
  }
}

export const setList = (L: LuaState, ci: CallInfo, i: Instruction, ra: number): void => {
  let count = i.B
  let block = i.C
  const open = count === 0
  if (open) count = L.top - ra - 1
  if (block === 0) block = ci.l_code[ci.l_savedpc++]!.Ax
  const table: LuaTable = L.stack[ra]!.value
  const first = (block - 1) * FIELDS_PER_FLUSH
  for (let n = 1; n <= count; n++) ltable.luaH_setint(table, first + n, L.stack[ra + n]!)
  meter.steps -= count
  if (open) raise(L, ci.top)
}

export const varargs = (L: LuaState, ci: CallInfo, p: Proto, i: Instruction, ra: number): void => {
  const base = ci.l_base
  const given = Math.max(0, base - ci.funcOff - p.numparams - 1)
  let count = i.B - 1
  if (count < 0) {
    count = given
    charge(given * VALUE_BYTES)
    ldo.luaD_checkstack(L, given)
    raise(L, ra + given)
  }
  meter.steps -= count
  const { stack } = L
  for (let n = 0; n < count; n++) {
    if (n < given) stack[ra + n]!.setfrom(stack[base - given + n]!)
    else put(stack, ra + n, NIL, null)
  }
}

/** Puts the frame of the function that was called in the place of the one that called it last. */
export const replaceFrame = (L: LuaState, ci: CallInfo, called: CallInfo, hasInner: boolean): CallInfo => {
  const { stack } = L
  const limit = called.l_base + (called.func.value as LClosure).p.numparams
  if (hasInner) lfunc.luaF_close(L, ci.l_base)
  const shift = called.funcOff - ci.funcOff
  for (let at = called.funcOff; at < limit; at++) stack[at - shift]!.setfrom(stack[at]!)
  ci.func = stack[ci.funcOff]!
  ci.l_base = called.l_base - shift
  ci.top = called.top - shift
  ci.l_code = called.l_code
  ci.l_savedpc = called.l_savedpc
  ci.callstatus |= CIST_TAIL
  L.ci = ci
  for (let at = limit - shift; at < ci.top; at++) put(stack, at, NIL, null)
  L.top = ci.top
  return ci
}

lstate.luaE_extendCI = extendCalls
meter.fail = (thread) => {
  if (thread === null) throw new RangeError("not enough memory")
  return ldo.luaD_throw(thread, 4)
}
