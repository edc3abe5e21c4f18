/**
 * The Lua VM that runs scripts. Plain synchronous TypeScript; owned by the script actor's fiber alone.
 *
 * A script runs as a coroutine, so that the count hook can suspend it: `start` and `resume` run a slice each and say
 * whether the script has ended. Loaded on first use only (fengari takes some 30 ms to load).
 */
import { createHash } from "node:crypto"
import { redisVersion } from "../config/version.js"
import type { ReplyWriter } from "../resp/writer.js"
import { writeReply } from "./convert.js"
import { type LuaDebug, type LuaState, lauxlib, lua, lualib, to_luastring } from "./fengari.js"
import { ERR } from "./fields.js"
import { PRELUDE } from "./prelude.js"
import { pushReply } from "./replies.js"

/** Instructions between two looks at the clock. */
const HOOK_INSTRUCTIONS = 2000

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

/** How a slice ended. */
export type SliceEnd = "yielded" | "done"

const NAME = to_luastring("@user_script")
const TEXT_ONLY = to_luastring("t")
const WHAT = to_luastring("Sl")
const latin1 = (bytes: Uint8Array | null): string =>
  bytes === null ? "" : Buffer.from(bytes).toString("latin1")
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"))

/** How 5.3 names the value that an operation failed on; 5.1 puts the name first. */
const VARIABLE_INFO = /(attempt to \w+) a (\w+) value \((local|global|field|upvalue|method) '([^']*)'\)/

export class LuaVm {
  private readonly state: LuaState
  /** Compiled scripts by SHA1: references in the registry. */
  private readonly compiled = new Map<string, number>()
  private thread: LuaState | null = null
  private threadRef = 0
  private sha = ""
  private sliceEndsAt = 0
  private killed: string | null = null

  constructor(private readonly host: ScriptHost) {
    this.state = lauxlib.luaL_newstate()
    lualib.luaL_openlibs(this.state)
    this.registerHost()
    this.runPrelude()
  }

  /** Compiles a script; an error text, or null. */
  compile(sha: string, source: Uint8Array): string | null {
    if (this.compiled.has(sha)) return null
    const L = this.state
    const body = skipShebang(source)
    if (lauxlib.luaL_loadbufferx(L, body, body.length, NAME, TEXT_ONLY) !== lua.LUA_OK) {
      const message = latin1(lua.lua_tolstring(L, -1))
      lua.lua_pop(L, 1)
      // 5.3 leaves out quotes that 5.1 has, and takes a lone expression for a statement that failed
      return message
        .replace(/near <eof>$/, "near '<eof>'")
        .replace(": syntax error near", ": '=' expected near")
    }
    // the first upvalue of a chunk is its environment
    lua.lua_getfield(L, lua.LUA_REGISTRYINDEX, to_luastring("kv.environment"))
    lua.lua_setupvalue(L, -2, 1)
    this.compiled.set(sha, lauxlib.luaL_ref(L, lua.LUA_REGISTRYINDEX))
    return null
  }

  /** Forgets a compiled script, or all. */
  forget(sha: string | null): void {
    for (const [name, ref] of this.compiled) {
      if (sha !== null && sha !== name) continue
      lauxlib.luaL_unref(this.state, lua.LUA_REGISTRYINDEX, ref)
      this.compiled.delete(name)
    }
  }

  /** Starts a compiled script and runs it for at most `sliceMs`. */
  start(sha: string, keys: ReadonlyArray<Buffer>, args: ReadonlyArray<Buffer>, sliceMs: number): SliceEnd {
    const L = this.state
    this.sha = sha
    this.killed = null
    this.setArray("KEYS", keys)
    this.setArray("ARGV", args)
    const thread = lua.lua_newthread(L)
    this.threadRef = lauxlib.luaL_ref(L, lua.LUA_REGISTRYINDEX)
    this.thread = thread
    lua.lua_sethook(thread, (state) => this.onHook(state), lua.LUA_MASKCOUNT, HOOK_INSTRUCTIONS)
    lua.lua_rawgeti(L, lua.LUA_REGISTRYINDEX, this.compiled.get(sha)!)
    lua.lua_xmove(L, thread, 1)
    return this.resume(sliceMs)
  }

  /** Runs the started script for another slice. */
  resume(sliceMs: number): SliceEnd {
    this.sliceEndsAt = this.host.clock() + sliceMs
    this.suspended = false
    const status = lua.lua_resume(this.thread!, null, 0)
    this.failed = status !== lua.LUA_OK && status !== lua.LUA_YIELD
    return status === lua.LUA_YIELD ? "yielded" : "done"
  }

  private failed = false
  /** The slice is over: what the hook has suspended goes up to the actor. */
  private suspended = false

  /** Writes the reply of the script that has ended, and lets go of it. `protocol` is what redis.setresp chose. */
  finish(reply: ReplyWriter, protocol: 2 | 3): void {
    const thread = this.thread!
    const start = reply.length
    lua.lua_checkstack(thread, 16)
    try {
      if (this.failed) reply.error(this.describeError(thread))
      else writeReply(thread, lua.lua_gettop(thread) === 0 ? 0 : 1, reply, protocol)
    } catch (error) {
      reply.length = start
      reply.error(error instanceof RangeError ? "ERR reached lua stack limit" : `ERR ${String(error)}`)
    }
    this.release()
  }

  /** Makes the running script fail with this error as soon as it is looked at. */
  kill(error: string): void {
    this.killed = error
  }

  /** Lets go of a script that is not to be resumed. */
  release(): void {
    if (this.thread === null) return
    lauxlib.luaL_unref(this.state, lua.LUA_REGISTRYINDEX, this.threadRef)
    this.thread = null
    if (this.killed !== null) {
      lua.lua_getglobal(this.state, to_luastring("__host"))
      lua.lua_getfield(this.state, -1, to_luastring("reset"))
      lua.lua_call(this.state, 0, 0)
      lua.lua_pop(this.state, 1)
    }
  }

  private onHook(L: LuaState): void {
    if (this.killed !== null) {
      // at every instruction from here on: a script that catches it in a loop would never end
      lua.lua_sethook(L, (state) => this.onHook(state), lua.LUA_MASKCOUNT, 1)
      pushError(L, this.killed)
      lua.lua_error(L)
    }
    // within some C calls it cannot be suspended
    if (this.host.clock() < this.sliceEndsAt || !lua.lua_isyieldable(L)) return
    // a coroutine of the script's own ends up in the prelude's resume, which suspends the one around it in turn
    this.suspended = true
    lua.lua_yield(L, 0)
  }

  /** The error at the top of a failed thread, with where it happened, as Redis words it. */
  private describeError(L: LuaState): string {
    let message: string
    let where = this.position(L)
    if (lua.lua_type(L, -1) === lua.LUA_TTABLE) {
      const top = lua.lua_gettop(L)
      lua.lua_getfield(L, top, ERR)
      message = latin1(
        lua.lua_type(L, -1) === lua.LUA_TSTRING ? lua.lua_tolstring(L, -1) : bytesOf("ERR unknown error")
      )
      lua.lua_settop(L, top)
    } else if (lua.lua_type(L, -1) === lua.LUA_TSTRING || lua.lua_type(L, -1) === lua.LUA_TNUMBER) {
      message = `ERR ${latin1(lua.lua_tolstring(L, -1))}`
    } else message = "ERR (error object is not a string)"
    message = message.replace(VARIABLE_INFO, "$1 $3 '$4' (a $2 value)")
    where = where === "" ? "" : ` script: ${this.sha}, on ${where}.`
    return `${message}${where}`
  }

  private position(L: LuaState): string {
    const ar: LuaDebug = new lua.lua_Debug()
    for (let level = 0; level < 4 && lua.lua_getstack(L, level, ar) === 1; level++) {
      lua.lua_getinfo(L, WHAT, ar)
      if (latin1(ar.what) !== "C" && latin1(ar.source) === "@user_script")
        return `@user_script:${ar.currentline}`
    }
    return ""
  }

  private setArray(name: string, values: ReadonlyArray<Buffer>): void {
    const L = this.state
    lua.lua_createtable(L, values.length, 0)
    values.forEach((value, i) => {
      lua.lua_pushlstring(L, value, value.length)
      lua.lua_rawseti(L, -2, i + 1)
    })
    lua.lua_setglobal(L, to_luastring(name))
  }

  /** The functions that the prelude builds `redis` of. */
  private registerHost(): void {
    const L = this.state
    lua.lua_createtable(L, 0, 8)
    const define = (name: string, f: (L: LuaState) => number): void => {
      lua.lua_pushcfunction(L, f)
      lua.lua_setfield(L, -2, to_luastring(name))
    }
    // C functions, so that the frame of a script that ends in `return redis.call(…)` is still there for its line
    define("call", (state) => {
      this.call(state)
      if (lua.lua_type(state, -1) !== lua.LUA_TTABLE) return 1
      lua.lua_getfield(state, -1, ERR)
      const failed = lua.lua_type(state, -1) === lua.LUA_TSTRING
      lua.lua_pop(state, 1)
      return failed ? lua.lua_error(state) : 1
    })
    define("pcall", (state) => this.call(state))
    define("sha1hex", (state) => {
      if (lua.lua_gettop(state) !== 1) return raise(state, "ERR wrong number of arguments")
      pushText(state, createHash("sha1").update(textAt(state, 1)).digest("hex"))
      return 1
    })
    define("log", (state) => this.log(state))
    define("suspended", (state) => {
      lua.lua_pushboolean(state, this.suspended)
      return 1
    })
    define("setresp", (state) => {
      if (lua.lua_gettop(state) !== 1) return raise(state, "ERR redis.setresp() requires one argument.")
      const protocol = lua.lua_tonumber(state, 1)
      if (protocol !== 2 && protocol !== 3) return raise(state, "ERR RESP version must be 2 or 3.")
      this.host.setProtocol(protocol)
      return 0
    })
    pushText(L, redisVersion)
    lua.lua_setfield(L, -2, to_luastring("version"))
    lua.lua_setglobal(L, to_luastring("__host"))
  }

  private runPrelude(): void {
    const L = this.state
    const source = to_luastring(PRELUDE)
    const status = lauxlib.luaL_loadbufferx(L, source, source.length, to_luastring("@prelude"), TEXT_ONLY)
    if (status !== lua.LUA_OK || lua.lua_pcall(L, 0, 1, 0) !== lua.LUA_OK) {
      throw new Error(`the Lua prelude is broken: ${latin1(lua.lua_tolstring(L, -1))}`)
    }
    lua.lua_setfield(L, lua.LUA_REGISTRYINDEX, to_luastring("kv.environment"))
  }

  /** redis.log(level, ...) */
  private log(L: LuaState): number {
    const count = lua.lua_gettop(L)
    if (count < 2) return raise(L, "ERR redis.log() requires two arguments or more.")
    if (lua.lua_type(L, 1) !== lua.LUA_TNUMBER) {
      return raise(L, "ERR First argument must be a number (log level).")
    }
    const level = lua.lua_tonumber(L, 1)
    if (level < 0 || level > 3) return raise(L, "ERR Invalid log level.")
    const parts: Array<string> = []
    for (let i = 2; i <= count; i++) parts.push(latin1(textAt(L, i)))
    this.host.log(level, parts.join(" "))
    return 0
  }

  /** host.call(...): the reply as a Lua value; an error as a table with `err`. */
  private call(L: LuaState): number {
    const count = lua.lua_gettop(L)
    const args: Array<Uint8Array> = []
    for (let i = 1; i <= count; i++) {
      const argument = toArgument(L, i)
      if (argument === null)
        return pushError(L, "ERR Lua redis lib command arguments must be strings or integers")
      args.push(argument)
    }
    if (count === 0) return pushError(L, "ERR Please specify at least one argument for this redis lib call")
    const { bytes, end } = this.host.call(args)
    lua.lua_checkstack(L, 16)
    pushReply(L, bytes, 0, end)
    return 1
  }
}

const pushText = (L: LuaState, text: string): void => {
  const bytes = bytesOf(text)
  lua.lua_pushlstring(L, bytes, bytes.length)
}

/** An argument as a string; empty where it is neither a string nor a number. */
const textAt = (L: LuaState, index: number): Uint8Array => {
  const type = lua.lua_type(L, index)
  return type === lua.LUA_TSTRING || type === lua.LUA_TNUMBER
    ? lua.lua_tolstring(L, index)
    : new Uint8Array(0)
}

const raise = (L: LuaState, message: string): never => {
  pushError(L, message)
  return lua.lua_error(L)
}

const pushError = (L: LuaState, message: string): number => {
  lua.lua_createtable(L, 0, 1)
  pushText(L, message)
  lua.lua_setfield(L, -2, ERR)
  return 1
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
  const text = String(value)
  return text.replace(/e([+-])(\d)$/, "e$10$2")
}

/** A first line that begins with #! is no Lua: it is left empty, so that line numbers stay. */
const skipShebang = (source: Uint8Array): Uint8Array => {
  if (source[0] !== 35 || source[1] !== 33) return source
  const line = source.indexOf(10)
  return line < 0 ? new Uint8Array(0) : source.subarray(line)
}
