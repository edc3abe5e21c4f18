/**
 * The Stream face of the request decoder: bytes in, commands out. No tier: it holds nothing beyond its stream.
 *
 * For links that are Effects anyway (files, replication, users); sockets use the decoder itself (resp/decoder.ts).
 */
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type ByteSource, byteSource, CommandBatch } from "./batch.js"
import { type DecoderLimits, RequestDecoder } from "./decoder.js"

/**
 * The bytes are no RESP requests; `message` is Redis's "Protocol error: …", `offset` the bytes from the start of the
 * stream to the first that were not understood.
 *
 * @since 0.1.0
 * @category errors
 */
export class ProtocolError extends Schema.TaggedError<ProtocolError>()("ProtocolError", {
  message: Schema.String,
  offset: Schema.Number
}) {}

/**
 * A request: its name and arguments, in bytes of its own.
 *
 * @since 0.1.0
 * @category models
 */
export type Request = ReadonlyArray<Uint8Array>

const DEFAULT_LIMITS: DecoderLimits = {
  bulkBytesMax: 512 * 1024 * 1024,
  authenticated: true
}

/**
 * The whole commands that a chunk has completed. Valid until the next chunk is asked for: their arguments are ranges of
 * the bytes they came in (so a chunk's memory may be used again by the one after the next), as are the batches.
 *
 * @since 0.2.0
 * @category models
 */
export interface DecodedChunk {
  readonly batches: ReadonlyArray<CommandBatch>
  /** Bytes from the start of the stream to the first byte of the batches' source. */
  readonly offset: number
  /** Bytes from the start of the stream to the first that is no part of them yet. */
  readonly end: number
}

/** Decodes chunk by chunk, a batch at a time. */
class ChunkDecoder {
  private readonly decoder = new RequestDecoder()
  private readonly batches: Array<CommandBatch> = []
  private used = 0
  /** What the latest chunk left: kept when the next one comes, for its batches are ranges of it until then. */
  private rest: { readonly source: ByteSource; readonly at: number; readonly end: number } | null = null
  private streamBytes = 0

  constructor(private readonly limits: DecoderLimits) {}

  /** The commands that a chunk completes; where it holds no RESP, `failure` says so from then on. */
  push(chunk: Uint8Array): DecodedChunk {
    const { decoder } = this
    if (this.rest !== null) decoder.keep(this.rest.source, this.rest.at, this.rest.end)
    this.rest = null
    this.used = 0
    const offset = this.streamBytes - decoder.heldBytes
    this.streamBytes += chunk.length
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const held = decoder.heldBytes > 0
    const source = held ? decoder.append(bytes, bytes.length) : byteSource(bytes)
    if (source === null) return { batches: [], offset, end: offset }
    const end = held ? decoder.heldBytes : bytes.length
    let at = 0
    do at = decoder.decode(source, at, end, this.nextBatch(), this.limits)
    while (decoder.error === null && this.batches[this.used - 1]!.size > 0 && at < end)
    this.rest = { source, at, end }
    if (decoder.error !== null)
      this.failure = new ProtocolError({ message: decoder.error, offset: offset + at })
    return { batches: this.batches.slice(0, this.used), offset, end: offset + at }
  }

  /** Why nothing more can be decoded, behind what the latest chunk gave. */
  failure: ProtocolError | null = null

  private nextBatch(): CommandBatch {
    if (this.used === this.batches.length) this.batches.push(new CommandBatch())
    return this.batches[this.used++]!
  }
}

/**
 * Decodes a stream of bytes, in chunks of any size, into whole commands, all of a chunk at once and without copies: the
 * AOF's loader and replication links read so. Fails with `ProtocolError` where Redis would close the connection, behind
 * the commands before it; an incomplete command at the end is dropped, and shows as an `end` before that of the stream.
 *
 * @since 0.2.0
 * @category transformers
 */
export const decodeChunks =
  (limits: DecoderLimits = DEFAULT_LIMITS) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<DecodedChunk, E | ProtocolError, R> =>
    Stream.suspend(() => {
      const decoder = new ChunkDecoder(limits)
      return Stream.flatMap(bytes, (chunk) => {
        const decoded = Stream.sync(() => decoder.push(chunk))
        return Stream.concat(
          decoded,
          Stream.suspend(() => (decoder.failure === null ? Stream.empty : Stream.fail(decoder.failure)))
        )
      })
    })

const requestsOf = ({ batches }: DecodedChunk): ReadonlyArray<Request> => {
  const requests: Array<Request> = []
  for (const batch of batches) {
    for (let i = 0; i < batch.size; i++) {
      const first = batch.first[i]!
      const request: Array<Uint8Array> = []
      for (let arg = first; arg < first + batch.argc[i]!; arg++) {
        const start = batch.argStart[arg]!
        request.push(Buffer.from(batch.source.bytes.subarray(start, start + batch.argLength[arg]!)))
      }
      requests.push(request)
    }
  }
  return requests
}

/**
 * Decodes a stream of bytes, in chunks of any size, into requests. Fails with `ProtocolError` where Redis would close
 * the connection; an incomplete request at the end is dropped.
 *
 * @example
 * import * as Stream from "effect/Stream"
 * import { RespDecoder } from "effect-kv"
 *
 * const requests = Stream.make(Buffer.from("*1\r\n$4\r\nPI"), Buffer.from("NG\r\n")).pipe(RespDecoder.decode())
 *
 * @since 0.1.0
 * @category transformers
 */
export const decode =
  (limits: DecoderLimits = DEFAULT_LIMITS) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Request, E | ProtocolError, R> =>
    Stream.mapConcat(decodeChunks(limits)(bytes), requestsOf)
