/**
 * Taking turns with the event loop. No tier: it holds nothing.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/**
 * Goes on in the next turn of the event loop, when sockets and timers have had theirs: between the slices of anything
 * long. (`Effect.yieldNow` comes back before they do.)
 *
 * @since 0.1.0
 */
export const turn: Effect.Effect<void> = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})
