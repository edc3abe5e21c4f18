/**
 * fengari made to run Lua 5.1: its numbers, strings, tables, operations and the loop that executes. Pure, but for what
 * it changes in fengari.
 * (internals.js says why the order of the imports matters.)
 */
import { lobject } from "./internals.js"
import "./tables.js"
import "./operations.js"
import "./execute.js"
import "./errors.js"
import fengari from "fengari"
import type { TValue } from "fengari/src/lobject.js"

const FLOAT = 3
const INTEGER = 19

// integers are tagged as floats wherever one is made, so that no arithmetic wraps at 32 bits
Object.assign(lobject.TValue.prototype, {
  setivalue(this: TValue, value: number) {
    this.type = FLOAT
    this.value = value
  },
  chgivalue(this: TValue, value: number) {
    this.type = FLOAT
    this.value = value
  },
  ttisinteger: () => false,
  ttisfloat(this: TValue) {
    return this.type === FLOAT || this.type === INTEGER
  }
})

const readNumber = lobject.luaO_str2num
const HEXADECIMAL = /^\s*([+-]?)0[xX]([0-9a-fA-F]+)\s*$/

lobject.luaO_str2num = (text, out) => {
  // a number takes no more than this; what is longer need not be looked through
  if (text.length > 400) return 0
  // big hexadecimal integers wrap in 5.3; in 5.1 they are doubles like any other
  const end = text.indexOf(0)
  const match = HEXADECIMAL.exec(Buffer.from(end < 0 ? text : text.subarray(0, end)).toString("latin1"))
  if (match === null) return readNumber(text, out)
  const value = Number.parseInt(match[2]!, 16)
  out.type = FLOAT
  out.value = match[1] === "-" ? -value : value
  return text.length + (end < 0 ? 1 : 0)
}

export const { lua, lauxlib, to_luastring } = fengari
export type { LuaDebug, LuaFunction, LuaState } from "fengari"
