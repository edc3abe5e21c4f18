/**
 * How the in-process client waits for the AOF: the one place that knows. App tier.
 */
import * as Effect from "effect/Effect"
import type { Engine } from "../engine/engine.js"
import { ReplyError } from "../resp/reply.js"
import { type KvError, replyError } from "./KvError.js"

/** Gives the value when what has changed since `changes` (of `engine.log`) is as safe as the policy asks. */
export const committed = <A>(
  engine: Engine,
  value: Effect.Effect<A, KvError>,
  command: string,
  changes: number
): Effect.Effect<A, KvError> => {
  const { commit } = engine
  if (commit === null || engine.log.changes === changes) return value
  return Effect.async<A, KvError>((resume) => {
    commit((failure) => {
      if (failure === null) return resume(value)
      const error = new ReplyError(Buffer.from(failure).toString("utf8", 1).trim())
      resume(Effect.fail(replyError(command, error)))
    })
  })
}

/** Hands what has changed to the operating system, for a caller that does not wait for the disk. */
export const handOver = (engine: Engine): void => {
  if (engine.commit !== null && engine.log.length > 0) engine.commit(() => {})
}
