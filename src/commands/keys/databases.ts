/**
 * Commands on whole databases: DBSIZE, RANDOMKEY, KEYS, SCAN, SWAPDB, FLUSHDB, FLUSHALL. Pure.
 *
 * A SCAN cursor is shard * 2^32 + position, in order of the keys' hashes. A key's place never changes while it exists,
 * whatever is inserted or removed meanwhile, so that one that exists during a whole iteration is met exactly once.
 */
import { ALL_DATABASES } from "../../changes/changes.js"
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import type { CommandRecord } from "../../engine/record.js"
import { SHARDS } from "../../store/database.js"
import type { Shard } from "../../store/shard.js"
import { matchBytes } from "../../values/glob.js"
import { typeOf } from "../../values/types.js"

const POSITIONS = 4294967296
const SCAN_COUNT = 10
const INT32_MAX = 2147483647
const INT32_MIN = -2147483648
const STAR = 42

/** Refs, in a row. */
class RefList {
  private refs = new Int32Array(64)
  length = 0

  add(ref: number): void {
    if (this.length === this.refs.length) {
      const more = new Int32Array(this.length * 2)
      more.set(this.refs)
      this.refs = more
    }
    this.refs[this.length++] = ref
  }

  /** Replies with an array of the records' keys. */
  write(c: Invocation): void {
    const { records } = c.keyspace
    c.reply.array(this.length)
    for (let i = 0; i < this.length; i++) {
      const ref = this.refs[i]!
      c.reply.bulk(records.bytes(ref), records.keyStart(ref), records.keyLength(ref))
    }
  }
}

/** Whether a record's key matches; no pattern matches every key. */
const keyMatches = (c: Invocation, ref: number, pattern: Buffer | undefined): boolean => {
  if (pattern === undefined) return true
  const { records } = c.keyspace
  const start = records.keyStart(ref)
  return matchBytes(pattern, records.bytes(ref), start, start + records.keyLength(ref), false)
}

/** A pattern argument; undefined where it is a lone "*", which matches the empty key too. */
const patternAt = (c: Invocation, index: number): Buffer | undefined =>
  c.length(index) === 1 && c.bytes[c.start(index)] === STAR ? undefined : c.argument(index)

const keys = (c: Invocation): void => {
  const pattern = patternAt(c, 1)
  const found = new RefList()
  const visit = (ref: number): void => {
    if (keyMatches(c, ref, pattern) && !c.keyspace.isExpired(ref)) found.add(ref)
  }
  for (const { current } of c.database.cells) if (current.size > 0) current.walk(0, current.size, visit)
  found.write(c)
}

/** What is accepted as a cursor: all that strtoul takes whole, even nothing. */
const CURSOR = /^(?:[+-]?\d+)?$/
const UINT64_MAX = 18446744073709551615n

/** The cursor in an argument, or undefined. Cursors that SCAN never gave lead somewhere, but to no error. */
const cursorAt = (c: Invocation, index: number): number | undefined => {
  const text = c.length(index) > 64 ? "invalid" : c.text(index)
  if (!CURSOR.test(text)) return undefined
  const value = BigInt(text.replace("+", ""))
  if (value > UINT64_MAX || value < -UINT64_MAX) return undefined
  return Number(BigInt.asUintN(64, value) % BigInt(SHARDS * POSITIONS))
}

/** SCAN's options; undefined after an error reply. */
const parseScan = (
  c: Invocation
): { count: number; pattern: Buffer | undefined; type: string | undefined } | undefined => {
  let count = SCAN_COUNT
  let pattern: Buffer | undefined
  let type: string | undefined
  for (let i = 2; i < c.argc; i += 2) {
    const whole = i + 1 < c.argc
    if (whole && c.isWord(i, "COUNT")) {
      const value = c.integerOrFail(i + 1)
      if (value === undefined) return undefined
      if (value < 1) return c.fail(Errors.SYNTAX)
      count = Number(value)
    } else if (whole && c.isWord(i, "MATCH")) pattern = patternAt(c, i + 1)
    else if (whole && c.isWord(i, "TYPE")) type = c.text(i + 1).toLowerCase()
    else return c.fail(Errors.SYNTAX)
  }
  return { count, pattern, type }
}

const scan = (c: Invocation): void => {
  const cursor = cursorAt(c, 1)
  if (cursor === undefined) {
    c.fail(Errors.INVALID_CURSOR)
    return
  }
  const options = parseScan(c)
  if (options === undefined) return
  const { pattern, type } = options
  const { keyspace } = c
  const found = new RefList()
  const expired: Array<{ readonly shard: Shard; readonly ref: number }> = []
  let shardIndex = Math.floor(cursor / POSITIONS)
  let position = cursor % POSITIONS
  let left = options.count
  while (shardIndex < SHARDS && left > 0) {
    const shard = c.database.cells[shardIndex]!.current
    position = shard.walkEntries(position, left, (ref) => {
      left--
      if (!keyMatches(c, ref, pattern)) return
      if (keyspace.isExpired(ref)) expired.push({ shard, ref })
      else if (type === undefined || typeOf(keyspace, ref).name === type) found.add(ref)
    })
    if (position < 0) {
      shardIndex++
      position = 0
    }
  }
  c.reply.array(2)
  c.reply.bulkInteger(shardIndex < SHARDS ? shardIndex * POSITIONS + position : 0)
  found.write(c)
  for (const { shard, ref } of expired) keyspace.dropExpired(c.database, shard, ref)
}

const dbsize = (c: Invocation): void => c.reply.integer(c.keyspace.size(c.database))

const randomkey = (c: Invocation): void => {
  const { keyspace } = c
  const { records } = keyspace
  for (;;) {
    const random = keyspace.randomRecord(c.database)
    if (random === null) {
      c.reply.null()
      return
    }
    const { ref, shard } = random
    if (!keyspace.isExpired(ref)) {
      c.reply.bulk(records.bytes(ref), records.keyStart(ref), records.keyLength(ref))
      return
    }
    // each try that fails removes a key, so that this ends
    keyspace.dropExpired(c.database, shard, ref)
  }
}

/** The number of a database that SWAPDB is given; replies with an error and gives undefined where it is none. */
const numberAt = (c: Invocation, index: number, error: Uint8Array): number | undefined => {
  const number = c.integerOrFail(index, error)
  if (number === undefined) return undefined
  return number < INT32_MIN || number > INT32_MAX ? c.fail(error) : Number(number)
}

const swapdb = (c: Invocation): void => {
  const first = numberAt(c, 1, Errors.INVALID_FIRST_DB)
  if (first === undefined) return
  const second = numberAt(c, 2, Errors.INVALID_SECOND_DB)
  if (second === undefined) return
  const a = c.keyspace.databases[first]
  const b = c.keyspace.databases[second]
  if (a === undefined || b === undefined) {
    c.fail(Errors.DB_OUT_OF_RANGE)
    return
  }
  c.keyspace.swap(a, b)
  c.context.changes.swapped(first, second)
  c.received()
  c.reply.ok()
}

/** FLUSHDB and FLUSHALL: ASYNC and SYNC are the same, for a shard is dropped without a walk. */
const flush =
  (all: boolean) =>
  (c: Invocation): void => {
    if (c.argc > 2 || (c.argc === 2 && !c.isWord(1, "ASYNC") && !c.isWord(1, "SYNC"))) {
      c.fail(Errors.SYNTAX)
      return
    }
    const { changes } = c.context
    if (all) for (const database of c.keyspace.databases) changes.count += c.keyspace.flush(database)
    else changes.count += c.keyspace.flush(c.database)
    changes.flushed(all ? ALL_DATABASES : c.database.index)
    c.received()
    c.reply.ok()
  }

const generic = {
  group: "generic",
  categories: ["keyspace"],
  keys: [],
  since: "1.0.0"
} as const
const server = {
  group: "server",
  categories: ["keyspace"],
  keys: [],
  since: "1.0.0"
} as const
const dangerous = ["keyspace", "dangerous"]

export const databaseCommands: ReadonlyArray<CommandRecord> = [
  {
    ...generic,
    name: "keys",
    arity: 2,
    flags: ["readonly"],
    categories: dangerous,
    summary: "Returns all key names that match a pattern.",
    complexity:
      "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
    synopsis: "pattern",
    tips: ["request_policy:all_shards", "nondeterministic_output_order"],
    handler: keys
  },
  {
    ...generic,
    name: "scan",
    arity: -2,
    flags: ["readonly"],
    since: "2.8.0",
    summary: "Iterates over the key names in the database.",
    complexity:
      "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
    synopsis: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
    tips: ["nondeterministic_output", "request_policy:special", "response_policy:special"],
    handler: scan
  },
  {
    ...generic,
    name: "randomkey",
    arity: 1,
    flags: ["readonly"],
    summary: "Returns a random key name from the database.",
    complexity: "O(1)",
    tips: ["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
    handler: randomkey
  },
  {
    ...server,
    name: "dbsize",
    arity: 1,
    flags: ["readonly", "fast"],
    summary: "Returns the number of keys in the database.",
    complexity: "O(1)",
    tips: ["request_policy:all_shards", "response_policy:agg_sum"],
    handler: dbsize
  },
  {
    ...server,
    name: "swapdb",
    arity: 3,
    flags: ["write", "fast"],
    categories: dangerous,
    since: "4.0.0",
    summary: "Swaps two Redis databases.",
    complexity: "O(N) where N is the count of clients watching or blocking on keys from both databases.",
    synopsis: "index1 index2",
    handler: swapdb
  },
  {
    ...server,
    name: "flushdb",
    arity: -1,
    flags: ["write"],
    categories: dangerous,
    summary: "Remove all keys from the current database.",
    complexity: "O(N) where N is the number of keys in the selected database",
    synopsis: "[ASYNC | SYNC]",
    tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
    handler: flush(false)
  },
  {
    ...server,
    name: "flushall",
    arity: -1,
    flags: ["write"],
    categories: dangerous,
    summary: "Removes all keys from all databases.",
    complexity: "O(N) where N is the total number of keys in all databases",
    synopsis: "[ASYNC | SYNC]",
    tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
    handler: flush(true)
  }
]
