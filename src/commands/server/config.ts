/**
 * CONFIG: the settings, live. Pure, but for CONFIG REWRITE, which the host does.
 */
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import type { Outcome } from "../../engine/outcome.js"
import type { CommandFlag, CommandRecord } from "../../engine/record.js"
import { isLocal } from "../../engine/server.js"
import type { Command } from "../../engine/table.js"
import { helpRecord } from "../help.js"

/** A bulk string of a byte string (latin1, a character a byte). */
const bulkBytes = (c: Invocation, text: string): void => {
  const bytes = Buffer.from(text, "latin1")
  c.reply.bulk(bytes, 0, bytes.length)
}

const get = (c: Invocation): void => {
  const patterns: Array<string> = []
  for (let i = 2; i < c.argc; i++) patterns.push(c.text(i))
  const found = c.context.server.settings.get(patterns)
  c.reply.map(found.length)
  for (const [name, value] of found) {
    bulkBytes(c, name)
    bulkBytes(c, value)
  }
}

const set = (c: Invocation): Outcome => {
  if ((c.argc & 1) === 1) return c.fail(Errors.SYNTAX)
  const { settings } = c.context.server
  const { appendonly } = settings
  const pairs: Array<readonly [string, string]> = []
  for (let i = 2; i < c.argc; i += 2) pairs.push([c.text(i), c.text(i + 1)])
  const problem = settings.set(pairs, {
    local: isLocal(c.session),
    loading: c.context.loading
  })
  if (problem !== null) return c.failText(problem)
  // an AOF that begins has its base written first: the client waits for it, others do not
  if (settings.appendonly !== appendonly) {
    return {
      _tag: "Later",
      request: { _tag: "SwitchAof", on: settings.appendonly }
    }
  }
  c.reply.ok()
  return undefined
}

const resetCommand = (command: Command): void => {
  command.calls = command.rejected = command.failed = command.microseconds = 0
  if (command.subcommands !== undefined) for (const sub of command.subcommands.values()) resetCommand(sub)
}

const resetstat = (c: Invocation): void => {
  const { context, keyspace } = c
  const { server, stats } = context
  stats.commands = stats.connections = stats.rejectedConnections = 0
  stats.netInputBytes = stats.netOutputBytes = stats.errorReplies = 0
  keyspace.stats.hits = keyspace.stats.misses = keyspace.stats.expired = 0
  server.errors.clear()
  server.aof.delayedFsyncs = 0
  server.peakBytes = keyspace.segments.usedBytes
  context.table.all.forEach(resetCommand)
  c.reply.ok()
}

const rewrite = (c: Invocation): void => {
  const { host, settings } = c.context.server
  if (settings.configFile === "") {
    c.fail(Errors.NO_CONFIG_FILE)
    return
  }
  const problem = host.replaceFile(settings.configFile, (text) => settings.rewrite(text))
  if (problem === null) {
    host.log("notice", "CONFIG REWRITE executed with success.")
    c.reply.ok()
  } else {
    host.log("warning", `CONFIG REWRITE failed: ${problem}`)
    c.failText(`ERR Rewriting config file: ${problem}`)
  }
}

const HELP = [
  "GET <pattern>",
  "    Return parameters matching the glob-like <pattern> and their values.",
  "SET <directive> <value>",
  "    Set the configuration <directive> to <value>.",
  "RESETSTAT",
  "    Reset statistics reported by the INFO command.",
  "REWRITE",
  "    Rewrite the configuration file."
]

const FLAGS: ReadonlyArray<CommandFlag> = ["admin", "noscript", "loading", "stale"]

const sub = {
  group: "server",
  categories: [],
  keys: [],
  flags: FLAGS
} as const

export const config: CommandRecord = {
  name: "config",
  arity: -2,
  flags: [],
  categories: [],
  keys: [],
  group: "server",
  since: "2.0.0",
  summary: "A container for server configuration commands.",
  complexity: "Depends on subcommand.",
  subcommands: [
    {
      ...sub,
      name: "get",
      arity: -3,
      since: "2.0.0",
      summary: "Returns the effective values of configuration parameters.",
      complexity: "O(N) when N is the number of configuration parameters provided",
      synopsis: "parameter [parameter ...]",
      handler: get
    },
    {
      ...sub,
      name: "set",
      arity: -4,
      since: "2.0.0",
      summary: "Sets configuration parameters in-flight.",
      complexity: "O(N) when N is the number of configuration parameters provided",
      synopsis: "parameter value [parameter value ...]",
      tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
      handler: set
    },
    {
      ...sub,
      name: "resetstat",
      arity: 2,
      since: "2.0.0",
      summary: "Resets the server's statistics.",
      complexity: "O(1)",
      tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
      handler: resetstat
    },
    {
      ...sub,
      name: "rewrite",
      arity: 2,
      since: "2.8.0",
      summary: "Persists the effective configuration to file.",
      complexity: "O(1)",
      tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
      handler: rewrite
    },
    helpRecord({ name: "config", group: "server" }, "5.0.0", HELP)
  ]
}
