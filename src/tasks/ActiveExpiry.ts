/**
 * Removes keys whose time has come, in bounded slices. Tasks tier: nothing is scheduled after its scope closes.
 *
 * Expired keys are never visible, whether removed or not; this task gives their memory back and tells the AOF. The
 * index by deadline makes it exact: it sleeps until a key is due (or for a 1/hz of a second, whichever is more), is
 * woken where a deadline comes in that is earlier, and looks at keys that are due and at no others.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { turn } from "../machine/EventLoop.js"
import { RequestEngine } from "../RequestEngine.js"
import { ServerConfig } from "../ServerConfig.js"
import { nextDue, wheelsOf } from "../store/alarm.js"

/** Keys removed before others get their turn. */
const SLICE_KEYS = 512
/** How often the clock is looked at, in real time, for having been set. */
const WATCH_MS = 1000

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never, never, RequestEngine | ServerConfig> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const settings = yield* ServerConfig
    const { engine } = yield* RequestEngine
    const { hooks, keyspace } = engine
    const { alarm } = keyspace
    const woken = yield* Effect.makeLatch(false)
    alarm.ring = () => {
      woken.unsafeOpen()
    }

    const slice = Effect.sync(() => {
      // a script sees one time; nothing else may change the data meanwhile
      if (!engine.server.activeExpire || engine.gate.running || engine.loading) return true
      engine.refreshTime()
      const done = keyspace.expireDue(SLICE_KEYS)
      engine.afterCommand()
      if (engine.changes.log.hasPending) engine.requestFlush()
      return done
    })
    /** What was put in order by a clock that has been set back since. */
    const followClock = Effect.gen(function* () {
      for (const wheel of wheelsOf(keyspace.databases)) if (wheel.setBack(hooks.now())) yield* turn
    })
    const rest = Effect.suspend(() => {
      const now = hooks.now()
      const due = Math.max(nextDue(wheelsOf(keyspace.databases)), now + 1000 / settings.hz)
      woken.unsafeClose()
      alarm.at = due
      if (due === Number.POSITIVE_INFINITY) return woken.await
      return Effect.raceFirst(Effect.sleep(due - now), woken.await)
    })
    const cycle = Effect.gen(function* () {
      alarm.at = Number.NEGATIVE_INFINITY
      yield* followClock
      while (!(yield* slice)) yield* turn
      yield* rest
    })
    yield* Effect.forkScoped(Effect.forever(cycle))

    // a timer does not hear of a clock that is set; under a TestClock, whose sleeps do, this finds nothing
    let seen = hooks.now()
    const watch = Effect.sync(() => {
      const now = hooks.now()
      if (now >= alarm.at || now < seen - WATCH_MS) woken.unsafeOpen()
      seen = now
    })
    yield* Effect.forever(Effect.delay(watch, WATCH_MS)).pipe(
      Effect.forkScoped,
      Effect.withClock(Clock.make())
    )
  })
)
