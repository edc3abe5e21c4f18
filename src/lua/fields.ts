/**
 * The fields by which Lua tables stand for replies that Lua has no type for. Pure.
 */
import { to_luastring } from "./fengari.js"

export const OK = to_luastring("ok")
export const ERR = to_luastring("err")
export const DOUBLE = to_luastring("double")
export const BIG_NUMBER = to_luastring("big_number")
export const MAP = to_luastring("map")
export const SET = to_luastring("set")
export const VERBATIM = to_luastring("verbatim_string")
/** Of a verbatim string. */
export const FORMAT = to_luastring("format")
export const STRING = to_luastring("string")
