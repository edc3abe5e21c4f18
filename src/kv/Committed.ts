/**
 * How the in-process client waits for the AOF: the one place that knows. App tier.
 */
import * as Effect from "effect/Effect"
import type { Engine } from "../engine/engine.js"
import { type KvError, lostError } from "./KvError.js"

/** Gives the value when what has been logged since `before` (an `engine.ground`) is as safe as the policy asks. */
export const committed = <A>(
  engine: Engine,
  value: Effect.Effect<A, KvError>,
  command: string,
  before: number
): Effect.Effect<A, KvError> => {
  const { ground } = engine
  if (ground === before || ground <= engine.propagation.safe) return value
  return Effect.async<A, KvError>((resume) => {
    engine.outbox.whenSafe(ground, (safe) => resume(safe ? value : Effect.fail(lostError(command))))
  })
}

/** Hands what has changed to the operating system, for a caller that does not wait for the disk. */
export const handOver = (engine: Engine): void => {
  if (engine.changes.log.hasPending) engine.flush()
}
