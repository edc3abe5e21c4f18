/**
 * Replies of commands as Lua values, by Redis's conversion rules. Pure.
 *
 * RESP2: integer → number, bulk → string, null → false, status → {ok=}, error → {err=}, array → table.
 * RESP3 besides: map → {map=}, set → {set=}, double → {double=}, boolean, null → nil, big number, verbatim string.
 */
import { type LuaState, lua } from "./fengari.js"
import { BIG_NUMBER, DOUBLE, ERR, FORMAT, MAP, OK, SET, STRING, VERBATIM } from "./fields.js"

const lineEnd = (bytes: Buffer, at: number): number => {
  while (bytes[at] !== 13) at++
  return at
}

const pushBytes = (L: LuaState, bytes: Buffer, start: number, end: number): void => {
  lua.lua_pushlstring(L, bytes.subarray(start, end), end - start)
}

const pushField = (L: LuaState, name: Uint8Array, bytes: Buffer, start: number, end: number): void => {
  lua.lua_createtable(L, 0, 1)
  pushBytes(L, bytes, start, end)
  lua.lua_setfield(L, -2, name)
}

/** Pushes the reply that begins at `at`; the offset behind it. */
export const pushReply = (L: LuaState, bytes: Buffer, at: number, limit: number): number => {
  const type = bytes[at]!
  const end = lineEnd(bytes, at + 1)
  const line = (): string => bytes.toString("latin1", at + 1, end)
  switch (type) {
    case 58: // :
      lua.lua_pushnumber(L, Number(line()))
      return end + 2
    case 43: // +
      pushField(L, OK, bytes, at + 1, end)
      return end + 2
    case 45: // -
      pushField(L, ERR, bytes, at + 1, end)
      return end + 2
    case 36: // $
      return pushBulk(L, bytes, Number(line()), end + 2)
    case 42: // *
    case 62: // >
      return pushArray(L, bytes, Number(line()), end + 2, limit)
    case 95: // _
      lua.lua_pushnil(L)
      return end + 2
    case 35: // #
      lua.lua_pushboolean(L, bytes[at + 1] === 116)
      return end + 2
    case 44: // ,
      lua.lua_createtable(L, 0, 1)
      lua.lua_pushnumber(L, parseDouble(line()))
      lua.lua_setfield(L, -2, DOUBLE)
      return end + 2
    case 40: // (
      pushField(L, BIG_NUMBER, bytes, at + 1, end)
      return end + 2
    case 61: // =
      return pushVerbatim(L, bytes, Number(line()), end + 2)
    case 37: // %
      return pushPairs(L, bytes, Number(line()), end + 2, limit)
    case 126: // ~
      return pushSet(L, bytes, Number(line()), end + 2, limit)
    default:
      throw new Error(`reply type ${type} cannot be given to a script`)
  }
}

const pushBulk = (L: LuaState, bytes: Buffer, length: number, at: number): number => {
  if (length < 0) {
    lua.lua_pushboolean(L, false)
    return at
  }
  pushBytes(L, bytes, at, at + length)
  return at + length + 2
}

const pushArray = (L: LuaState, bytes: Buffer, count: number, at: number, limit: number): number => {
  if (count < 0) {
    lua.lua_pushboolean(L, false)
    return at
  }
  lua.lua_checkstack(L, 4)
  lua.lua_createtable(L, count, 0)
  for (let i = 1; i <= count; i++) {
    at = pushReply(L, bytes, at, limit)
    lua.lua_rawseti(L, -2, i)
  }
  return at
}

const pushVerbatim = (L: LuaState, bytes: Buffer, length: number, at: number): number => {
  lua.lua_createtable(L, 0, 1)
  lua.lua_createtable(L, 0, 2)
  pushBytes(L, bytes, at, at + 3)
  lua.lua_setfield(L, -2, FORMAT)
  pushBytes(L, bytes, at + 4, at + length)
  lua.lua_setfield(L, -2, STRING)
  lua.lua_setfield(L, -2, VERBATIM)
  return at + length + 2
}

const pushPairs = (L: LuaState, bytes: Buffer, count: number, at: number, limit: number): number => {
  lua.lua_checkstack(L, 6)
  lua.lua_createtable(L, 0, 1)
  lua.lua_createtable(L, 0, count)
  for (let i = 0; i < count; i++) {
    at = pushReply(L, bytes, at, limit)
    at = pushReply(L, bytes, at, limit)
    lua.lua_rawset(L, -3)
  }
  lua.lua_setfield(L, -2, MAP)
  return at
}

const pushSet = (L: LuaState, bytes: Buffer, count: number, at: number, limit: number): number => {
  lua.lua_checkstack(L, 6)
  lua.lua_createtable(L, 0, 1)
  lua.lua_createtable(L, 0, count)
  for (let i = 0; i < count; i++) {
    at = pushReply(L, bytes, at, limit)
    lua.lua_pushboolean(L, true)
    lua.lua_rawset(L, -3)
  }
  lua.lua_setfield(L, -2, SET)
  return at
}

const parseDouble = (text: string): number =>
  text === "inf" ? Number.POSITIVE_INFINITY : text === "-inf" ? Number.NEGATIVE_INFINITY : Number(text)
