/**
 * MEMORY, and what DEBUG OBJECT tells of a record. Pure.
 */
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import { indexBytes, memoryAccount } from "../../engine/memory.js"
import { type CommandRecord, keyAt } from "../../engine/record.js"
import { classOfUnits, unitsOfClass } from "../../store/classes.js"
import type { Keyspace } from "../../store/database.js"
import { ACCESS_MASK } from "../../store/record.js"
import { typeOf } from "../../values/types.js"
import { helpRecord } from "../help.js"

const UNIT_BYTES = 8
/** A key's share of its shard's index: a slot of 8 bytes, at the fill that pages have on average. */
const INDEX_BYTES = 12

/** Bytes that a key takes: its block, what is outside of it, and its share of the index. */
const usageOf = (keyspace: Keyspace, ref: number): number => {
  const { records, segments } = keyspace
  const block = unitsOfClass(classOfUnits(records.units(ref))) * UNIT_BYTES + INDEX_BYTES
  return records.isOutside(ref)
    ? block + typeOf(keyspace, ref).outside.bytes(segments, records.outside(ref))
    : block
}

/** The line of DEBUG OBJECT. */
export const describeObject = (keyspace: Keyspace, ref: number): string => {
  const type = typeOf(keyspace, ref)
  const access = keyspace.records.access(ref)
  const idleSeconds = (keyspace.clock - access) & ACCESS_MASK
  return (
    `Value at:0x${ref.toString(16).padStart(8, "0")} refcount:1 encoding:${type.encoding(keyspace, ref)} ` +
    `serializedlength:${type.serializedBytes(keyspace, ref)} lru:${access} lru_seconds_idle:${idleSeconds}`
  )
}

const usage = (c: Invocation): void => {
  for (let i = 3; i < c.argc; i += 2) {
    if (!c.isWord(i, "SAMPLES") || i + 1 >= c.argc) {
      c.fail(Errors.SYNTAX)
      return
    }
    const samples = c.integerOrFail(i + 1)
    if (samples === undefined) return
    if (samples < 0) {
      c.fail(Errors.SYNTAX)
      return
    }
  }
  const ref = c.find(2)
  if (ref === 0) c.reply.null()
  else c.reply.integer(usageOf(c.keyspace, ref))
}

/** A figure of MEMORY STATS: a count of bytes or keys, or a ratio. */
type Figure = readonly [name: string, value: number, isRatio?: true]

const stats = (c: Invocation): void => {
  const { context, keyspace, reply } = c
  const account = memoryAccount(context)
  const { active, dataset, peak, resident, rss, used } = account
  const databases = keyspace.databases.filter((database) => keyspace.size(database) > 0)
  const keys = databases.reduce((sum, database) => sum + keyspace.size(database), 0)
  const first: ReadonlyArray<Figure> = [
    ["peak.allocated", peak],
    ["total.allocated", used],
    ["startup.allocated", account.startup],
    ["replication.backlog", 0],
    ["clients.slaves", 0],
    ["clients.normal", account.clients],
    ["cluster.links", 0],
    ["aof.buffer", account.aofBuffer],
    ["lua.caches", account.scripts],
    ["functions.caches", 0]
  ]
  const last: ReadonlyArray<Figure> = [
    ["overhead.total", account.overhead],
    ["keys.count", keys],
    ["keys.bytes-per-key", keys === 0 ? 0 : Math.floor(account.limited / keys)],
    ["dataset.bytes", dataset],
    ["dataset.percentage", account.datasetPercent, true],
    ["peak.percentage", (used / Math.max(peak, 1)) * 100, true],
    ["allocator.allocated", used],
    ["allocator.active", active],
    ["allocator.resident", resident],
    ["allocator-fragmentation.ratio", active / Math.max(used, 1), true],
    ["allocator-fragmentation.bytes", active - used],
    ["allocator-rss.ratio", resident / Math.max(active, 1), true],
    ["allocator-rss.bytes", resident - active],
    ["rss-overhead.ratio", rss / Math.max(resident, 1), true],
    ["rss-overhead.bytes", rss - resident],
    ["fragmentation", rss / Math.max(used, 1), true],
    ["fragmentation.bytes", rss - used]
  ]
  const write = ([name, value, isRatio]: Figure): void => {
    reply.bulkText(name)
    if (isRatio) reply.double(value)
    else reply.integer(value)
  }
  reply.map(first.length + databases.length + last.length)
  first.forEach(write)
  for (const database of databases) {
    reply.bulkText(`db.${database.index}`)
    reply.map(3)
    write(["overhead.hashtable.main", indexBytes(database)])
    write(["overhead.hashtable.expires", 0])
    write(["overhead.hashtable.slot-to-keys", 0])
  }
  last.forEach(write)
}

/** Below so many bytes there is nothing to diagnose. */
const DOCTOR_BYTES_MIN = 5 * 1024 * 1024

const doctor = (c: Invocation): void => {
  const small = c.keyspace.segments.usedBytes < DOCTOR_BYTES_MIN
  c.reply.verbatim(
    "txt",
    small
      ? "This instance is empty or is using very little memory: there is nothing to diagnose.\n"
      : "No memory issue is known of this instance.\n"
  )
}

const mallocStats = (c: Invocation): void => c.reply.bulkText("Stats not supported for the current allocator")

/** Accepted: memory of dropped segments is given back by itself. */
const purge = (c: Invocation): void => c.reply.ok()

const HELP = [
  "DOCTOR",
  "    Return memory problems reports.",
  "MALLOC-STATS",
  "    Return internal statistics report from the memory allocator.",
  "PURGE",
  "    Attempt to purge dirty pages for reclamation by the allocator.",
  "STATS",
  "    Return information about the memory usage of the server.",
  "USAGE <key> [SAMPLES <count>]",
  "    Return memory in bytes used by <key> and its value. Nested values are",
  "    sampled up to <count> times (default: 5, 0 means sample all)."
]

const sub = {
  group: "server",
  categories: [],
  keys: [],
  flags: [],
  since: "4.0.0"
} as const
const tips = ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]

export const memory: CommandRecord = {
  name: "memory",
  arity: -2,
  flags: [],
  categories: [],
  keys: [],
  group: "server",
  since: "4.0.0",
  summary: "A container for memory diagnostics commands.",
  complexity: "Depends on subcommand.",
  subcommands: [
    {
      ...sub,
      name: "usage",
      arity: -3,
      flags: ["readonly"],
      keys: [keyAt(2, "RO")],
      summary: "Estimates the memory usage of a key.",
      complexity: "O(N) where N is the number of samples.",
      synopsis: "key [SAMPLES count]",
      handler: usage
    },
    {
      ...sub,
      name: "stats",
      arity: 2,
      summary: "Returns details about memory usage.",
      complexity: "O(1)",
      tips,
      handler: stats
    },
    {
      ...sub,
      name: "doctor",
      arity: 2,
      summary: "Outputs a memory problems report.",
      complexity: "O(1)",
      tips,
      handler: doctor
    },
    {
      ...sub,
      name: "malloc-stats",
      arity: 2,
      summary: "Returns the allocator statistics.",
      complexity: "Depends on how much memory is allocated, could be slow",
      tips,
      handler: mallocStats
    },
    {
      ...sub,
      name: "purge",
      arity: 2,
      summary: "Asks the allocator to release memory.",
      complexity: "Depends on how much memory is allocated, could be slow",
      tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
      handler: purge
    },
    helpRecord({ name: "memory", group: "server" }, "4.0.0", HELP)
  ]
}
