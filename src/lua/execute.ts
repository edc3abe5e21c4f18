/**
 * The loop that runs Lua code, in place of fengari's: numbers are doubles alone, a script's steps are counted, and at
 * the end of a slice it suspends itself wherever it is. Pure, but for what it changes in fengari.
 */
import type { CallInfo, Instruction, LuaState } from "fengari"
import type { LClosure, TValue } from "fengari/src/lobject.js"
import * as Frame from "./frames.js"
import { LIBRARY_CLOSURE, LIBRARY_FUNCTION, LUA_CLOSURE, MULTIPLE, put } from "./frames.js"
import { ldebug, ldo, lfunc, ltm, lvm } from "./internals.js"
import { meter } from "./meter.js"
import * as Op from "./operations.js"
import { get, newTable } from "./tables.js"

const NIL = 0
const BOOLEAN = 1
const NUMBER = 3
const TABLE = 5
const CIST_FRESH = 1 << 3
/** A constant's index in an instruction, instead of a register's, has this bit. */
const CONSTANT = 256

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"))
const FOR_LIMIT = bytes("'for' limit must be a number")
const FOR_STEP = bytes("'for' step must be a number")
const FOR_INITIAL = bytes("'for' initial value must be a number")

const { TM_ADD, TM_SUB, TM_MUL, TM_MOD, TM_POW, TM_DIV, TM_UNM } = ltm.TMS as Record<string, number> & {
  TM_ADD: number
  TM_SUB: number
  TM_MUL: number
  TM_MOD: number
  TM_POW: number
  TM_DIV: number
  TM_UNM: number
}

const arithmetic = (L: LuaState, opcode: number, a: TValue, b: TValue, ra: number): void => {
  const x = Op.toNumber(a)
  const y = x === false ? false : Op.toNumber(b)
  const target = L.stack[ra]!
  if (x === false || y === false) {
    ltm.luaT_trybinTM(L, a, b, target, EVENTS[opcode - 13]!)
    return
  }
  target.type = NUMBER
  target.value = compute(opcode, x, y)
}

const EVENTS = [TM_ADD, TM_SUB, TM_MUL, TM_MOD, TM_POW, TM_DIV]

const compute = (opcode: number, x: number, y: number): number => {
  switch (opcode) {
    case 13:
      return x + y
    case 14:
      return x - y
    case 15:
      return x * y
    case 16:
      return modulo(x, y)
    case 17:
      return x ** y
    default:
      return x / y
  }
}

const modulo = (x: number, y: number): number => x - Math.floor(x / y) * y

/** Prepares a numeric loop. */
const prepareLoop = (L: LuaState, ra: number): void => {
  const initial = Op.toNumber(L.stack[ra]!)
  const limit = Op.toNumber(L.stack[ra + 1]!)
  const step = Op.toNumber(L.stack[ra + 2]!)
  if (initial === false) ldebug.luaG_runerror(L, FOR_INITIAL)
  if (limit === false) ldebug.luaG_runerror(L, FOR_LIMIT)
  if (step === false) ldebug.luaG_runerror(L, FOR_STEP)
  put(L.stack, ra, NUMBER, initial - step)
  put(L.stack, ra + 1, NUMBER, limit)
  put(L.stack, ra + 2, NUMBER, step)
}

const execute = (L: LuaState): void => {
  let ci = L.ci
  ci.callstatus |= CIST_FRESH
  for (;;) {
    const cl: LClosure = ci.func.value
    const { p } = cl
    const { k } = p
    const code = ci.l_code
    const base = ci.l_base
    const stack = L.stack
    const hasInner = p.p.length > 0
    frame: for (;;) {
      if (--meter.steps < 0) Frame.look(L)
      const i = code[ci.l_savedpc++]!
      const ra = base + i.A
      switch (i.opcode) {
        case 0: {
          // MOVE
          const from = stack[base + i.B]!
          const to = stack[ra]!
          to.type = from.type
          to.value = from.value
          break
        }
        case 1: {
          // LOADK
          const from = k[i.Bx]!
          const to = stack[ra]!
          to.type = from.type
          to.value = from.value
          break
        }
        case 2: // LOADKX
          stack[ra]!.setfrom(k[code[ci.l_savedpc++]!.Ax]!)
          break
        case 3: {
          // LOADBOOL
          const to = stack[ra]!
          to.type = BOOLEAN
          to.value = i.B !== 0
          if (i.C !== 0) ci.l_savedpc++
          break
        }
        case 4: // LOADNIL
          for (let at = ra; at <= ra + i.B; at++) put(stack, at, NIL, null)
          break
        case 5: {
          // GETUPVAL
          const from = cl.upvals[i.B]!
          const to = stack[ra]!
          to.type = from.type
          to.value = from.value
          break
        }
        case 6: // GETTABUP
          Op.index(L, cl.upvals[i.B]!, i.C & CONSTANT ? k[i.C & 255]! : stack[base + i.C]!, ra)
          break
        case 7: {
          // GETTABLE
          const t = stack[base + i.B]!
          const key = i.C & CONSTANT ? k[i.C & 255]! : stack[base + i.C]!
          if (t.type === TABLE) {
            const slot = get(t.value, key)
            if (slot.type !== NIL) {
              const to = stack[ra]!
              to.type = slot.type
              to.value = slot.value
              break
            }
          }
          Op.index(L, t, key, ra)
          break
        }
        case 8: // SETTABUP
          Op.setIndexed(
            L,
            cl.upvals[i.A]!,
            i.B & CONSTANT ? k[i.B & 255]! : stack[base + i.B]!,
            i.C & CONSTANT ? k[i.C & 255]! : stack[base + i.C]!
          )
          break
        case 9: // SETUPVAL
          cl.upvals[i.B]!.setfrom(stack[ra]!)
          break
        case 10: // SETTABLE
          Op.setIndexed(
            L,
            stack[ra]!,
            i.B & CONSTANT ? k[i.B & 255]! : stack[base + i.B]!,
            i.C & CONSTANT ? k[i.C & 255]! : stack[base + i.C]!
          )
          break
        case 11: {
          // NEWTABLE
          const made = newTable(L)
          const to = stack[ra]!
          to.type = TABLE
          to.value = made
          break
        }
        case 12: {
          // SELF
          const from = stack[base + i.B]!
          stack[ra + 1]!.setfrom(from)
          Op.index(L, stack[ra + 1]!, i.C & CONSTANT ? k[i.C & 255]! : stack[base + i.C]!, ra)
          break
        }
        case 13:
        case 14:
        case 15:
        case 16:
        case 17:
        case 18: {
          // ADD, SUB, MUL, MOD, POW, DIV
          const a = i.B & CONSTANT ? k[i.B & 255]! : stack[base + i.B]!
          const b = i.C & CONSTANT ? k[i.C & 255]! : stack[base + i.C]!
          if ((a.type & 15) === NUMBER && (b.type & 15) === NUMBER) {
            const result = compute(i.opcode, a.value, b.value)
            const to = stack[ra]!
            to.type = NUMBER
            to.value = result
          } else arithmetic(L, i.opcode, a, b, ra)
          break
        }
        case 25: {
          // UNM
          const a = stack[base + i.B]!
          const x = Op.toNumber(a)
          if (x === false) ltm.luaT_trybinTM(L, a, a, stack[ra]!, TM_UNM)
          else put(stack, ra, NUMBER, -x)
          break
        }
        case 27: // NOT
          put(stack, ra, BOOLEAN, Op.isFalse(stack[base + i.B]!))
          break
        case 28: // LEN
          Op.lengthOf(L, stack[ra]!, stack[base + i.B]!)
          break
        case 29: {
          // CONCAT
          L.top = base + i.C + 1
          Op.concat(L, i.C - i.B + 1)
          stack[ra]!.setfrom(stack[base + i.B]!)
          Frame.raise(L, ci.top)
          break
        }
        case 30: // JMP
          if (i.A !== 0) lfunc.luaF_close(L, base + i.A - 1)
          ci.l_savedpc += i.sBx
          break
        case 31:
        case 32:
        case 33: {
          // EQ, LT, LE
          const a = i.B & CONSTANT ? k[i.B & 255]! : stack[base + i.B]!
          const b = i.C & CONSTANT ? k[i.C & 255]! : stack[base + i.C]!
          const is =
            i.opcode === 31
              ? Op.equal(L, a, b)
              : i.opcode === 32
                ? Op.lessThan(L, a, b)
                : Op.lessEqual(L, a, b)
          if (is !== (i.A !== 0)) ci.l_savedpc++
          else jumpNext(L, ci, code, base)
          break
        }
        case 34: // TEST
          if (Op.isFalse(stack[ra]!) === (i.C !== 0)) ci.l_savedpc++
          else jumpNext(L, ci, code, base)
          break
        case 35: {
          // TESTSET
          const b = stack[base + i.B]!
          if (Op.isFalse(b) === (i.C !== 0)) ci.l_savedpc++
          else {
            stack[ra]!.setfrom(b)
            jumpNext(L, ci, code, base)
          }
          break
        }
        case 36: {
          // CALL
          const results = i.C - 1
          if (i.B !== 0) L.top = ra + i.B
          const func = stack[ra]!
          if (func.type === LUA_CLOSURE) {
            ci = Frame.enter(L, ra, results, func)
            break frame
          }
          if (func.type === LIBRARY_FUNCTION || func.type === LIBRARY_CLOSURE)
            Frame.callLibrary(L, ra, results, func)
          else if (!ldo.luaD_precall(L, ra, results)) {
            ci = L.ci
            break frame
          }
          if (results >= 0) Frame.raise(L, ci.top)
          break
        }
        case 37: {
          // TAILCALL
          if (i.B !== 0) L.top = ra + i.B
          const func = stack[ra]!
          if (func.type === LUA_CLOSURE)
            ci = Frame.replaceFrame(L, ci, Frame.enter(L, ra, MULTIPLE, func), hasInner)
          else if (ldo.luaD_precall(L, ra, MULTIPLE)) break
          else ci = Frame.replaceFrame(L, ci, L.ci, hasInner)
          break frame
        }
        case 38: {
          // RETURN
          if (hasInner) lfunc.luaF_close(L, base)
          const fixed = Frame.leave(L, ci, ra, i.B !== 0 ? i.B - 1 : L.top - ra)
          if ((ci.callstatus & CIST_FRESH) !== 0) return
          ci = L.ci
          if (fixed) Frame.raise(L, ci.top)
          break frame
        }
        case 39: {
          // FORLOOP
          const counter = stack[ra]!
          const step: number = stack[ra + 2]!.value
          const limit: number = stack[ra + 1]!.value
          const index = (counter.value as number) + step
          if (step > 0 ? index <= limit : limit <= index) {
            ci.l_savedpc += i.sBx
            counter.value = index
            const to = stack[ra + 3]!
            to.type = NUMBER
            to.value = index
          }
          break
        }
        case 40: // FORPREP
          prepareLoop(L, ra)
          ci.l_savedpc += i.sBx
          break
        case 41: {
          // TFORCALL
          const call = ra + 3
          for (let n = 2; n >= 0; n--) put(stack, call + n, stack[ra + n]!.type, stack[ra + n]!.value)
          L.top = call + 3
          const func = stack[call]!
          if (func.type === LIBRARY_FUNCTION || func.type === LIBRARY_CLOSURE)
            Frame.callLibrary(L, call, i.C, func)
          else ldo.luaD_call(L, call, i.C)
          Frame.raise(L, ci.top)
          break
        }
        case 42: {
          // TFORLOOP
          const control = stack[ra + 1]!
          if (control.type !== NIL) {
            stack[ra]!.setfrom(control)
            ci.l_savedpc += i.sBx
          }
          break
        }
        case 43:
          Frame.setList(L, ci, i, ra)
          break
        case 44:
          Frame.closure(L, p.p[i.Bx]!, cl.upvals, base, ra)
          break
        case 45:
          Frame.varargs(L, ci, p, i, ra)
          break
        default:
          throw new Error(`an instruction that 5.1 does not have: ${i.opcode}`)
      }
    }
  }
}

const jumpNext = (L: LuaState, ci: CallInfo, code: ReadonlyArray<Instruction>, base: number): void => {
  const i = code[ci.l_savedpc]!
  if (i.A !== 0) lfunc.luaF_close(L, base + i.A - 1)
  ci.l_savedpc += i.sBx + 1
}

lvm.luaV_execute = execute
