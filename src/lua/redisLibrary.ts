/**
 * redis.*: what scripts have of the server. Plain synchronous TypeScript.
 */
import { createHash } from "node:crypto"
import type { LuaFunction, LuaState } from "fengari"
import { redisVersion } from "../config/version.js"
import { pushText } from "./arguments.js"
import { lua } from "./fengari.js"
import { ERR, OK } from "./fields.js"
import { formatFloat } from "./format.js"
import { meter } from "./meter.js"
import { pushReply } from "./replies.js"
import { bytesOf } from "./steps.js"

/** What the VM needs of the server. */
export interface ScriptHost {
  /** Runs a command; its reply in RESP is valid until the next call. */
  readonly call: (args: ReadonlyArray<Uint8Array>) => {
    readonly bytes: Buffer
    readonly end: number
  }
  /** Monotonic milliseconds. */
  readonly clock: () => number
  readonly log: (level: number, message: string) => void
  /** The protocol that replies to the script come in: redis.setresp. */
  readonly setProtocol: (protocol: 2 | 3) => void
}

const [major, minor, patch] = redisVersion.split(".").map(Number) as [number, number, number]

export const redisConstants: Readonly<Record<string, number | string>> = {
  LOG_DEBUG: 0,
  LOG_VERBOSE: 1,
  LOG_NOTICE: 2,
  LOG_WARNING: 3,
  REPL_NONE: 0,
  REPL_AOF: 1,
  REPL_SLAVE: 2,
  REPL_REPLICA: 2,
  REPL_ALL: 3,
  REDIS_VERSION: redisVersion,
  REDIS_VERSION_NUM: major * 65536 + minor * 256 + patch
}

/** An argument as a string; empty where it is neither a string nor a number. */
const textAt = (L: LuaState, index: number): Uint8Array => {
  const type = lua.lua_type(L, index)
  return type === lua.LUA_TSTRING || type === lua.LUA_TNUMBER
    ? lua.lua_tolstring(L, index)
    : new Uint8Array(0)
}

const pushTable = (L: LuaState, field: Uint8Array, text: Uint8Array): number => {
  lua.lua_createtable(L, 0, 1)
  lua.lua_pushlstring(L, text, text.length)
  lua.lua_setfield(L, -2, field)
  return 1
}

const pushError = (L: LuaState, message: string): number => pushTable(L, ERR, bytesOf(message))

const raise = (L: LuaState, message: string): never => {
  pushError(L, message)
  return lua.lua_error(L)
}

/** An argument of redis.call: a string as it is, a number as Redis prints it. */
const toArgument = (L: LuaState, index: number): Uint8Array | null => {
  const type = lua.lua_type(L, index)
  if (type === lua.LUA_TSTRING) return lua.lua_tolstring(L, index)
  if (type !== lua.LUA_TNUMBER) return null
  return bytesOf(formatArgument(lua.lua_tonumber(L, index)))
}

const formatArgument = (value: number): string => {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 62) return BigInt(value).toString()
  if (Number.isNaN(value)) return "-nan"
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf"
  return formatFloat({ flags: "", width: 0, precision: 17, conversion: "g" }, value)
}

/** redis.error_reply and redis.status_reply: a table of one field. */
const replyTable =
  (field: Uint8Array): LuaFunction =>
  (L) => {
    if (lua.lua_gettop(L) !== 1 || lua.lua_type(L, 1) !== lua.LUA_TSTRING) {
      return pushError(L, "ERR wrong number or type of arguments")
    }
    const text = lua.lua_tolstring(L, 1)
    if (field === OK) return pushTable(L, field, text)
    if (text[0] === 45) return pushTable(L, field, text.subarray(1))
    return pushTable(L, field, text.indexOf(32) >= 0 ? text : Buffer.concat([Buffer.from("ERR "), text]))
  }

/** The functions of `redis` for a host. `onFault` hears of errors of the host itself. */
export const redisFunctions = (
  host: ScriptHost,
  onFault: (error: unknown) => void
): Readonly<Record<string, LuaFunction>> => {
  /** The reply as a Lua value; an error as a table with `err`. */
  const run = (L: LuaState): number => {
    const count = lua.lua_gettop(L)
    if (count === 0) return pushError(L, "ERR Please specify at least one argument for this redis lib call")
    const args: Array<Uint8Array> = []
    for (let i = 1; i <= count; i++) {
      const argument = toArgument(L, i)
      if (argument === null) {
        return pushError(L, "ERR Lua redis lib command arguments must be strings or integers")
      }
      args.push(argument)
    }
    meter.steps -= 20 + count
    let reply: ReturnType<ScriptHost["call"]>
    try {
      reply = host.call(args)
    } catch (error) {
      onFault(error)
      throw error
    }
    lua.lua_checkstack(L, 16)
    pushReply(L, reply.bytes, 0, reply.end)
    return 1
  }
  return {
    // no Lua, so that the frame of a script that ends in `return redis.call(…)` is there for its line
    call: (L) => {
      run(L)
      if (lua.lua_type(L, -1) !== lua.LUA_TTABLE) return 1
      lua.lua_pushlstring(L, ERR, ERR.length)
      const failed = lua.lua_rawget(L, -2) === lua.LUA_TSTRING
      lua.lua_pop(L, 1)
      return failed ? lua.lua_error(L) : 1
    },
    pcall: run,
    error_reply: replyTable(ERR),
    status_reply: replyTable(OK),
    sha1hex: (L) => {
      if (lua.lua_gettop(L) !== 1) return raise(L, "ERR wrong number of arguments")
      const text = textAt(L, 1)
      meter.steps -= text.length >> 5
      pushText(L, createHash("sha1").update(text).digest("hex"))
      return 1
    },
    log: (L) => {
      const count = lua.lua_gettop(L)
      if (count < 2) return raise(L, "ERR redis.log() requires two arguments or more.")
      if (lua.lua_type(L, 1) !== lua.LUA_TNUMBER) {
        return raise(L, "ERR First argument must be a number (log level).")
      }
      const level = lua.lua_tonumber(L, 1)
      if (level < 0 || level > 3) return raise(L, "ERR Invalid debug level.")
      const parts: Array<string> = []
      for (let i = 2; i <= count; i++) parts.push(Buffer.from(textAt(L, i)).toString("latin1"))
      host.log(level, parts.join(" "))
      return 0
    },
    setresp: (L) => {
      if (lua.lua_gettop(L) !== 1) return raise(L, "ERR redis.setresp() requires one argument.")
      const protocol = lua.lua_tonumber(L, 1)
      if (protocol !== 2 && protocol !== 3) return raise(L, "ERR RESP version must be 2 or 3.")
      host.setProtocol(protocol)
      return 0
    },
    set_repl: (L) => {
      if (lua.lua_gettop(L) !== 1) return raise(L, "ERR redis.set_repl() requires one argument.")
      const flags = lua.lua_tonumber(L, 1)
      if (Number.isInteger(flags) && flags >= 0 && flags <= 3) return 0
      return raise(L, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
    },
    replicate_commands: (L) => {
      lua.lua_pushboolean(L, true)
      return 1
    },
    breakpoint: (L) => {
      lua.lua_pushboolean(L, false)
      return 1
    },
    debug: () => 0
  }
}
