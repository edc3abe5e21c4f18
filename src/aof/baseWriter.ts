/**
 * Writes the base of an AOF: the commands that make the store as it was when the writer was made. Plain synchronous
 * TypeScript, in slices: `advance` until it says true.
 */
import * as fs from "node:fs"
import { PropagationLog } from "../changes/log.js"
import type { Keyspace } from "../store/database.js"
import { NO_DEADLINE } from "../store/record.js"
import type { Snapshot } from "../store/snapshot.js"
import { bytesOf } from "../values/string.js"

const FLUSH_BYTES = 256 * 1024

export class BaseWriter {
  private readonly log = new PropagationLog()
  private readonly file: number
  private readonly snapshot: Snapshot
  private bytes = 0

  constructor(
    private readonly path: string,
    private readonly keyspace: Keyspace
  ) {
    this.file = fs.openSync(`${path}.part`, "w")
    this.log.enabled = true
    this.snapshot = keyspace.snapshot((database, ref) => this.take(database, ref))
  }

  /** Takes about so many records more; true when all are written. */
  advance(records: number): boolean {
    const done = this.snapshot.advance(records)
    this.flush()
    return done
  }

  /** Puts the file on disk under its name; its bytes. */
  finish(): number {
    this.flush()
    fs.fsyncSync(this.file)
    fs.closeSync(this.file)
    fs.renameSync(`${this.path}.part`, this.path)
    return this.bytes
  }

  /** Gives up: nothing of the file stays. */
  cancel(): void {
    this.snapshot.cancel()
    while (!this.snapshot.advance(Number.MAX_SAFE_INTEGER)) {
      // the marks of a snapshot have to be turned over to the end
    }
    fs.closeSync(this.file)
    fs.rmSync(`${this.path}.part`, { force: true })
  }

  private take(database: number, ref: number): void {
    const { records } = this.keyspace
    const deadline = this.keyspace.deadlineOf(ref)
    const { log } = this
    log.command(database, deadline === NO_DEADLINE ? 3 : 5)
    log.text("SET")
    log.bytes(records.bytes(ref), records.keyStart(ref), records.keyLength(ref))
    const value = bytesOf(this.keyspace, ref)
    log.bytes(value, 0, value.length)
    if (deadline !== NO_DEADLINE) {
      log.text("PXAT")
      log.integer(deadline)
    }
    if (log.length > FLUSH_BYTES) this.flush()
  }

  private flush(): void {
    const pending = this.log.pending()
    for (let at = 0; at < pending.length; ) at += fs.writeSync(this.file, pending, at)
    this.bytes += pending.length
    this.log.consume(pending.length)
  }
}
