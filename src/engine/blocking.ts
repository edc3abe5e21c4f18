/**
 * Clients that wait for keys. Pure.
 *
 * A command that blocks is kept with its arguments; when one of its keys changes it is run again, after the whole
 * command, transaction or script that changed it, and clients of one key in the order in which they came. One that
 * still cannot be served goes on waiting. While anybody waits, this observes the changes; else it costs nothing.
 * Invariants: a client that waits is in the list of each of its keys, once; whoever leaves (served, timed out, gone,
 * unblocked) leaves all of them; `serve` is never entered twice, so that a client served cannot be overtaken by what
 * its own command has made ready.
 */
import type { ChangeObserver, Changes } from "../changes/changes.js"
import { ALL_DATABASES } from "../changes/changes.js"
import { byteSource, CommandBatch, encodeCommand } from "../resp/batch.js"
import { RequestDecoder } from "../resp/decoder.js"
import type { ReplyWriter } from "../resp/writer.js"
import type { Database, Keyspace } from "../store/database.js"
import { KeySlice } from "../store/key.js"
import type { Block } from "./outcome.js"
import type { Session } from "./session.js"
import type { Command } from "./table.js"

/** Writes the one reply of a command that has waited. */
export type WriteReply = (reply: ReplyWriter) => void

/** A client that waits. */
export interface Blocked {
  readonly session: Session
  readonly database: Database
  readonly command: Command
  /** The command to run again, alone in its batch. */
  readonly batch: CommandBatch
  readonly block: Block
  /** Its keys, a byte a character, each once. */
  readonly keys: ReadonlyArray<string>
  /** Unix ms, or Infinity. */
  readonly deadline: number
  /** Called once, with the reply. */
  readonly complete: (write: WriteReply) => void
  done: boolean
}

/** Who waits for a key, first come first. */
type Waiters = Set<Blocked>

const LIMITS = { bulkBytesMax: Number.MAX_SAFE_INTEGER, authenticated: true }

/** Arguments as a batch of their own, with bytes that nobody else uses. */
const batchOf = (args: ReadonlyArray<Uint8Array>): CommandBatch => {
  const bytes = encodeCommand(args)
  const batch = new CommandBatch()
  new RequestDecoder().decode(byteSource(bytes), 0, bytes.length, batch, LIMITS)
  return batch
}

export class Blocking implements ChangeObserver {
  /** Called when a deadline is set that is earlier than all others. Set by the shell, which calls `expire` then. */
  onDeadline: () => void = () => {}
  /** By database, then by key. */
  private readonly waiting = new Map<number, Map<string, Waiters>>()
  /** Everyone who waits, in the order in which they came. */
  private readonly all = new Set<Blocked>()
  /** Keys that may serve somebody now, by database. */
  private ready = new Map<number, Set<string>>()
  /** Whether `serve` has anything to do: a field, for it is looked at after every command. */
  hasReady = false
  private stopObserving: (() => void) | null = null
  private serving = false
  private readonly slice = new KeySlice()
  /** No deadline is earlier, in Unix ms; Infinity where there is none. `expire` brings it up to date. */
  nextDeadline = Number.POSITIVE_INFINITY

  constructor(
    private readonly keyspace: Keyspace,
    private readonly changes: Changes,
    /**
     * Runs a command that waited once more: its reply, or null where it waits on. The engine's.
     */
    private readonly again: (blocked: Blocked) => WriteReply | null
  ) {}

  /** How many clients wait. */
  get size(): number {
    return this.all.size
  }

  /** How many of them have a deadline. */
  get timedCount(): number {
    let count = 0
    for (const { deadline } of this.all) if (deadline !== Number.POSITIVE_INFINITY) count++
    return count
  }

  /** Keys that somebody waits for. */
  get keyCount(): number {
    let count = 0
    for (const keys of this.waiting.values()) count += keys.size
    return count
  }

  /** Has a session wait. `args` is the command as it came. */
  block(
    session: Session,
    command: Command,
    block: Block,
    args: ReadonlyArray<Uint8Array>,
    complete: (write: WriteReply) => void
  ): Blocked {
    const { now } = this.keyspace
    const blocked: Blocked = {
      session,
      database: session.database,
      command,
      batch: batchOf(block.command ?? args),
      block,
      keys: [...new Set(block.keys.map((key) => key.toString("latin1")))],
      deadline: block.timeoutMs === 0 ? Number.POSITIVE_INFINITY : now + block.timeoutMs,
      complete,
      done: false
    }
    session.blocked = blocked
    this.all.add(blocked)
    for (const key of blocked.keys) this.waitersOf(blocked.database.index, key).add(blocked)
    this.stopObserving ??= this.changes.observe(this)
    if (blocked.deadline < this.nextDeadline) {
      this.nextDeadline = blocked.deadline
      this.onDeadline()
    }
    return blocked
  }

  /** A client does not wait any more; its command is given no reply here. */
  cancel(blocked: Blocked): void {
    if (blocked.done) return
    blocked.done = true
    blocked.session.blocked = null
    this.all.delete(blocked)
    const keys = this.waiting.get(blocked.database.index)!
    for (const key of blocked.keys) {
      const waiters = keys.get(key)!
      waiters.delete(blocked)
      if (waiters.size === 0) keys.delete(key)
    }
    if (this.all.size === 0) {
      this.stopObserving?.()
      this.stopObserving = null
      this.ready.clear()
      this.hasReady = false
    }
  }

  /** Ends a client's wait with a reply. */
  finish(blocked: Blocked, write: WriteReply): void {
    if (blocked.done) return
    this.cancel(blocked)
    blocked.complete(write)
  }

  /** Ends every wait whose deadline has come. */
  expire(now: number): void {
    const due: Array<Blocked> = []
    this.nextDeadline = Number.POSITIVE_INFINITY
    for (const blocked of this.all) {
      if (blocked.deadline <= now) due.push(blocked)
      else if (blocked.deadline < this.nextDeadline) this.nextDeadline = blocked.deadline
    }
    for (const blocked of due) this.finish(blocked, blocked.block.timedOut)
  }

  /** Ends every wait: the server stops. */
  finishAll(write: WriteReply): void {
    for (const blocked of [...this.all]) this.finish(blocked, write)
  }

  /** Serves those who wait for keys that have become ready, until nothing more comes of it. */
  serve(): void {
    if (this.serving) return
    this.serving = true
    try {
      while (this.hasReady) {
        const ready = this.ready
        this.ready = new Map()
        this.hasReady = false
        for (const [database, keys] of ready) for (const key of keys) this.serveKey(database, key)
      }
    } finally {
      this.serving = false
    }
  }

  private serveKey(database: number, key: string): void {
    const waiters = this.waiting.get(database)?.get(key)
    if (waiters === undefined) return
    const bytes = Buffer.from(key, "latin1")
    let there = this.exists(database, bytes)
    for (const blocked of [...waiters]) {
      if (blocked.done || (!there && !blocked.block.onDeletion)) continue
      const write = this.again(blocked)
      if (write === null) continue
      this.finish(blocked, write)
      there = this.exists(database, bytes)
    }
  }

  private exists(database: number, key: Buffer): boolean {
    const { bytes, view } = byteSource(key)
    const slice = this.slice.pointKey(bytes, view, 0, key.length, this.keyspace.hash(view, 0, key.length))
    return this.keyspace.find(this.keyspace.databases[database]!, slice) !== 0
  }

  private waitersOf(database: number, key: string): Waiters {
    let keys = this.waiting.get(database)
    if (keys === undefined) {
      keys = new Map()
      this.waiting.set(database, keys)
    }
    let waiters = keys.get(key)
    if (waiters === undefined) {
      waiters = new Set()
      keys.set(key, waiters)
    }
    return waiters
  }

  // ---- as an observer of the changes

  readonly key = (database: number, _event: unknown, bytes: Buffer, start: number, length: number): void => {
    const keys = this.waiting.get(database)
    if (keys === undefined || keys.size === 0) return
    const key = bytes.toString("latin1", start, start + length)
    if (keys.has(key)) this.noteReady(database, key)
  }

  readonly flushed = (database: number): void => {
    for (const [index, keys] of this.waiting) {
      if (database !== ALL_DATABASES && database !== index) continue
      for (const key of keys.keys()) this.noteReady(index, key)
    }
  }

  readonly swapped = (a: number, b: number): void => {
    for (const index of [a, b]) {
      for (const key of this.waiting.get(index)?.keys() ?? []) this.noteReady(index, key)
    }
  }

  private noteReady(database: number, key: string): void {
    this.hasReady = true
    const keys = this.ready.get(database)
    if (keys === undefined) this.ready.set(database, new Set([key]))
    else keys.add(key)
  }
}
