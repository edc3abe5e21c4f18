/**
 * The open incremental file of an AOF: writes, and how far they are on disk. Plain synchronous TypeScript.
 *
 * `write` hands bytes to the operating system before it returns: from then on SIGKILL cannot lose them.
 */
import * as fs from "node:fs"

export class Appender {
  /** Bytes in the file. */
  bytes: number
  /** Bytes that were written since the last fsync began. */
  unsyncedBytes = 0
  private readonly file: number

  constructor(path: string) {
    this.file = fs.openSync(path, "a")
    this.bytes = fs.fstatSync(this.file).size
  }

  /** Writes as many of the bytes as can be; throws what the system says where it took none. Gives how many. */
  write(bytes: Uint8Array): number {
    let written = 0
    while (written < bytes.length) {
      try {
        const count = fs.writeSync(this.file, bytes, written, bytes.length - written)
        written += count
      } catch (error) {
        if (written === 0) throw error
        break
      }
    }
    this.bytes += written
    this.unsyncedBytes += written
    return written
  }

  /** Forces what was written to disk. */
  sync(done: (error: Error | null) => void): void {
    this.unsyncedBytes = 0
    fs.fdatasync(this.file, done)
  }

  syncNow(): void {
    this.unsyncedBytes = 0
    fs.fdatasyncSync(this.file)
  }

  close(): void {
    fs.closeSync(this.file)
  }
}
