/**
 * Lua 5.1's string library. Pure.
 *
 * Strings are bytes. What is proportional to a string, or worse, is done in steps.
 */
import type { LuaFunction, LuaState } from "fengari"
import {
  argumentError,
  fail,
  integerAt,
  integerOr,
  numberAt,
  pushOwned,
  pushText,
  stringAt
} from "./arguments.js"
import { lua } from "./fengari.js"
import { type Directive, formatFloat, formatInteger, formatString, readDirective } from "./format.js"
import { charge, checkLength, meter } from "./meter.js"
import { Matcher, PatternError } from "./patterns.js"
import { bytesOf, call, inSteps, PAUSE, type Steps, spent } from "./steps.js"

const SPECIALS = /[\^$*+?.([%-]/
/** Bytes that are handled between two looks at the account. */
const CHUNK = 1 << 18
/** Steps that a matcher makes between two looks at it. */
const MATCH_STEPS = 4096

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
const push = (L: LuaState, bytes: Uint8Array): void => lua.lua_pushlstring(L, bytes, bytes.length)

/** Where in a string of this length a position counts from: negative ones from the end. */
const position = (at: number, length: number): number => (at >= 0 ? at : Math.max(0, length + at + 1))

// ---- without patterns

const len: LuaFunction = (L) => {
  lua.lua_pushnumber(L, stringAt(L, 1).length)
  return 1
}

const sub: LuaFunction = (L) => {
  const bytes = stringAt(L, 1)
  const start = Math.max(1, position(integerAt(L, 2), bytes.length))
  const end = Math.min(bytes.length, position(integerOr(L, 3, -1), bytes.length))
  push(L, start > end ? bytes.subarray(0, 0) : bytes.subarray(start - 1, end))
  return 1
}

const byte: LuaFunction = (L) => {
  const bytes = stringAt(L, 1)
  const at = position(integerOr(L, 2, 1), bytes.length)
  const start = Math.max(1, at)
  const end = Math.min(bytes.length, position(integerOr(L, 3, at), bytes.length))
  if (start > end) return 0
  const count = end - start + 1
  if (count > 8000 || !lua.lua_checkstack(L, count)) return fail(L, "string slice too long")
  for (let i = start - 1; i < end; i++) lua.lua_pushnumber(L, bytes[i]!)
  return count
}

const char: LuaFunction = (L) => {
  const count = lua.lua_gettop(L)
  const bytes = new Uint8Array(count)
  for (let i = 1; i <= count; i++) {
    const value = integerAt(L, i)
    if (value < 0 || value > 255) argumentError(L, i, "invalid value")
    bytes[i - 1] = value
  }
  push(L, bytes)
  return 1
}

/** A string of the same length, of which each byte is made by itself. */
const mapped = (map: (bytes: Uint8Array, at: number) => number): LuaFunction => {
  function* steps(L: LuaState): Steps {
    const bytes = stringAt(L, 1)
    checkLength(bytes.length)
    const made = new Uint8Array(bytes.length)
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + CHUNK)
      for (; at < end; at++) made[at] = map(bytes, at)
      if (at < bytes.length) {
        meter.steps -= CHUNK >> 4
        if (spent()) yield PAUSE
      }
    }
    pushOwned(L, made)
    return 1
  }
  return inSteps(steps)
}
const lower = mapped((bytes, at) => {
  const c = bytes[at]!
  return c >= 65 && c <= 90 ? c + 32 : c
})
const upper = mapped((bytes, at) => {
  const c = bytes[at]!
  return c >= 97 && c <= 122 ? c - 32 : c
})
const reverse = mapped((bytes, at) => bytes[bytes.length - 1 - at]!)

function* repSteps(L: LuaState): Steps {
  const bytes = stringAt(L, 1)
  const count = integerAt(L, 2)
  if (count <= 0 || bytes.length === 0) {
    pushText(L, "")
    return 1
  }
  const length = bytes.length * count
  checkLength(length)
  const made = new Uint8Array(length)
  made.set(bytes)
  for (let filled = bytes.length; filled < length; ) {
    // doubles what is there, by so much at a time
    const from = filled % bytes.length
    const more = Math.min(filled - from, length - filled, CHUNK * 4)
    made.copyWithin(filled, from, from + more)
    filled += more
    meter.steps -= more >> 8
    if (spent()) yield PAUSE
  }
  pushOwned(L, made)
  return 1
}

const dump: LuaFunction = (L) => fail(L, "unable to dump given function")

// ---- format

const quote = (text: string): string =>
  `"${text.replace(/["\\\n\r\0]/g, (c) => (c === "\r" ? "\\r" : c === "\0" ? "\\000" : `\\${c}`))}"`

function* formatSteps(L: LuaState): Steps {
  const format = latin1(stringAt(L, 1))
  const parts: Array<string> = []
  let argument = 1
  let length = 0
  for (let at = 0; at < format.length; ) {
    const next = format.indexOf("%", at)
    const part = next === at ? "" : format.slice(at, next < 0 ? format.length : next)
    parts.push(part)
    length += part.length
    if (next < 0) break
    if (format[next + 1] === "%") {
      parts.push("%")
      length++
      at = next + 2
    } else {
      const read = readDirective(format, next + 1)
      if (typeof read === "string") return fail(L, read)
      const text = formatArgument(L, ++argument, read.directive)
      parts.push(text)
      length += text.length
      at = read.end
    }
    checkLength(length)
    charge(16)
    meter.steps -= 8
    if (spent()) yield PAUSE
  }
  pushOwned(L, bytesOf(parts.join("")))
  return 1
}

const formatArgument = (L: LuaState, index: number, directive: Directive): string => {
  switch (directive.conversion) {
    case "c":
      return formatString({ ...directive, precision: null }, String.fromCharCode(numberAt(L, index) & 255))
    case "d":
    case "i":
    case "o":
    case "u":
    case "x":
    case "X":
      return formatInteger(directive, numberAt(L, index))
    case "e":
    case "E":
    case "f":
    case "g":
    case "G":
      return formatFloat(directive, numberAt(L, index))
    case "q":
      return quote(latin1(stringAt(L, index)))
    case "s": {
      const text = latin1(stringAt(L, index))
      return formatString(directive, text)
    }
    default:
      return fail(L, `invalid option '%${directive.conversion}' to 'format'`)
  }
}

// ---- patterns

/** Raises a pattern's errors as Lua's, with the position of who called. */
const inPatternSteps = (f: (L: LuaState) => Steps): LuaFunction => {
  const run = inSteps(function* (L) {
    const steps = f(L)
    let step = advance(L, steps)
    while (step.done !== true) {
      yield step.value
      step = advance(L, steps)
    }
    return step.value
  })
  return run
}
const advance = (L: LuaState, steps: Steps): IteratorResult<number, number> => {
  try {
    return steps.next()
  } catch (error) {
    if (error instanceof PatternError) return fail(L, error.message)
    throw error
  }
}

/** Matches at one offset, in steps. */
function* matches(matcher: Matcher, s: number, p: number): Generator<number, boolean, void> {
  matcher.begin(s, p)
  for (;;) {
    const before = matcher.steps
    const outcome = matcher.run(MATCH_STEPS)
    meter.steps -= (matcher.steps - before) >> 1
    if (spent()) yield PAUSE
    if (outcome !== "more") return outcome === "match"
  }
}

/** Finds the first match from an offset on; where it begins, or -1. */
function* search(matcher: Matcher, from: number): Generator<number, number, void> {
  const anchored = matcher.pattern[0] === 94
  const p = anchored ? 1 : 0
  for (let s = from; s <= matcher.subject.length; s++) {
    // without suspension where it takes no more than a few steps, which is the ordinary case
    matcher.begin(s, p)
    const before = matcher.steps
    const outcome = matcher.run(MATCH_STEPS)
    meter.steps -= (matcher.steps - before) >> 1
    let found = outcome === "match"
    if (outcome === "more") found = yield* resumeMatch(matcher)
    else if (spent()) yield PAUSE
    if (found) return s
    if (anchored) return -1
  }
  return -1
}

function* resumeMatch(matcher: Matcher): Generator<number, boolean, void> {
  for (;;) {
    if (spent()) yield PAUSE
    const before = matcher.steps
    const outcome = matcher.run(MATCH_STEPS)
    meter.steps -= (matcher.steps - before) >> 1
    if (outcome !== "more") return outcome === "match"
  }
}

/** Pushes a capture; the whole match stands for the first where there is none. */
const pushCapture = (L: LuaState, matcher: Matcher, at: number, start: number): void => {
  if (at >= matcher.level) {
    if (at !== 0) throw new PatternError("invalid capture index")
    push(L, matcher.subject.subarray(start, matcher.end))
    return
  }
  const length = matcher.lengths[at]!
  if (length === -1) throw new PatternError("unfinished capture")
  const from = matcher.starts[at]!
  if (length === -2) lua.lua_pushnumber(L, from + 1)
  else push(L, matcher.subject.subarray(from, from + length))
}

const pushCaptures = (L: LuaState, matcher: Matcher, start: number, whole: boolean): number => {
  const count = matcher.level === 0 && whole ? 1 : matcher.level
  lua.lua_checkstack(L, count + 4)
  for (let i = 0; i < count; i++) pushCapture(L, matcher, i, start)
  return count
}

const findOrMatch = (find: boolean): LuaFunction =>
  inPatternSteps(function* (L) {
    const subject = stringAt(L, 1)
    const pattern = stringAt(L, 2)
    const init = position(integerOr(L, 3, 1), subject.length) - 1
    const from = init < 0 ? 0 : Math.min(init, subject.length)
    if (find && (lua.lua_toboolean(L, 4) || (pattern.length < 256 && !SPECIALS.test(latin1(pattern))))) {
      meter.steps -= (subject.length - from) >> 6
      const at = indexOf(subject, pattern, from)
      if (at < 0) {
        lua.lua_pushnil(L)
        return 1
      }
      lua.lua_pushnumber(L, at + 1)
      lua.lua_pushnumber(L, at + pattern.length)
      return 2
    }
    const matcher = new Matcher(subject, pattern)
    const start = yield* search(matcher, from)
    if (start < 0) {
      lua.lua_pushnil(L)
      return 1
    }
    if (!find) return pushCaptures(L, matcher, start, true)
    lua.lua_pushnumber(L, start + 1)
    lua.lua_pushnumber(L, matcher.end)
    return 2 + pushCaptures(L, matcher, start, false)
  })

const indexOf = (subject: Uint8Array, pattern: Uint8Array, from: number): number => {
  if (pattern.length === 0) return from
  return Buffer.from(subject.buffer, subject.byteOffset, subject.length).indexOf(pattern, from)
}

const gmatch: LuaFunction = (L) => {
  const subject = stringAt(L, 1)
  const pattern = stringAt(L, 2)
  let from = 0
  // in 5.1 a '^' has no meaning in gmatch: it matches itself
  const next = inPatternSteps(function* (state) {
    const matcher = new Matcher(subject, pattern)
    for (let s = from; s <= subject.length; s++) {
      if (!(yield* matches(matcher, s, 0))) continue
      from = matcher.end === s ? s + 1 : matcher.end
      return pushCaptures(state, matcher, s, true)
    }
    from = subject.length + 1
    return 0
  })
  lua.lua_pushcfunction(L, next)
  return 1
}

/** What gsub has made so far. */
class Pieces {
  private bytes = new Uint8Array(256)
  length = 0
  add(piece: Uint8Array): void {
    this.reserve(piece.length)
    this.bytes.set(piece, this.length)
    this.length += piece.length
  }
  addByte(c: number): void {
    this.reserve(1)
    this.bytes[this.length++] = c
  }
  private reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.bytes.length) return
    const size = Math.max(needed, this.bytes.length * 2)
    checkLength(size)
    const grown = new Uint8Array(size)
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }
  result(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }
}

function* gsubSteps(L: LuaState): Steps {
  const subject = stringAt(L, 1)
  const pattern = stringAt(L, 2)
  const type = lua.lua_type(L, 3)
  const isText = type === lua.LUA_TSTRING || type === lua.LUA_TNUMBER
  if (!isText && type !== lua.LUA_TTABLE && type !== lua.LUA_TFUNCTION) {
    argumentError(L, 3, "string/function/table expected")
  }
  const most = integerOr(L, 4, subject.length + 1)
  const anchored = pattern[0] === 94
  const matcher = new Matcher(subject, pattern)
  const made = new Pieces()
  let count = 0
  let s = 0
  while (count < most) {
    const matched = yield* matches(matcher, s, anchored ? 1 : 0)
    if (matched) {
      count++
      if (isText) addText(L, made, matcher, s)
      else yield* addValue(L, made, matcher, s, type === lua.LUA_TFUNCTION)
    }
    if (matched && matcher.end > s) s = matcher.end
    else if (s < subject.length) made.addByte(subject[s++]!)
    else break
    if (anchored) break
  }
  made.add(subject.subarray(s))
  push(L, made.result())
  lua.lua_pushnumber(L, count)
  return 2
}

/** A replacement that is a text, with %0 to %9 in it. */
const addText = (L: LuaState, made: Pieces, matcher: Matcher, start: number): void => {
  const text = stringAt(L, 3)
  if (text.indexOf(37) < 0) {
    made.add(text)
    return
  }
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c !== 37) {
      made.addByte(c)
      continue
    }
    const digit = text[++i] ?? 0
    if (digit < 48 || digit > 57) made.addByte(digit)
    else if (digit === 48) made.add(matcher.subject.subarray(start, matcher.end))
    else {
      pushCapture(L, matcher, digit - 49, start)
      made.add(lua.lua_tolstring(L, -1))
      lua.lua_pop(L, 1)
    }
  }
}

/** A replacement from a table or a function: none where it is nil or false. */
function* addValue(
  L: LuaState,
  made: Pieces,
  matcher: Matcher,
  start: number,
  isFunction: boolean
): Generator<number, void, void> {
  const end = matcher.end
  lua.lua_pushvalue(L, 3)
  if (isFunction) yield call(pushCaptures(L, matcher, start, true), 1)
  else {
    pushCapture(L, matcher, 0, start)
    yield* fieldSteps(L)
  }
  const type = lua.lua_type(L, -1)
  if (!lua.lua_toboolean(L, -1)) made.add(matcher.subject.subarray(start, end))
  else if (type === lua.LUA_TSTRING || type === lua.LUA_TNUMBER) made.add(lua.lua_tolstring(L, -1))
  else fail(L, `invalid replacement value (a ${latin1(lua.lua_typename(L, type))})`)
  lua.lua_pop(L, 1)
}

const INDEX = bytesOf("__index")
/** [table, key] at the top becomes the value, by metamethods that can be suspended. */
function* fieldSteps(L: LuaState): Generator<number, void, void> {
  for (let depth = 0; depth < 100; depth++) {
    lua.lua_pushvalue(L, -1)
    const isTable = lua.lua_type(L, -3) === lua.LUA_TTABLE
    if (isTable && lua.lua_rawget(L, -3) !== lua.LUA_TNIL) {
      lua.lua_replace(L, -3)
      lua.lua_pop(L, 1)
      return
    }
    lua.lua_pop(L, 1)
    // [table, key]
    let method = lua.LUA_TNIL
    if (lua.lua_getmetatable(L, -2)) {
      push(L, INDEX)
      method = lua.lua_rawget(L, -2)
      lua.lua_remove(L, -2)
    } else lua.lua_pushnil(L)
    if (method === lua.LUA_TFUNCTION) {
      // [table, key, method]
      lua.lua_insert(L, -3)
      yield call(2, 1)
      return
    }
    if (method !== lua.LUA_TTABLE && method !== lua.LUA_TSTRING) {
      if (!isTable) fail(L, "attempt to index a value that has no fields")
      lua.lua_replace(L, -3)
      lua.lua_pop(L, 1)
      return
    }
    // [table, key, method]: the method takes the table's place
    lua.lua_replace(L, -3)
  }
  fail(L, "loop in gettable")
}

export const stringFunctions: Readonly<Record<string, LuaFunction>> = {
  byte,
  char,
  dump,
  find: findOrMatch(true),
  format: inSteps(formatSteps),
  gfind: gmatch,
  gmatch,
  gsub: inPatternSteps(gsubSteps),
  len,
  lower,
  match: findOrMatch(false),
  rep: inSteps(repSteps),
  reverse,
  sub,
  upper
}
