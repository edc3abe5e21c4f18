/**
 * Lua 5.1's coroutines. Pure.
 *
 * The script itself is a coroutine, but must not notice. Its own coroutines are suspended with it at the end of a
 * slice: who resumed one pauses in turn, and takes it up again where it was.
 */

import type { LuaFunction, LuaState } from "fengari"
import { argumentError, checkFunction, isNone } from "./arguments.js"
import { lauxlib, lua } from "./fengari.js"
import { ldo } from "./internals.js"
import { charge, meter } from "./meter.js"
import { bytesOf } from "./steps.js"

const COROUTINE_BYTES = 3000
const DEAD = bytesOf("cannot resume dead coroutine")
const OUTSIDE = bytesOf("attempt to yield across metamethod/C-call boundary")
const TOO_MANY = bytesOf("too many arguments to resume")
const CALLS_MAX = 200

/** The functions, given what tells the script's own thread. */
export const coroutineFunctions = (
  isMain: (L: LuaState) => boolean
): Readonly<Record<string, LuaFunction>> => {
  const create: LuaFunction = (L) => {
    checkFunction(L, 1)
    charge(COROUTINE_BYTES)
    const made = lua.lua_newthread(L)
    lua.lua_pushvalue(L, 1)
    lua.lua_xmove(L, made, 1)
    return 1
  }

  const status = (L: LuaState, co: LuaState): string => {
    if (L === co) return "running"
    if (lua.lua_status(co) === lua.LUA_YIELD) return "suspended"
    if (lua.lua_status(co) !== lua.LUA_OK) return "dead"
    if (co.ci !== co.base_ci) return "normal"
    return lua.lua_gettop(co) === 0 ? "dead" : "suspended"
  }

  /** Runs `co`; what it gives is moved to L: a count, or -1 with the error. */
  const run = (L: LuaState, co: LuaState, args: number): number => {
    meter.thread = co
    const ended = ldo.lua_resume(co, L, args)
    meter.thread = L
    if (ended === lua.LUA_YIELD && meter.paused) return PAUSED
    if (ended !== lua.LUA_OK && ended !== lua.LUA_YIELD) {
      lua.lua_checkstack(L, 1)
      lua.lua_xmove(co, L, 1)
      return -1
    }
    const results = lua.lua_gettop(co)
    meter.steps -= results
    lua.lua_checkstack(L, results + 1)
    lua.lua_xmove(co, L, results)
    return results
  }

  const begin = (L: LuaState, co: LuaState, args: number): number => {
    meter.steps -= 8
    const state = status(L, co)
    if (state !== "suspended" || L.nCcalls >= CALLS_MAX - 4) {
      const message =
        state === "suspended"
          ? C_STACK
          : state === "dead"
            ? DEAD
            : bytesOf(`cannot resume ${state === "normal" ? "normal" : "running"} coroutine`)
      lua.lua_pushlstring(L, message, message.length)
      return -1
    }
    if (!lua.lua_checkstack(co, args)) {
      lua.lua_pushlstring(L, TOO_MANY, TOO_MANY.length)
      return -1
    }
    lua.lua_xmove(L, co, args)
    return run(L, co, args)
  }

  /** Ends a resume, or pauses with the coroutine that has paused. */
  const settle = (L: LuaState, count: number, context: Resumption): number => {
    if (count === PAUSED) return lua.lua_yieldk(L, 0, context, goOn)
    if (!context.wrapped) {
      lua.lua_pushboolean(L, count >= 0)
      const values = count < 0 ? 1 : count
      lua.lua_insert(L, -(values + 1))
      return values + 1
    }
    if (count >= 0) return count
    if (lua.lua_type(L, -1) === lua.LUA_TSTRING) {
      lauxlib.luaL_where(L, 1)
      const where = lua.lua_tolstring(L, -1)
      const joined = Buffer.concat([where, lua.lua_tolstring(L, -2)])
      lua.lua_pushlstring(L, joined, joined.length)
    }
    return lua.lua_error(L)
  }
  const goOn = (L: LuaState, _status: number, context: Resumption): number =>
    settle(L, run(L, context.co, 0), context)

  const resume: LuaFunction = (L) => {
    const co = threadAt(L)
    return settle(L, begin(L, co, lua.lua_gettop(L) - 1), { co, wrapped: false })
  }

  const wrap: LuaFunction = (L) => {
    create(L)
    const co = lua.lua_tothread(L, -1)!
    lua.lua_pushcfunction(L, (state) =>
      settle(state, begin(state, co, lua.lua_gettop(state)), { co, wrapped: true })
    )
    return 1
  }

  const yieldResults: LuaFunction = (L) => {
    if (isMain(L) || L.nny > 0) {
      lua.lua_pushlstring(L, OUTSIDE, OUTSIDE.length)
      return lua.lua_error(L)
    }
    return lua.lua_yieldk(L, lua.lua_gettop(L), 0, null)
  }

  const running: LuaFunction = (L) => {
    if (isMain(L)) lua.lua_pushnil(L)
    else lua.lua_pushthread(L)
    return 1
  }

  const statusOf: LuaFunction = (L) => {
    const text = bytesOf(status(L, threadAt(L)))
    lua.lua_pushlstring(L, text, text.length)
    return 1
  }

  return { create, resume, running, status: statusOf, wrap, yield: yieldResults }
}

const C_STACK = bytesOf("C stack overflow")
const PAUSED = -2

interface Resumption {
  readonly co: LuaState
  /** By coroutine.wrap: errors are raised, not returned. */
  readonly wrapped: boolean
}

const threadAt = (L: LuaState): LuaState => {
  const co = isNone(L, 1) ? null : lua.lua_tothread(L, 1)
  return co === null ? argumentError(L, 1, "coroutine expected") : co
}
