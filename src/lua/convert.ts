/**
 * What a script returns as a reply, by Redis's conversion rules. Pure.
 *
 * number → integer (truncated), string → bulk, true → 1, false and nil → null, {err=} and {ok=} → error and status,
 * {double=}, {map=}, {set=}, {big_number=}, {verbatim_string=} → their RESP3 types, any other table → array up to the
 * first nil.
 */

import type { ReplyWriter } from "../resp/writer.js"
import { INT64_MAX, INT64_MIN, normalize } from "../values/integer.js"
import { type LuaState, lua } from "./fengari.js"
import { BIG_NUMBER, DOUBLE, ERR, FORMAT, MAP, OK, SET, STRING, VERBATIM } from "./fields.js"

/** Tables deeper than this are refused, as Lua's stack would in Redis. */
const DEPTH_MAX = 4000

/** Whether the script has asked for RESP3: only then is a boolean one. */
let booleans = false

/** Writes the value at a stack index (0: nothing was returned); `protocol` is what the script chose for itself. */
export const writeReply = (L: LuaState, index: number, reply: ReplyWriter, protocol: 2 | 3): void => {
  booleans = protocol === 3
  writeValue(L, index, reply, 0)
}

const writeValue = (L: LuaState, index: number, reply: ReplyWriter, depth: number): void => {
  const type = index === 0 ? lua.LUA_TNIL : lua.lua_type(L, index)
  if (type === lua.LUA_TSTRING) {
    const bytes = lua.lua_tolstring(L, index)
    reply.bulk(bytes, 0, bytes.length)
  } else if (type === lua.LUA_TNUMBER) reply.integer(truncate(lua.lua_tonumber(L, index)))
  else if (type === lua.LUA_TBOOLEAN) {
    if (booleans) reply.boolean(lua.lua_toboolean(L, index))
    else if (lua.lua_toboolean(L, index)) reply.integer(1)
    else reply.null()
  } else if (type === lua.LUA_TTABLE) writeTable(L, index, reply, depth)
  else reply.null()
}

/** A double as C converts it to a 64-bit integer. */
const truncate = (value: number): number | bigint => {
  const whole = Math.trunc(value)
  if (Number.isSafeInteger(whole)) return whole === 0 ? 0 : whole
  if (Number.isNaN(whole) || whole >= 2 ** 63 || whole < -(2 ** 63)) return INT64_MIN
  return normalize(BigInt.asIntN(64, BigInt(whole) > INT64_MAX ? INT64_MAX : BigInt(whole)))
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

/** Reads a field without metamethods, onto the stack; its type. */
const rawField = (L: LuaState, index: number, name: Uint8Array): number => {
  lua.lua_pushlstring(L, name, name.length)
  return lua.lua_rawget(L, index)
}

const writeTable = (L: LuaState, index: number, reply: ReplyWriter, depth: number): void => {
  if (depth > DEPTH_MAX) throw new RangeError("nested too deep")
  lua.lua_checkstack(L, 8)
  const top = lua.lua_gettop(L)
  if (rawField(L, index, ERR) === lua.LUA_TSTRING) {
    const message = text(lua.lua_tolstring(L, -1))
    reply.error(message.startsWith("-") ? message.slice(1) : message)
  } else if (rawField(L, index, OK) === lua.LUA_TSTRING) {
    reply.simple(text(lua.lua_tolstring(L, -1)).replace(/[\r\n]/g, " "))
  } else if (rawField(L, index, DOUBLE) === lua.LUA_TNUMBER) reply.double(lua.lua_tonumber(L, -1))
  else if (rawField(L, index, MAP) === lua.LUA_TTABLE) writeEntries(L, lua.lua_gettop(L), reply, depth, true)
  else if (rawField(L, index, SET) === lua.LUA_TTABLE) writeEntries(L, lua.lua_gettop(L), reply, depth, false)
  else if (rawField(L, index, BIG_NUMBER) === lua.LUA_TSTRING) {
    reply.bigNumber(text(lua.lua_tolstring(L, -1)).replace(/[\r\n]/g, " "))
  } else if (rawField(L, index, VERBATIM) === lua.LUA_TTABLE) {
    const verbatim = lua.lua_gettop(L)
    rawField(L, verbatim, FORMAT)
    rawField(L, verbatim, STRING)
    reply.verbatim(text(lua.lua_tolstring(L, -2)).slice(0, 3), text(lua.lua_tolstring(L, -1)))
  } else writeArray(L, index, reply, depth)
  lua.lua_settop(L, top)
}

const writeArray = (L: LuaState, index: number, reply: ReplyWriter, depth: number): void => {
  let count = 0
  for (; lua.lua_rawgeti(L, index, count + 1) !== lua.LUA_TNIL; count++) lua.lua_pop(L, 1)
  lua.lua_pop(L, 1)
  reply.array(count)
  for (let i = 1; i <= count; i++) {
    lua.lua_rawgeti(L, index, i)
    writeValue(L, lua.lua_gettop(L), reply, depth + 1)
    lua.lua_pop(L, 1)
  }
}

const writeEntries = (
  L: LuaState,
  index: number,
  reply: ReplyWriter,
  depth: number,
  values: boolean
): void => {
  let count = 0
  lua.lua_pushnil(L)
  while (lua.lua_next(L, index) !== 0) {
    count++
    lua.lua_pop(L, 1)
  }
  if (values) reply.map(count)
  else reply.set(count)
  lua.lua_pushnil(L)
  while (lua.lua_next(L, index) !== 0) {
    const value = lua.lua_gettop(L)
    writeValue(L, value - 1, reply, depth + 1)
    if (values) writeValue(L, value, reply, depth + 1)
    lua.lua_pop(L, 1)
  }
}
