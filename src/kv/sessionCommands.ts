/**
 * Commands that change the session which sends them. Pure.
 *
 * A client that many share has one session, so these are refused there. Those that are not in the command table yet are
 * named as well: the day they come, nobody's shared client falls into a transaction.
 */
import type { Argument } from "../resp/encoder.js"

const COMMANDS: ReadonlySet<string> = new Set([
  "asking",
  "auth",
  "discard",
  "exec",
  "hello",
  "monitor",
  "multi",
  "psubscribe",
  "psync",
  "punsubscribe",
  "quit",
  "readonly",
  "readwrite",
  "reset",
  "select",
  "ssubscribe",
  "subscribe",
  "sunsubscribe",
  "sync",
  "unsubscribe",
  "unwatch",
  "watch"
])

const CLIENT_SUBCOMMANDS: ReadonlySet<string> = new Set([
  "caching",
  "no-evict",
  "no-touch",
  "reply",
  "setinfo",
  "setname",
  "tracking"
])

/** Whether a command of this name can change its session, with some subcommand perhaps. */
export const mayChangeSession = (command: string): boolean => {
  const name = command.toLowerCase()
  return name === "client" || COMMANDS.has(name)
}

/** Whether a command, with this as its first argument, changes its session. */
export const changesSession = (command: string, subcommand: Argument | undefined): boolean => {
  const name = command.toLowerCase()
  if (name !== "client") return COMMANDS.has(name)
  const text =
    typeof subcommand === "object" ? Buffer.from(subcommand).toString("latin1") : String(subcommand)
  return CLIENT_SUBCOMMANDS.has(text.toLowerCase())
}
