/**
 * The incremental RESP request decoder of one connection: bytes in, argument ranges out, no copies. Pure.
 *
 * It keeps no bytes but the start of a command that has not arrived whole (`pending`); while a command is partial it
 * remembers which arguments it has seen, so that no byte is read twice however small the pieces.
 * Limits and error texts are those of Redis (networking.c, processMultibulkBuffer and processInlineBuffer).
 */

import { BATCH_COMMANDS_MAX, type ByteSource, byteSource, type CommandBatch } from "./batch.js"
import { splitInline } from "./inline.js"

/** Longest inline command, and longest line that announces a count or a length. */
const LINE_BYTES_MAX = 64 * 1024
/** The least room for a command that has not arrived whole. */
const HELD_BYTES_MIN = 1024
const MULTIBULK_COUNT_MAX = 2147483647
/** What a client may send before it has authenticated. */
const UNAUTHENTICATED_COUNT_MAX = 10
const UNAUTHENTICATED_BULK_BYTES_MAX = 16384

const CR = 13
const LF = 10
const MULTIBULK = 42
const BULK = 36

const INCOMPLETE = -1
const FAILED = -2

/** What bounds a request. */
export interface DecoderLimits {
  /** proto-max-bulk-len */
  readonly bulkBytesMax: number
  /** Whether the client has authenticated. */
  readonly authenticated: boolean
}

export class RequestDecoder {
  /** The protocol error that ended decoding, without "-ERR ". */
  error: string | null = null
  /** Bytes of a command that is not whole yet, from its first byte on. */
  private pending: ByteSource | null = null
  private pendingBytes = 0
  /** Bytes that `pending` must have before decoding can go on. */
  private needBytes = 0
  /** Arguments that the partial command announced (0: none partial), and where to go on, from its first byte. */
  private argc = 0
  private resumeAt = 0
  private seen = 0
  private seenRanges = new Int32Array(0)
  private lineEnd = 0

  /** What is held back, or null. */
  get held(): ByteSource | null {
    return this.pending
  }

  /** Bytes held back. */
  get heldBytes(): number {
    return this.pendingBytes
  }

  /** Bytes of the buffer that holds them. */
  get roomBytes(): number {
    return this.pending === null ? 0 : this.pending.bytes.length
  }

  /**
   * Takes a chunk behind what is held back. Gives the source to decode now, or null where more is needed first;
   * `end` of it is `heldBytes`.
   */
  append(chunk: Uint8Array, length: number): ByteSource | null {
    const total = this.pendingBytes + length
    // room grows with what has arrived, to what is needed at most where that is known: an announced length is free
    if (this.pending === null || this.pending.bytes.length < total) {
      const doubled = Math.max(total * 2, HELD_BYTES_MIN)
      this.resize(this.needBytes > total ? Math.min(doubled, this.needBytes) : doubled)
    }
    const target = this.pending!
    target.bytes.set(length === chunk.length ? chunk : chunk.subarray(0, length), this.pendingBytes)
    this.pendingBytes = total
    return total < this.needBytes ? null : target
  }

  /** Holds back [from, end) of the source that was decoded last. */
  keep(source: ByteSource, from: number, end: number): void {
    const length = end - from
    if (length === 0) {
      this.pendingBytes = 0
      this.pending = null
      return
    }
    if (source === this.pending) source.bytes.copyWithin(0, from, end)
    else {
      this.pendingBytes = 0
      this.pending = byteSource(Buffer.allocUnsafeSlow(Math.max(length * 2, HELD_BYTES_MIN)))
      this.pending.bytes.set(source.bytes.subarray(from, end), 0)
    }
    this.pendingBytes = length
  }

  /** Forgets the progress within a partial command: what is held back begins with whole commands again. */
  restart(): void {
    this.argc = 0
    this.seen = 0
    this.needBytes = 0
    // one that lies behind them is met again
    this.error = null
  }

  /**
   * Decodes whole commands of [from, end) into `batch`, up to BATCH_COMMANDS_MAX. Gives the offset of the first byte
   * that was not consumed: it must be the first that `keep` holds back (after `restart`, if another is).
   */
  decode(source: ByteSource, from: number, end: number, batch: CommandBatch, limits: DecoderLimits): number {
    batch.reset(source)
    this.needBytes = 0
    let at = from
    while (at < end && batch.size < BATCH_COMMANDS_MAX && this.error === null) {
      const next =
        this.argc > 0 || source.bytes[at] === MULTIBULK
          ? this.decodeMultibulk(source.bytes, at, end, batch, limits)
          : this.decodeInline(source.bytes, at, end, batch)
      if (next < 0) break
      at = next
      if (batch.source !== source) break
    }
    return at
  }

  private decodeMultibulk(
    bytes: Buffer,
    begin: number,
    end: number,
    batch: CommandBatch,
    limits: DecoderLimits
  ): number {
    const first = batch.argCount
    let at = begin
    let argc = this.argc
    let seen = 0
    if (argc > 0) {
      seen = this.seen
      at = begin + this.resumeAt
      this.argc = 0
    } else {
      argc = this.readNumber(bytes, begin + 1, end, "too big mbulk count string")
      if (argc === INCOMPLETE) return INCOMPLETE
      if (Number.isNaN(argc) || argc > MULTIBULK_COUNT_MAX) return this.fail("invalid multibulk length")
      if (argc > UNAUTHENTICATED_COUNT_MAX && !limits.authenticated) {
        return this.fail("unauthenticated multibulk length")
      }
      at = this.lineEnd
      if (argc <= 0) return at
    }
    for (; seen < argc; seen++) {
      if (at >= end) return this.suspend(begin, at, at + 1, argc, seen, first, batch)
      if (bytes[at] !== BULK) {
        return this.fail(`expected '$', got '${String.fromCharCode(bytes[at]!)}'`)
      }
      const length = this.readLength(bytes, at + 1, end)
      if (length === INCOMPLETE) {
        return this.error !== null ? FAILED : this.suspend(begin, at, end + 1, argc, seen, first, batch)
      }
      if (!(length >= 0 && length <= limits.bulkBytesMax)) return this.fail("invalid bulk length")
      if (length > UNAUTHENTICATED_BULK_BYTES_MAX && !limits.authenticated) {
        return this.fail("unauthenticated bulk length")
      }
      const start = this.lineEnd
      if (start + length + 2 > end) {
        return this.suspend(begin, at, start + length + 2, argc, seen, first, batch)
      }
      batch.addArgument(start, length)
      at = start + length + 2
    }
    if (this.seen > 0) this.recall(begin, seen, first, batch)
    batch.addCommand(first, begin, at, false)
    return at
  }

  /** The usual length lines have one or two digits; anything else goes the long way. */
  private readLength(bytes: Buffer, at: number, end: number): number {
    if (at + 3 < end) {
      const digit = bytes[at]! - 48
      if (digit >= 0 && digit <= 9) {
        const second = bytes[at + 1]!
        if (second === CR) {
          this.lineEnd = at + 3
          return digit
        }
        if (digit > 0 && second >= 48 && second <= 57 && bytes[at + 2] === CR) {
          this.lineEnd = at + 4
          return digit * 10 + second - 48
        }
      }
    }
    return this.readNumber(bytes, at, end, "too big bulk count string")
  }

  /**
   * The number on a line that begins at `at`; `lineEnd` is set behind its line feed. NaN where it is none, INCOMPLETE
   * where the line has not ended.
   */
  private readNumber(bytes: Buffer, at: number, end: number, tooLong: string): number {
    const start = at
    let negative = false
    let value = 0
    let valid = true
    if (at < end && bytes[at] === 45) {
      negative = true
      at++
    }
    const digits = at
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (byte === CR) {
        if (at + 1 >= end) return INCOMPLETE
        this.lineEnd = at + 2
        // string2ll takes no leading zeros and nothing above 20 characters
        if (at === digits || at - digits > 19) return Number.NaN
        if (bytes[digits] === 48 && (negative || at - digits > 1)) return Number.NaN
        if (!valid) return Number.NaN
        // -1 must not be taken for INCOMPLETE; every negative number means the same here
        return negative ? -value - 10 : value
      }
      if (byte === 0) {
        // Redis searches for the line's end with strchr, which a NUL stops
        at = end
        break
      }
      if (byte < 48 || byte > 57) valid = false
      else value = value * 10 + byte - 48
      if (at - start > LINE_BYTES_MAX) break
    }
    if (at - start > LINE_BYTES_MAX) this.fail(tooLong)
    return INCOMPLETE
  }

  private decodeInline(bytes: Buffer, begin: number, end: number, batch: CommandBatch): number {
    const feed = bytes.indexOf(LF, begin)
    if (feed < 0 || feed >= end || hasNul(bytes, begin, feed)) {
      if (end - begin > LINE_BYTES_MAX) return this.fail("too big inline request")
      this.needBytes = end - begin + 1
      return INCOMPLETE
    }
    const lineEnd = feed > begin && bytes[feed - 1] === CR ? feed - 1 : feed
    const first = batch.argCount
    for (let at = begin; at < lineEnd; ) {
      const byte = bytes[at]!
      if (byte === 34 || byte === 39 || byte === 92) {
        // a command with quotes gets bytes of its own, so it must be alone in the batch
        batch.argCount = first
        if (batch.size > 0) return INCOMPLETE
        return this.decodeQuoted(bytes, begin, lineEnd, feed + 1, batch)
      }
      if (isSpace(byte)) {
        at++
        continue
      }
      const start = at
      while (at < lineEnd && !isSpace(bytes[at]!)) {
        if (bytes[at] === 34 || bytes[at] === 39) {
          batch.argCount = first
          if (batch.size > 0) return INCOMPLETE
          return this.decodeQuoted(bytes, begin, lineEnd, feed + 1, batch)
        }
        at++
      }
      batch.addArgument(start, at - start)
    }
    if (batch.argCount > first) batch.addCommand(first, begin, feed + 1, true)
    return feed + 1
  }

  private decodeQuoted(
    bytes: Buffer,
    begin: number,
    lineEnd: number,
    next: number,
    batch: CommandBatch
  ): number {
    const args = splitInline(bytes.subarray(begin, lineEnd))
    if (args === null) return this.fail("unbalanced quotes in request")
    const source = byteSource(Buffer.concat(args))
    batch.reset(source)
    let at = 0
    for (const arg of args) {
      batch.addArgument(at, arg.length)
      at += arg.length
    }
    if (args.length > 0) batch.addCommand(0, begin, next, true)
    return next
  }

  private fail(message: string): number {
    this.error = `Protocol error: ${message}`
    return FAILED
  }

  /** Remembers a partial command: what `batch` has of it goes behind the arguments of earlier pieces. */
  private suspend(
    begin: number,
    at: number,
    need: number,
    argc: number,
    seen: number,
    first: number,
    batch: CommandBatch
  ): number {
    this.argc = argc
    this.resumeAt = at - begin
    this.needBytes = need - begin
    this.remember(begin, seen, first, batch)
    return INCOMPLETE
  }

  private remember(begin: number, seen: number, first: number, batch: CommandBatch): void {
    if (this.seenRanges.length < seen * 2) {
      const larger = new Int32Array(seen * 4)
      larger.set(this.seenRanges.subarray(0, this.seen * 2))
      this.seenRanges = larger
    }
    for (let i = this.seen, arg = first; i < seen; i++, arg++) {
      this.seenRanges[i * 2] = batch.argStart[arg]! - begin
      this.seenRanges[i * 2 + 1] = batch.argLength[arg]!
    }
    this.seen = seen
    batch.argCount = first
  }

  /** Puts all arguments of a command that came in pieces into the batch. */
  private recall(begin: number, seen: number, first: number, batch: CommandBatch): void {
    this.remember(begin, seen, first, batch)
    for (let i = 0; i < seen; i++) {
      batch.addArgument(begin + this.seenRanges[i * 2]!, this.seenRanges[i * 2 + 1]!)
    }
    this.seen = 0
  }

  private resize(bytes: number): void {
    const larger = byteSource(Buffer.allocUnsafeSlow(bytes))
    if (this.pending !== null) larger.bytes.set(this.pending.bytes.subarray(0, this.pendingBytes), 0)
    this.pending = larger
  }
}

/** Redis searches for the end of a line with strchr, which a NUL stops. */
const hasNul = (bytes: Buffer, start: number, end: number): boolean => {
  for (let at = start; at < end; at++) if (bytes[at] === 0) return true
  return false
}

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13) || byte === 0
