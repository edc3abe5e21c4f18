/**
 * The Lua VM that runs scripts. Plain synchronous TypeScript; owned by the script actor's fiber alone.
 *
 * A script runs as a coroutine that can be suspended after any step: `start` and `resume` run a slice each and say
 * whether the script has ended. Loaded on first use only (fengari takes some 30 ms to load).
 */

import * as v8 from "node:v8"
import type { ReplyWriter } from "../resp/writer.js"
import { ReplyTooLarge, writeReply } from "./convert.js"
import { makeEnvironment } from "./environment.js"
import { type LuaDebug, type LuaState, lauxlib, lua, to_luastring } from "./fengari.js"
import { ERR } from "./fields.js"
import { ldo, lobject } from "./internals.js"
import { Random } from "./mathLibrary.js"
import { meter, openAccount, STEPS, STRING_SHARE } from "./meter.js"
import { redisConstants, redisFunctions, type ScriptHost } from "./redisLibrary.js"
import { type LuaTable, newTable, set } from "./tables.js"

export type { ScriptHost } from "./redisLibrary.js"

/** How a slice ended. */
export type SliceEnd = "yielded" | "done"

export interface LuaVmOptions {
  /** Bytes that a script may allocate, of which it may hold half: more is Lua's "not enough memory". */
  readonly memoryLimit?: number
}

/** A script may allocate so much before it is measured, or a quarter of what V8 may hold. */
const MEMORY_LIMIT = 256 * 1024 * 1024
const FRAMES_MAX = 250

const NAME = to_luastring("@user_script")
const TEXT_ONLY = to_luastring("t")
const WHAT = to_luastring("Sl")
const TABLE = 5
const LUA_CLOSURE = 6
/** The frame is a Lua function's. */
const LUA_CALL = 2

const latin1 = (bytes: Uint8Array | null): string =>
  bytes === null ? "" : Buffer.from(bytes).toString("latin1")

const defaultLimit = (): number => Math.min(MEMORY_LIMIT, v8.getHeapStatistics().heap_size_limit / 4)

export class LuaVm {
  private readonly state: LuaState
  private readonly globals: LuaTable
  private readonly random = new Random()
  private readonly memoryLimit: number
  /** Compiled scripts by SHA1. */
  private readonly compiled = new Map<string, LuaState["ci"]["func"]>()
  private thread: LuaState | null = null
  private sha = ""
  private sliceEndsAt = 0
  /** The account of a script that is suspended. */
  private bytes = 0
  private failed = false
  private killed: string | null = null
  /** An error of the host: no script's fault. */
  private fault: unknown = null
  private readonly due = (): boolean => this.host.clock() >= this.sliceEndsAt

  constructor(
    private readonly host: ScriptHost,
    options: LuaVmOptions = {}
  ) {
    this.memoryLimit = options.memoryLimit ?? defaultLimit()
    this.state = lauxlib.luaL_newstate()
    this.globals = makeEnvironment(this.state, {
      isMain: (L) => L === this.thread,
      random: this.random,
      redis: redisFunctions(host, (error) => {
        this.fault = error
      }),
      redisConstants
    })
  }

  /** Compiles a script; an error text, or null. */
  compile(sha: string, source: Uint8Array): string | null {
    if (this.compiled.has(sha)) return null
    const L = this.state
    const body = skipShebang(source)
    this.leaveAccount()
    const status = lauxlib.luaL_loadbufferx(L, body, body.length, NAME, TEXT_ONLY)
    const result = L.stack[L.top - 1]!
    const message = status === lua.LUA_OK ? null : latin1(lua.lua_tolstring(L, -1))
    if (message === null) this.compiled.set(sha, new lobject.TValue(result.type, result.value))
    lua.lua_settop(L, 0)
    if (message === null) return null
    // 5.3 leaves out quotes that 5.1 has, and takes a lone expression for a statement that failed
    return message
      .replace(/near <eof>$/, "near '<eof>'")
      .replace(": syntax error near", ": '=' expected near")
  }

  /** Forgets a compiled script, or all. */
  forget(sha: string | null): void {
    if (sha === null) this.compiled.clear()
    else this.compiled.delete(sha)
  }

  /** Starts a compiled script and runs it for at most `sliceMs`. */
  start(sha: string, keys: ReadonlyArray<Buffer>, args: ReadonlyArray<Buffer>, sliceMs: number): SliceEnd {
    const L = this.state
    this.sha = sha
    this.killed = null
    this.failed = false
    this.random.begin()
    const thread = lua.lua_newthread(L)
    lua.lua_settop(L, 0)
    this.thread = thread
    openAccount(Number.POSITIVE_INFINITY, this.host.clock())
    this.setArray("KEYS", keys)
    this.setArray("ARGV", args)
    this.bytes = 0
    // a function of its own for each run, so that nothing is left in its upvalues
    const compiled: InstanceType<typeof lobject.LClosure> = this.compiled.get(sha)!.value
    const main = new lobject.LClosure(L, 1)
    main.p = compiled.p
    main.upvals[0] = new lobject.TValue(TABLE, this.globals)
    lua.lua_pushnil(thread)
    thread.stack[thread.top - 1]!.setfrom(new lobject.TValue(LUA_CLOSURE, main))
    return this.resume(sliceMs)
  }

  /** Runs the started script for another slice. */
  resume(sliceMs: number): SliceEnd {
    if (this.killed !== null) {
      // it is not run any more, whatever it was about to catch; its position is the instruction it was to do next
      const { ci } = this.thread!
      if ((ci.callstatus & LUA_CALL) !== 0) ci.l_savedpc++
      this.failed = true
      return "done"
    }
    const thread = this.thread!
    this.sliceEndsAt = this.host.clock() + sliceMs
    this.enterAccount(thread)
    const status = ldo.lua_resume(thread, null, 0)
    this.bytes = meter.bytes
    this.leaveAccount()
    if (this.fault !== null) {
      const { fault } = this
      this.fault = null
      throw fault
    }
    if (status === lua.LUA_YIELD) return "yielded"
    this.failed = status !== lua.LUA_OK
    return "done"
  }

  private enterAccount(thread: LuaState): void {
    meter.steps = STEPS
    meter.paused = false
    meter.thread = thread
    meter.due = this.due
    meter.limit = this.memoryLimit
    meter.stringMax = this.memoryLimit / STRING_SHARE
    meter.bytes = this.bytes
  }

  /** What is done outside of a script is nobody's account. */
  private leaveAccount(): void {
    meter.thread = null
    meter.limit = meter.stringMax = Number.POSITIVE_INFINITY
  }

  /** Writes the reply of the script that has ended, and lets go of it. `protocol` is what redis.setresp chose. */
  finish(reply: ReplyWriter, protocol: 2 | 3): void {
    const thread = this.thread!
    const start = reply.length
    try {
      if (this.killed !== null) reply.error(this.killed + this.where(thread))
      else if (this.failed) reply.error(this.describeError(thread))
      else writeReply(lua.lua_gettop(thread) === 0 ? undefined : thread.stack[1], reply, protocol)
    } catch (error) {
      reply.length = start
      if (error instanceof ReplyTooLarge) reply.error("ERR the reply of the script is too large")
      else reply.error(error instanceof RangeError ? "ERR reached lua stack limit" : `ERR ${String(error)}`)
    }
    this.release()
  }

  /** Ends the running script with this error, at the end of its slice. */
  kill(error: string): void {
    this.killed = error
  }

  /** Lets go of a script that is not to be resumed. */
  release(): void {
    this.thread = null
    this.bytes = 0
  }

  /** The error at the top of a failed thread, with where it happened, as Redis words it. */
  private describeError(L: LuaState): string {
    // no error of Lua's leaves a thread that could go on
    if (L.status === lua.LUA_OK) return "ERR internal error in the script engine"
    const where = this.where(L)
    lua.lua_checkstack(L, 8)
    let message: string
    const type = lua.lua_type(L, -1)
    if (type === lua.LUA_TTABLE) {
      lua.lua_pushlstring(L, ERR, ERR.length)
      const known = lua.lua_rawget(L, -2) === lua.LUA_TSTRING
      message = known ? latin1(lua.lua_tolstring(L, -1)) : "ERR unknown error"
    } else if (type === lua.LUA_TBOOLEAN) message = `ERR ${lua.lua_toboolean(L, -1)}`
    else if (type === lua.LUA_TSTRING || type === lua.LUA_TNUMBER) {
      message = `ERR ${latin1(lua.lua_tolstring(L, -1))}`
    } else message = `ERR ${latin1(lua.lua_typename(L, type))}`
    return message + where
  }

  private where(L: LuaState): string {
    const position = this.position(L)
    return position === "" ? "" : ` script: ${this.sha}, on ${position}.`
  }

  private position(L: LuaState): string {
    const ar: LuaDebug = new lua.lua_Debug()
    for (let level = 0; level < FRAMES_MAX && lua.lua_getstack(L, level, ar) === 1; level++) {
      lua.lua_getinfo(L, WHAT, ar)
      if (latin1(ar.what) !== "C" && latin1(ar.source) === "@user_script")
        return `@user_script:${ar.currentline}`
    }
    return ""
  }

  /** Sets a global that is new for each script. */
  private setArray(name: string, values: ReadonlyArray<Buffer>): void {
    const L = this.state
    const table = newTable(L)
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!
      lua.lua_pushlstring(L, value, value.length)
      set(L, table, new lobject.TValue(3, i + 1), L.stack[L.top - 1]!)
      lua.lua_settop(L, 0)
    }
    const key = to_luastring(name)
    this.globals.readonly = false
    lua.lua_pushlstring(L, key, key.length)
    set(L, this.globals, L.stack[L.top - 1]!, new lobject.TValue(TABLE, table))
    this.globals.readonly = true
    lua.lua_settop(L, 0)
  }
}

/** A first line that begins with #! is no Lua: it is left empty, so that line numbers stay. */
const skipShebang = (source: Uint8Array): Uint8Array => {
  if (source[0] !== 35 || source[1] !== 33) return source
  const line = source.indexOf(10)
  return line < 0 ? new Uint8Array(0) : source.subarray(line)
}
