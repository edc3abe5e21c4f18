/**
 * Which processes there are, for locks that outlive who made them. Plain Node.
 */
import * as fs from "node:fs"

export interface Processes {
  /** This process: its id, and when it was started in a form that differs for another with the same id. */
  readonly self: string
  /** Whether the process of such a text (another's `self`) still runs. */
  readonly isAlive: (process: string) => boolean
}

/** The moment of a process's start, as Linux counts it; "" where that cannot be told. */
const startOf = (pid: number): string => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    // the name, in parentheses, may hold anything; the start is the 20th field behind it
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""
  } catch {
    return ""
  }
}

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // it is there, but another user's
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

export const nodeProcesses: Processes = {
  self: `${process.pid} ${startOf(process.pid)}`.trim(),
  isAlive: (other) => {
    const [pid, start] = other.trim().split(" ")
    const number = Number(pid)
    if (!Number.isSafeInteger(number) || number <= 0 || !exists(number)) return false
    return start === undefined || startOf(number) === "" || startOf(number) === start
  }
}
