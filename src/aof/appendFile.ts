/**
 * The open incremental file of an AOF: a sink of the log, and how far the log is with the system and on disk.
 * Plain synchronous TypeScript.
 *
 * `take` hands bytes to the operating system before it returns: from then on SIGKILL cannot lose them. What the system
 * does not take waits here, in order, for `retry`; nothing that was logged is ever dropped or written twice.
 *
 * States: fine (`failure` is null) → failing (a write or an fsync failed) → fine again by `retry`, until `close`.
 */
import type { LogSink } from "../changes/propagation.js"
import { type Disk, describeError } from "../machine/disk.js"

/** Where an fsync takes less than this, waiting for it in place costs less than a thread does. */
const IN_PLACE_MS_MAX = 1
/** How much of the past the estimate of an fsync's time keeps. */
const ESTIMATE_MEMORY = 0.8

export interface AppendHooks {
  /** Whether replies wait for the disk (`appendfsync always`). */
  readonly isSyncedAlways: () => boolean
  /** Called when `failure`, `written` or `synced` may have changed. */
  readonly onChange: () => void
  /** Monotonic milliseconds. */
  readonly clock: () => number
}

export class AppendFile implements LogSink {
  /** Why the file cannot be written at present, or null. */
  failure: string | null = null
  /** Bytes in the file. */
  bytes: number
  /** Positions of the log up to which it is with the system, and on disk. */
  written: number
  synced: number
  /** fsyncs that were due while another was under way. */
  delayedSyncs = 0
  /** An fsync is under way on a thread. */
  syncing = false
  private failedSync = false
  private backlog: Array<Uint8Array> = []
  private backlogBytes = 0
  private syncAgain = false
  private syncMs = IN_PLACE_MS_MAX
  private readonly whenIdle: Array<() => void> = []

  /** `position`: that of the log from which on it is given all. */
  constructor(
    private readonly disk: Disk,
    private readonly file: number,
    position: number,
    private readonly hooks: AppendHooks
  ) {
    this.bytes = disk.size(file)
    this.written = this.synced = position
  }

  /** Bytes that wait for the system to take them. */
  get waitingBytes(): number {
    return this.backlogBytes
  }

  take(bytes: Uint8Array): void {
    const taken = this.failure === null ? this.write(bytes) : 0
    if (taken < bytes.length) {
      this.backlog.push(Uint8Array.from(bytes.subarray(taken)))
      this.backlogBytes += bytes.length - taken
    } else if (this.hooks.isSyncedAlways()) this.syncSoon()
    this.hooks.onChange()
  }

  /** Tries again what has failed. */
  retry(): void {
    if (this.failure === null) return
    while (this.backlog.length > 0) {
      const bytes = this.backlog[0]!
      const taken = this.write(bytes)
      this.backlogBytes -= taken
      if (taken < bytes.length) {
        this.backlog[0] = bytes.subarray(taken)
        return
      }
      this.backlog.shift()
    }
    if (this.failedSync || this.hooks.isSyncedAlways()) this.startSync()
    else this.succeed()
  }

  /** Forces what was written to disk, unless that is under way: it is counted then, and the next call does the rest. */
  syncIfDue(): void {
    if (this.failure !== null || this.synced === this.written) return
    if (this.syncing) {
      this.delayedSyncs++
      // under `always` there is no next call
      this.syncAgain ||= this.hooks.isSyncedAlways()
    } else this.startSync()
  }

  /** Calls `done` when no fsync is under way. */
  whenSettled(done: () => void): void {
    if (this.syncing) this.whenIdle.push(done)
    else done()
  }

  /** Forces what was written to disk, in place. To be called when settled; throws what the system says. */
  syncNow(): void {
    const target = this.written
    this.disk.syncNow(this.file)
    this.synced = target
  }

  /** To be called when settled. */
  close(): void {
    this.disk.close(this.file)
  }

  /** Replies wait for the disk: in place where that answers at once, else on a thread for all who wait by then. */
  private syncSoon(): void {
    if (this.syncing) {
      this.syncAgain = true
      return
    }
    if (this.syncMs >= IN_PLACE_MS_MAX) {
      this.startSync()
      return
    }
    const startedAt = this.hooks.clock()
    try {
      this.syncNow()
      this.estimate(startedAt)
    } catch (error) {
      this.fail(error, true)
    }
  }

  private startSync(): void {
    if (this.syncing) {
      this.syncAgain = true
      return
    }
    this.syncing = true
    const target = this.written
    const startedAt = this.hooks.clock()
    this.disk.sync(this.file, (error) => {
      this.syncing = false
      this.estimate(startedAt)
      if (error === null) {
        this.synced = Math.max(this.synced, target)
        if (this.failure !== null) {
          if (this.backlog.length === 0) this.succeed()
          // logged meanwhile: a key has expired
          else this.retry()
        }
      } else this.fail(error, true)
      if (this.syncAgain && this.failure === null) {
        this.syncAgain = false
        if (this.synced < this.written) this.startSync()
      }
      this.hooks.onChange()
      if (!this.syncing) for (const done of this.whenIdle.splice(0)) done()
    })
  }

  private estimate(startedAt: number): void {
    this.syncMs = this.syncMs * ESTIMATE_MEMORY + (this.hooks.clock() - startedAt) * (1 - ESTIMATE_MEMORY)
  }

  /** Writes as many of the bytes as the system takes; gives how many. */
  private write(bytes: Uint8Array): number {
    let at = 0
    try {
      while (at < bytes.length) {
        const count = this.disk.write(this.file, bytes, at, bytes.length)
        if (count === 0) throw new Error("short write")
        at += count
      }
    } catch (error) {
      this.fail(error, false)
    }
    this.bytes += at
    this.written += at
    return at
  }

  private fail(cause: unknown, sync: boolean): void {
    this.failedSync ||= sync
    this.failure = sync ? `fsync: ${describeError(cause)}` : describeError(cause)
  }

  private succeed(): void {
    this.failure = null
    this.failedSync = false
    this.hooks.onChange()
  }
}
