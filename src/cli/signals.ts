/**
 * Signals, as redis-server takes them: SIGTERM and SIGINT shut down in order, a second SIGINT ends the process at once,
 * SIGHUP and SIGUSR1 mean nothing (Node would end, and open its debugger to everyone on the machine).
 *
 * Plain Node; the process comes in.
 *
 * @since 0.1.0
 */

/**
 * What signals need of the process.
 *
 * @since 0.1.0
 * @category models
 */
export type SignalHost = Pick<NodeJS.Process, "on" | "exit">

/**
 * The signals of a process.
 *
 * @since 0.1.0
 * @category models
 */
export interface Signals {
  /** Whether one has asked for a shutdown. */
  readonly received: boolean
  /** From here on, signals are handled. */
  readonly listen: (log: (message: string) => void, shutdown: () => void) => void
}

/**
 * The signals of a process, not listened to yet: until the server starts, Node's own handling is right.
 *
 * @since 0.1.0
 * @category constructors
 */
export const signals = (host: SignalHost): Signals => {
  let received = false
  const ignore = (): void => {}
  return {
    get received() {
      return received
    },
    listen: (log, shutdown) => {
      const onShutdown = (signal: NodeJS.Signals): void => {
        if (received) {
          if (signal !== "SIGINT") return
          log("You insist... exiting now.")
          host.exit(1)
        }
        received = true
        log(`Received ${signal} scheduling shutdown...`)
        shutdown()
      }
      host.on("SIGINT", onShutdown)
      host.on("SIGTERM", onShutdown)
      host.on("SIGHUP", ignore)
      host.on("SIGUSR1", ignore)
    }
  }
}
