/**
 * The machine as the configuration sees it: files are read at once, for nothing can start before they are.
 *
 * Plain Node; not pure. Used only at start-up and by CONFIG SET dir.
 *
 * @since 0.1.0
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { ConfigProblem, type FileAccess, systemErrorText } from "./parse.js"
import type { SettingsHost } from "./settings.js"

/**
 * Configuration files on this machine's disks.
 *
 * @since 0.1.0
 * @category hosts
 */
export const nodeFiles = (): FileAccess => ({
  read: (file) => fs.readFileSync(file, "latin1"),
  list: (directory) => fs.readdirSync(directory),
  cwd: process.cwd()
})

/**
 * This machine's directories.
 *
 * @since 0.1.0
 * @category hosts
 */
export const nodeHost = (): SettingsHost => ({
  cwd: process.cwd(),
  directoryProblem: (directory) => {
    try {
      if (!fs.statSync(directory).isDirectory()) return "Not a directory"
      fs.accessSync(directory, fs.constants.X_OK)
      return null
    } catch (error) {
      return systemErrorText(error)
    }
  }
})

/**
 * Makes a directory and those above it that are missing. Node's own recursive mkdir never ends where nothing can be
 * made (/proc).
 *
 * @since 0.1.0
 * @category hosts
 */
export const makeDirectory = (directory: string): void => {
  if (fs.existsSync(directory)) return
  const above = path.dirname(directory)
  if (above !== directory) makeDirectory(above)
  fs.mkdirSync(directory)
}

const retryMs = 10

/**
 * All of standard input, as latin1. A pipe that its writer made non-blocking says "try again": so we do.
 *
 * @throws ConfigProblem when it cannot be read
 * @since 0.1.0
 * @category hosts
 */
export const readStandardInput = (): string => {
  const chunks: Array<Buffer> = []
  const chunk = Buffer.alloc(65536)
  for (;;) {
    try {
      const bytes = fs.readSync(0, chunk)
      if (bytes === 0) return Buffer.concat(chunks).toString("latin1")
      chunks.push(Buffer.from(chunk.subarray(0, bytes)))
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : ""
      if (code === "EOF") return Buffer.concat(chunks).toString("latin1")
      if (code !== "EAGAIN")
        throw new ConfigProblem("Unreadable", `Can't read standard input: ${systemErrorText(error)}`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs)
    }
  }
}
