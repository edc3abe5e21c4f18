/** The parts of fengari that are used, as they are typed here: it ships no types of its own. */
declare module "fengari/src/defs.js" {
  /** What is cached is one array for all who ask for the text. */
  const defs: { to_luastring(text: string, cached: boolean): Uint8Array }
  export default defs
}
declare module "fengari/src/luaconf.js" {
  const luaconf: {
    lua_number2str: (value: number) => string
    lua_integer2str: (value: number) => string
    LUA_COMPAT_FLOATSTRING: boolean
  }
  export default luaconf
}
declare module "fengari/src/lstring.js" {
  import type { LuaState } from "fengari"
  export interface LuaString {
    hash: string | null
    readonly realstring: Uint8Array
    getstr(): Uint8Array
  }
  const lstring: {
    TString: new (L: LuaState | null, bytes: Uint8Array) => LuaString
    luaS_bless: (L: LuaState, bytes: Uint8Array) => LuaString
    luaS_new: (L: LuaState, bytes: Uint8Array) => LuaString
    luaS_newliteral: (L: LuaState, text: string) => LuaString
    luaS_eqlngstr: (a: LuaString, b: LuaString) => boolean
    luaS_hash: (bytes: Uint8Array) => string
    luaS_hashlongstr: (text: LuaString) => string
  }
  export default lstring
}
declare module "fengari/src/lobject.js" {
  import type { CallInfo, LuaState, Proto } from "fengari"
  /** A value and its tag. What is read is what the tag says it is: the reader names the type. */
  export interface TValue {
    type: number
    get value(): never
    set value(value: unknown)
    setfrom(from: TValue): void
  }
  export interface LClosure {
    p: Proto
    readonly nupvalues: number
    upvals: Array<TValue>
  }
  export interface CClosure {
    readonly f: (L: LuaState) => number
    readonly upvalue: Array<TValue>
  }
  const lobject: {
    TValue: (new (type: number, value: unknown) => TValue) & { prototype: object }
    LClosure: new (L: LuaState, upvalues: number) => LClosure
    CClosure: new (L: LuaState, f: (L: LuaState) => number, upvalues: number) => CClosure
    luaO_nilobject: TValue
    luaO_str2num: (text: Uint8Array, out: TValue) => number
    luaO_tostring: (L: LuaState, value: TValue) => void
  }

  export type { CallInfo }
  export default lobject
}
declare module "fengari/src/lstate.js" {
  import type { CallInfo, LuaState } from "fengari"

  const lstate: {
    CallInfo: new () => CallInfo
    luaE_extendCI: (L: LuaState) => CallInfo
  }
  export default lstate
}
declare module "fengari/src/ltable.js" {
  import type { LuaState } from "fengari"
  import type { TValue } from "fengari/src/lobject.js"
  import type { LuaString } from "fengari/src/lstring.js"

  export interface Table {
    readonly id: number
    /** By the key's hash: the scanner reads it, too. */
    readonly strong: Map<unknown, { readonly key: TValue; readonly value: TValue }>
    metatable: Table | null
    /** Bits of metamethods that are known to be absent. */
    flags: number
    readonly: boolean
  }
  const ltable: {
    Table: new (L: LuaState) => Table
    luaH_new: (L: LuaState) => Table
    luaH_get: (L: LuaState, t: Table, key: TValue) => TValue
    luaH_getint: (t: Table, key: number) => TValue
    luaH_getstr: (t: Table, key: LuaString) => TValue
    luaH_setint: (t: Table, key: number, value: TValue) => void
    luaH_setfrom: (L: LuaState, t: Table, key: TValue, value: TValue) => void
    luaH_getn: (t: Table) => number
    luaH_next: (L: LuaState, t: Table, at: number) => boolean
    invalidateTMcache: (t: Table) => void
  }
  export default ltable
}
declare module "fengari/src/ltm.js" {
  import type { LuaState } from "fengari"
  import type { TValue } from "fengari/src/lobject.js"
  import type { Table } from "fengari/src/ltable.js"

  const ltm: {
    readonly TMS: Readonly<Record<string, number>>
    fasttm(L: LuaState, metatable: Table | null, event: number): TValue | null
    luaT_callTM(L: LuaState, f: TValue, a: TValue, b: TValue, c: TValue, hasResult: 0 | 1): void
    luaT_trybinTM(L: LuaState, a: TValue, b: TValue, result: TValue, event: number): void
    luaT_gettmbyobj(L: LuaState, value: TValue, event: number): TValue
  }
  export default ltm
}
declare module "fengari/src/ldebug.js" {
  import type { LuaState } from "fengari"
  import type { TValue } from "fengari/src/lobject.js"

  const ldebug: {
    luaG_runerror: (L: LuaState, format: Uint8Array, ...args: ReadonlyArray<unknown>) => never
    luaG_typeerror: (L: LuaState, value: TValue, operation: Uint8Array) => never
    luaG_opinterror: (L: LuaState, a: TValue, b: TValue, message: Uint8Array) => never
    luaG_concaterror: (L: LuaState, a: TValue, b: TValue) => never
    luaG_ordererror: (L: LuaState, a: TValue, b: TValue) => never
  }
  export default ldebug
}
declare module "fengari/src/lfunc.js" {
  import type { LuaState } from "fengari"

  const lfunc: {
    luaF_close: (L: LuaState, level: number) => void
  }
  export default lfunc
}
declare module "fengari/src/lvm.js" {
  import type { LuaState } from "fengari"
  import type { TValue } from "fengari/src/lobject.js"

  const lvm: {
    luaV_execute: (L: LuaState) => void
    luaV_finishOp: (L: LuaState) => void
    luaV_concat: (L: LuaState, total: number) => void
    luaV_gettable: (L: LuaState, t: TValue, key: TValue, ra: number) => void
    settable: (L: LuaState, t: TValue, key: TValue, value: TValue) => void
    luaV_lessthan: (L: LuaState, a: TValue, b: TValue) => 0 | 1
    luaV_lessequal: (L: LuaState, a: TValue, b: TValue) => 0 | 1
    luaV_equalobj: (L: LuaState | null, a: TValue, b: TValue) => 0 | 1
    luaV_objlen: (L: LuaState, result: TValue, value: TValue) => void
    tonumber: (value: TValue) => number | false
  }
  export default lvm
}
declare module "fengari/src/ldo.js" {
  import type { LuaState } from "fengari"

  const ldo: {
    adjust_top(L: LuaState, top: number): void
    luaD_call(L: LuaState, at: number, results: number): void
    luaD_checkstack(L: LuaState, count: number): void
    luaD_precall(L: LuaState, at: number, results: number): boolean
    luaD_poscall(L: LuaState, ci: import("fengari").CallInfo, first: number, count: number): boolean
    luaD_throw(L: LuaState, status: number): never
    lua_resume(L: LuaState, from: LuaState | null, args: number): number
  }
  export default ldo
}
declare module "fengari" {
  import type { LClosure, TValue } from "fengari/src/lobject.js"
  import type { LuaString } from "fengari/src/lstring.js"
  import type { Table } from "fengari/src/ltable.js"
  export interface Instruction {
    readonly opcode: number
    readonly A: number
    readonly B: number
    readonly C: number
    readonly Ax: number
    readonly Bx: number
    readonly sBx: number
  }
  export interface Proto {
    readonly k: ReadonlyArray<TValue>
    readonly p: ReadonlyArray<Proto>
    readonly code: ReadonlyArray<Instruction>
    readonly upvalues: ReadonlyArray<{ readonly instack: boolean; readonly idx: number }>
    readonly numparams: number
    readonly is_vararg: boolean
    readonly maxstacksize: number
  }
  /** A function that runs. */
  export interface CallInfo {
    func: TValue
    funcOff: number
    top: number
    previous: CallInfo | null
    next: CallInfo | null
    nresults: number
    callstatus: number
    /** Of a Lua function. */
    l_base: number
    l_code: ReadonlyArray<Instruction>
    l_savedpc: number
    /** Of another: what to do once what it called, or the pause, is over. */
    c_k: ((L: LuaState, status: number, context: never) => number) | null
    c_ctx: unknown
    c_old_errfunc: number
    extra: number
    /** How many there are below. */
    depth: number
  }
  /** Where an error goes to: thrown itself, with the status in it. */
  export interface LongJump {
    status: number
    readonly previous: LongJump | null
  }
  export interface LuaState {
    readonly l_G: {
      readonly mainthread: LuaState
      readonly tmname: ReadonlyArray<LuaString>
      readonly mt: Array<Table | undefined>
      id_counter: number
    }
    stack: Array<TValue>
    stack_last: number
    top: number
    ci: CallInfo
    readonly base_ci: CallInfo
    status: number
    errorJmp: LongJump | null
    errfunc: number
    nCcalls: number
    /** Calls that cannot be suspended. */
    nny: number
  }
  export interface LuaDebug {
    what: Uint8Array | null
    source: Uint8Array | null
    short_src: Uint8Array | null
    currentline: number
  }
  export type LuaFunction = (L: LuaState) => number
  /** What goes on when a call has come back (status 0), or a pause is over (status 1), or by an error. */
  export type LuaContinuation<A> = (L: LuaState, status: number, context: A) => number
  const fengari: {
    to_luastring(text: string, cached?: boolean): Uint8Array
    lua: {
      readonly LUA_OK: 0
      readonly LUA_YIELD: 1
      readonly LUA_MULTRET: number
      readonly LUA_REGISTRYINDEX: number
      readonly LUA_TNONE: number
      readonly LUA_TNIL: number
      readonly LUA_TBOOLEAN: number
      readonly LUA_TNUMBER: number
      readonly LUA_TSTRING: number
      readonly LUA_TTABLE: number
      readonly LUA_TFUNCTION: number
      readonly LUA_TTHREAD: number
      lua_Debug: new () => LuaDebug
      lua_newthread(L: LuaState): LuaState
      lua_yieldk<A>(L: LuaState, results: number, context: A, k: LuaContinuation<A> | null): number
      lua_status(L: LuaState): number
      lua_getstack(L: LuaState, level: number, ar: LuaDebug): number
      lua_getinfo(L: LuaState, what: Uint8Array, ar: LuaDebug): number
      lua_gettop(L: LuaState): number
      lua_settop(L: LuaState, index: number): void
      lua_pop(L: LuaState, count: number): void
      lua_insert(L: LuaState, index: number): void
      lua_remove(L: LuaState, index: number): void
      lua_replace(L: LuaState, index: number): void
      lua_type(L: LuaState, index: number): number
      lua_typename(L: LuaState, type: number): Uint8Array
      lua_tonumber(L: LuaState, index: number): number
      lua_tonumberx(L: LuaState, index: number): number | false
      lua_toboolean(L: LuaState, index: number): boolean
      lua_tolstring(L: LuaState, index: number): Uint8Array
      lua_tothread(L: LuaState, index: number): LuaState | null
      lua_topointer(L: LuaState, index: number): object | null
      lua_pushnil(L: LuaState): void
      lua_pushboolean(L: LuaState, value: boolean | number): void
      lua_pushnumber(L: LuaState, value: number): void
      lua_pushlstring(L: LuaState, bytes: Uint8Array, length: number): void
      lua_pushcclosure(L: LuaState, f: LuaFunction, upvalues: number): void
      lua_pushfstring(L: LuaState, format: Uint8Array, ...args: ReadonlyArray<unknown>): void
      lua_pushvalue(L: LuaState, index: number): void
      lua_pushcfunction(L: LuaState, f: LuaFunction): void
      lua_pushthread(L: LuaState): boolean
      lua_createtable(L: LuaState, array: number, fields: number): void
      lua_rawlen(L: LuaState, index: number): number
      lua_rawequal(L: LuaState, a: number, b: number): number
      lua_rawset(L: LuaState, index: number): void
      lua_rawseti(L: LuaState, index: number, at: number): void
      lua_rawgeti(L: LuaState, index: number, at: number): number
      lua_rawget(L: LuaState, index: number): number
      lua_next(L: LuaState, index: number): number
      lua_setfield(L: LuaState, index: number, name: Uint8Array): void
      lua_getfield(L: LuaState, index: number, name: Uint8Array): number
      lua_getmetatable(L: LuaState, index: number): boolean
      lua_setmetatable(L: LuaState, index: number): boolean
      lua_load(
        L: LuaState,
        reader: () => Uint8Array | null,
        data: null,
        name: Uint8Array,
        mode: Uint8Array
      ): number
      lua_error(L: LuaState): never
      lua_xmove(from: LuaState, to: LuaState, count: number): void
      lua_checkstack(L: LuaState, count: number): boolean
      lua_callk<A>(L: LuaState, args: number, results: number, context: A, k: LuaContinuation<A> | null): void
      lua_pcallk<A>(
        L: LuaState,
        args: number,
        results: number,
        handler: number,
        context: A,
        k: LuaContinuation<A> | null
      ): number
    }
    lauxlib: {
      luaL_newstate(): LuaState
      luaL_argerror(L: LuaState, argument: number, message: Uint8Array): never
      luaL_error(L: LuaState, format: Uint8Array, ...args: ReadonlyArray<unknown>): never
      luaL_where(L: LuaState, level: number): void
      luaL_checkany(L: LuaState, argument: number): void
      luaL_checktype(L: LuaState, argument: number, type: number): void
      luaL_checknumber(L: LuaState, argument: number): number
      luaL_checklstring(L: LuaState, argument: number): Uint8Array
      luaL_loadbufferx(
        L: LuaState,
        bytes: Uint8Array,
        length: number,
        name: Uint8Array,
        mode: Uint8Array
      ): number
    }
  }

  export type { LClosure }
  export default fengari
}
