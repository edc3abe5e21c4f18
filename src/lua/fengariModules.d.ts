/** The parts of fengari that are used, as they are typed here: it ships no types of its own. */
declare module "fengari/src/defs.js" {
  const defs: object
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
  interface LuaString {
    hash: string | null
    getstr(): Uint8Array
  }
  const lstring: {
    luaS_hash: (bytes: Uint8Array) => string
    luaS_hashlongstr: (text: LuaString) => string
  }
  export default lstring
}
declare module "fengari/src/lapi.js" {
  interface Thread {
    readonly ci: { callstatus: number }
    readonly allowhook: number
  }
  const lapi: { lua_pcallk: (L: Thread, ...args: ReadonlyArray<unknown>) => number }
  export default lapi
}
declare module "fengari/src/lobject.js" {
  export interface TValue {
    type: number
    value: unknown
    setfltvalue(value: number): void
  }
  const lobject: {
    TValue: { prototype: Record<string, unknown> }
    luaO_str2num: (text: Uint8Array, out: TValue) => number
  }
  export default lobject
}
declare module "fengari" {
  export interface LuaState {
    readonly lua: "state"
  }
  export interface LuaDebug {
    what: Uint8Array | null
    source: Uint8Array | null
    short_src: Uint8Array | null
    currentline: number
  }
  export type LuaFunction = (L: LuaState) => number
  const fengari: {
    to_luastring(text: string): Uint8Array
    lua: {
      readonly LUA_OK: number
      readonly LUA_YIELD: number
      readonly LUA_MASKCOUNT: number
      readonly LUA_MULTRET: number
      readonly LUA_REGISTRYINDEX: number
      readonly LUA_TNIL: number
      readonly LUA_TBOOLEAN: number
      readonly LUA_TNUMBER: number
      readonly LUA_TSTRING: number
      readonly LUA_TTABLE: number
      lua_Debug: new () => LuaDebug
      lua_newthread(L: LuaState): LuaState
      lua_resume(L: LuaState, from: LuaState | null, args: number): number
      lua_yield(L: LuaState, results: number): number
      lua_isyieldable(L: LuaState): boolean
      lua_sethook(
        L: LuaState,
        hook: ((L: LuaState, ar: LuaDebug) => void) | null,
        mask: number,
        count: number
      ): void
      lua_getstack(L: LuaState, level: number, ar: LuaDebug): number
      lua_getinfo(L: LuaState, what: Uint8Array, ar: LuaDebug): number
      lua_gettop(L: LuaState): number
      lua_settop(L: LuaState, index: number): void
      lua_pop(L: LuaState, count: number): void
      lua_type(L: LuaState, index: number): number
      lua_tonumber(L: LuaState, index: number): number
      lua_toboolean(L: LuaState, index: number): boolean
      lua_tolstring(L: LuaState, index: number): Uint8Array
      lua_pushnil(L: LuaState): void
      lua_pushboolean(L: LuaState, value: boolean | number): void
      lua_pushnumber(L: LuaState, value: number): void
      lua_pushlstring(L: LuaState, bytes: Uint8Array, length: number): void
      lua_pushvalue(L: LuaState, index: number): void
      lua_pushcfunction(L: LuaState, f: LuaFunction): void
      lua_createtable(L: LuaState, array: number, fields: number): void
      lua_rawset(L: LuaState, index: number): void
      lua_rawseti(L: LuaState, index: number, at: number): void
      lua_rawgeti(L: LuaState, index: number, at: number): number
      lua_rawget(L: LuaState, index: number): number
      lua_next(L: LuaState, index: number): number
      lua_setfield(L: LuaState, index: number, name: Uint8Array): void
      lua_getfield(L: LuaState, index: number, name: Uint8Array): number
      lua_setglobal(L: LuaState, name: Uint8Array): void
      lua_getglobal(L: LuaState, name: Uint8Array): number
      lua_setupvalue(L: LuaState, index: number, n: number): Uint8Array | null
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
      lua_call(L: LuaState, args: number, results: number): void
      lua_pcall(L: LuaState, args: number, results: number, handler: number): number
    }
    lauxlib: {
      luaL_newstate(): LuaState
      luaL_ref(L: LuaState, table: number): number
      luaL_unref(L: LuaState, table: number, ref: number): void
      luaL_loadbufferx(
        L: LuaState,
        bytes: Uint8Array,
        length: number,
        name: Uint8Array,
        mode: Uint8Array
      ): number
    }
    lualib: {
      luaL_openlibs(L: LuaState): void
    }
  }
  export default fengari
}
