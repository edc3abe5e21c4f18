/**
 * The HELP subcommand of containers, as Redis words and frames it. Pure.
 */
import * as Errors from "../engine/errors.js"
import type { Invocation } from "../engine/invocation.js"
import type { CommandFlag, CommandRecord } from "../engine/record.js"

/** Replies with the help of a command that has subcommands. */
export const replyHelp = (c: Invocation, command: string, lines: ReadonlyArray<string>): void => {
  c.reply.array(lines.length + 3)
  c.reply.simple(`${command.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`)
  for (const line of lines) c.reply.simple(line)
  c.reply.simple("HELP")
  c.reply.simple("    Print this help.")
}

/** The reply to a subcommand that a command without records for them does not know. */
export const failSubcommand = (c: Invocation, command: string): undefined =>
  c.failText(
    `ERR unknown subcommand or wrong number of arguments for '${Errors.printable(c.text(1))}'. Try ${command.toUpperCase()} HELP.`
  )

/** The record of a container's HELP. */
export const helpRecord = (
  container: Pick<CommandRecord, "name" | "group"> & {
    readonly categories?: ReadonlyArray<string>
  },
  since: string,
  lines: ReadonlyArray<string>,
  flags: ReadonlyArray<CommandFlag> = ["loading", "stale"]
): CommandRecord => ({
  name: "help",
  arity: 2,
  flags,
  categories: container.categories ?? [],
  keys: [],
  group: container.group,
  since,
  summary: "Returns helpful text about the different subcommands.",
  complexity: "O(1)",
  handler: (c) => replyHelp(c, container.name, lines)
})
