/**
 * The words of Lua 5.1's errors, where fengari has 5.3's. Pure, but for what it changes in fengari.
 */

import type { LuaState } from "fengari"
import type { LuaString } from "fengari/src/lstring.js"
import { ldebug, lstring, lvm } from "./internals.js"

const LONG_STRING = 20
const STRING = 4
const NUMBER = 3
const ARITHMETIC = Uint8Array.from(Buffer.from("perform arithmetic on"))
const CONCATENATE = Uint8Array.from(Buffer.from("concatenate"))

/** How 5.3 names the value that an operation failed on; 5.1 puts the name first. */
const VARIABLE_INFO = /(attempt to [\w ]+) a (\w+) value \((local|global|field|upvalue|method) '([^']*)'\)$/
/** 5.1 has no name for a constant. */
const CONSTANT_INFO = / \(constant '[^']*'\)$/

const typeError = ldebug.luaG_typeerror
ldebug.luaG_typeerror = (L, value, operation) => {
  try {
    return typeError(L, value, operation)
  } catch (error) {
    if (error === L.errorJmp) reword(L)
    throw error
  }
}

/** The message at the top of the stack, in 5.1's words. */
const reword = (L: LuaState): void => {
  const top = L.stack[L.top - 1]!
  if ((top.type & 15) !== STRING) return
  const message = Buffer.from((top.value as LuaString).realstring).toString("latin1")
  const reworded = message.replace(VARIABLE_INFO, "$1 $3 '$4' (a $2 value)").replace(CONSTANT_INFO, "")
  if (reworded === message) return
  top.type = LONG_STRING
  top.value = lstring.luaS_bless(L, Uint8Array.from(Buffer.from(reworded, "latin1")))
}

ldebug.luaG_opinterror = (L, a, b) => ldebug.luaG_typeerror(L, lvm.tonumber(a) === false ? a : b, ARITHMETIC)
ldebug.luaG_concaterror = (L, a, b) => {
  const type = a.type & 15
  return ldebug.luaG_typeerror(L, type === STRING || type === NUMBER ? b : a, CONCATENATE)
}

const runError = ldebug.luaG_runerror
const C_STACK = Uint8Array.from(Buffer.from("C stack overflow"))
ldebug.luaG_runerror = (L, format, ...args) =>
  runError(L, format[0] === 74 && format[1] === 83 ? C_STACK : format, ...args)
