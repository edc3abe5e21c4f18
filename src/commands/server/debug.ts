/**
 * DEBUG: what tests of servers and of clients need. Pure. Allowed where enable-debug-command says so.
 */
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import type { Outcome } from "../../engine/outcome.js"
import type { CommandRecord } from "../../engine/record.js"
import { isLocal } from "../../engine/server.js"
import { byteSource } from "../../resp/batch.js"
import { constantReply } from "../../resp/writer.js"
import { ByteSlice, KeySlice } from "../../store/key.js"
import { NO_DEADLINE } from "../../store/record.js"
import { matchBytes } from "../../values/glob.js"
import { setBytes } from "../../values/string.js"
import { failSubcommand, replyHelp } from "../help.js"
import { keyspaceDigest, valueDigest } from "./digest.js"
import { describeObject } from "./memory.js"

interface Subcommand {
  /** Arguments with DEBUG itself: exactly so many, or negative: at least. */
  readonly arity: number
  readonly handler: (c: Invocation) => Outcome
}

const ok = (c: Invocation): void => c.reply.ok()

/** As C's strtod reads a number: what follows it is ignored, and 0 where there is none. */
const looseNumber = (c: Invocation, index: number): number => Number.parseFloat(c.text(index)) || 0

const sleep = (c: Invocation): Outcome => {
  const milliseconds = Math.max(0, looseNumber(c, 2) * 1000)
  return { _tag: "Later", request: { _tag: "Sleep", milliseconds } }
}

const setActiveExpire = (c: Invocation): void => {
  c.context.server.activeExpire = Math.trunc(looseNumber(c, 2)) !== 0
  c.reply.ok()
}

const error = (c: Invocation): void => c.reply.error(c.text(2))

const log = (c: Invocation): void => {
  c.context.server.host.log("warning", `DEBUG LOG: ${c.argument(2).toString("utf8")}`)
  c.reply.ok()
}

/** Loads the AOF again, where there is one. */
const reloadAof = (c: Invocation): Outcome =>
  c.context.server.settings.appendonly
    ? { _tag: "Later", request: { _tag: "ReloadAof" } }
    : c.fail(Errors.NOTHING_TO_RELOAD)

const reload = (c: Invocation): Outcome => {
  for (let i = 2; i < c.argc; i++) {
    if (!c.isWord(i, "MERGE") && !c.isWord(i, "NOFLUSH") && !c.isWord(i, "NOSAVE")) {
      return c.fail(Errors.DEBUG_RELOAD_OPTIONS)
    }
  }
  return reloadAof(c)
}

const changeReplicationId = (c: Invocation): void => {
  const { server } = c.context
  server.host.log("warning", "Changing replication IDs after receiving DEBUG change-repl-id")
  server.changeReplicationId()
  c.reply.ok()
}

const stringMatch = (c: Invocation): void => {
  const start = c.start(3)
  c.reply.integer(matchBytes(c.argument(2), c.bytes, start, start + c.length(3), false) ? 1 : 0)
}

const PACKED_THRESHOLD_MAX = 4 * 1024 ** 3
const MEMORY_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3
}

/** Accepted: nothing here has quicklist nodes. */
const packedThreshold = (c: Invocation): void => {
  const [, digits, unit] = /^(\d+)([a-z]*)$/.exec(c.text(2).toLowerCase()) ?? []
  const bytes = Number(digits) * (MEMORY_UNITS[unit ?? ""] ?? Number.NaN)
  if (bytes < PACKED_THRESHOLD_MAX) c.reply.ok()
  else c.fail(Errors.PACKED_THRESHOLD)
}

const STRING_BYTES_MAX = 512 * 1024 * 1024

/** Sets many string keys that do not exist yet; they are not propagated. */
const populate = (c: Invocation): void => {
  const count = c.integerOrFail(2)
  const size = c.argc > 4 ? c.integerOrFail(4) : 0
  if (count === undefined || size === undefined) return
  if (count < 0 || size < 0 || size > STRING_BYTES_MAX) {
    c.fail(Errors.NOT_POSITIVE)
    return
  }
  const prefix = c.argc > 3 ? c.text(3) : "key"
  const value = Buffer.alloc(Number(size))
  const slice = new KeySlice()
  const held = new ByteSlice()
  for (let i = 0; i < count; i++) {
    const key = byteSource(Buffer.from(`${prefix}:${i}`, "latin1"))
    const hash = c.keyspace.hash(key.view, 0, key.bytes.length)
    slice.pointKey(key.bytes, key.view, 0, key.bytes.length, hash)
    if (c.keyspace.find(c.database, slice) !== 0) continue
    const text = Buffer.from(`value:${i}`, "latin1")
    if (size > 0) value.fill(0).set(text.subarray(0, value.length))
    const source = byteSource(size > 0 ? value : text)
    held.point(source.bytes, source.view, 0, source.bytes.length)
    setBytes(c.keyspace, c.database, slice, held, NO_DEADLINE, 0)
  }
  c.reply.ok()
}

const digestValue = (c: Invocation): void => {
  c.reply.array(c.argc - 2)
  for (let i = 2; i < c.argc; i++) {
    // as it lies there: an expired key that was not removed yet has a digest
    const hash = c.hash(i)
    const ref = c.keyspace.shard(c.database, hash).find(hash, c.view, c.start(i), c.length(i))
    c.reply.simple(valueDigest(c.keyspace, ref).toString("hex"))
  }
}

const object = (c: Invocation): void => {
  const ref = c.find(2)
  if (ref === 0) c.fail(Errors.NO_SUCH_KEY)
  else c.reply.simple(describeObject(c.keyspace, ref))
}

const countTo3 = (c: Invocation): void => {
  for (let i = 0; i < 3; i++) c.reply.integer(i)
}

const ATTRIBUTE_OF_ONE = constantReply("|1\r\n")

/** A reply of each type, for tests of clients. */
const PROTOCOL_TYPES: Readonly<Record<string, (c: Invocation) => void>> = {
  string: (c) => c.reply.bulkText("Hello World"),
  integer: (c) => c.reply.integer(12345),
  // biome-ignore lint/suspicious/noApproximativeNumericConstant: the number that Redis sends
  double: (c) => c.reply.double(3.141),
  bignum: (c) => c.reply.bigNumber("1234567999999999999999999999999999999"),
  null: (c) => c.reply.null(),
  array: (c) => {
    c.reply.array(3)
    countTo3(c)
  },
  set: (c) => {
    c.reply.set(3)
    countTo3(c)
  },
  map: (c) => {
    c.reply.map(3)
    for (let i = 0; i < 3; i++) {
      c.reply.integer(i)
      c.reply.boolean(i === 1)
    }
  },
  attrib: (c) => {
    if (c.reply.protocol === 3) {
      c.reply.constant(ATTRIBUTE_OF_ONE)
      c.reply.bulkText("key-popularity")
      c.reply.array(2)
      c.reply.bulkText("key:123")
      c.reply.integer(90)
    }
    c.reply.bulkText("Some real reply following the attribute")
  },
  push: (c) => {
    if (c.reply.protocol === 2) {
      c.fail(Errors.NOT_IN_RESP2)
      return
    }
    c.reply.push(2)
    c.reply.bulkText("server-cpu-usage")
    c.reply.integer(42)
    c.reply.bulkText("Some real reply following the push reply")
  },
  true: (c) => c.reply.boolean(true),
  false: (c) => c.reply.boolean(false),
  verbatim: (c) => c.reply.verbatim("txt", "This is a verbatim\nstring")
}

const protocol = (c: Invocation): void => {
  const name = c.text(2).toLowerCase()
  if (Object.hasOwn(PROTOCOL_TYPES, name)) PROTOCOL_TYPES[name]!(c)
  else c.fail(Errors.DEBUG_PROTOCOL_TYPE)
}

const HELP = [
  "CHANGE-REPL-ID",
  "    Change the replication IDs of the instance.",
  "    Dangerous: should be used only for testing the replication subsystem.",
  "DIGEST",
  "    Output a hex signature representing the current DB content.",
  "DIGEST-VALUE <key> [<key> ...]",
  "    Output a hex signature of the values of all the specified keys.",
  "ERROR <string>",
  "    Return a Redis protocol error with <string> as message. Useful for clients",
  "    unit tests to simulate Redis errors.",
  "LOADAOF",
  "    Flush the AOF buffers on disk and reload the AOF in memory.",
  "LOG <message>",
  "    Write <message> to the server log.",
  "OBJECT <key>",
  "    Show low level info about `key` and associated value.",
  "POPULATE <count> [<prefix>] [<size>]",
  "    Create <count> string keys named key:<num>. If <prefix> is specified then",
  "    it is used instead of the 'key' prefix. These are not propagated.",
  "PROTOCOL <type>",
  "    Reply with a test value of the specified type. <type> can be: string,",
  "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
  "    true, false.",
  "QUICKLIST-PACKED-THRESHOLD <size>",
  "    Accepted for tests of Redis; nothing depends on it.",
  "RELOAD [option ...]",
  "    Reload the data from the append-only file.",
  "SET-ACTIVE-EXPIRE <0|1>",
  "    Setting it to 0 disables expiring keys in background when they are not",
  "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
  "    default.",
  "SLEEP <seconds>",
  "    Answer after <seconds>. Decimals allowed.",
  "STRINGMATCH-LEN <pattern> <string>",
  "    Whether the string matches the glob-style pattern."
]

const SUBCOMMANDS: ReadonlyMap<string, Subcommand> = new Map(
  Object.entries({
    help: { arity: 2, handler: (c) => replyHelp(c, "debug", HELP) },
    sleep: { arity: 3, handler: sleep },
    "set-active-expire": { arity: 3, handler: setActiveExpire },
    protocol: { arity: 3, handler: protocol },
    error: { arity: 3, handler: error },
    log: { arity: 3, handler: log },
    reload: { arity: -2, handler: reload },
    loadaof: { arity: -2, handler: reloadAof },
    object: { arity: 3, handler: object },
    populate: { arity: -3, handler: populate },
    "change-repl-id": { arity: 2, handler: changeReplicationId },
    "stringmatch-len": { arity: 4, handler: stringMatch },
    digest: {
      arity: 2,
      handler: (c) => c.reply.simple(keyspaceDigest(c.keyspace).toString("hex"))
    },
    "digest-value": { arity: -2, handler: digestValue },
    "quicklist-packed-threshold": { arity: 3, handler: packedThreshold },
    // switches of parts that are not here
    "set-skip-checksum-validation": { arity: 3, handler: ok },
    "set-disable-deny-scripts": { arity: 3, handler: ok },
    "pause-cron": { arity: 3, handler: ok },
    "dict-resizing": { arity: 3, handler: ok },
    replybuffer: { arity: 4, handler: ok }
  } satisfies Record<string, Subcommand>)
)

const handler = (c: Invocation): Outcome => {
  const allowed = c.context.server.settings.enableDebugCommand
  if (allowed !== "yes" && !(allowed === "local" && isLocal(c.session)))
    return c.fail(Errors.DEBUG_NOT_ALLOWED)
  const subcommand = SUBCOMMANDS.get(c.text(1).toLowerCase())
  if (subcommand === undefined) return failSubcommand(c, "debug")
  const { arity } = subcommand
  if (arity > 0 ? c.argc !== arity : c.argc < -arity) return failSubcommand(c, "debug")
  return subcommand.handler(c)
}

export const debug: CommandRecord = {
  name: "debug",
  arity: -2,
  flags: ["admin", "noscript", "loading", "stale", "protected"],
  categories: [],
  keys: [],
  group: "server",
  since: "1.0.0",
  summary: "A container for debugging commands.",
  complexity: "Depends on subcommand.",
  handler
}
