/**
 * Where the log goes: to every sink the same bytes in the same order. Pure.
 *
 * A sink takes what it is given at once and keeps for itself what it cannot pass on yet, so that one that is slow,
 * fails or joins late changes nothing for the others. `safe` is how far the log is as safe as replies must wait for
 * (by the sink that answers for that: the AOF); positions are those of `CommandLog.position`.
 */
import type { CommandLog } from "./commandLog.js"

/** Takes whole commands. It must not throw, and must not keep the bytes, which are valid during the call only. */
export interface LogSink {
  readonly take: (bytes: Buffer) => void
}

export class Propagation {
  /**
   * How far the log is safe: replies that rest on more wait. Infinity while nobody answers for it. Written by the AOF,
   * which calls `onSafe` after.
   */
  safe = Number.POSITIVE_INFINITY
  /** Called when `safe` has grown, or waits for something else. Set by the engine. */
  onSafe: () => void = () => {}
  private sinks: ReadonlyArray<LogSink> = []

  constructor(readonly log: CommandLog) {}

  /** A sink that gets everything logged from now on; what is pending goes to the others first. */
  add(sink: LogSink): void {
    this.flush()
    this.sinks = [...this.sinks, sink]
    // a new reader knows of no SELECT
    this.log.forgetDatabase()
    this.log.enabled = true
  }

  /** A sink that gets nothing more; what is pending it has got. */
  remove(sink: LogSink): void {
    if (!this.sinks.includes(sink)) return
    this.flush()
    this.sinks = this.sinks.filter((other) => other !== sink)
    this.log.enabled = this.sinks.length > 0
  }

  /** Hands on what is pending. */
  flush(): void {
    if (!this.log.hasPending) return
    const bytes = this.log.pending()
    for (const sink of this.sinks) sink.take(bytes)
    this.log.consume(bytes.length)
  }
}
