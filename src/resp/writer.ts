/**
 * Writes RESP2 and RESP3 replies as bytes into one growing buffer. Pure.
 *
 * The buffer is reused for every reply; whoever hands its bytes to a stream that keeps them calls `detach`.
 * Invariant: between commands, bytes [0, length) are whole replies.
 */

import { copyBytes, copyWords } from "../values/bytes.js"
import { decimalLength, type Integer, writeDecimal } from "../values/integer.js"

const BUFFER_BYTES = 64 * 1024
const BUFFER_BYTES_KEPT_MAX = 1024 * 1024

const CR = 13
const LF = 10

/** A reply that never changes, made once. */
export const constantReply = (text: string): Buffer => Buffer.from(text, "latin1")

const NULL_RESP2 = constantReply("$-1\r\n")
const NULL_ARRAY_RESP2 = constantReply("*-1\r\n")
const NULL_RESP3 = constantReply("_\r\n")
const TRUE_RESP3 = constantReply("#t\r\n")
const FALSE_RESP3 = constantReply("#f\r\n")

/** A double as Redis prints it in replies: shortest form with 17 digits, "inf", "-inf", "nan". */
export const formatDouble = (value: number): string => {
  if (Number.isNaN(value)) return "nan"
  if (value === Infinity) return "inf"
  if (value === -Infinity) return "-inf"
  if (Object.is(value, -0)) return "-0"
  if (Number.isInteger(value) && Math.abs(value) < 1e17) return String(value)
  const text = String(value)
  // C's %.17g writes exponents with two digits at least
  return text.replace(/e([+-])(\d)$/, "e$10$2")
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export class ReplyWriter {
  buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  private view = viewOf(this.buffer)
  /** Bytes written so far. */
  length = 0
  /** The protocol of the client that the replies are for. */
  protocol: 2 | 3 = 2

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + bytes))
    grown.set(this.buffer.subarray(0, this.length), 0)
    this.use(grown)
  }

  private use(buffer: Buffer): void {
    this.buffer = buffer
    this.view = viewOf(buffer)
  }

  /** Forgets what was written; a buffer that a huge reply had made large is let go. */
  reset(): void {
    this.length = 0
    if (this.buffer.length > BUFFER_BYTES_KEPT_MAX) this.use(Buffer.allocUnsafeSlow(BUFFER_BYTES))
  }

  /** Gives the buffer away to whoever keeps its bytes, and goes on with a fresh one. */
  detach(): void {
    this.use(Buffer.allocUnsafeSlow(BUFFER_BYTES))
    this.length = 0
  }

  /** A whole reply, as it is. */
  constant(reply: Uint8Array): void {
    this.reserve(reply.length)
    copyBytes(reply, 0, reply.length, this.buffer, this.length)
    this.length += reply.length
  }

  /** +text; `text` must hold no CR or LF. */
  simple(text: string): void {
    this.line(43, text)
  }

  /** -text: an error; CR and LF become spaces, as in Redis. */
  error(text: string): void {
    this.line(45, text.replace(/[\r\n]/g, " "))
  }

  ok(): void {
    this.reserve(5)
    const { buffer, length } = this
    buffer[length] = 43
    buffer[length + 1] = 79
    buffer[length + 2] = 75
    buffer[length + 3] = CR
    buffer[length + 4] = LF
    this.length = length + 5
  }

  integer(value: Integer): void {
    this.header(58, value)
  }

  /** Starts an array of `count` replies. */
  array(count: number): void {
    this.header(42, count)
  }

  /** Starts a map of `count` pairs; an array of twice as many in RESP2. */
  map(count: number): void {
    if (this.protocol === 2) this.header(42, count * 2)
    else this.header(37, count)
  }

  /** Starts a set; an array in RESP2. */
  set(count: number): void {
    this.header(this.protocol === 2 ? 42 : 126, count)
  }

  /** Starts an out-of-band message; an array in RESP2. */
  push(count: number): void {
    this.header(this.protocol === 2 ? 42 : 62, count)
  }

  null(): void {
    this.constant(this.protocol === 2 ? NULL_RESP2 : NULL_RESP3)
  }

  nullArray(): void {
    this.constant(this.protocol === 2 ? NULL_ARRAY_RESP2 : NULL_RESP3)
  }

  boolean(value: boolean): void {
    if (this.protocol === 2) this.integer(value ? 1 : 0)
    else this.constant(value ? TRUE_RESP3 : FALSE_RESP3)
  }

  double(value: number): void {
    const text = formatDouble(value)
    if (this.protocol === 2) this.bulkText(text)
    else this.line(44, text)
  }

  bigNumber(digits: string): void {
    if (this.protocol === 2) this.bulkText(digits)
    else this.line(40, digits)
  }

  /** A verbatim string; `format` has three letters. */
  verbatim(format: string, text: string): void {
    if (this.protocol === 2) {
      this.bulkText(text)
      return
    }
    const bytes = Buffer.from(`${format}:${text}`, "utf8")
    this.header(61, bytes.length)
    this.raw(bytes, 0, bytes.length)
  }

  /** A bulk string of bytes. */
  bulk(source: Uint8Array, start: number, length: number): void {
    const at = this.bulkHeader(length)
    copyBytes(source, start, length, this.buffer, at)
  }

  /** `bulk`, of bytes that have a view. */
  bulkWords(view: DataView, source: Uint8Array, start: number, length: number): void {
    const at = this.bulkHeader(length)
    copyWords(view, source, start, length, this.view, this.buffer, at)
  }

  /** A bulk string of text in UTF-8. */
  bulkText(text: string): void {
    const length = Buffer.byteLength(text, "utf8")
    const at = this.bulkHeader(length)
    this.buffer.write(text, at, length, "utf8")
  }

  /** A bulk string of an integer in decimal. */
  bulkInteger(value: Integer): void {
    const length = decimalLength(value)
    const at = this.bulkHeader(length)
    writeDecimal(this.buffer, at, value, length)
  }

  /** Everything of a bulk string but its bytes, which the caller writes at the offset given back. */
  bulkHeader(length: number): number {
    this.reserve(length + 24)
    const buffer = this.buffer
    let at = this.length
    buffer[at++] = 36
    if (length < 10) buffer[at++] = 48 + length
    else if (length < 100) {
      const tens = (length / 10) | 0
      buffer[at] = 48 + tens
      buffer[at + 1] = 48 + length - tens * 10
      at += 2
    } else {
      const digits = decimalLength(length)
      writeDecimal(buffer, at, length, digits)
      at += digits
    }
    buffer[at] = CR
    buffer[at + 1] = LF
    at += 2
    buffer[at + length] = CR
    buffer[at + length + 1] = LF
    this.length = at + length + 2
    return at
  }

  private raw(source: Uint8Array, start: number, length: number): void {
    this.reserve(length + 2)
    copyBytes(source, start, length, this.buffer, this.length)
    this.length += length
    this.buffer[this.length++] = CR
    this.buffer[this.length++] = LF
  }

  private line(type: number, text: string): void {
    const length = Buffer.byteLength(text, "latin1")
    this.reserve(length + 3)
    this.buffer[this.length] = type
    this.buffer.write(text, this.length + 1, length, "latin1")
    this.length += length + 1
    this.buffer[this.length++] = CR
    this.buffer[this.length++] = LF
  }

  private header(type: number, value: Integer): void {
    this.reserve(24)
    const buffer = this.buffer
    let at = this.length
    buffer[at++] = type
    if (typeof value === "number" && value >= 0 && value < 10) buffer[at++] = 48 + value
    else {
      const digits = decimalLength(value)
      writeDecimal(buffer, at, value, digits)
      at += digits
    }
    buffer[at] = CR
    buffer[at + 1] = LF
    this.length = at + 2
  }
}
