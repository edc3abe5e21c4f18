/**
 * Commands on parts of strings: APPEND, SETRANGE, GETRANGE, LCS. Pure. What was changed in place is "raw", as in Redis.
 */
import * as Events from "../../changes/events.js"
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import { type CommandRecord, keyAt, keysFrom } from "../../engine/record.js"
import { ENCODING_INT, ENCODING_RAW, NO_DEADLINE, TYPE_STRING, typeAndEncoding } from "../../store/record.js"
import { copyWords } from "../../values/bytes.js"
import { bytesOf, lengthOf } from "../../values/string.js"
import { isString } from "./string.js"

const RAW_STRING = typeAndEncoding(TYPE_STRING, ENCODING_RAW)

/** Whether a string may become this long; replies with an error where not. A loaded file was within its limits. */
const fits = (c: Invocation, length: number): boolean => {
  if (length <= c.session.bulkBytesMax || c.loads) return true
  c.fail(Errors.STRING_TOO_LONG)
  return false
}

/** Copies an argument's bytes into the value of a record. */
const writeArgument = (c: Invocation, index: number, ref: number, offset: number): void => {
  const { records } = c.keyspace
  const to = records.valueStart(ref) + offset
  copyWords(c.view, c.bytes, c.start(index), c.length(index), c.viewOf(ref), records.valueBytes(ref), to)
}

/** Gives a string raw bytes of a length, the first of them what they were; the rest is whatever memory holds. */
const makeRaw = (c: Invocation, hash: number, ref: number, length: number): number => {
  const { records } = c.keyspace
  const digits = records.encoding(ref) === ENCODING_INT ? bytesOf(c.keyspace, ref) : undefined
  const resized = c.keyspace.resize(c.database, hash, ref, length)
  records.setEncoding(resized, ENCODING_RAW)
  if (digits !== undefined) records.valueBytes(resized).set(digits, records.valueStart(resized))
  return resized
}

const append = (c: Invocation): void => {
  const hash = c.hash(1)
  const ref = c.find(1, hash)
  const added = c.length(2)
  if (ref === 0) {
    c.setArgument(1, hash, 2, NO_DEADLINE, 0)
    c.changed(Events.APPEND, 1)
    c.reply.integer(added)
    return
  }
  if (!isString(c, ref)) return
  const old = lengthOf(c.keyspace, ref)
  if (!fits(c, old + added)) return
  writeArgument(c, 2, makeRaw(c, hash, ref, old + added), old)
  c.changed(Events.APPEND, 1)
  c.reply.integer(old + added)
}

const setrange = (c: Invocation): void => {
  const wanted = c.integerOrFail(2)
  if (wanted === undefined) return
  if (wanted < 0) {
    c.fail(Errors.OFFSET_OUT_OF_RANGE)
    return
  }
  const offset = Number(wanted)
  const hash = c.hash(1)
  const ref = c.find(1, hash)
  if (ref !== 0 && !isString(c, ref)) return
  const old = ref === 0 ? 0 : lengthOf(c.keyspace, ref)
  const written = c.length(3)
  if (written === 0) {
    c.reply.integer(old)
    return
  }
  if (!fits(c, offset + written)) return
  const length = Math.max(old, offset + written)
  const target =
    ref === 0
      ? c.keyspace.prepare(c.database, c.keyAt(1, hash), RAW_STRING, length, NO_DEADLINE)
      : makeRaw(c, hash, ref, length)
  if (offset > old) {
    const { records } = c.keyspace
    const start = records.valueStart(target)
    records.valueBytes(target).fill(0, start + old, start + offset)
  }
  writeArgument(c, 3, target, offset)
  c.changed(Events.SETRANGE, 1)
  c.reply.integer(length)
}

const getrange = (c: Invocation): void => {
  const first = c.integerOrFail(2)
  if (first === undefined) return
  const last = c.integerOrFail(3)
  if (last === undefined) return
  const ref = c.read(1)
  if (ref === 0) {
    c.reply.bulkText("")
    return
  }
  if (!isString(c, ref)) return
  const length = lengthOf(c.keyspace, ref)
  // compared before they are made plain numbers: those are not exact beyond 2^53
  const crossed = first < 0 && last < 0 && first > last
  const start = Math.max(0, first < 0 ? length + Number(first) : Number(first))
  const end = Math.min(length - 1, Math.max(0, last < 0 ? length + Number(last) : Number(last)))
  if (crossed || start > end) {
    c.reply.bulkText("")
    return
  }
  const { records } = c.keyspace
  if (records.encoding(ref) === ENCODING_INT) c.reply.bulk(bytesOf(c.keyspace, ref), start, end - start + 1)
  else {
    const from = records.valueStart(ref) + start
    c.reply.bulkWords(c.viewOf(ref), records.valueBytes(ref), from, end - start + 1)
  }
}

/** LCS's options; undefined after an error reply. */
const parseLcs = (
  c: Invocation
): { length: boolean; ranges: boolean; matchLengths: boolean; least: number } | undefined => {
  const options = {
    length: false,
    ranges: false,
    matchLengths: false,
    least: 0
  }
  for (let i = 3; i < c.argc; i++) {
    if (c.isWord(i, "IDX")) options.ranges = true
    else if (c.isWord(i, "LEN")) options.length = true
    else if (c.isWord(i, "WITHMATCHLEN")) options.matchLengths = true
    else if (c.isWord(i, "MINMATCHLEN") && i + 1 < c.argc) {
      const value = c.integerOrFail(++i)
      if (value === undefined) return undefined
      options.least = Math.max(0, Number(value))
    } else return c.fail(Errors.SYNTAX)
  }
  return options.length && options.ranges ? c.fail(Errors.LCS_SYNTAX) : options
}

/**
 * Lengths of the longest common subsequences of all prefixes: `table[i * (b.length + 1) + j]` is that of the first i
 * bytes of `a` and the first j of `b`.
 */
const lcsTable = (a: Uint8Array, b: Uint8Array): Uint32Array => {
  const width = b.length + 1
  const table = new Uint32Array((a.length + 1) * width)
  for (let i = 1; i <= a.length; i++) {
    const byte = a[i - 1]!
    const row = i * width
    const above = row - width
    let left = 0
    for (let j = 1; j < width; j++) {
      const up = table[above + j]!
      if (byte === b[j - 1]) left = table[above + j - 1]! + 1
      else if (up > left) left = up
      table[row + j] = left
    }
  }
  return table
}

/** A run of bytes that both strings have: where it begins and ends in each. */
interface Match {
  aStart: number
  readonly aEnd: number
  bStart: number
  readonly bEnd: number
}

/** Goes back through the table, from the ends of both strings: the common bytes, and the runs they lie in. */
const traceLcs = (
  a: Uint8Array,
  b: Uint8Array,
  table: Uint32Array
): { readonly common: Buffer; readonly matches: ReadonlyArray<Match> } => {
  const width = b.length + 1
  const common = Buffer.allocUnsafe(table[table.length - 1]!)
  const matches: Array<Match> = []
  let run: Match | undefined
  let at = common.length
  let i = a.length
  let j = b.length
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      i--
      j--
      common[--at] = a[i]!
      if (run !== undefined && run.aStart === i + 1 && run.bStart === j + 1) {
        run.aStart = i
        run.bStart = j
      } else {
        run = { aStart: i, aEnd: i, bStart: j, bEnd: j }
        matches.push(run)
      }
    } else {
      run = undefined
      if (table[(i - 1) * width + j]! > table[i * width + j - 1]!) i--
      else j--
    }
  }
  return { common, matches }
}

const lcs = (c: Invocation): void => {
  const refA = c.read(1)
  const refB = c.read(2)
  const { records } = c.keyspace
  if (
    (refA !== 0 && records.type(refA) !== TYPE_STRING) ||
    (refB !== 0 && records.type(refB) !== TYPE_STRING)
  ) {
    c.fail(Errors.LCS_TYPES)
    return
  }
  const options = parseLcs(c)
  if (options === undefined) return
  const a = refA === 0 ? Buffer.alloc(0) : bytesOf(c.keyspace, refA)
  const b = refB === 0 ? Buffer.alloc(0) : bytesOf(c.keyspace, refB)
  if ((a.length + 1) * (b.length + 1) * 4 > c.session.bulkBytesMax) {
    c.fail(Errors.LCS_MEMORY)
    return
  }
  const table = lcsTable(a, b)
  const length = table[table.length - 1]!
  if (options.length) {
    c.reply.integer(length)
    return
  }
  const { common, matches } = traceLcs(a, b, table)
  if (!options.ranges) {
    c.reply.bulk(common, 0, common.length)
    return
  }
  const shown = matches.filter((match) => match.aEnd - match.aStart + 1 >= options.least)
  c.reply.map(2)
  c.reply.bulkText("matches")
  c.reply.array(shown.length)
  for (const match of shown) writeMatch(c, match, options.matchLengths)
  c.reply.bulkText("len")
  c.reply.integer(length)
}

const writeMatch = (c: Invocation, match: Match, withLength: boolean): void => {
  c.reply.array(withLength ? 3 : 2)
  c.reply.array(2)
  c.reply.integer(match.aStart)
  c.reply.integer(match.aEnd)
  c.reply.array(2)
  c.reply.integer(match.bStart)
  c.reply.integer(match.bEnd)
  if (withLength) c.reply.integer(match.aEnd - match.aStart + 1)
}

const string = { group: "string", categories: ["string"] } as const

const substring = {
  ...string,
  arity: 4,
  flags: ["readonly"],
  keys: [keyAt(1, "RO ACCESS")],
  complexity:
    "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.",
  synopsis: "key start end",
  handler: getrange
} as const

export const stringRangeCommands: ReadonlyArray<CommandRecord> = [
  {
    ...string,
    name: "append",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [keyAt(1, "RW INSERT")],
    since: "2.0.0",
    summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
    complexity:
      "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.",
    synopsis: "key value",
    handler: append
  },
  {
    ...string,
    name: "setrange",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [keyAt(1, "RW UPDATE")],
    since: "2.2.0",
    summary:
      "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
    complexity:
      "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.",
    synopsis: "key offset value",
    handler: setrange
  },
  {
    ...substring,
    name: "getrange",
    since: "2.4.0",
    summary: "Returns a substring of the string stored at a key."
  },
  {
    ...substring,
    name: "substr",
    since: "1.0.0",
    summary: "Returns a substring from a string value.",
    deprecated: { since: "2.0.0", replacedBy: "`GETRANGE`" }
  },
  {
    ...string,
    name: "lcs",
    arity: -3,
    flags: ["readonly"],
    keys: [keysFrom(1, 1, 1, "RO ACCESS")],
    since: "7.0.0",
    summary: "Finds the longest common substring.",
    complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
    synopsis: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    handler: lcs
  }
]
