/**
 * What scripts see: Lua 5.1's libraries as far as Redis allows them, and nothing that one script could change for
 * another. Pure.
 *
 * Every table of it is read-only, the string metatable included; KEYS and ARGV are set anew for each script.
 */
import type { LuaFunction, LuaState } from "fengari"
import { fail, pushText } from "./arguments.js"
import { baseFunctions } from "./baseLibrary.js"
import { coroutineFunctions } from "./coroutineLibrary.js"
import { lua, to_luastring } from "./fengari.js"
import { mathFunctions, type Random } from "./mathLibrary.js"
import { define } from "./steps.js"
import { stringFunctions } from "./stringLibrary.js"
import { tableFunctions } from "./tableLibrary.js"
import type { LuaTable } from "./tables.js"

/** Where the registry keeps the globals that compiled chunks get: LUA_RIDX_GLOBALS. */
const GLOBALS = 2

export interface EnvironmentParts {
  readonly isMain: (L: LuaState) => boolean
  readonly random: Random
  /** redis.*, with the constants beside the functions. */
  readonly redis: Readonly<Record<string, LuaFunction>>
  readonly redisConstants: Readonly<Record<string, number | string>>
}

const tableAt = (L: LuaState, index: number): LuaTable => lua.lua_topointer(L, index) as LuaTable

/** A read-only table of functions, set as a field of the table at the top. */
const library = (
  L: LuaState,
  name: string,
  functions: Readonly<Record<string, LuaFunction>>,
  constants: Readonly<Record<string, number | string>> = {}
): LuaTable => {
  lua.lua_createtable(L, 0, 0)
  define(L, functions)
  for (const [key, value] of Object.entries(constants)) {
    if (typeof value === "number") lua.lua_pushnumber(L, value)
    else pushText(L, value)
    lua.lua_setfield(L, -2, to_luastring(key))
  }
  const table = tableAt(L, -1)
  table.readonly = true
  lua.lua_setfield(L, -2, to_luastring(name))
  return table
}

/** Makes the globals of a state, whose stack is left as it was. */
export const makeEnvironment = (L: LuaState, parts: EnvironmentParts): LuaTable => {
  lua.lua_createtable(L, 0, 0)
  const globals = tableAt(L, -1)
  define(L, baseFunctions)
  library(L, "coroutine", coroutineFunctions(parts.isMain))
  library(L, "math", mathFunctions(parts.random), { pi: Math.PI, huge: Number.POSITIVE_INFINITY })
  library(L, "os", { clock })
  library(L, "string", stringFunctions)
  library(L, "table", tableFunctions)
  library(L, "redis", parts.redis, parts.redisConstants)
  // the name that Valkey gives it
  lua.lua_getfield(L, -1, to_luastring("redis"))
  lua.lua_setfield(L, -2, to_luastring("server"))
  pushText(L, "Lua 5.1")
  lua.lua_setfield(L, -2, to_luastring("_VERSION"))
  lua.lua_pushvalue(L, -1)
  lua.lua_setfield(L, -2, to_luastring("_G"))
  stringMetatable(L)
  globalsMetatable(L)
  globals.readonly = true
  lua.lua_rawseti(L, lua.LUA_REGISTRYINDEX, GLOBALS)
  return globals
}

/** Methods of strings; the globals are at the top. */
const stringMetatable = (L: LuaState): void => {
  pushText(L, "")
  lua.lua_createtable(L, 0, 0)
  lua.lua_getfield(L, -3, to_luastring("string"))
  lua.lua_setfield(L, -2, to_luastring("__index"))
  tableAt(L, -1).readonly = true
  lua.lua_setmetatable(L, -2)
  lua.lua_pop(L, 1)
}

const globalsMetatable = (L: LuaState): void => {
  lua.lua_createtable(L, 0, 0)
  define(L, { __index: unknownGlobal })
  tableAt(L, -1).readonly = true
  lua.lua_setmetatable(L, -2)
}

const unknownGlobal: LuaFunction = (L) => {
  const name = Buffer.from(lua.lua_tolstring(L, 2) ?? []).toString("latin1")
  return fail(L, `Script attempted to access nonexistent global variable '${name}'`)
}

/** Seconds of this process: wall time, which costs no call of the system. */
const clock: LuaFunction = (L) => {
  lua.lua_pushnumber(L, performance.now() / 1000)
  return 1
}
