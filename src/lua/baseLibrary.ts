/**
 * The basic functions of Lua 5.1 as Redis lets scripts see them. Pure.
 *
 * What calls back into Lua can be suspended within: pcall and xpcall go on by a continuation, tostring and load are
 * made of steps.
 */
import type { LuaFunction, LuaState } from "fengari"
import {
  argumentError,
  checkFunction,
  checkTable,
  fail,
  integerAt,
  integerOr,
  isNone,
  stringAt
} from "./arguments.js"
import { lauxlib, lua, to_luastring } from "./fengari.js"
import { ERR } from "./fields.js"
import { meter } from "./meter.js"
import { bytesOf, call, inSteps, type Steps } from "./steps.js"
import type { LuaTable } from "./tables.js"

const TEXT_ONLY = to_luastring("t")
const METATABLE = to_luastring("__metatable")
const TOSTRING = to_luastring("__tostring")
/** Results that one unpack gives at most: 5.1's stack ends there. */
const UNPACK_MAX = 8000
/** The longest text that load takes: it cannot be suspended while it compiles. */
const LOAD_MAX = 1 << 18
const READONLY = "Attempt to modify a readonly table"

/** Pushes a field of a value's metatable; false where there is none. */
const metaField = (L: LuaState, index: number, name: Uint8Array): boolean => {
  if (!lua.lua_getmetatable(L, index)) return false
  lua.lua_pushlstring(L, name, name.length)
  if (lua.lua_rawget(L, -2) === lua.LUA_TNIL) {
    lua.lua_pop(L, 2)
    return false
  }
  lua.lua_remove(L, -2)
  return true
}

const tableAt = (L: LuaState, index: number): LuaTable => lua.lua_topointer(L, index) as LuaTable

// ---- errors

/** An error that redis.call has raised comes out of pcall as its text. */
const unwrapError = (L: LuaState): void => {
  if (lua.lua_type(L, -1) !== lua.LUA_TTABLE) return
  lua.lua_pushlstring(L, ERR, ERR.length)
  if (lua.lua_rawget(L, -2) === lua.LUA_TSTRING) lua.lua_remove(L, -2)
  else lua.lua_pop(L, 1)
}

const isError = (status: number): boolean => status !== lua.LUA_OK && status !== lua.LUA_YIELD

const finishPcall = (L: LuaState, status: number): number => {
  if (!isError(status)) return lua.lua_gettop(L)
  unwrapError(L)
  lua.lua_pushboolean(L, false)
  lua.lua_insert(L, -2)
  return 2
}

const pcall: LuaFunction = (L) => {
  lauxlib.luaL_checkany(L, 1)
  lua.lua_pushboolean(L, true)
  lua.lua_insert(L, 1)
  const status = lua.lua_pcallk(L, lua.lua_gettop(L) - 2, lua.LUA_MULTRET, 0, 0, finishPcall)
  return finishPcall(L, status)
}

/** The stack is [handler, true, results…], or [handler, …, error]: the handler runs after the call has ended. */
const finishXpcall = (L: LuaState, status: number): number => {
  if (!isError(status)) return lua.lua_gettop(L) - 1
  if (lua.lua_type(L, 1) !== lua.LUA_TFUNCTION) return handlerFailed(L)
  lua.lua_pushvalue(L, 1)
  lua.lua_insert(L, -2)
  return finishHandler(L, lua.lua_pcallk(L, 1, 1, 0, 0, finishHandler))
}

const finishHandler = (L: LuaState, status: number): number => {
  if (isError(status)) return handlerFailed(L)
  lua.lua_pushboolean(L, false)
  lua.lua_insert(L, -2)
  return 2
}

const handlerFailed = (L: LuaState): number => {
  lua.lua_pushboolean(L, false)
  lua.lua_pushlstring(L, ERROR_IN_HANDLER, ERROR_IN_HANDLER.length)
  return 2
}
const ERROR_IN_HANDLER = bytesOf("error in error handling")

const xpcall: LuaFunction = (L) => {
  lauxlib.luaL_checkany(L, 2)
  lua.lua_settop(L, 2)
  lua.lua_insert(L, 1)
  lua.lua_pushboolean(L, true)
  lua.lua_insert(L, 2)
  return finishXpcall(L, lua.lua_pcallk(L, 0, lua.LUA_MULTRET, 0, 0, finishXpcall))
}

const error: LuaFunction = (L) => {
  const level = integerOr(L, 2, 1)
  lua.lua_settop(L, 1)
  const type = lua.lua_type(L, 1)
  if ((type === lua.LUA_TSTRING || type === lua.LUA_TNUMBER) && level > 0) {
    lauxlib.luaL_where(L, Math.min(level, 100_000))
    const where = lua.lua_tolstring(L, -1)
    const message = lua.lua_tolstring(L, 1)
    const joined = Buffer.concat([where, message])
    lua.lua_pushlstring(L, joined, joined.length)
  }
  return lua.lua_error(L)
}

const assert: LuaFunction = (L) => {
  lauxlib.luaL_checkany(L, 1)
  if (lua.lua_toboolean(L, 1)) return lua.lua_gettop(L)
  if (isNone(L, 2)) return fail(L, "assertion failed!")
  lua.lua_settop(L, 2)
  const type = lua.lua_type(L, 2)
  if (type === lua.LUA_TSTRING || type === lua.LUA_TNUMBER) {
    return lauxlib.luaL_error(L, bytesOf("%s"), lua.lua_tolstring(L, 2))
  }
  return argumentError(L, 2, `string expected, got ${typeName(L, 2)}`)
}

const typeName = (L: LuaState, index: number): string =>
  Buffer.from(lua.lua_typename(L, lua.lua_type(L, index))).toString("latin1")

// ---- tables

const getMetatable: LuaFunction = (L) => {
  lauxlib.luaL_checkany(L, 1)
  if (metaField(L, 1, METATABLE)) return 1
  if (!lua.lua_getmetatable(L, 1)) lua.lua_pushnil(L)
  return 1
}

const setMetatable: LuaFunction = (L) => {
  const type = lua.lua_type(L, 2)
  checkTable(L, 1)
  if (type !== lua.LUA_TNIL && type !== lua.LUA_TTABLE) argumentError(L, 2, "nil or table expected")
  if (metaField(L, 1, METATABLE)) fail(L, "cannot change a protected metatable")
  if (tableAt(L, 1).readonly) modifyReadonly(L)
  lua.lua_settop(L, 2)
  lua.lua_setmetatable(L, 1)
  return 1
}

const modifyReadonly = (L: LuaState): never => {
  const text = bytesOf(READONLY)
  lua.lua_pushlstring(L, text, text.length)
  return lua.lua_error(L)
}

const rawGet: LuaFunction = (L) => {
  checkTable(L, 1)
  lauxlib.luaL_checkany(L, 2)
  lua.lua_settop(L, 2)
  lua.lua_rawget(L, 1)
  return 1
}

const rawSet: LuaFunction = (L) => {
  checkTable(L, 1)
  lauxlib.luaL_checkany(L, 2)
  lauxlib.luaL_checkany(L, 3)
  lua.lua_settop(L, 3)
  lua.lua_rawset(L, 1)
  return 1
}

const rawEqual: LuaFunction = (L) => {
  lauxlib.luaL_checkany(L, 1)
  lauxlib.luaL_checkany(L, 2)
  lua.lua_pushboolean(L, lua.lua_rawequal(L, 1, 2))
  return 1
}

const next: LuaFunction = (L) => {
  checkTable(L, 1)
  lua.lua_settop(L, 2)
  if (lua.lua_next(L, 1) !== 0) return 2
  lua.lua_pushnil(L)
  return 1
}

const pairs: LuaFunction = (L) => {
  checkTable(L, 1)
  lua.lua_pushcfunction(L, next)
  lua.lua_pushvalue(L, 1)
  lua.lua_pushnil(L)
  return 3
}

const ipairsNext: LuaFunction = (L) => {
  const index = integerAt(L, 2) + 1
  checkTable(L, 1)
  lua.lua_pushnumber(L, index)
  lua.lua_pushnumber(L, index)
  return lua.lua_rawget(L, 1) === lua.LUA_TNIL ? 0 : 2
}

const ipairs: LuaFunction = (L) => {
  checkTable(L, 1)
  lua.lua_pushcfunction(L, ipairsNext)
  lua.lua_pushvalue(L, 1)
  lua.lua_pushnumber(L, 0)
  return 3
}

const unpack: LuaFunction = (L) => {
  checkTable(L, 1)
  const first = integerOr(L, 2, 1)
  const last = isNone(L, 3) ? lengthAt(L, 1) : integerAt(L, 3)
  if (first > last) return 0
  const count = last - first + 1
  if (count >= UNPACK_MAX || !lua.lua_checkstack(L, count)) return fail(L, "too many results to unpack")
  meter.steps -= count
  for (let i = first; i <= last; i++) {
    lua.lua_pushnumber(L, i)
    lua.lua_rawget(L, 1)
  }
  return count
}

/** `#t`, without metamethods. */
export const lengthAt = (L: LuaState, index: number): number => lua.lua_rawlen(L, index)

const select: LuaFunction = (L) => {
  const count = lua.lua_gettop(L)
  if (lua.lua_type(L, 1) === lua.LUA_TSTRING && lua.lua_tolstring(L, 1)[0] === 35) {
    lua.lua_pushnumber(L, count - 1)
    return 1
  }
  let index = integerAt(L, 1)
  if (index < 0) index = count + index
  else if (index > count) index = count
  if (index < 1) argumentError(L, 1, "index out of range")
  return count - index
}

// ---- types

const type: LuaFunction = (L) => {
  lauxlib.luaL_checkany(L, 1)
  const name = lua.lua_typename(L, lua.lua_type(L, 1))
  lua.lua_pushlstring(L, name, name.length)
  return 1
}

function* toStringSteps(L: LuaState): Steps {
  lauxlib.luaL_checkany(L, 1)
  if (metaField(L, 1, TOSTRING)) {
    lua.lua_pushvalue(L, 1)
    yield call(1, 1)
    return 1
  }
  pushAsString(L, 1)
  return 1
}

const pushAsString = (L: LuaState, index: number): void => {
  switch (lua.lua_type(L, index)) {
    case lua.LUA_TNUMBER:
    case lua.LUA_TSTRING: {
      lua.lua_pushvalue(L, index)
      lua.lua_tolstring(L, -1)
      return
    }
    case lua.LUA_TBOOLEAN: {
      const text = bytesOf(lua.lua_toboolean(L, index) ? "true" : "false")
      lua.lua_pushlstring(L, text, text.length)
      return
    }
    case lua.LUA_TNIL:
      lua.lua_pushlstring(L, NIL, NIL.length)
      return
    default:
      lua.lua_pushfstring(
        L,
        POINTER,
        lua.lua_typename(L, lua.lua_type(L, index)),
        lua.lua_topointer(L, index)
      )
  }
}
const NIL = bytesOf("nil")
const POINTER = bytesOf("%s: %p")

const toNumber: LuaFunction = (L) => {
  const base = integerOr(L, 2, 10)
  if (base === 10) {
    lauxlib.luaL_checkany(L, 1)
    const value = lua.lua_tonumberx(L, 1)
    if (value === false) lua.lua_pushnil(L)
    else lua.lua_pushnumber(L, value)
    return 1
  }
  const text = Buffer.from(stringAt(L, 1)).toString("latin1")
  if (base < 2 || base > 36) argumentError(L, 2, "base out of range")
  const value = parseInBase(text, base)
  if (value === null) lua.lua_pushnil(L)
  else lua.lua_pushnumber(L, value)
  return 1
}

/** As C's strtoul: a minus wraps at 64 bits. */
const parseInBase = (text: string, base: number): number | null => {
  let at = 0
  const skip = (): void => {
    while (at < text.length && " \t\n\v\f\r".includes(text[at]!)) at++
  }
  skip()
  const negative = text[at] === "-"
  if (negative || text[at] === "+") at++
  if (base === 16 && /^0[xX]/.test(text.slice(at, at + 2))) at += 2
  const start = at
  let value = 0
  for (; at < text.length; at++) {
    const digit = Number.parseInt(text[at]!, 36)
    if (Number.isNaN(digit) || digit >= base) break
    value = value * base + digit
  }
  if (at === start) return null
  skip()
  if (at < text.length) return null
  return negative && value > 0 ? 2 ** 64 - value : value
}

// ---- chunks of source

const compile = (L: LuaState, source: Uint8Array, name: Uint8Array): number => {
  if (source.length > LOAD_MAX) {
    lua.lua_pushnil(L)
    const text = bytesOf("chunk is too long")
    lua.lua_pushlstring(L, text, text.length)
    return 2
  }
  meter.steps -= source.length
  if (lauxlib.luaL_loadbufferx(L, source, source.length, name, TEXT_ONLY) === lua.LUA_OK) return 1
  lua.lua_pushnil(L)
  lua.lua_insert(L, -2)
  return 2
}

const loadString: LuaFunction = (L) => {
  const source = stringAt(L, 1)
  return compile(L, source, isNone(L, 2) ? source : stringAt(L, 2))
}

function* loadSteps(L: LuaState): Steps {
  checkFunction(L, 1)
  const name = isNone(L, 2) ? bytesOf("=(load)") : stringAt(L, 2)
  const parts: Array<Uint8Array> = []
  let length = 0
  for (;;) {
    lua.lua_settop(L, 2)
    lua.lua_pushboolean(L, true)
    lua.lua_pushvalue(L, 1)
    yield call(0, 1)
    const type = lua.lua_type(L, -1)
    if (type === lua.LUA_TNIL) break
    if (type !== lua.LUA_TSTRING && type !== lua.LUA_TNUMBER)
      return fail(L, "reader function must return a string")
    const part = lua.lua_tolstring(L, -1)
    if (part.length === 0) break
    parts.push(part)
    length += part.length
    if (length > LOAD_MAX) break
  }
  return compile(L, Buffer.concat(parts), name)
}

const collectGarbage: LuaFunction = (L) => {
  const option = isNone(L, 1) ? "collect" : Buffer.from(stringAt(L, 1)).toString("latin1")
  if (!/^(?:stop|restart|collect|count|step|setpause|setstepmul)$/.test(option)) {
    argumentError(L, 1, `invalid option '${option}'`)
  }
  if (option === "step") lua.lua_pushboolean(L, true)
  else lua.lua_pushnumber(L, option === "count" ? meter.bytes / 1024 : 0)
  return 1
}

const gcInfo: LuaFunction = (L) => {
  lua.lua_pushnumber(L, Math.floor(meter.bytes / 1024))
  return 1
}

export const baseFunctions: Readonly<Record<string, LuaFunction>> = {
  assert,
  collectgarbage: collectGarbage,
  error,
  gcinfo: gcInfo,
  getmetatable: getMetatable,
  ipairs,
  load: inSteps(loadSteps),
  loadstring: loadString,
  next,
  pairs,
  pcall,
  rawequal: rawEqual,
  rawget: rawGet,
  rawset: rawSet,
  select,
  setmetatable: setMetatable,
  tonumber: toNumber,
  tostring: inSteps(toStringSteps),
  type,
  unpack,
  xpcall
}
