/**
 * One command being executed: what a handler is given. Pure. Reused from command to command, so handlers keep nothing
 * of it. Argument 0 is the command's name; offsets are into `bytes`.
 */
import type { ByteSource, CommandBatch } from "../resp/batch.js"
import type { ReplyWriter } from "../resp/writer.js"
import type { Database, Deadline, Keyspace } from "../store/database.js"
import { UNIT_BITS } from "../store/segments.js"
import { type Integer, parseInteger } from "../values/integer.js"
import { setBytes, setInteger } from "../values/string.js"
import type { Engine } from "./engine.js"
import * as Errors from "./errors.js"
import type { PropagationLog } from "./propagation.js"
import type { Session } from "./session.js"
import type { Command } from "./table.js"

export class Invocation {
  bytes!: Buffer
  view!: DataView
  argc = 0
  session!: Session
  database!: Database
  command!: Command
  readonly keyspace: Keyspace
  /** Set by handlers that reply with an error; the engine counts it. */
  failed = false
  private starts = new Int32Array(0)
  private lengths = new Int32Array(0)
  private base = 0
  private begin = 0
  private end = 0
  private inline = false
  private firstHash = 0
  private firstHashed = false
  private hashes = new Int32Array(32)

  constructor(
    readonly engine: Engine,
    readonly reply: ReplyWriter,
    readonly log: PropagationLog,
    /** Whether a script runs this command. */
    readonly scripted: boolean
  ) {
    this.keyspace = engine.keyspace
  }

  /** Points to a command of a batch. */
  point(batch: CommandBatch, command: number, session: Session): void {
    const source: ByteSource = batch.source
    this.bytes = source.bytes
    this.view = source.view
    this.starts = batch.argStart
    this.lengths = batch.argLength
    this.base = batch.first[command]!
    this.argc = batch.argc[command]!
    this.begin = batch.begin[command]!
    this.end = batch.end[command]!
    this.inline = batch.inline[command] === 1
    this.firstHash = batch.hash[command]!
    this.firstHashed = batch.hashed[command] === 1
    this.session = session
    this.database = session.database
    this.failed = false
  }

  /** Unix ms at the start of the batch. */
  get now(): number {
    return this.keyspace.now
  }

  /** The offset and the length of an argument. */
  start(index: number): number {
    return this.starts[this.base + index]!
  }
  length(index: number): number {
    return this.lengths[this.base + index]!
  }

  /** An argument's bytes: a view, valid during the command. */
  argument(index: number): Buffer {
    const start = this.start(index)
    return this.bytes.subarray(start, start + this.length(index))
  }
  /** An argument's bytes as a string, a byte a character. */
  text(index: number): string {
    const start = this.start(index)
    return this.bytes.toString("latin1", start, start + this.length(index))
  }

  /** Whether an argument is an option's name (given in upper case), whatever its case. */
  isWord(index: number, word: string): boolean {
    const length = word.length
    if (this.length(index) !== length) return false
    const start = this.start(index)
    for (let i = 0; i < length; i++) {
      const byte = this.bytes[start + i]!
      if ((byte >= 97 && byte <= 122 ? byte - 32 : byte) !== word.charCodeAt(i)) return false
    }
    return true
  }

  /** A 64-bit integer argument, or undefined. */
  integer(index: number): Integer | undefined {
    return parseInteger(this.bytes, this.start(index), this.length(index))
  }

  /** An integer argument; where it is none, replies with an error and gives undefined. */
  integerOrFail(index: number, error: Uint8Array = Errors.NOT_INTEGER): Integer | undefined {
    const value = this.integer(index)
    if (value === undefined) this.fail(error)
    return value
  }

  /** Replies with an error. */
  fail(error: Uint8Array): undefined {
    this.failed = true
    this.reply.constant(error)
  }
  failText(error: string): undefined {
    this.failed = true
    this.reply.error(error)
  }
  failArity(): undefined {
    return this.failText(Errors.wrongArity(this.command.fullName))
  }

  /** The hash of a key argument. */
  hash(index: number): number {
    if (this.firstHashed && index === this.command.firstKey) return this.firstHash
    return this.keyspace.hash(this.view, this.start(index), this.length(index))
  }

  /** The record of a key argument, or 0. */
  find(index: number, hash: number = this.hash(index)): number {
    return this.keyspace.find(this.database, hash, this.view, this.start(index), this.length(index))
  }

  /** `find` for a command that reads the value: it counts as an access. */
  read(index: number, hash: number = this.hash(index)): number {
    return this.keyspace.read(this.database, hash, this.view, this.start(index), this.length(index))
  }

  /**
   * The hashes of all key arguments from `first` on, every `step`; their index slots and records are brought into the
   * cache in loops of independent loads. The array is valid until the next call.
   */
  loadKeys(first: number, step: number): Int32Array {
    const count = Math.ceil((this.argc - first) / step)
    if (this.hashes.length < count) this.hashes = new Int32Array(count * 2)
    const { hashes, keyspace, database } = this
    for (let i = 0, at = first; i < count; i++, at += step) {
      hashes[i] = keyspace.hash(this.view, this.start(at), this.length(at))
    }
    keyspace.prefetch(database, hashes, count)
    return hashes
  }

  /** Sets a key argument to bytes. */
  setBytes(
    key: number,
    hash: number,
    value: Uint8Array,
    start: number,
    length: number,
    deadline: Deadline
  ): void {
    setBytes(
      this.keyspace,
      this.database,
      hash,
      this.bytes,
      this.view,
      this.start(key),
      this.length(key),
      value,
      start,
      length,
      deadline
    )
  }

  /** Sets a key argument to an integer. */
  setInteger(key: number, hash: number, value: Integer, deadline: Deadline): void {
    setInteger(
      this.keyspace,
      this.database,
      hash,
      this.bytes,
      this.view,
      this.start(key),
      this.length(key),
      value,
      deadline
    )
  }

  /** The view of the segment that a record is in. */
  viewOf(ref: number): DataView {
    return this.keyspace.segments.views[ref >> UNIT_BITS]!
  }

  /** The command changed something, and its bytes as received would change it again in the same way. */
  changed(): void {
    if (this.inline && this.log.enabled) {
      if (this.changedAs(this.argc)) for (let i = 0; i < this.argc; i++) this.logArgument(i)
    } else this.log.received(this.database.index, this.bytes, this.begin, this.end)
  }

  /** The command changed something, and is propagated in another form; the arguments must follow if true. */
  changedAs(argc: number): boolean {
    return this.log.command(this.database.index, argc)
  }

  /** An argument of the command as an argument of what is propagated. */
  logArgument(index: number): void {
    this.log.bytes(this.bytes, this.start(index), this.length(index))
  }
}
