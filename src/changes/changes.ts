/**
 * The account of what changed: which key, by which event, and in which words it goes to the log. Pure.
 *
 * A handler says it once. Whoever must know observes: WATCH, keyspace notifications, client tracking, blocked keys.
 * While nobody does, `observed` is false and a change costs one test of it. The store says by the same way what it
 * does by itself: expiry, flushes, swaps.
 * Invariant: observers are told after the change was made, in the order of the changes, during the command that made
 * them; they may not change the data (what they cause is done after the command: `Blocking.serve`).
 */
import type { CommandLog } from "./commandLog.js"
import type { KeyEvent } from "./events.js"

/** Of `flushed`: every database. */
export const ALL_DATABASES = -1

/** Who wants to know what changes. */
export interface ChangeObserver {
  /** A key changed, appeared or went away; its bytes are valid during the call. */
  readonly key: (database: number, event: KeyEvent, bytes: Buffer, start: number, length: number) => void
  /** A database (or ALL_DATABASES) was emptied. */
  readonly flushed: (database: number) => void
  /** Two databases changed places. */
  readonly swapped: (a: number, b: number) => void
}

export class Changes {
  /** Whether anybody observes. */
  observed = false
  /** Keys changed since the start, for INFO. */
  count = 0
  private observers: ReadonlyArray<ChangeObserver> = []

  constructor(
    /** The words of what changed, for the AOF and replicas. */
    readonly log: CommandLog
  ) {}

  /** Observes from now on, after those who do already; gives what ends it. */
  observe(observer: ChangeObserver): () => void {
    this.use([...this.observers, observer])
    return () => this.use(this.observers.filter((other) => other !== observer))
  }

  private use(observers: ReadonlyArray<ChangeObserver>): void {
    this.observers = observers
    this.observed = observers.length > 0
  }

  /** To be called where `observed` is true. */
  tellKey(database: number, event: KeyEvent, bytes: Buffer, start: number, length: number): void {
    for (const observer of this.observers) observer.key(database, event, bytes, start, length)
  }

  flushed(database: number): void {
    for (const observer of this.observers) observer.flushed(database)
  }

  swapped(a: number, b: number): void {
    for (const observer of this.observers) observer.swapped(a, b)
  }
}
