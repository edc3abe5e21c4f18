/**
 * Samples rates and peaks for INFO. Tasks tier: ends with its scope.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { usedBytes } from "../engine/memory.js"
import { RequestEngine } from "../RequestEngine.js"

const INTERVAL_MS = 100
/** Samples that a rate is averaged over. */
const SAMPLES = 16

/** A rate per second over the last samples of a growing count. */
class Rate {
  private readonly counts: Array<number> = []

  sample(count: number): number {
    this.counts.push(count)
    if (this.counts.length > SAMPLES + 1) this.counts.shift()
    const spanMs = (this.counts.length - 1) * INTERVAL_MS
    return spanMs === 0 ? 0 : ((count - this.counts[0]!) * 1000) / spanMs
  }
}

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never, never, RequestEngine> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const { engine } = yield* RequestEngine
    const { server, stats } = engine
    const commands = new Rate()
    const input = new Rate()
    const output = new Rate()
    const sample = Effect.sync(() => {
      server.opsPerSecond = Math.round(commands.sample(stats.commands))
      server.inputBytesPerSecond = input.sample(stats.netInputBytes)
      server.outputBytesPerSecond = output.sample(stats.netOutputBytes)
      server.notePeak(usedBytes(engine))
    })
    // the listeners stand, and the files are loaded, some time after this service: the start is over with the first
    // regular sample that finds nothing loading
    let starting = true
    const noteStart = Effect.sync(() => {
      if (!starting) return
      const bytes = server.host.allocatedBytes() - engine.keyspace.segments.reservedBytes
      server.startupBytes = Math.max(server.startupBytes, bytes)
    })
    const noteStarted = Effect.sync(() => {
      starting &&= engine.loading
    })
    yield* noteStart
    yield* sample
    yield* Effect.forever(Effect.delay(Effect.all([noteStart, noteStarted, sample]), INTERVAL_MS)).pipe(
      Effect.forkScoped,
      // rates are of real time, and a TestClock that moves an hour would run every sample of it
      Effect.withClock(Clock.make())
    )
  })
)
