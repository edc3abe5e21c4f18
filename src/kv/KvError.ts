/**
 * Why a command of the in-process client failed. No tier: a value.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { ReplyError } from "../resp/reply.js"

/**
 * A command failed. `reason` says who refused it:
 *
 *   Reply    Redis's own error; `code` is its first word (`WRONGTYPE`, `ERR`, `NOSCRIPT`, …), `message` all of it
 *   Closed   the client, its session or the store has been closed
 *   Wait     a synchronous call (`unsafe`) that would have to wait; the same command as an Effect waits
 *   Lost     it was executed, but what it changed could not be written to the append-only file: nobody knows whether it
 *            will be there after a restart
 *   Session  the command would change the session of a client that others may share: open a `session` for it
 *
 * @since 0.1.0
 * @category errors
 */
export class KvError extends Schema.TaggedError<KvError>()("KvError", {
  reason: Schema.Literal("Reply", "Closed", "Wait", "Lost", "Session"),
  code: Schema.String,
  command: Schema.String,
  message: Schema.String
}) {}

/** Redis's own error. */
export const replyError = (command: string, { code, message }: ReplyError): KvError =>
  new KvError({ reason: "Reply", code, command, message })

export const closedError = (command: string, what = "the store has been closed"): KvError =>
  new KvError({ reason: "Closed", code: "CLOSED", command, message: `CLOSED ${what}` })

export const waitError = (command: string): KvError =>
  new KvError({
    reason: "Wait",
    code: "WAIT",
    command,
    message: "WAIT this command cannot be answered synchronously now"
  })

export const lostError = (command: string): KvError =>
  new KvError({
    reason: "Lost",
    code: "LOST",
    command,
    message: "LOST what the command changed could not be written to the append only file"
  })

export const sessionError = (command: string): KvError =>
  new KvError({
    reason: "Session",
    code: "SESSION",
    command,
    message: `SESSION '${command}' would change the session of a client that others may share; open one with 'session'`
  })
