/**
 * This machine, as server commands see it. Plain Node; not pure.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as v8 from "node:v8"
import { systemErrorText } from "../config/parse.js"

/** What the process takes of memory, in bytes. */
export interface MemoryFigures {
  readonly rssBytes: number
  /**
   * V8's heap: what is in use of it, and what it has taken from the system. Its new space is in use as a whole: what
   * lies in there is garbage of the last moments for the most part, and would make any figure jump by megabytes.
   */
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  /** What V8's objects hold outside of its heap: the store's slabs, and all other buffers. */
  readonly externalBytes: number
  readonly systemBytes: number
}

/** Processor time that the process has used, in microseconds. */
export interface CpuFigures {
  readonly userMicroseconds: number
  readonly systemMicroseconds: number
}

/** The machine as server commands see it. */
export interface ServerHost {
  readonly processId: number
  readonly executable: string
  /** As `uname -srm` names it. */
  readonly operatingSystem: string
  readonly nodeVersion: string
  readonly memory: () => MemoryFigures
  /** `heapUsedBytes + externalBytes` by themselves: a fraction of what all figures cost, so it can be sampled. */
  readonly allocatedBytes: () => number
  readonly cpu: () => CpuFigures
  /** Unix time in microseconds, read at each call. */
  readonly unixMicroseconds: () => number
  /** Random lower-case hex digits. */
  readonly randomHex: (digits: number) => string
  readonly log: (severity: "notice" | "warning", message: string) => void
  /**
   * Puts another text (latin1) in a file's place, by a rename, so that a crash leaves one or the other. `change` is
   * given what the file has, "" where it is not there. Gives null, or what went wrong in the words of strerror(3).
   */
  readonly replaceFile: (file: string, change: (text: string) => string) => string | null
}

/** As `uname -m` names the processors that Node names otherwise. */
const MACHINES: Readonly<Record<string, string>> = {
  x64: "x86_64",
  arm64: "aarch64",
  ia32: "i686"
}

const CLOCK_DRIFT_MICROSECONDS_MAX = 2000

const replaceFile = (file: string, change: (text: string) => string): string | null => {
  const temporary = path.join(
    path.dirname(file),
    `.${path.basename(file)}.${process.pid}.${randomBytes(4).toString("hex")}`
  )
  try {
    let text = ""
    let mode = 0o644
    if (fs.existsSync(file)) {
      text = fs.readFileSync(file, "latin1")
      mode = fs.statSync(file).mode & 0o777
    }
    const descriptor = fs.openSync(temporary, "wx", mode)
    try {
      fs.writeFileSync(descriptor, change(text), "latin1")
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
    fs.renameSync(temporary, file)
    return null
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    return systemErrorText(error)
  }
}

const heapUsedBytes = (): number => {
  let bytes = 0
  for (const { space_name, space_size, space_used_size } of v8.getHeapSpaceStatistics())
    bytes += space_name === "new_space" ? space_size : space_used_size
  return bytes
}

/** The machine that this process runs on. */
export const nodeServerHost = (log: ServerHost["log"]): ServerHost => {
  // the Unix time in microseconds at the origin of a clock that is finer, and is never set
  let clockOrigin = Date.now() * 1000 - performance.now() * 1000
  return {
    processId: process.pid,
    executable: process.argv[1] ?? process.execPath,
    get operatingSystem() {
      return `${os.type()} ${os.release()} ${MACHINES[process.arch] ?? process.arch}`
    },
    nodeVersion: process.versions.node,
    memory: () => {
      const { external, heapTotal, rss } = process.memoryUsage()
      return {
        rssBytes: rss,
        heapUsedBytes: heapUsedBytes(),
        heapTotalBytes: heapTotal,
        externalBytes: external,
        systemBytes: os.totalmem()
      }
    },
    allocatedBytes: () => heapUsedBytes() + v8.getHeapStatistics().external_memory,
    cpu: () => {
      const { system, user } = process.cpuUsage()
      return { userMicroseconds: user, systemMicroseconds: system }
    },
    unixMicroseconds: () => {
      const wall = Date.now() * 1000
      const fine = performance.now() * 1000
      // the wall clock counts: where it was set, or drifts, the finer one follows
      if (Math.abs(clockOrigin + fine - wall) > CLOCK_DRIFT_MICROSECONDS_MAX) clockOrigin = wall - fine
      return Math.round(clockOrigin + fine)
    },
    randomHex: (digits) =>
      randomBytes((digits + 1) >> 1)
        .toString("hex")
        .slice(0, digits),
    log,
    replaceFile
  }
}
