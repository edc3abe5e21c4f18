/**
 * Writes the base of an AOF: the commands that make the store as it was when the writer was made. Plain synchronous
 * TypeScript, in slices: `advance` until it says true, `sync`, `publish`.
 */
import { CommandLog } from "../changes/commandLog.js"
import type { Disk, Synced } from "../machine/disk.js"
import type { Keyspace } from "../store/database.js"
import type { Snapshot } from "../store/snapshot.js"
import { typeOf } from "../values/types.js"

const FLUSH_BYTES = 64 * 1024
/** Records between two looks at the clock. */
const STEP_RECORDS = 64

export class BaseWriter {
  bytes = 0
  private readonly log = new CommandLog()
  private readonly file: number
  private readonly snapshot: Snapshot
  private open = true

  constructor(
    private readonly disk: Disk,
    private readonly path: string,
    keyspace: Keyspace
  ) {
    this.log.enabled = true
    this.file = disk.openEmpty(this.temporary)
    try {
      this.snapshot = keyspace.snapshot((database, ref) => {
        typeOf(keyspace, ref).write(keyspace, ref, database, this.log)
      })
    } catch (error) {
      disk.close(this.file)
      throw error
    }
  }

  private get temporary(): string {
    return `${this.path}.part`
  }

  /** Takes records until the clock (in ms) says `until`; true when all are written. */
  advance(clock: () => number, until: number): boolean {
    for (;;) {
      const done = this.snapshot.advance(STEP_RECORDS)
      if (done || this.log.length > FLUSH_BYTES) this.flush()
      if (done || clock() >= until) return done
    }
  }

  /** Forces the file to disk. */
  sync(done: Synced): void {
    this.disk.sync(this.file, done)
  }

  /** Puts the file under its name. */
  publish(): void {
    this.close()
    this.disk.rename(this.temporary, this.path)
  }

  /** Gives up: nothing of the file stays. The walk has still to be ended, in slices: `turnOver` until true. */
  cancel(): void {
    this.snapshot.cancel()
    this.close()
    this.disk.remove(this.temporary)
  }

  /** The marks of a snapshot that was given up have to be turned over to the end. */
  turnOver(clock: () => number, until: number): boolean {
    while (!this.snapshot.advance(STEP_RECORDS)) if (clock() >= until) return false
    return true
  }

  private close(): void {
    if (!this.open) return
    this.open = false
    this.disk.close(this.file)
  }

  private flush(): void {
    const pending = this.log.pending()
    for (let at = 0; at < pending.length; ) {
      const count = this.disk.write(this.file, pending, at, pending.length)
      if (count === 0) throw new Error("short write")
      at += count
    }
    this.bytes += pending.length
    this.log.consume(pending.length)
  }
}
