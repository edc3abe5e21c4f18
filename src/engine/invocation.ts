/**
 * One command being executed: what a handler is given. Pure. Reused from command to command, so handlers keep nothing
 * of it. Argument 0 is the command's name; offsets are into `bytes`.
 */

import type { Changes } from "../changes/changes.js"
import type { CommandLog } from "../changes/commandLog.js"
import type { KeyEvent } from "../changes/events.js"
import { type ByteSource, byteSource, type CommandBatch } from "../resp/batch.js"
import type { ReplyWriter } from "../resp/writer.js"
import type { Database, Deadline, Keyspace } from "../store/database.js"
import { ByteSlice, KeySlice } from "../store/key.js"
import { Prefetch } from "../store/prefetch.js"
import { type Integer, parseInteger } from "../values/integer.js"
import { setBytes, setInteger, setText } from "../values/string.js"
import type { CommandContext } from "./context.js"
import * as Errors from "./errors.js"
import type { Session } from "./session.js"
import type { Command } from "./table.js"

/** What invocations are made of: the engine. */
export interface InvocationHost extends CommandContext {
  readonly prefetch: Prefetch
}

export class Invocation {
  /** What the command may reach beyond its arguments and the keyspace. */
  readonly context: CommandContext
  /** Where words that are no arguments go: after `changedAs`. */
  readonly log: CommandLog
  /** A script runs this command. */
  readonly scripted: boolean
  /** It comes from a file that is loaded. */
  readonly loads: boolean
  bytes!: Buffer
  view!: DataView
  argc = 0
  session!: Session
  database!: Database
  command!: Command
  readonly keyspace: Keyspace
  /** Set by handlers that reply with an error; the engine counts it. */
  failed = false
  /** Set by the engine where the number of arguments was wrong: scripts are told so in other words. */
  arityFailed = false
  private starts = new Int32Array(0)
  private lengths = new Int32Array(0)
  private base = 0
  private begin = 0
  private end = 0
  private inline = false
  private firstHash = 0
  /** Where the first key is in the batch's prefetch, or -1. */
  private prefetchIndex = -1
  private readonly keys = new Prefetch()
  private readonly prefetch: Prefetch
  private readonly key = new KeySlice()
  private readonly value = new ByteSlice()

  constructor(
    host: InvocationHost,
    readonly reply: ReplyWriter,
    private readonly changes: Changes,
    /** Who runs commands: a client (also one in-process), a script, or the loader of a file. */
    origin: "client" | "script" | "loader"
  ) {
    this.context = host
    this.prefetch = host.prefetch
    this.keyspace = host.keyspace
    this.log = changes.log
    this.scripted = origin === "script"
    this.loads = origin === "loader"
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
    this.prefetchIndex = batch.prefetch[command]!
    this.session = session
    this.database = session.database
    this.failed = this.arityFailed = false
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
    if (this.prefetchIndex >= 0 && index === this.command.firstKey) return this.firstHash
    return this.keyspace.hash(this.view, this.start(index), this.length(index))
  }

  /** A key argument with its hash. There is one slice: it is valid until the next call of this. */
  keyAt(index: number, hash: number = this.hash(index)): KeySlice {
    return this.key.pointKey(this.bytes, this.view, this.start(index), this.length(index), hash)
  }

  /** The record of a key argument, or 0. */
  find(index: number, hash: number = this.hash(index)): number {
    const key = this.keyAt(index, hash)
    if (this.prefetchIndex >= 0 && index === this.command.firstKey) {
      return this.keyspace.findPrefetched(this.prefetch, this.prefetchIndex, this.database, key)
    }
    return this.keyspace.find(this.database, key)
  }

  /** Counts a look-up that reads; CLIENT NO-TOUCH leaves the access time as it is. */
  noteRead(ref: number): void {
    if (this.session.noTouch) this.keyspace.noteLookUp(ref)
    else this.keyspace.noteRead(ref)
  }

  /** `find` for a command that reads the value: it counts as an access. */
  read(index: number, hash: number = this.hash(index)): number {
    const ref = this.find(index, hash)
    this.noteRead(ref)
    return ref
  }

  /**
   * The hashes of all key arguments from `first` on, every `step`; their index slots and records are brought into the
   * cache in loops of independent loads. The array is valid until the next call.
   */
  loadKeys(first: number, step: number): Int32Array {
    const count = Math.ceil((this.argc - first) / step)
    const { keys, keyspace } = this
    keys.reserve(count)
    const { hashes } = keys
    for (let i = 0, at = first; i < count; i++, at += step) {
      hashes[i] = keyspace.hash(this.view, this.start(at), this.length(at))
    }
    keyspace.prefetch(this.database, keys, count)
    return hashes
  }

  /** The record of a key argument where a prefetch has found it and it still lies there, else 0. Costs little. */
  known(index: number, hash: number): number {
    if (this.prefetchIndex < 0 || index !== this.command.firstKey) return 0
    const key = this.keyAt(index, hash)
    return this.keyspace.knownRecord(this.prefetch, this.prefetchIndex, this.database, key)
  }

  /** `known` for a key argument that is at `at` of `loadKeys`. */
  knownLoaded(at: number, index: number): number {
    const key = this.keyAt(index, this.keys.hashes[at]!)
    return this.keyspace.knownRecord(this.keys, at, this.database, key)
  }

  /** The record of a key argument that is at `at` of `loadKeys`, or 0. */
  findLoaded(at: number, index: number): number {
    const key = this.keyAt(index, this.keys.hashes[at]!)
    return this.keyspace.findPrefetched(this.keys, at, this.database, key)
  }

  /** Sets a key argument to bytes. `known` is its record where that has been found already. */
  setBytes(
    key: number,
    hash: number,
    value: Uint8Array,
    view: DataView,
    start: number,
    length: number,
    deadline: Deadline,
    known: number
  ): void {
    const slice = this.value.point(value, view, start, length)
    setBytes(this.keyspace, this.database, this.keyAt(key, hash), slice, deadline, known)
  }

  /** Sets a key argument to bytes that stay bytes, even where they are an integer's. */
  setText(key: number, hash: number, text: Buffer, deadline: Deadline): void {
    const { bytes, view } = byteSource(text)
    const slice = this.value.point(bytes, view, 0, bytes.length)
    setText(this.keyspace, this.database, this.keyAt(key, hash), slice, deadline, 0)
  }

  /** Sets a key argument to the bytes of another argument. */
  setArgument(key: number, hash: number, value: number, deadline: Deadline, known: number): void {
    const slice = this.value.point(this.bytes, this.view, this.start(value), this.length(value))
    setBytes(this.keyspace, this.database, this.keyAt(key, hash), slice, deadline, known)
  }

  /** Sets a key argument to an integer. */
  setInteger(key: number, hash: number, value: Integer, deadline: Deadline, known: number): void {
    setInteger(this.keyspace, this.database, this.keyAt(key, hash), value, deadline, known)
  }

  /** The view of the bytes that a record's value is in. */
  viewOf(ref: number): DataView {
    return this.keyspace.records.valueView(ref)
  }

  /** A key argument was changed, and the command's bytes as received would change it again in the same way. */
  changed(event: KeyEvent, key: number): void {
    this.touched(event, key)
    this.received()
  }

  /** A key argument was changed, and the command is propagated in another form: its words must follow if true. */
  changedAs(event: KeyEvent, key: number, argc: number): boolean {
    this.touched(event, key)
    return this.rewritten(argc)
  }

  /** A key argument was changed: for whoever observes. What is propagated is said once for the whole command. */
  touched(event: KeyEvent, key: number): void {
    this.touchedIn(this.database, event, key)
  }

  /** `touched`, in another database. */
  touchedIn(database: Database, event: KeyEvent, key: number): void {
    const { changes } = this
    changes.count++
    if (changes.observed)
      changes.tellKey(database.index, event, this.bytes, this.start(key), this.length(key))
  }

  /** The command is propagated as it was received. */
  received(): void {
    if (this.inline && this.log.enabled) {
      if (this.rewritten(this.argc)) for (let i = 0; i < this.argc; i++) this.logArgument(i)
    } else this.log.received(this.database.index, this.bytes, this.begin, this.end)
  }

  /** The command is propagated in another form: its words must follow if true. */
  rewritten(argc: number): boolean {
    return this.log.command(this.database.index, argc)
  }

  /** An argument of the command as an argument of what is propagated. */
  logArgument(index: number): void {
    this.log.bytes(this.bytes, this.start(index), this.length(index))
  }
}
