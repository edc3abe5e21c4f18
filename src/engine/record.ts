/**
 * What a command is: one record says everything, and COMMAND, ACL, script rules and dispatch are derived from it. Pure.
 */
import type { Invocation } from "./invocation.js"
import type { Outcome } from "./outcome.js"

/** Redis's command flags, by the names that COMMAND INFO gives. */
export type CommandFlag =
  | "write"
  | "readonly"
  | "denyoom"
  | "admin"
  | "noscript"
  | "loading"
  | "stale"
  | "fast"
  | "no_auth"
  | "skip_monitor"
  | "skip_slowlog"
  | "blocking"
  | "allow_busy"
  | "movablekeys"
  | "no_async_loading"
  | "no_multi"
  | "pubsub"
  | "no_mandatory_keys"
  | "protected"

/** Where a command's keys are, as Redis's key specs say it. */
export interface KeySpec {
  /** RO, RW, OW or RM; ACCESS, UPDATE, INSERT, DELETE; INCOMPLETE, VARIABLE_FLAGS, NOT_KEY. */
  readonly flags: ReadonlyArray<string>
  /** The argument of the first key, or the keyword that it follows. */
  readonly begin: { readonly index: number } | { readonly keyword: string; readonly startFrom: number }
  /** A range of keys, or a count in an argument. */
  readonly find:
    | {
        readonly lastKey: number
        readonly step: number
        readonly limit: number
      }
    | {
        readonly keyCountAt: number
        readonly firstKey: number
        readonly step: number
      }
    | null
}

/** Runs a command. The reply is written to `invocation.reply`, unless the outcome says that the command waits. */
export type Handler = (invocation: Invocation) => Outcome

export interface CommandRecord {
  /** In lower case. A subcommand has its own name alone. */
  readonly name: string
  /** Arguments with the name; negative: at least so many. */
  readonly arity: number
  readonly flags: ReadonlyArray<CommandFlag>
  /** ACL categories besides those that follow from flags, without "@". */
  readonly categories: ReadonlyArray<string>
  readonly keys: ReadonlyArray<KeySpec>
  readonly group: string
  readonly since: string
  readonly summary: string
  readonly complexity: string
  /** The arguments as Redis's synopsis writes them: `key value [NX | XX] [GET]`. */
  readonly synopsis?: string
  readonly tips?: ReadonlyArray<string>
  readonly deprecated?: { readonly since: string; readonly replacedBy: string }
  readonly subcommands?: ReadonlyArray<CommandRecord>
  /** A container of subcommands has none of its own. */
  readonly handler?: Handler
}

/** A key spec for one key at an argument. */
export const keyAt = (index: number, flags: string): KeySpec => ({
  flags: flags.split(" "),
  begin: { index },
  find: { lastKey: 0, step: 1, limit: 0 }
})

/** A key spec for keys from an argument to the last (`lastKey` counts from `index`; -1 is the last argument). */
export const keysFrom = (index: number, lastKey: number, step: number, flags: string): KeySpec => ({
  flags: flags.split(" "),
  begin: { index },
  find: { lastKey, step, limit: 0 }
})

/** A key spec for as many keys as an argument says. */
export const keysCounted = (index: number, flags: string): KeySpec => ({
  flags: flags.split(" "),
  begin: { index },
  find: { keyCountAt: 0, firstKey: 1, step: 1 }
})
