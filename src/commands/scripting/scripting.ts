/**
 * The scripting commands: EVAL and its kin hand a script to the actor; SCRIPT keeps the cache. Pure.
 */
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import type { LoadScript, Outcome, RunScript, Script } from "../../engine/outcome.js"
import { type CommandFlag, type CommandRecord, keysCounted } from "../../engine/record.js"
import { scriptSha } from "../../lua/scripts.js"
import { helpRecord } from "../help.js"

const SHA_CHARACTERS = 40
/** Where EVAL and EVALSHA have the count of keys. */
const KEY_COUNT = 2

/** What a script that is killed ends with. */
const KILLED = "ERR Script killed by user with SCRIPT KILL..."

/** How many of the arguments are keys; replies with an error where the count cannot be right. */
const keyCount = (c: Invocation): number | undefined => {
  const count = c.integerOrFail(KEY_COUNT)
  if (count === undefined) return undefined
  if (count > c.argc - KEY_COUNT - 1) return c.fail(Errors.TOO_MANY_KEYS)
  if (count < 0) return c.fail(Errors.NEGATIVE_KEY_COUNT)
  return Number(count)
}

/** Copies of arguments: the script runs after the command's bytes are gone. */
const copies = (c: Invocation, from: number, end: number): Array<Buffer> => {
  const copied: Array<Buffer> = []
  for (let i = from; i < end; i++) copied.push(Buffer.from(c.argument(i)))
  return copied
}

const run = (c: Invocation, script: Script, keys: number, readOnly: boolean): RunScript => {
  const firstArgument = KEY_COUNT + 1 + keys
  return {
    _tag: "RunScript",
    script,
    keys: copies(c, KEY_COUNT + 1, firstArgument),
    args: copies(c, firstArgument, c.argc),
    readOnly
  }
}

const evaluate =
  (readOnly: boolean) =>
  (c: Invocation): Outcome => {
    const keys = keyCount(c)
    if (keys === undefined) return undefined
    return run(c, c.context.scripts.use(c.argument(1)), keys, readOnly)
  }

const evaluateSha =
  (readOnly: boolean) =>
  (c: Invocation): Outcome => {
    if (c.length(1) !== SHA_CHARACTERS) return c.fail(Errors.NO_SCRIPT)
    const keys = keyCount(c)
    if (keys === undefined) return undefined
    const script = c.context.scripts.find(c.text(1).toLowerCase())
    return script === undefined ? c.fail(Errors.NO_SCRIPT) : run(c, script, keys, readOnly)
  }

/** The actor compiles it before it is kept. */
const load = (c: Invocation): LoadScript => {
  const source = Buffer.from(c.argument(2))
  return { _tag: "LoadScript", script: { sha: scriptSha(source), source } }
}

const exists = (c: Invocation): void => {
  c.reply.array(c.argc - 2)
  for (let i = 2; i < c.argc; i++) c.reply.integer(c.context.scripts.has(c.text(i).toLowerCase()) ? 1 : 0)
}

const flush = (c: Invocation): void => {
  if (c.argc > 3 || (c.argc === 3 && !c.isWord(2, "SYNC") && !c.isWord(2, "ASYNC"))) {
    c.fail(Errors.SCRIPT_FLUSH_OPTION)
    return
  }
  c.context.scripts.flush()
  c.reply.ok()
}

const kill = (c: Invocation): void => {
  const { gate } = c.context
  if (!gate.running) c.fail(Errors.NOT_BUSY)
  else if (gate.wrote) c.fail(Errors.UNKILLABLE)
  else {
    gate.killed = KILLED
    c.reply.ok()
  }
}

const debug = (c: Invocation): void => {
  if (c.isWord(2, "NO")) c.reply.ok()
  else if (c.isWord(2, "YES") || c.isWord(2, "SYNC")) c.fail(Errors.NO_LUA_DEBUGGER)
  else c.fail(Errors.SCRIPT_DEBUG_MODE)
}

const HELP = [
  "DEBUG (YES|SYNC|NO)",
  "    Set the debug mode for subsequent scripts executed.",
  "EXISTS <sha1> [<sha1> ...]",
  "    Return information about the existence of the scripts in the script cache.",
  "FLUSH [ASYNC|SYNC]",
  "    Flush the Lua scripts cache. Very dangerous on replicas.",
  "    When called without the optional mode argument, the behavior is determined by the",
  "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
  "    * ASYNC: Asynchronously flush the scripts cache.",
  "    * SYNC: Synchronously flush the scripts cache.",
  "KILL",
  "    Kill the currently executing Lua script.",
  "LOAD <script>",
  "    Load a script into the scripts cache without executing it."
]

const scripting = {
  group: "scripting",
  categories: ["scripting"],
  complexity: "Depends on the script that is executed."
} as const

const EVAL_FLAGS: ReadonlyArray<CommandFlag> = ["noscript", "stale", "skip_monitor", "no_mandatory_keys"]
const EVAL_RO_FLAGS: ReadonlyArray<CommandFlag> = ["readonly", ...EVAL_FLAGS]
const EVAL_KEYS = [keysCounted(KEY_COUNT, "RW ACCESS UPDATE")]
const EVAL_RO_KEYS = [keysCounted(KEY_COUNT, "RO ACCESS")]

const sub = {
  group: "scripting",
  categories: ["scripting"],
  keys: [],
  since: "2.6.0"
} as const

const script: CommandRecord = {
  name: "script",
  arity: -2,
  flags: [],
  categories: [],
  keys: [],
  group: "scripting",
  since: "2.6.0",
  summary: "A container for Lua scripts management commands.",
  complexity: "Depends on subcommand.",
  subcommands: [
    {
      ...sub,
      name: "load",
      arity: 3,
      flags: ["noscript", "stale"],
      summary: "Loads a server-side Lua script to the script cache.",
      complexity: "O(N) with N being the length in bytes of the script body.",
      synopsis: "script",
      tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
      handler: load
    },
    {
      ...sub,
      name: "exists",
      arity: -3,
      flags: ["noscript"],
      summary: "Determines whether server-side Lua scripts exist in the script cache.",
      complexity:
        "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
      synopsis: "sha1 [sha1 ...]",
      tips: ["request_policy:all_shards", "response_policy:agg_logical_and"],
      handler: exists
    },
    {
      ...sub,
      name: "flush",
      arity: -2,
      flags: ["noscript"],
      summary: "Removes all server-side Lua scripts from the script cache.",
      complexity: "O(N) with N being the number of scripts in cache",
      synopsis: "[ASYNC | SYNC]",
      tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
      handler: flush
    },
    {
      ...sub,
      name: "kill",
      arity: 2,
      flags: ["noscript", "allow_busy"],
      summary: "Terminates a server-side Lua script during execution.",
      complexity: "O(1)",
      tips: ["request_policy:all_shards", "response_policy:one_succeeded"],
      handler: kill
    },
    {
      ...sub,
      name: "debug",
      arity: 3,
      flags: ["noscript"],
      since: "3.2.0",
      summary: "Sets the debug mode of server-side Lua scripts.",
      complexity: "O(1)",
      synopsis: "<YES | SYNC | NO>",
      handler: debug
    },
    helpRecord({ name: "script", group: "scripting", categories: ["scripting"] }, "5.0.0", HELP)
  ]
}

export const scriptingCommands: ReadonlyArray<CommandRecord> = [
  {
    ...scripting,
    name: "eval",
    arity: -3,
    flags: EVAL_FLAGS,
    keys: EVAL_KEYS,
    since: "2.6.0",
    summary: "Executes a server-side Lua script.",
    synopsis: "script numkeys [key [key ...]] [arg [arg ...]]",
    handler: evaluate(false)
  },
  {
    ...scripting,
    name: "eval_ro",
    arity: -3,
    flags: EVAL_RO_FLAGS,
    keys: EVAL_RO_KEYS,
    since: "7.0.0",
    summary: "Executes a read-only server-side Lua script.",
    synopsis: "script numkeys [key [key ...]] [arg [arg ...]]",
    handler: evaluate(true)
  },
  {
    ...scripting,
    name: "evalsha",
    arity: -3,
    flags: EVAL_FLAGS,
    keys: EVAL_KEYS,
    since: "2.6.0",
    summary: "Executes a server-side Lua script by SHA1 digest.",
    synopsis: "sha1 numkeys [key [key ...]] [arg [arg ...]]",
    handler: evaluateSha(false)
  },
  {
    ...scripting,
    name: "evalsha_ro",
    arity: -3,
    flags: EVAL_RO_FLAGS,
    keys: EVAL_RO_KEYS,
    since: "7.0.0",
    summary: "Executes a read-only server-side Lua script by SHA1 digest.",
    synopsis: "sha1 numkeys [key [key ...]] [arg [arg ...]]",
    handler: evaluateSha(true)
  },
  script
]
