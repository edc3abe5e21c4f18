/**
 * Strings in fengari, before its VM loads: their hashes, and the account they are charged to. Pure, but for what it
 * changes in fengari.
 *
 * fengari's hash joins bytes as hexadecimal without padding, so that different strings are one. Other modules of
 * fengari take these functions when they load, so this module must be evaluated before "fengari" is.
 */
import { createHash } from "node:crypto"
import lstring, { type LuaString } from "fengari/src/lstring.js"
import { charge, chargeString, chargeTime } from "./meter.js"

/** What a string takes beside its bytes. */
const STRING_BYTES = 160
/** Longer ones: one call of Buffer instead of a character code each. */
const SHORT_MAX = 48
/** V8 tells longer strings in a Map by their length alone, which a script could use to make every look-up long. */
const LONG_MIN = 16_000

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")

/** A key for a string of bytes, which no key of another type is. */
const hashOf = (bytes: Uint8Array): string => {
  const length = bytes.length
  if (length < SHORT_MAX) {
    let key = "|"
    for (let i = 0; i < length; i++) key += String.fromCharCode(bytes[i]!)
    return key
  }
  if (length < LONG_MIN) return `|${text(bytes)}`
  return `#${length}:${createHash("sha512").update(bytes).digest("base64")}`
}

lstring.luaS_hash = hashOf
lstring.luaS_hashlongstr = (value) => {
  let { hash } = value
  if (hash === null) {
    const { length } = value.realstring
    if (length > SHORT_MAX) chargeString(length)
    value.hash = hash = hashOf(value.realstring)
  }
  return hash
}
lstring.luaS_eqlngstr = (a, b) => a === b || equalBytes(a.realstring, b.realstring)

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  const { length } = a
  if (length !== b.length) return false
  if (length > SHORT_MAX) return Buffer.compare(a, b) === 0
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Less than zero where `a` comes first, in the order of bytes. */
export const compareStrings = (a: LuaString, b: LuaString): number => {
  const x = a.realstring
  const y = b.realstring
  const length = Math.min(x.length, y.length)
  if (length > SHORT_MAX) {
    chargeTime(length)
    return Buffer.compare(x, y)
  }
  for (let i = 0; i < length; i++) if (x[i] !== y[i]) return x[i]! - y[i]!
  return x.length - y.length
}

// these own the bytes they are given, or copy them
lstring.luaS_bless = (L, bytes) => {
  charge(STRING_BYTES)
  chargeString(bytes.length)
  return new lstring.TString(L, bytes)
}
// a function, for fengari calls it by `new` here and there
lstring.luaS_new = function copy(L, bytes) {
  charge(STRING_BYTES)
  chargeString(bytes.length)
  // not `slice`: that of a Buffer is a view, and the buffer of replies is written over by the next command
  return new lstring.TString(L, new Uint8Array(bytes))
}
lstring.luaS_newliteral = (L, literal) => lstring.luaS_bless(L, Buffer.from(literal, "latin1"))
