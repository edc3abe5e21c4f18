/**
 * What follows from a command's record: its categories, the flags it shows, the range of its keys, a call's keys. Pure.
 */
import type { CommandFlag, CommandRecord, KeySpec } from "../../engine/record.js"

/** ACL categories, in the order that Redis names them. */
const CATEGORIES = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "bitmap",
  "hyperloglog",
  "geo",
  "stream",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
  "scripting"
] as const

/** Flags that COMMAND INFO shows, in its order. */
const SHOWN_FLAGS: ReadonlyArray<CommandFlag> = [
  "write",
  "readonly",
  "denyoom",
  "admin",
  "pubsub",
  "noscript",
  "blocking",
  "loading",
  "stale",
  "skip_monitor",
  "skip_slowlog",
  "fast",
  "no_auth",
  "no_mandatory_keys",
  "no_async_loading",
  "no_multi",
  "movablekeys",
  "allow_busy"
]

/** The flags of key specs, in the order that COMMAND INFO shows them, each with its name there. */
export const KEY_FLAGS: ReadonlyArray<readonly [flag: string, name: string]> = [
  ["RO", "RO"],
  ["RW", "RW"],
  ["OW", "OW"],
  ["RM", "RM"],
  ["ACCESS", "access"],
  ["UPDATE", "update"],
  ["INSERT", "insert"],
  ["DELETE", "delete"],
  ["NOT_KEY", "not_key"],
  ["INCOMPLETE", "incomplete"],
  ["VARIABLE_FLAGS", "variable_flags"]
]

/** The ACL categories of a command, without "@". */
export const categoriesOf = (record: CommandRecord): ReadonlyArray<string> => {
  const { flags } = record
  const found = new Set(record.categories)
  if (flags.includes("write")) found.add("write")
  // a script may do anything
  if (flags.includes("readonly") && !found.has("scripting")) found.add("read")
  if (flags.includes("admin")) found.add("admin").add("dangerous")
  if (flags.includes("pubsub")) found.add("pubsub")
  if (flags.includes("fast")) found.add("fast")
  if (flags.includes("blocking")) found.add("blocking")
  if (!found.has("fast")) found.add("slow")
  return CATEGORIES.filter((category) => found.has(category))
}

/** The first and the last key (negative: from the end) and the step between keys, as clients of old know them. */
export interface KeyRange {
  readonly first: number
  readonly last: number
  readonly step: number
  /** The range does not say where all keys are. */
  readonly movable: boolean
}

const NO_KEYS: KeyRange = { first: 0, last: 0, step: 0, movable: false }

interface FixedRange {
  readonly first: number
  readonly last: number
  readonly step: number
}

const fixedRange = ({ begin, find }: KeySpec): FixedRange | undefined => {
  if (!("index" in begin) || find === null || !("lastKey" in find)) return undefined
  const last = find.lastKey < 0 ? find.lastKey : begin.index + find.lastKey
  return { first: begin.index, last, step: find.step }
}

/** A command's key specs as one range, as far as that can be. */
export const keyRange = ({ keys }: CommandRecord): KeyRange => {
  if (keys.length === 0) return NO_KEYS
  let movable = keys.some(({ flags }) => flags.includes("INCOMPLETE"))
  const only = keys.length === 1 ? fixedRange(keys[0]!) : undefined
  if (only !== undefined) return { ...only, movable }
  let joined: FixedRange | undefined
  for (const spec of keys) {
    const range = fixedRange(spec)
    if (
      range === undefined ||
      range.step !== 1 ||
      (joined !== undefined && joined.last !== range.first - 1)
    ) {
      movable = true
    } else if (joined === undefined) joined = range
    else joined = { first: joined.first, last: range.last, step: 1 }
  }
  return joined === undefined ? { ...NO_KEYS, movable: true } : { ...joined, movable }
}

/** The flags of a command as COMMAND INFO shows them. */
export const shownFlags = (record: CommandRecord): ReadonlyArray<CommandFlag> => {
  const { movable } = keyRange(record)
  return SHOWN_FLAGS.filter((flag) => record.flags.includes(flag) || (flag === "movablekeys" && movable))
}

/** A key of a call: its argument, and what the command does to it. */
export interface KeyPosition {
  readonly index: number
  readonly flags: ReadonlyArray<string>
}

const isWord = (argument: Uint8Array | undefined, word: string): boolean =>
  argument !== undefined && Buffer.from(argument).toString("latin1").toUpperCase() === word

/** What commands whose flags vary do to their keys in a call. */
const VARIABLE_FLAGS: Readonly<Record<string, (args: ReadonlyArray<Uint8Array>) => ReadonlyArray<string>>> = {
  set: (args) =>
    args.slice(3).some((argument) => isWord(argument, "GET")) ? ["RW", "ACCESS", "UPDATE"] : ["OW", "UPDATE"],
  bitfield: (args) =>
    args.some((argument) => isWord(argument, "SET") || isWord(argument, "INCRBY"))
      ? ["RW", "ACCESS", "UPDATE"]
      : ["RO", "ACCESS"]
}

/** Where a key spec begins in a call, or -1. */
const beginOf = ({ begin }: KeySpec, args: ReadonlyArray<Uint8Array>): number => {
  if ("index" in begin) return begin.index
  const backwards = begin.startFrom < 0
  const keyword = begin.keyword.toUpperCase()
  const step = backwards ? -1 : 1
  for (
    let i = backwards ? args.length + begin.startFrom : begin.startFrom;
    i > 0 && i < args.length;
    i += step
  ) {
    if (isWord(args[i], keyword)) return i + 1
  }
  return -1
}

/** The first and the last key of a key spec in a call, or null where the call does not have them. */
const rangeOf = ({ find }: KeySpec, begin: number, args: ReadonlyArray<Uint8Array>): FixedRange | null => {
  if (find === null) return null
  if ("lastKey" in find) {
    const { lastKey, limit, step } = find
    if (lastKey >= 0) return { first: begin, last: begin + lastKey, step }
    const last =
      limit === 0 ? args.length + lastKey : begin + Math.floor((args.length - begin) / limit) + lastKey
    return { first: begin, last, step }
  }
  const countAt = args[begin + find.keyCountAt]
  const text = countAt === undefined ? "" : Buffer.from(countAt).toString("latin1")
  if (!/^\d{1,9}$/.test(text)) return null
  const first = begin + find.firstKey
  return {
    first,
    last: first + (Number(text) - 1) * find.step,
    step: find.step
  }
}

/** The keys of a call, the command's name (and subcommand) included in `args`; null where its arguments are wrong. */
export const keyPositions = (
  record: CommandRecord,
  args: ReadonlyArray<Uint8Array>
): ReadonlyArray<KeyPosition> | null => {
  const positions: Array<KeyPosition> = []
  for (const spec of record.keys) {
    if (spec.flags.includes("NOT_KEY")) continue
    const begin = beginOf(spec, args)
    if (begin < 0) continue
    const range = rangeOf(spec, begin, args)
    if (range === null || range.first >= args.length || range.last >= args.length) return null
    const variable = spec.flags.includes("VARIABLE_FLAGS") ? VARIABLE_FLAGS[record.name] : undefined
    const flags = variable === undefined ? spec.flags : variable(args)
    for (let index = range.first; index <= range.last; index += range.step) positions.push({ index, flags })
  }
  return positions
}
