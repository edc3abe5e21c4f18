/**
 * Files as durability needs them: the one place where bytes meet the disk. Plain TypeScript.
 *
 * Everything is synchronous but the fsyncs that may take long. Whoever replaces it (tests that let an operation fail,
 * a simulation) sees every operation of the append-only file, in order.
 */
import * as fs from "node:fs"

/** Told when a file is on disk, or why it is not. */
export type Synced = (error: Error | null) => void

export interface Disk {
  /** Opens for appending; the file is made where it is not there. */
  readonly openAppend: (path: string) => number
  /** Opens for writing an empty file: what was there is gone. */
  readonly openEmpty: (path: string) => number
  readonly openRead: (path: string) => number
  readonly close: (file: number) => void
  /** Bytes in an open file. */
  readonly size: (file: number) => number
  /** Writes [start, end) at the end; gives how many of the bytes were taken. */
  readonly write: (file: number, bytes: Uint8Array, start: number, end: number) => number
  /** Reads into [0, length) from an offset in the file; 0 at its end. */
  readonly read: (file: number, into: Uint8Array, length: number, offset: number) => number
  readonly truncate: (path: string, bytes: number) => void
  /** Forces what was written to disk, now. */
  readonly syncNow: (file: number) => void
  /** Forces what was written to disk, on a thread. */
  readonly sync: (file: number, done: Synced) => void
  /** Forces a directory's entries to disk, where the system can. */
  readonly syncDirectory: (path: string) => void
  readonly rename: (from: string, to: string) => void
  /** Removes a file; one that is not there is no error. */
  readonly remove: (path: string) => void
  /** Makes a directory in one that is there; where it is there already, nothing. */
  readonly makeDirectory: (path: string) => void
  /** Whether a plain file is there. */
  readonly isFile: (path: string) => boolean
  readonly readText: (path: string) => string
  /** Makes a file with this text; false where it is there already. */
  readonly create: (path: string, text: string) => boolean
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code

/** The disk of this machine. */
export const nodeDisk: Disk = {
  openAppend: (path) => fs.openSync(path, "a"),
  openEmpty: (path) => fs.openSync(path, "w"),
  openRead: (path) => fs.openSync(path, "r"),
  close: (file) => fs.closeSync(file),
  size: (file) => fs.fstatSync(file).size,
  write: (file, bytes, start, end) => fs.writeSync(file, bytes, start, end - start),
  read: (file, into, length, offset) => fs.readSync(file, into, 0, length, offset),
  truncate: (path, bytes) => fs.truncateSync(path, bytes),
  syncNow: (file) => fs.fdatasyncSync(file),
  sync: (file, done) => fs.fdatasync(file, done),
  syncDirectory: (path) => {
    const directory = fs.openSync(path, "r")
    try {
      fs.fsyncSync(directory)
    } catch (error) {
      // some systems cannot sync a directory; a rename is atomic all the same
      if (!isCode(error, "EINVAL") && !isCode(error, "EPERM") && !isCode(error, "EISDIR")) throw error
    } finally {
      fs.closeSync(directory)
    }
  },
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.rmSync(path, { force: true }),
  makeDirectory: (path) => {
    // Node's recursive mkdir would never end where nothing can be made (/proc)
    if (!fs.existsSync(path)) fs.mkdirSync(path)
  },
  isFile: (path) => fs.statSync(path, { throwIfNoEntry: false })?.isFile() === true,
  readText: (path) => fs.readFileSync(path, "utf8"),
  create: (path, text) => {
    try {
      fs.writeFileSync(path, text, { flag: "wx" })
      return true
    } catch (error) {
      if (isCode(error, "EEXIST")) return false
      throw error
    }
  }
}

/** What went wrong with a file, in the words of strerror(3) where that matters to a reader. */
export const describeError = (cause: unknown): string => {
  if (isCode(cause, "ENOSPC")) return "No space left on device"
  return cause instanceof Error ? cause.message : String(cause)
}
