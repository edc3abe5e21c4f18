/**
 * Removes keys whose time has come, in bounded slices. Tasks tier: nothing is scheduled after its scope closes.
 *
 * Expired keys are never visible, whether removed or not; this task gives their memory back and tells the AOF. The
 * index by deadline makes it exact: it looks at keys that are due, and at no others.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { turn } from "../machine/EventLoop.js"
import { RequestEngine } from "../RequestEngine.js"
import { ServerConfig } from "../ServerConfig.js"

/** Keys removed before others get their turn. */
const SLICE_KEYS = 512

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never, never, RequestEngine | ServerConfig> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const settings = yield* ServerConfig
    const { engine } = yield* RequestEngine
    const { keyspace } = engine
    const slice = Effect.sync(() => {
      // a script sees one time; nothing else may change the data meanwhile
      if (!engine.server.activeExpire || engine.gate.running || engine.loading) return true
      engine.refreshTime()
      const done = keyspace.expireDue(SLICE_KEYS)
      engine.afterCommand()
      if (engine.changes.log.hasPending) engine.requestFlush()
      return done
    })
    const cycle = Effect.gen(function* () {
      while (!(yield* slice)) yield* turn
      yield* Effect.sleep(1000 / settings.hz)
    })
    yield* Effect.forkScoped(Effect.forever(cycle))
  })
)
