/**
 * The directive `supervised`: how the supervisor that started the server is told that it is ready, and that it stops.
 *
 * Plain Node; not pure. systemd listens on a datagram socket, which Node has none of without a native package: its own
 * `systemd-notify` is run instead. It is another process, so a unit that is `Type=notify` needs `NotifyAccess=all`.
 * upstart waits for the process to stop itself.
 *
 * @since 0.1.0
 */
import * as childProcess from "node:child_process"

/**
 * What a supervisor is told.
 *
 * @since 0.1.0
 * @category models
 */
export type SupervisedState = "ready" | "stopping"

/**
 * Who supervises.
 *
 * @since 0.1.0
 * @category models
 */
export type Supervisor = "systemd" | "upstart"

/**
 * The supervisor that a value of `supervised` means, or null for none; `auto` goes by what is in the environment.
 *
 * @since 0.1.0
 * @category supervision
 */
export const supervisorOf = (
  supervised: string,
  env: Readonly<Record<string, string | undefined>>
): Supervisor | null => {
  if (supervised === "systemd" || supervised === "upstart") return supervised
  if (supervised !== "auto") return null
  if (env.UPSTART_JOB !== undefined) return "upstart"
  return env.NOTIFY_SOCKET === undefined ? null : "systemd"
}

const systemdTimeoutMs = 5000

const notifySystemd = (state: SupervisedState): Promise<string | null> => {
  if (process.env.NOTIFY_SOCKET === undefined) {
    return Promise.resolve("supervised by systemd requested, but NOTIFY_SOCKET not found")
  }
  const words = state === "ready" ? ["--ready", "--status=Ready to accept connections"] : ["--stopping"]
  return new Promise((resolve) => {
    childProcess.execFile(
      "systemd-notify",
      [`--pid=${process.pid}`, ...words],
      { timeout: systemdTimeoutMs },
      (error) => resolve(error === null ? null : `systemd-notify failed: ${error.message.split("\n")[0]}`)
    )
  })
}

const notifyUpstart = (state: SupervisedState): string | null => {
  if (state !== "ready") return null
  if (process.env.UPSTART_JOB === undefined) {
    return "supervised by upstart requested, but UPSTART_JOB not found"
  }
  delete process.env.UPSTART_JOB
  process.kill(process.pid, "SIGSTOP")
  return null
}

/**
 * Tells a supervisor.
 *
 * @returns null, or why it could not be told
 * @since 0.1.0
 * @category supervision
 */
export const notify = (supervisor: Supervisor, state: SupervisedState): Promise<string | null> =>
  supervisor === "systemd" ? notifySystemd(state) : Promise.resolve(notifyUpstart(state))
