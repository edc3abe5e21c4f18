/**
 * What a script returns as a reply, by Redis's conversion rules. Pure.
 *
 * number → integer (truncated), string → bulk, true → 1, false and nil → null, {err=} and {ok=} → error and status,
 * {double=}, {map=}, {set=}, {big_number=}, {verbatim_string=} → their RESP3 types, any other table → array up to the
 * first nil.
 */

import type { TValue } from "fengari/src/lobject.js"
import type { LuaString } from "fengari/src/lstring.js"
import type { ReplyWriter } from "../resp/writer.js"
import { INT64_MAX, INT64_MIN, normalize } from "../values/integer.js"
import { BIG_NUMBER, DOUBLE, ERR, FORMAT, MAP, OK, SET, STRING, VERBATIM } from "./fields.js"
import { lobject, lstring } from "./internals.js"
import { getNumber, type LuaTable } from "./tables.js"

const T_BOOLEAN = 1
const T_NUMBER = 3
const T_STRING = 4
const T_TABLE = 5

/** Tables deeper than this are refused, as Lua's stack would in Redis. */
const DEPTH_MAX = 4000
/** Values of a reply: a few tables that contain one another many times over would make a reply without end. */
const VALUES_MAX = 4_000_000
/** Bytes that a reply may have. */
const LENGTH_MAX = 512 * 1024 * 1024

/** A script returned more than can be sent. */
export class ReplyTooLarge extends Error {}

/** What one conversion knows. */
interface Conversion {
  readonly reply: ReplyWriter
  /** Whether the script has asked for RESP3: only then is a boolean one. */
  readonly booleans: boolean
  /** Values that may still follow, and bytes. */
  values: number
  readonly lengthMax: number
}

/** Writes a value (undefined: nothing was returned); `protocol` is what the script chose for itself. */
export const writeReply = (value: TValue | undefined, reply: ReplyWriter, protocol: 2 | 3): void => {
  const lengthMax = reply.length + LENGTH_MAX
  if (value === undefined) reply.null()
  else writeValue(value, { reply, booleans: protocol === 3, values: VALUES_MAX, lengthMax }, 0)
}

const bytesOf = (value: TValue): Uint8Array => (value.value as LuaString).realstring
const text = (value: TValue): string => Buffer.from(bytesOf(value)).toString("latin1")
const line = (value: TValue): string => text(value).replace(/[\r\n]/g, " ")

const writeValue = (value: TValue, to: Conversion, depth: number): void => {
  const { reply } = to
  if (--to.values < 0 || reply.length > to.lengthMax) throw new ReplyTooLarge()
  switch (value.type & 15) {
    case T_STRING: {
      const bytes = bytesOf(value)
      reply.bulk(bytes, 0, bytes.length)
      return
    }
    case T_NUMBER:
      reply.integer(truncate(value.value))
      return
    case T_BOOLEAN: {
      const truth: boolean = value.value
      if (to.booleans) reply.boolean(truth)
      else if (truth) reply.integer(1)
      else reply.null()
      return
    }
    case T_TABLE:
      writeTable(value.value, to, depth)
      return
    default:
      reply.null()
  }
}

/** A double as C converts it to a 64-bit integer. */
const truncate = (value: number): number | bigint => {
  const whole = Math.trunc(value)
  if (Number.isSafeInteger(whole)) return whole === 0 ? 0 : whole
  if (Number.isNaN(whole) || whole >= 2 ** 63 || whole < -(2 ** 63)) return INT64_MIN
  return normalize(BigInt.asIntN(64, BigInt(whole) > INT64_MAX ? INT64_MAX : BigInt(whole)))
}

/** The field of a table, without metamethods, where it is of the type; null otherwise. */
const field = (table: LuaTable, name: Uint8Array, type: number): TValue | null => {
  const entry = table.strong.get(hashOfField(name))
  return entry !== undefined && (entry.value.type & 15) === type ? entry.value : null
}
const hashes = new Map<Uint8Array, string>()
const hashOfField = (name: Uint8Array): string => {
  let hash = hashes.get(name)
  if (hash === undefined) {
    hash = lstring.luaS_hash(name)
    hashes.set(name, hash)
  }
  return hash
}

const writeTable = (table: LuaTable, to: Conversion, depth: number): void => {
  if (depth > DEPTH_MAX) throw new RangeError("nested too deep")
  if (table.strong.size === 0) {
    writeArray(table, to, depth)
    return
  }
  for (const { name, type, write } of FORMS) {
    const value = field(table, name, type)
    if (value !== null) {
      write(value, to, depth)
      return
    }
  }
  writeArray(table, to, depth)
}

interface Form {
  readonly name: Uint8Array
  readonly type: number
  readonly write: (value: TValue, to: Conversion, depth: number) => void
}
/** Tables that stand for other types, by the field that says so, in the order in which they are looked for. */
const FORMS: ReadonlyArray<Form> = [
  {
    name: ERR,
    type: T_STRING,
    write: (value, { reply }) => {
      const message = text(value)
      reply.error(message.startsWith("-") ? message.slice(1) : message)
    }
  },
  { name: OK, type: T_STRING, write: (value, { reply }) => reply.simple(line(value)) },
  { name: DOUBLE, type: T_NUMBER, write: (value, { reply }) => reply.double(value.value) },
  { name: MAP, type: T_TABLE, write: (value, to, depth) => writeEntries(value.value, to, depth, true) },
  { name: SET, type: T_TABLE, write: (value, to, depth) => writeEntries(value.value, to, depth, false) },
  { name: BIG_NUMBER, type: T_STRING, write: (value, { reply }) => reply.bigNumber(line(value)) },
  {
    name: VERBATIM,
    type: T_TABLE,
    write: (value, { reply }) => {
      const format = field(value.value, FORMAT, T_STRING)
      const string = field(value.value, STRING, T_STRING)
      if (format === null || string === null) reply.null()
      else reply.verbatim(text(format).slice(0, 3), text(string))
    }
  }
]

const writeArray = (table: LuaTable, to: Conversion, depth: number): void => {
  let count = 0
  while (getNumber(table, count + 1).type !== 0) count++
  to.reply.array(count)
  for (let i = 1; i <= count; i++) writeValue(getNumber(table, i), to, depth + 1)
}

const writeEntries = (table: LuaTable, to: Conversion, depth: number, values: boolean): void => {
  const entries: Array<readonly [TValue, TValue]> = []
  table.array.forEach((value, i) => {
    if (value.type !== 0) entries.push([new lobject.TValue(T_NUMBER, i + 1), value])
  })
  for (let entry = table.first; entry !== null; entry = entry.next) {
    if (entry.value.type !== 0) entries.push([entry.key, entry.value])
  }
  if (values) to.reply.map(entries.length)
  else to.reply.set(entries.length)
  for (const [key, value] of entries) {
    writeValue(key, to, depth + 1)
    if (values) writeValue(value, to, depth + 1)
  }
}
