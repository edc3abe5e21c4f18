/**
 * How many file descriptors this process may have, and what that leaves to clients. Plain Node.
 *
 * Node itself raises its limit as far as it may, at its start; what is left to do is not to promise more.
 */
import * as fs from "node:fs"

/** Descriptors that are not for clients: listeners, files, Node's own. As CONFIG_MIN_RESERVED_FDS of Redis. */
export const RESERVED_DESCRIPTORS = 32

/** The limit on open files, or null where the system does not say: Node has no getrlimit. */
export const descriptorLimit = (): number | null => {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(fs.readFileSync("/proc/self/limits", "latin1"))
    return line === null || line[1] === "unlimited" ? null : Number(line[1])
  } catch {
    return null
  }
}

/** What a wish for clients comes to under a limit, and what Redis logs where that is less; it may be below 1. */
export const affordableClients = (
  wanted: number,
  limit: number | null
): { readonly clients: number; readonly warnings: ReadonlyArray<string> } => {
  const files = wanted + RESERVED_DESCRIPTORS
  if (limit === null || limit >= files) return { clients: wanted, warnings: [] }
  const clients = limit - RESERVED_DESCRIPTORS
  if (clients < 1) {
    return {
      clients,
      warnings: [
        `Your current 'ulimit -n' of ${limit} is not enough for the server to start. ` +
          `Please increase your open file limit to at least ${files}. Exiting.`
      ]
    }
  }
  return {
    clients,
    warnings: [
      `You requested maxclients of ${wanted} requiring at least ${files} max file descriptors.`,
      `Server can't set maximum open files to ${files} because of OS error: Operation not permitted.`,
      `Current maximum open files is ${limit}. maxclients has been reduced to ${clients} to compensate for low ulimit. ` +
        "If you need higher maxclients increase 'ulimit -n'."
    ]
  }
}

/** Whether a descriptor can still be had. */
export const descriptorsLeft = (): boolean => {
  try {
    fs.closeSync(fs.openSync("/", "r"))
    return true
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : ""
    return code !== "EMFILE" && code !== "ENFILE"
  }
}
