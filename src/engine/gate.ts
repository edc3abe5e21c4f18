/**
 * Whether a script runs, for whoever must not run beside it: a script is indivisible. Pure; written by the actor.
 */
export class ScriptGate {
  /** A script has been started and has not ended: other clients' commands wait, and time stands still. */
  running = false
  /** It runs for longer than busy-reply-threshold: other clients get BUSY. */
  busy = false
  /** Unix µs at its start: the time that it sees. */
  startedAtMicroseconds = 0
  /** It has written, so it cannot be killed. */
  wrote = false
  /** Asks the running script to end, with this as its error. */
  killed: string | null = null
}
