/**
 * Arguments of library functions, by Lua 5.1's rules: numbers are doubles, integers are truncated. Pure.
 */

import type { LuaState } from "fengari"
import { lauxlib, lua } from "./fengari.js"
import { lstring } from "./internals.js"
import { bytesOf } from "./steps.js"

const STRING = 20

export const isNone = (L: LuaState, index: number): boolean => lua.lua_type(L, index) <= lua.LUA_TNIL

export const argumentError = (L: LuaState, index: number, message: string): never =>
  lauxlib.luaL_argerror(L, index, bytesOf(message))

const typeError = (L: LuaState, index: number, expected: string): never => {
  const type = lua.lua_type(L, index)
  const got = type === lua.LUA_TNONE ? "no value" : Buffer.from(lua.lua_typename(L, type)).toString("latin1")
  return argumentError(L, index, `${expected} expected, got ${got}`)
}

export const numberAt = (L: LuaState, index: number): number => {
  const value = lua.lua_tonumberx(L, index)
  return value === false ? typeError(L, index, "number") : value
}

/** As C converts a double to an integer, within what a double can count. */
export const integerAt = (L: LuaState, index: number): number => {
  const value = Math.trunc(numberAt(L, index))
  return Number.isNaN(value) ? -0x8000_0000_0000_0000 : value + 0
}

export const integerOr = (L: LuaState, index: number, otherwise: number): number =>
  isNone(L, index) ? otherwise : integerAt(L, index)

/** A string, or a number as one. */
export const stringAt = (L: LuaState, index: number): Uint8Array => {
  const type = lua.lua_type(L, index)
  if (type !== lua.LUA_TSTRING && type !== lua.LUA_TNUMBER) return typeError(L, index, "string")
  return lua.lua_tolstring(L, index)
}

export const checkTable = (L: LuaState, index: number): void => {
  if (lua.lua_type(L, index) !== lua.LUA_TTABLE) typeError(L, index, "table")
}

export const checkFunction = (L: LuaState, index: number): void => {
  if (lua.lua_type(L, index) !== lua.LUA_TFUNCTION) typeError(L, index, "function")
}

/** Raises an error with the position of who called the library function. */
export const fail = (L: LuaState, message: string): never =>
  lauxlib.luaL_error(L, bytesOf("%s"), bytesOf(message))

export const pushText = (L: LuaState, text: string): void => {
  const bytes = bytesOf(text)
  lua.lua_pushlstring(L, bytes, bytes.length)
}

/** Pushes bytes that nobody else writes to: they are not copied. */
export const pushOwned = (L: LuaState, bytes: Uint8Array): void => {
  lua.lua_pushnil(L)
  const slot = L.stack[L.top - 1]!
  const value = lstring.luaS_bless(L, bytes)
  slot.type = STRING
  slot.value = value
}
