/**
 * The server commands: those that are one short handler each; INFO, CONFIG, DEBUG and MEMORY have files of their own.
 * Pure.
 */
import { redisVersion, version } from "../../config/version.js"
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import type { Outcome } from "../../engine/outcome.js"
import type { CommandRecord } from "../../engine/record.js"
import { helpRecord } from "../help.js"
import { config } from "./config.js"
import { debug } from "./debug.js"
import { info } from "./info.js"
import { memory } from "./memory.js"

const SECOND_MICROSECONDS = 1_000_000

const time = (c: Invocation): void => {
  const { gate, server } = c.context
  // time stands still in a script
  const now = c.scripted ? gate.startedAtMicroseconds : server.host.unixMicroseconds()
  c.reply.array(2)
  c.reply.bulkInteger(Math.floor(now / SECOND_MICROSECONDS))
  c.reply.bulkInteger(now % SECOND_MICROSECONDS)
}

const lolwut = (c: Invocation): void =>
  c.reply.verbatim("txt", `effect-kv ${version}\nRedis ver. ${redisVersion}\n`)

const role = ({ reply }: Invocation): void => {
  reply.array(3)
  reply.bulkText("master")
  reply.integer(0)
  reply.array(0)
}

const shutdown = (c: Invocation): Outcome => {
  let save: boolean | undefined
  let both = false
  let now = false
  let force = false
  let abort = false
  for (let i = 1; i < c.argc; i++) {
    if (c.isWord(i, "SAVE") || c.isWord(i, "NOSAVE")) {
      const wanted = c.isWord(i, "SAVE")
      both ||= save === !wanted
      save = wanted
    } else if (c.isWord(i, "NOW")) now = true
    else if (c.isWord(i, "FORCE")) force = true
    else if (c.isWord(i, "ABORT")) abort = true
    else return c.fail(Errors.SYNTAX)
  }
  if (both || (abort && (save !== undefined || now || force))) return c.fail(Errors.SYNTAX)
  // only replicas hold up a shutdown, and there are none
  if (abort) return c.fail(Errors.NO_ACTIVE_SHUTDOWN)
  if (save === true) return c.fail(Errors.NO_SNAPSHOTS)
  // a script that runs too long may only be ended together with what it has written
  if (save !== false && c.context.gate.busy) return c.fail(Errors.BUSY)
  return { _tag: "Later", request: { _tag: "Shutdown", save, now, force } }
}

/** Until RDB files are written, nobody may take silence for a saved file. */
const cannotSave = (c: Invocation): void => {
  c.fail(Errors.NO_SNAPSHOTS)
}

const lastsave = (c: Invocation): void => c.reply.integer(c.context.server.lastSaveAt)

const whoami = (c: Invocation): void => c.reply.bulkText("default")

const modules = (c: Invocation): void => c.reply.array(0)

const container = {
  arity: -2,
  flags: [],
  categories: [],
  keys: [],
  group: "server",
  complexity: "Depends on subcommand."
} as const

const acl: CommandRecord = {
  ...container,
  name: "acl",
  since: "6.0.0",
  summary: "A container for Access List Control commands.",
  subcommands: [
    {
      name: "whoami",
      arity: 2,
      flags: ["noscript", "loading", "stale"],
      categories: [],
      keys: [],
      group: "server",
      since: "6.0.0",
      summary: "Returns the authenticated username of the current connection.",
      complexity: "O(1)",
      handler: whoami
    },
    helpRecord({ name: "acl", group: "server" }, "6.0.0", [
      "WHOAMI",
      "    Return the current connection username."
    ])
  ]
}

const module: CommandRecord = {
  ...container,
  name: "module",
  since: "4.0.0",
  summary: "A container for module commands.",
  subcommands: [
    {
      name: "list",
      arity: 2,
      flags: ["admin", "noscript"],
      categories: [],
      keys: [],
      group: "server",
      since: "4.0.0",
      summary: "Returns all loaded modules.",
      complexity: "O(N) where N is the number of loaded modules.",
      tips: ["nondeterministic_output_order"],
      handler: modules
    },
    helpRecord({ name: "module", group: "server" }, "5.0.0", ["LIST", "    Return a list of loaded modules."])
  ]
}

const server = { group: "server", categories: [], keys: [] } as const

export const serverCommands: ReadonlyArray<CommandRecord> = [
  info,
  config,
  {
    ...server,
    name: "time",
    arity: 1,
    flags: ["loading", "stale", "fast"],
    since: "2.6.0",
    summary: "Returns the server time.",
    complexity: "O(1)",
    tips: ["nondeterministic_output"],
    handler: time
  },
  {
    ...server,
    name: "lolwut",
    arity: -1,
    flags: ["readonly", "fast"],
    since: "5.0.0",
    summary: "Displays computer art and the Redis version",
    complexity: "",
    synopsis: "[VERSION version]",
    handler: lolwut
  },
  debug,
  {
    ...server,
    name: "save",
    arity: 1,
    flags: ["admin", "noscript", "no_async_loading", "no_multi"],
    since: "1.0.0",
    summary: "Synchronously saves the database(s) to disk.",
    complexity: "O(N) where N is the total number of keys in all databases",
    handler: cannotSave
  },
  {
    ...server,
    name: "bgsave",
    arity: -1,
    flags: ["admin", "noscript", "no_async_loading"],
    since: "1.0.0",
    summary: "Asynchronously saves the database(s) to disk.",
    complexity: "O(1)",
    synopsis: "[SCHEDULE]",
    handler: cannotSave
  },
  {
    ...server,
    name: "lastsave",
    arity: 1,
    flags: ["loading", "stale", "fast"],
    categories: ["admin", "dangerous"],
    since: "1.0.0",
    summary: "Returns the Unix timestamp of the last successful save to disk.",
    complexity: "O(1)",
    tips: ["nondeterministic_output"],
    handler: lastsave
  },
  {
    ...server,
    name: "shutdown",
    arity: -1,
    flags: ["admin", "noscript", "loading", "stale", "no_multi", "allow_busy"],
    since: "1.0.0",
    summary: "Synchronously saves the database(s) to disk and shuts down the Redis server.",
    complexity:
      "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
    synopsis: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    handler: shutdown
  },
  memory,
  {
    ...server,
    name: "role",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast"],
    categories: ["admin", "dangerous"],
    since: "2.8.12",
    summary: "Returns the replication role.",
    complexity: "O(1)",
    handler: role
  },
  module,
  acl
]
