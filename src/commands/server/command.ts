/**
 * COMMAND: what the records say of the commands, as Redis tells it. Pure.
 */
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import type { CommandRecord, KeySpec } from "../../engine/record.js"
import type { Command } from "../../engine/table.js"
import type { ReplyWriter } from "../../resp/writer.js"
import { matchBytes } from "../../values/glob.js"
import { helpRecord } from "../help.js"
import { categoriesOf, KEY_FLAGS, keyPositions, keyRange, shownFlags } from "./derived.js"
import { type Argument, argumentsOf } from "./synopsis.js"

/** Writes one field of a map. */
type Field = readonly [name: string, write: (reply: ReplyWriter) => void]

const writeMap = (reply: ReplyWriter, fields: ReadonlyArray<Field>): void => {
  reply.map(fields.length)
  for (const [name, write] of fields) {
    reply.bulkText(name)
    write(reply)
  }
}

const text =
  (value: string) =>
  (reply: ReplyWriter): void =>
    reply.bulkText(value)

const integer =
  (value: number) =>
  (reply: ReplyWriter): void =>
    reply.integer(value)

const map =
  (...fields: ReadonlyArray<Field>) =>
  (reply: ReplyWriter): void =>
    writeMap(reply, fields)

/** A set of flags, as simple strings. */
const writeFlags = (reply: ReplyWriter, names: ReadonlyArray<string>): void => {
  reply.set(names.length)
  for (const name of names) reply.simple(name)
}

const writeKeyFlags = (reply: ReplyWriter, flags: ReadonlyArray<string>): void =>
  writeFlags(
    reply,
    KEY_FLAGS.filter(([flag]) => flags.includes(flag)).map(([, name]) => name)
  )

const subcommandsOf = ({ subcommands }: Command): ReadonlyArray<Command> =>
  subcommands === undefined ? [] : [...subcommands.values()]

/** How a part of a key spec is done: by what, and with which numbers. */
const means = (type: string, ...spec: ReadonlyArray<Field>): ((reply: ReplyWriter) => void) =>
  map(["type", text(type)], ["spec", map(...spec)])

const writeKeySpec = (reply: ReplyWriter, { begin, find, flags }: KeySpec): void =>
  writeMap(reply, [
    ["flags", (to) => writeKeyFlags(to, flags)],
    [
      "begin_search",
      "index" in begin
        ? means("index", ["index", integer(begin.index)])
        : means("keyword", ["keyword", text(begin.keyword)], ["startfrom", integer(begin.startFrom)])
    ],
    [
      "find_keys",
      find === null
        ? means("unknown")
        : "lastKey" in find
          ? means(
              "range",
              ["lastkey", integer(find.lastKey)],
              ["keystep", integer(find.step)],
              ["limit", integer(find.limit)]
            )
          : means(
              "keynum",
              ["keynumidx", integer(find.keyCountAt)],
              ["firstkey", integer(find.firstKey)],
              ["keystep", integer(find.step)]
            )
    ]
  ])

const writeInfo = (reply: ReplyWriter, command: Command | undefined): void => {
  if (command === undefined) {
    reply.null()
    return
  }
  const { fullName, record } = command
  const { first, last, step } = keyRange(record)
  const categories = categoriesOf(record)
  const tips = record.tips ?? []
  const subcommands = subcommandsOf(command)
  reply.array(10)
  reply.bulkText(fullName)
  reply.integer(record.arity)
  writeFlags(reply, shownFlags(record))
  reply.integer(first)
  reply.integer(last)
  reply.integer(step)
  writeFlags(
    reply,
    categories.map((category) => `@${category}`)
  )
  reply.set(tips.length)
  for (const tip of tips) reply.bulkText(tip)
  reply.set(record.keys.length)
  for (const spec of record.keys) writeKeySpec(reply, spec)
  if (subcommands.length === 0) reply.set(0)
  else reply.array(subcommands.length)
  for (const sub of subcommands) writeInfo(reply, sub)
}

const writeArgument = (reply: ReplyWriter, argument: Argument): void => {
  const { keySpec, name, parts, token, type } = argument
  const flags: Array<string> = []
  if (argument.optional) flags.push("optional")
  if (argument.multiple) flags.push("multiple")
  if (argument.multipleToken) flags.push("multiple_token")
  const fields: Array<Field> = [
    ["name", text(name)],
    ["type", text(type)]
  ]
  if (parts === undefined) fields.push(["display_text", text(name)])
  if (keySpec !== undefined) fields.push(["key_spec_index", integer(keySpec)])
  if (token !== undefined) fields.push(["token", text(token)])
  if (flags.length > 0) fields.push(["flags", (to) => writeFlags(to, flags)])
  if (parts !== undefined) fields.push(["arguments", (to) => writeArguments(to, parts)])
  writeMap(reply, fields)
}

const writeArguments = (reply: ReplyWriter, list: ReadonlyArray<Argument>): void => {
  reply.array(list.length)
  for (const argument of list) writeArgument(reply, argument)
}

const writeDocs = (reply: ReplyWriter, command: Command): void => {
  const { record } = command
  const args = argumentsOf(record)
  const subcommands = subcommandsOf(command)
  const fields: Array<Field> = [
    ["summary", text(record.summary)],
    ["since", text(record.since)],
    ["group", text(record.group)]
  ]
  if (record.complexity !== "") fields.push(["complexity", text(record.complexity)])
  const { deprecated } = record
  if (deprecated !== undefined) {
    fields.push(
      ["doc_flags", (to) => writeFlags(to, ["deprecated"])],
      ["deprecated_since", text(deprecated.since)],
      ["replaced_by", text(deprecated.replacedBy)]
    )
  }
  if (args.length > 0) fields.push(["arguments", (to) => writeArguments(to, args)])
  if (subcommands.length > 0) {
    fields.push(["subcommands", map(...subcommands.map((sub): Field => [sub.fullName, docs(sub)]))])
  }
  writeMap(reply, fields)
}

const docs =
  (command: Command) =>
  (reply: ReplyWriter): void =>
    writeDocs(reply, command)

/** The command of a name such as `get` or `config|set`, whatever the case. */
const named = (c: Invocation, name: string): Command | undefined => {
  const [first, second, ...more] = name.toLowerCase().split("|")
  const command = c.context.table.byName(first!)
  if (second === undefined) return command
  return more.length > 0 ? undefined : command?.subcommands?.get(second)
}

const bare = (c: Invocation): void => {
  // an unknown subcommand comes here too
  if (c.argc > 1) c.failText(Errors.unknownSubcommand(c.text(1), "COMMAND"))
  else writeAll(c)
}

const writeAll = (c: Invocation): void => {
  const { all } = c.context.table
  c.reply.array(all.length)
  for (const command of all) writeInfo(c.reply, command)
}

const count = (c: Invocation): void => c.reply.integer(c.context.table.all.length)

const info = (c: Invocation): void => {
  if (c.argc === 2) {
    writeAll(c)
    return
  }
  c.reply.array(c.argc - 2)
  for (let i = 2; i < c.argc; i++) writeInfo(c.reply, named(c, c.text(i)))
}

const documentation = (c: Invocation): void => {
  const found: Array<Command> = []
  for (let i = 2; i < c.argc; i++) {
    const command = named(c, c.text(i))
    if (command !== undefined) found.push(command)
  }
  const wanted = c.argc === 2 ? c.context.table.all : found
  writeMap(
    c.reply,
    wanted.map((command) => [command.fullName, docs(command)])
  )
}

/** Which commands COMMAND LIST shows; replies with an error where the filter is none. */
const listFilter = (c: Invocation): ((command: Command) => boolean) | undefined => {
  if (c.argc === 2) return () => true
  if (c.argc !== 5 || !c.isWord(2, "FILTERBY")) return c.fail(Errors.SYNTAX)
  // no command comes from a module
  if (c.isWord(3, "MODULE")) return () => false
  if (c.isWord(3, "ACLCAT")) {
    const category = c.text(4).toLowerCase()
    return ({ record }) => categoriesOf(record).includes(category)
  }
  if (!c.isWord(3, "PATTERN")) return c.fail(Errors.SYNTAX)
  const pattern = Buffer.from(c.argument(4))
  return ({ fullName }) => matchBytes(pattern, Buffer.from(fullName, "latin1"), 0, fullName.length, true)
}

const list = (c: Invocation): void => {
  const filter = listFilter(c)
  if (filter === undefined) return
  const found = c.context.table.all.flatMap((command) => [command, ...subcommandsOf(command)]).filter(filter)
  c.reply.array(found.length)
  for (const { fullName } of found) c.reply.bulkText(fullName)
}

/** The keys of the call in the arguments from 2 on, handed to `write` one by one. */
const keysOfCall = (c: Invocation, write: (argument: number, flags: ReadonlyArray<string>) => void): void => {
  const command = c.context.table.byName(c.text(2).toLowerCase())
  const record: CommandRecord | undefined =
    command?.subcommands === undefined || c.argc < 4
      ? command?.record
      : (command.subcommands.get(c.text(3).toLowerCase())?.record ??
        (command.handler === undefined ? undefined : command.record))
  if (record === undefined) {
    c.fail(Errors.INVALID_COMMAND)
    return
  }
  if (record.keys.length === 0) {
    c.fail(Errors.COMMAND_WITHOUT_KEYS)
    return
  }
  const argc = c.argc - 2
  if (record.arity > 0 ? argc !== record.arity : argc < -record.arity) {
    c.fail(Errors.INVALID_COMMAND_ARITY)
    return
  }
  const args: Array<Uint8Array> = []
  for (let i = 2; i < c.argc; i++) args.push(c.argument(i))
  const keys = keyPositions(record, args) ?? []
  if (keys.length === 0 && !record.flags.includes("no_mandatory_keys")) {
    c.fail(Errors.INVALID_COMMAND_ARGUMENTS)
    return
  }
  c.reply.array(keys.length)
  for (const { flags, index } of keys) write(index + 2, flags)
}

const bulkArgument = (c: Invocation, index: number): void =>
  c.reply.bulk(c.bytes, c.start(index), c.length(index))

const getkeys = (c: Invocation): void => keysOfCall(c, (index) => bulkArgument(c, index))

const getkeysandflags = (c: Invocation): void =>
  keysOfCall(c, (index, flags) => {
    c.reply.array(2)
    bulkArgument(c, index)
    writeKeyFlags(c.reply, flags)
  })

const HELP = [
  "(no subcommand)",
  "    Return details about all Redis commands.",
  "COUNT",
  "    Return the total number of commands in this Redis server.",
  "LIST",
  "    Return a list of all commands in this Redis server.",
  "INFO [<command-name> ...]",
  "    Return details about multiple Redis commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "DOCS [<command-name> ...]",
  "    Return documentation details about multiple Redis commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "GETKEYS <full-command>",
  "    Return the keys from a full Redis command.",
  "GETKEYSANDFLAGS <full-command>",
  "    Return the keys and the access flags from a full Redis command."
]

const server = {
  group: "server",
  categories: ["connection"],
  keys: [],
  flags: ["loading", "stale"],
  since: "2.8.13"
} as const

export const commandCommands: ReadonlyArray<CommandRecord> = [
  {
    ...server,
    name: "command",
    arity: -1,
    summary: "Returns detailed information about all commands.",
    complexity: "O(N) where N is the total number of Redis commands",
    tips: ["nondeterministic_output_order"],
    handler: bare,
    subcommands: [
      {
        ...server,
        name: "count",
        arity: 2,
        summary: "Returns a count of commands.",
        complexity: "O(1)",
        handler: count
      },
      {
        ...server,
        name: "docs",
        arity: -2,
        since: "7.0.0",
        summary: "Returns documentary information about one, multiple or all commands.",
        complexity: "O(N) where N is the number of commands to look up",
        synopsis: "[command-name [command-name ...]]",
        tips: ["nondeterministic_output_order"],
        handler: documentation
      },
      {
        ...server,
        name: "getkeys",
        arity: -3,
        summary: "Extracts the key names from an arbitrary command.",
        complexity: "O(N) where N is the number of arguments to the command",
        synopsis: "command [arg [arg ...]]",
        handler: getkeys
      },
      {
        ...server,
        name: "getkeysandflags",
        arity: -3,
        since: "7.0.0",
        summary: "Extracts the key names and access flags for an arbitrary command.",
        complexity: "O(N) where N is the number of arguments to the command",
        synopsis: "command [arg [arg ...]]",
        handler: getkeysandflags
      },
      {
        ...server,
        name: "info",
        arity: -2,
        summary: "Returns information about one, multiple or all commands.",
        complexity: "O(N) where N is the number of commands to look up",
        synopsis: "[command-name [command-name ...]]",
        tips: ["nondeterministic_output_order"],
        handler: info
      },
      {
        ...server,
        name: "list",
        arity: -2,
        since: "7.0.0",
        summary: "Returns a list of command names.",
        complexity: "O(N) where N is the total number of Redis commands",
        synopsis: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
        tips: ["nondeterministic_output_order"],
        handler: list
      },
      helpRecord({ name: "command", group: "server", categories: ["connection"] }, "5.0.0", HELP)
    ]
  }
]
