/**
 * The Stream face of the request decoder: bytes in, commands out. No tier: it holds nothing beyond its stream.
 *
 * For links that are Effects anyway (files, replication, users); sockets use the decoder itself (resp/decoder.ts).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { byteSource, CommandBatch } from "./batch.js"
import { type DecoderLimits, RequestDecoder } from "./decoder.js"

/**
 * The bytes are no RESP requests; `message` is Redis's "Protocol error: …".
 *
 * @since 0.1.0
 * @category errors
 */
export class ProtocolError extends Schema.TaggedError<ProtocolError>()("ProtocolError", {
  message: Schema.String
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

const take = (batch: CommandBatch, requests: Array<Request>): void => {
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

/** Requests of one chunk more; pushes into `requests`, gives the protocol error if there is one. */
const decodeChunk = (
  decoder: RequestDecoder,
  batch: CommandBatch,
  chunk: Uint8Array,
  limits: DecoderLimits,
  requests: Array<Request>
): string | null => {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  const source = decoder.heldBytes === 0 ? byteSource(bytes) : decoder.append(bytes, bytes.length)
  if (source === null) return null
  const end = decoder.heldBytes === 0 ? bytes.length : decoder.heldBytes
  let at = 0
  do {
    at = decoder.decode(source, at, end, batch, limits)
    take(batch, requests)
  } while (decoder.error === null && batch.size > 0 && at < end)
  decoder.keep(source, at, end)
  return decoder.error
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
    Stream.suspend(() => {
      const decoder = new RequestDecoder()
      const batch = new CommandBatch()
      return Stream.flatMap(bytes, (chunk) => {
        const requests: Array<Request> = []
        const error = decodeChunk(decoder, batch, chunk, limits, requests)
        const decoded = Stream.fromIterable(requests)
        return error === null
          ? decoded
          : Stream.concat(decoded, Stream.fromEffect(Effect.fail(new ProtocolError({ message: error }))))
      })
    })
