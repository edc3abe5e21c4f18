/**
 * What the decoder's tests share: random requests as clients may send them, random chunks, and the decoder driven as
 * a connection drives it.
 */
import { byteSource, CommandBatch, encodeCommand } from "../../src/resp/batch.js"
import { type DecoderLimits, RequestDecoder } from "../../src/resp/decoder.js"

export const LIMITS: DecoderLimits = {
  bulkBytesMax: 512 * 1024 * 1024,
  authenticated: true
}

export type Request = ReadonlyArray<Buffer>

export interface Decoded {
  readonly requests: ReadonlyArray<Request>
  readonly error: string | null
}

/**
 * Decodes chunks as a connection does: each is read into one buffer that the next read overwrites, and what has not
 * arrived whole is held back by the decoder.
 */
export const decodeChunks = (chunks: Iterable<Uint8Array>, limits: DecoderLimits = LIMITS): Decoded => {
  const decoder = new RequestDecoder()
  const batch = new CommandBatch()
  const requests: Array<Request> = []
  let shared = byteSource(Buffer.alloc(64 * 1024, 0xee))
  for (const chunk of chunks) {
    if (chunk.length > shared.bytes.length) shared = byteSource(Buffer.alloc(chunk.length, 0xee))
    shared.bytes.set(chunk)
    const source = decoder.heldBytes === 0 ? shared : decoder.append(shared.bytes, chunk.length)
    if (source !== null) {
      const end = source === shared ? chunk.length : decoder.heldBytes
      let at = 0
      for (;;) {
        at = decoder.decode(source, at, end, batch, limits)
        take(batch, requests)
        if (decoder.error !== null) return { requests, error: decoder.error }
        if (batch.size === 0 || at >= end) break
      }
      decoder.keep(source, at, end)
    }
    shared.bytes.fill(0xee, 0, Math.min(chunk.length, 256))
  }
  return { requests, error: decoder.error }
}

const take = (batch: CommandBatch, requests: Array<Request>): void => {
  for (let i = 0; i < batch.size; i++) {
    const args: Array<Buffer> = []
    for (let arg = batch.first[i]!; arg < batch.first[i]! + batch.argc[i]!; arg++) {
      const start = batch.argStart[arg]!
      args.push(Buffer.from(batch.source.bytes.subarray(start, start + batch.argLength[arg]!)))
    }
    requests.push(args)
  }
}

// ---- random requests

/** An unsigned 32-bit integer below `limit`. */
export type Below = (limit: number) => number

export const below =
  (random: () => number): Below =>
  (limit) =>
    random() % limit

const bytes = (random: Below, length: number): Buffer => {
  const made = Buffer.alloc(length)
  for (let i = 0; i < Math.min(length, 64); i++) made[i] = random(256)
  return made
}

const argument = (random: Below): Buffer => {
  const kind = random(100)
  // bytes that look like the protocol
  if (kind < 10) return Buffer.from(["\r\n", "$3\r\n", "*1\r\n", "\r", "\n", '"', "'"][random(7)]!)
  if (kind < 80) return bytes(random, random(12))
  if (kind < 97) return bytes(random, random(200))
  if (kind < 99 || random(10) > 0) return bytes(random, random(5000))
  return bytes(random, 60_000 + random(50_000))
}

const WORD = "abcXYZ0123456789:_-$*+"

/** A word of an inline command in one of the spellings that mean it. */
const inlineWord = (random: Below): { readonly value: Buffer; readonly text: string } => {
  const length = 1 + random(8)
  const word = Array.from({ length }, () => WORD[random(WORD.length)]!).join("")
  switch (random(5)) {
    case 0: {
      const value = Buffer.concat([Buffer.from(word), bytes(random, 3)])
      const text = [...value].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")
      return { value, text: `"${text}"` }
    }
    case 1:
      return {
        value: Buffer.from(`${word} \n\r\t"\\`),
        text: `"${word} \\n\\r\\t\\"\\\\"`
      }
    case 2:
      return {
        value: Buffer.from(`${word} it's "so"`),
        text: `'${word} it\\'s "so"'`
      }
    default:
      return { value: Buffer.from(word), text: word }
  }
}

const inline = (random: Below): { readonly request: Request; readonly sent: Buffer } => {
  const words = Array.from({ length: 1 + random(4) }, () => inlineWord(random))
  // an inline command must not look like another one
  if (words[0]!.text.startsWith("*")) words[0] = { value: Buffer.from("PING"), text: "PING" }
  const space = [" ", "  ", "\t", " \t "][random(4)]!
  const text =
    ["", " "][random(2)]! + words.map((word) => word.text).join(space) + ["\r\n", "\n", " \r\n"][random(3)]!
  return {
    request: words.map((word) => word.value),
    sent: Buffer.from(text, "latin1")
  }
}

/** Requests, and the bytes that a client sends for them. */
export const randomRequests = (
  random: Below,
  count: number
): { readonly requests: ReadonlyArray<Request>; readonly sent: Buffer } => {
  const requests: Array<Request> = []
  const sent: Array<Uint8Array> = []
  for (let i = 0; i < count; i++) {
    const kind = random(20)
    if (kind === 0) sent.push(Buffer.from(["\r\n", "\n", "*0\r\n", "*-1\r\n", "  \r\n"][random(5)]!))
    else if (kind < 7) {
      const made = inline(random)
      requests.push(made.request)
      sent.push(made.sent)
    } else {
      const length = kind === 7 && random(4) === 0 ? 1 + random(400) : 1 + random(6)
      const request = Array.from({ length }, () => argument(random))
      requests.push(request)
      sent.push(encodeCommand(request))
    }
  }
  return { requests, sent: Buffer.concat(sent) }
}

/** The bytes in pieces of at most so many. */
export const pieces = function* (sent: Buffer, length: (at: number) => number): Generator<Buffer> {
  for (let at = 0; at < sent.length; ) {
    const end = at + Math.max(1, length(at))
    yield sent.subarray(at, end)
    at = end
  }
}
