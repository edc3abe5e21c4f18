/**
 * GET and SET of a caller in the same process without a command in between: the key is encoded once, found, and the
 * value copied. Pure.
 *
 * It goes where every command goes (an Invocation: its look-ups, its setters, its account of what changed), but for
 * encoding and decoding. Rules are not repeated here: where one could refuse a command or make it wait (a script that
 * runs, a file that cannot be written, memory, a password), and for what is rare (long texts), the answer is undefined,
 * and the caller takes the way over the engine.
 */
import * as Events from "../changes/events.js"
import type { Engine } from "../engine/engine.js"
import { Invocation } from "../engine/invocation.js"
import type { Session } from "../engine/session.js"
import type { Command } from "../engine/table.js"
import { byteSource, CommandBatch } from "../resp/batch.js"
import type { Argument } from "../resp/encoder.js"
import { ReplyWriter } from "../resp/writer.js"
import { FLAG_EXPIRES, NO_DEADLINE, TYPE_STRING } from "../store/record.js"
import { copyBytes } from "../values/bytes.js"
import { bytesOf } from "../values/string.js"
import { asText } from "./text.js"

const SCRATCH_BYTES = 16 * 1024
/** Text up to this length is written by a loop where it is ASCII. */
const LOOP_CHARACTERS_MAX = 64
/** Calls of one job of the event loop that may share a reading of the clock; what has a deadline reads its own. */
const CALLS_PER_TIME = 32
/** The name that SET is propagated by; the key follows it. */
const NAME = Buffer.from("SET", "latin1")

export class Direct {
  private readonly source = byteSource(Buffer.allocUnsafeSlow(SCRATCH_BYTES))
  private readonly batch = new CommandBatch()
  private readonly invocation: Invocation
  private readonly getCommand: Command
  private readonly setCommand: Command
  /** Calls until the clock is read again; 0 when a job of the event loop begins. */
  private callsLeft = 0

  constructor(
    private readonly engine: Engine,
    private readonly session: Session
  ) {
    this.invocation = new Invocation(engine, new ReplyWriter(), engine.changes, "client")
    this.getCommand = engine.table.byName("get")!
    this.setCommand = engine.table.byName("set")!
    const { batch, source } = this
    NAME.copy(source.bytes)
    batch.reset(source)
    // a batch of one SET; GET's is the same without the value
    batch.addArgument(0, NAME.length)
    batch.addArgument(NAME.length, 0)
    batch.addArgument(NAME.length, 0)
    batch.addCommand(0, 0, 0, true)
  }

  /** The value as text, null where there is none, undefined where the engine has to be asked. */
  get(key: Argument): string | null | undefined {
    const ref = this.read(key)
    if (ref <= 0) return ref === 0 ? null : undefined
    return asText(this.engine.keyspace, ref)
  }

  /** The value as bytes of the caller's own; otherwise as `get`. */
  getBytes(key: Argument): Buffer | null | undefined {
    const ref = this.read(key)
    if (ref <= 0) return ref === 0 ? null : undefined
    return Buffer.from(bytesOf(this.engine.keyspace, ref))
  }

  /** Sets a key to a value without a deadline; false where the engine has to be asked. */
  set(key: Argument, value: Argument): boolean {
    const { batch, engine, invocation } = this
    if (!this.ready() || engine.writesRefused !== null) return false
    if (engine.memoryBytesMax > 0 && engine.keyspace.segments.usedBytes > engine.memoryBytesMax) return false
    const keyLength = this.put(key, NAME.length)
    if (keyLength < 0) return false
    const valueStart = NAME.length + keyLength
    const valueLength = this.put(value, valueStart)
    if (valueLength < 0) return false
    batch.argLength[1] = keyLength
    batch.argStart[2] = valueStart
    batch.argLength[2] = valueLength
    this.begin(this.setCommand)
    this.count(this.setCommand)
    const hash = invocation.hash(1)
    invocation.setArgument(1, hash, 2, NO_DEADLINE, 0)
    invocation.changed(Events.SET, 1)
    engine.afterCommand()
    return true
  }

  /** The record of a string, 0 where there is none, -1 where the engine has to be asked. */
  private read(key: Argument): number {
    if (!this.ready()) return -1
    const length = this.put(key, NAME.length)
    if (length < 0) return -1
    this.batch.argLength[1] = length
    this.begin(this.getCommand)
    const { invocation } = this
    const { engine } = this
    const { keyspace } = engine
    let ref = invocation.find(1)
    if (ref !== 0) {
      if (keyspace.records.flags(ref) & FLAG_EXPIRES) {
        engine.refreshTime()
        ref = invocation.find(1)
      }
      // another type is an error, which the command words
      if (ref !== 0 && keyspace.records.type(ref) !== TYPE_STRING) return -1
    }
    this.count(this.getCommand)
    invocation.noteRead(ref)
    return ref
  }

  /** Whether no rule of the engine's could have a say in a command that reads. */
  private ready(): boolean {
    const { engine, session } = this
    return !session.closed && session.authenticated && !engine.gate.running && !engine.loading
  }

  private begin(command: Command): void {
    if (this.callsLeft === 0) this.readTime()
    this.callsLeft--
    this.invocation.point(this.batch, 0, this.session)
    this.invocation.command = command
  }

  private readTime(): void {
    this.callsLeft = CALLS_PER_TIME
    this.engine.refreshTime()
    queueMicrotask(this.endJob)
  }
  private readonly endJob = (): void => {
    this.callsLeft = 0
  }

  private count(command: Command): void {
    this.engine.stats.commands++
    this.session.commands++
    this.session.lastCommand = command.fullName
    command.calls++
  }

  /** Writes an argument at an offset of the scratch bytes; its length, or -1 where it may not fit. */
  private put(argument: Argument, at: number): number {
    const { bytes } = this.source
    if (typeof argument === "object") {
      if (at + argument.length > SCRATCH_BYTES) return -1
      copyBytes(argument, 0, argument.length, bytes, at)
      return argument.length
    }
    const text = typeof argument === "string" ? argument : String(argument)
    const { length } = text
    if (at + length * 3 > SCRATCH_BYTES) return -1
    if (length > LOOP_CHARACTERS_MAX) return bytes.write(text, at, "utf8")
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) return bytes.write(text, at, "utf8")
      bytes[at + i] = code
    }
    return length
  }
}
