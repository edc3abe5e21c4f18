/**
 * What changed, in words: RESP commands in the order of execution, for the AOF (later also for replicas). Pure.
 *
 * A handler that changed something logs it once: `received` where its bytes as they came have the same effect when
 * they are run again, else `command` … with another form (an absolute deadline, a computed value). Nothing is copied
 * while nobody listens. Runs of received commands that lie side by side are copied in one go.
 * Invariant: [0, length) of `buffer` are whole commands, SELECT where the database changes. A transaction that is open
 * is not pending yet: it goes out whole, or not at all (`abortTransaction`).
 */
import { copyBytes } from "../values/bytes.js"
import { decimalLength, type Integer, writeDecimal } from "../values/integer.js"

const BUFFER_BYTES = 64 * 1024
const BUFFER_BYTES_KEPT_MAX = 4 * 1024 * 1024
const NO_BYTES = Buffer.alloc(0)

export class CommandLog {
  /** Whether anybody listens. */
  enabled = false
  buffer: Buffer = NO_BYTES
  private written = 0
  private database = -1
  /** A run of received bytes that has not been copied yet. */
  private runBytes: Buffer = NO_BYTES
  private runStart = 0
  private runEnd = 0
  /** Where a transaction began that is not ended yet (-1: none), and how many commands it has. */
  private transactionAt = -1
  private transactionCommands = 0
  /** Bytes that were taken so far. */
  private taken = 0
  /** Where the log was when the command that runs began: `begin`. */
  private markWritten = 0
  private markRun = 0
  private markCommands = 0

  /** Bytes that are not taken yet, those of an open transaction among them. */
  get length(): number {
    return this.written + this.runEnd - this.runStart
  }

  /** Bytes logged since the start that may be taken, or were: what a reply given now rests on. */
  get position(): number {
    return this.taken + (this.transactionAt >= 0 ? this.transactionAt : this.length)
  }

  /** Whether a script's changes are being logged: between its slices nothing may be made of the log's position. */
  get inTransaction(): boolean {
    return this.transactionAt >= 0
  }

  /** Whether anything may be taken. */
  get hasPending(): boolean {
    return this.transactionAt >= 0 ? this.transactionAt > 0 : this.length > 0
  }

  /** A command begins that may fail half-way: `rollback` takes back what it has logged. */
  begin(): void {
    this.markWritten = this.written
    this.markRun = this.runEnd - this.runStart
    this.markCommands = this.transactionCommands
  }

  /** Takes back what was logged since `begin`. */
  rollback(): void {
    if (!this.enabled) return
    this.flushRun()
    this.written = this.markWritten + this.markRun
    this.transactionCommands = this.markCommands
    this.database = -1
  }

  /** The next command is preceded by a SELECT: for a new consumer. */
  forgetDatabase(): void {
    this.flushRun()
    this.database = -1
  }

  /** A command goes out as it was received: [begin, end) of `bytes` in RESP. */
  received(database: number, bytes: Buffer, begin: number, end: number): void {
    if (!this.enabled) return
    if (this.prepare(database) && this.runBytes === bytes && this.runEnd === begin) {
      this.runEnd = end
      return
    }
    this.flushRun()
    this.runBytes = bytes
    this.runStart = begin
    this.runEnd = end
  }

  /** Starts a command in another form; false where nobody listens. Its `argc` arguments must follow. */
  command(database: number, argc: number): boolean {
    if (!this.enabled) return false
    this.prepare(database)
    this.flushRun()
    this.start(argc)
    return true
  }

  /** An argument of ASCII text. */
  text(text: string): void {
    this.reserve(text.length + 24)
    this.length10(36, text.length)
    this.buffer.write(text, this.written, text.length, "latin1")
    this.written += text.length
    this.endLine()
  }

  /** An argument of bytes. */
  bytes(source: Uint8Array, start: number, length: number): void {
    this.reserve(length + 24)
    this.length10(36, length)
    copyBytes(source, start, length, this.buffer, this.written)
    this.written += length
    this.endLine()
  }

  /** An argument that is an integer. */
  integer(value: Integer): void {
    this.reserve(48)
    const digits = decimalLength(value)
    this.length10(36, digits)
    writeDecimal(this.buffer, this.written, value, digits)
    this.written += digits
    this.endLine()
  }

  /** Forgets an open transaction: what it did is not to be kept. */
  abortTransaction(): void {
    if (this.transactionAt < 0) return
    this.flushRun()
    this.written = this.transactionAt
    this.transactionAt = -1
    this.database = -1
  }

  /** What follows until `endTransaction` takes effect together: wrapped in MULTI and EXEC if it is more than one. */
  beginTransaction(): void {
    this.flushRun()
    this.transactionAt = this.written
    this.transactionCommands = 0
  }

  endTransaction(): void {
    if (this.transactionAt < 0) return
    this.flushRun()
    const at = this.transactionAt
    this.transactionAt = -1
    if (this.transactionCommands > 1) {
      this.start(1)
      this.text("EXEC")
    } else if (this.transactionCommands === 1) {
      // a single command needs no MULTI in front of it
      this.buffer.copyWithin(at, at + MULTI.length, this.written)
      this.written -= MULTI.length
    }
  }

  /** The bytes that may be written now: a view that is valid until the next command is logged. */
  pending(): Buffer {
    this.flushRun()
    return this.buffer.subarray(0, this.transactionAt >= 0 ? this.transactionAt : this.written)
  }

  /** The first `bytes` of what `pending` gave have been written. */
  consume(bytes: number): void {
    this.buffer.copyWithin(0, bytes, this.written)
    this.written -= bytes
    this.taken += bytes
    if (this.transactionAt >= 0) this.transactionAt -= bytes
    if (this.written === 0 && this.buffer.length > BUFFER_BYTES_KEPT_MAX) this.buffer = NO_BYTES
  }

  /** Copies what lies in a buffer that is about to be reused. */
  flushRun(): void {
    const length = this.runEnd - this.runStart
    if (length === 0) return
    this.reserve(length)
    copyBytes(this.runBytes, this.runStart, length, this.buffer, this.written)
    this.written += length
    this.runBytes = NO_BYTES
    this.runStart = this.runEnd = 0
  }

  /** Puts MULTI and SELECT in front where they are due; true where neither was. */
  private prepare(database: number): boolean {
    let untouched = true
    if (this.transactionAt >= 0 && this.transactionCommands++ === 0) {
      this.flushRun()
      this.transactionAt = this.written
      this.reserve(MULTI.length)
      MULTI.copy(this.buffer, this.written)
      this.written += MULTI.length
      untouched = false
    }
    if (database !== this.database) {
      this.flushRun()
      this.database = database
      this.start(2)
      this.text("SELECT")
      this.integer(database)
      untouched = false
      if (this.transactionAt >= 0) this.transactionCommands++
    }
    return untouched
  }

  private start(argc: number): void {
    this.reserve(24)
    this.length10(42, argc)
  }

  private length10(type: number, value: number): void {
    const digits = decimalLength(value)
    this.buffer[this.written] = type
    writeDecimal(this.buffer, this.written + 1, value, digits)
    this.written += 1 + digits
    this.endLine()
  }

  private endLine(): void {
    this.buffer[this.written++] = 13
    this.buffer[this.written++] = 10
  }

  private reserve(bytes: number): void {
    if (this.written + bytes <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, this.buffer.length * 2, this.written + bytes))
    grown.set(this.buffer.subarray(0, this.written), 0)
    this.buffer = grown
  }
}

const MULTI = Buffer.from("*1\r\n$5\r\nMULTI\r\n", "latin1")
