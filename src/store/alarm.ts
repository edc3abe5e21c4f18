/**
 * When the next key expires, and a way to be told of an earlier deadline. Pure.
 *
 * The expiry task sleeps until `nextDue`; `ring` is called when a deadline before `at` comes in. While nobody sleeps
 * `at` is below every deadline, so that adding a key costs one comparison.
 */
import type { Database } from "./database.js"
import type { Wheel } from "./wheel.js"

export class Alarm {
  /** Unix ms: earlier deadlines ring. */
  at = Number.NEGATIVE_INFINITY
  /** Set by who sleeps. */
  ring: () => void = () => {}

  /** A deadline was added to a wheel. */
  noteDeadline(deadline: number): void {
    if (deadline >= this.at) return
    this.at = Number.NEGATIVE_INFINITY
    this.ring()
  }
}

/** The expiry indexes of some databases. */
export const wheelsOf = (databases: ReadonlyArray<Database>): ReadonlyArray<Wheel> =>
  databases.flatMap(({ cells }) => cells.flatMap(({ current: { wheel } }) => (wheel === null ? [] : [wheel])))

/** The Unix ms at which a wheel has next something to do, infinite where no key has a deadline. */
export const nextDue = (wheels: ReadonlyArray<Wheel>): number =>
  wheels.reduce((due, wheel) => Math.min(due, wheel.nextDue()), Number.POSITIVE_INFINITY)
