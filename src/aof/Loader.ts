/**
 * Replays the files of an AOF. Infrastructure tier: used by the AOF while it starts, and by DEBUG LOADAOF.
 *
 * A file is a stream of bytes through the RESP decoder's Stream face; between two chunks others have their turn, so
 * that clients are told LOADING and a signal ends it. A command counts when it is whole, and a transaction (MULTI …
 * EXEC) when its EXEC is there: `validBytes` is the offset behind the last that counted. Bytes beyond it are a torn
 * tail, which a crash leaves at the end of the last file and which the caller may cut, if nothing whole follows in
 * them; anything that is not a command, or that fails, is damage and refused.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Disk, describeError } from "../machine/disk.js"
import { turn } from "../machine/EventLoop.js"
import { isRdb, RdbError, RdbReader, type Visitor } from "../rdb/reader.js"
import { byteSource, CommandBatch } from "../resp/batch.js"
import { RequestDecoder } from "../resp/decoder.js"
import * as RespDecoder from "../resp/RespDecoder.js"
import { isNamed } from "./names.js"

const CHUNK_BYTES = 64 * 1024
/** How long loading goes on before others have their turn. */
const SLICE_MS = 4
/** Bytes of an RDB file between two looks at the clock. */
const RDB_STEP_BYTES = 16 * 1024
/** What is looked at of a tail to tell damage from a write that was cut short. */
const TAIL_BYTES_MAX = 64 * 1024 * 1024

/** Where loaded commands go. */
export interface LoadTarget {
  /** Executes a command of the batch; the error it replied with, or null. */
  readonly execute: (batch: CommandBatch, command: number) => string | null
  /** Takes what an RDB file holds; throws a RefusedError for what cannot be taken. */
  readonly rdb: Visitor
  /** Told how many bytes have been loaded since it was told last. */
  readonly onProgress: (bytes: number) => void
}

/** What a target of an RDB file cannot take. */
export class RefusedError extends Error {
  override readonly name = "RefusedError"
}

/** Why an AOF cannot be loaded. */
export class AofLoadError extends Error {
  override readonly name = "AofLoadError"
  constructor(
    /** truncated: the file ends within a command; format: it holds something else; command: one failed. */
    readonly reason: "truncated" | "format" | "command" | "rdb" | "io",
    readonly file: string,
    /** Bytes from the start of the file to the trouble. */
    readonly offset: number,
    detail: string
  ) {
    super(`${detail} (${file}, offset ${offset})`)
  }
}

/** What was loaded of a file. */
export interface Loaded {
  readonly commands: number
  /** The offset behind the last whole command or transaction. */
  readonly validBytes: number
  readonly fileBytes: number
}

const LIMITS = { bulkBytesMax: 512 * 1024 * 1024, authenticated: true }

/** Gives others their turn, where the slice is used up. */
const makeSlicer = (): Effect.Effect<void> => {
  let sliceEndsAt = performance.now() + SLICE_MS
  const next = Effect.map(turn, () => {
    sliceEndsAt = performance.now() + SLICE_MS
  })
  return Effect.suspend(() => (performance.now() < sliceEndsAt ? Effect.void : next))
}

/**
 * Replays one file; fails with AofLoadError where it is damaged. A torn tail shows as validBytes < fileBytes.
 */
export const loadFile = (
  disk: Disk,
  path: string,
  name: string,
  target: LoadTarget
): Effect.Effect<Loaded, AofLoadError> =>
  Effect.acquireUseRelease(
    attempt(name, 0, () => disk.openRead(path)),
    (file) =>
      Effect.gen(function* () {
        const slicer = makeSlicer()
        const fileBytes = yield* attempt(name, 0, () => disk.size(file))
        const start = yield* loadPreamble(disk, file, name, target, slicer)
        const replay = new Replay(name, start, target)
        yield* readChunks(disk, file, name, start, slicer).pipe(
          RespDecoder.decodeChunks(LIMITS),
          Stream.mapError((error) =>
            error instanceof AofLoadError
              ? error
              : new AofLoadError("format", name, start + error.offset, error.message)
          ),
          Stream.runForEach((chunk) => attempt(name, start + chunk.offset, () => replay.take(chunk)))
        )
        if (replay.wholeBytes < fileBytes) {
          yield* attempt(name, replay.wholeBytes, () =>
            refuseDamage(disk, file, name, replay.wholeBytes, fileBytes)
          )
        }
        return { commands: replay.commands, validBytes: replay.validBytes, fileBytes }
      }),
    (file) => Effect.sync(() => disk.close(file))
  )

/** Runs what may throw; a file that cannot be read is an AofLoadError as well. */
const attempt = <A>(name: string, offset: number, run: () => A): Effect.Effect<A, AofLoadError> =>
  Effect.try({
    try: run,
    catch: (error) =>
      error instanceof AofLoadError ? error : new AofLoadError("io", name, offset, describeError(error))
  })

/** The bytes of a file from an offset on. Two buffers take turns, for a chunk is needed until the next has come. */
const readChunks = (
  disk: Disk,
  file: number,
  name: string,
  start: number,
  slicer: Effect.Effect<void>
): Stream.Stream<Uint8Array, AofLoadError> =>
  Stream.suspend(() => {
    const buffers = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)]
    let reads = 0
    let offset = start
    const next = Effect.suspend(() =>
      attempt(name, offset, () => {
        const buffer = buffers[reads++ & 1]!
        const count = disk.read(file, buffer, CHUNK_BYTES, offset)
        offset += count
        return count === 0 ? Option.none<Uint8Array>() : Option.some<Uint8Array>(buffer.subarray(0, count))
      })
    )
    return Stream.repeatEffectOption(
      Effect.flatMap(Effect.zipRight(slicer, Effect.mapError(next, Option.some)), (chunk) =>
        Option.isNone(chunk) ? Effect.fail(Option.none()) : Effect.succeed(chunk.value)
      )
    )
  })

/** A file may begin with an RDB snapshot; the offset of the first command. */
const loadPreamble = (
  disk: Disk,
  file: number,
  name: string,
  target: LoadTarget,
  slicer: Effect.Effect<void>
): Effect.Effect<number, AofLoadError> =>
  Effect.gen(function* () {
    const head = Buffer.alloc(5)
    const length = yield* attempt(name, 0, () => disk.read(file, head, 5, 0))
    if (length < 5 || !isRdb(head)) return 0
    let position = 0
    const source = {
      readInto: (buffer: Uint8Array, offset: number, count: number) => {
        const read = disk.read(file, buffer.subarray(offset), count, position)
        position += read
        return read
      }
    }
    const reader = new RdbReader(source, target.rdb)
    for (;;) {
      const before = reader.offset
      const end = yield* attempt(name, before, () => step(reader, name))
      target.onProgress(reader.offset - before)
      if (end !== null) return end.bytes
      yield* slicer
    }
  })

const step = (reader: RdbReader, name: string): { readonly bytes: number } | null => {
  try {
    return reader.step(RDB_STEP_BYTES)
  } catch (error) {
    if (error instanceof RdbError) throw new AofLoadError("rdb", name, error.offset, error.message)
    if (error instanceof RefusedError) throw new AofLoadError("rdb", name, reader.offset, error.message)
    throw error
  }
}

/** Takes decoded chunks of one file, and remembers how far they count. */
class Replay {
  commands = 0
  /** The offset behind the last command or transaction that counts. */
  validBytes: number
  /** The offset behind the last whole command, of a transaction without end too. */
  wholeBytes: number
  /** Commands of a transaction whose EXEC has not come yet, in their own bytes. */
  private transaction: Array<Buffer> | null = null

  constructor(
    private readonly name: string,
    /** The offset in the file where the stream of commands begins. */
    private readonly start: number,
    private readonly target: LoadTarget
  ) {
    this.validBytes = this.wholeBytes = start
  }

  take({ batches, end, offset }: RespDecoder.DecodedChunk): void {
    const before = this.wholeBytes
    for (const batch of batches) {
      for (let i = 0; i < batch.size; i++) this.takeCommand(batch, i, this.start + offset)
    }
    this.wholeBytes = this.start + end
    this.target.onProgress(this.wholeBytes - before)
  }

  private takeCommand(batch: CommandBatch, index: number, sourceOffset: number): void {
    const begin = sourceOffset + batch.begin[index]!
    // only RESP is written to an AOF: an inline command is damage that happens to end in a line feed
    if (batch.inline[index] === 1) this.fail("format", begin, "not a RESP command")
    if (isNamed(batch, index, "multi")) {
      this.transaction = []
      return
    }
    if (isNamed(batch, index, "exec")) {
      this.executeTransaction(begin)
    } else if (this.transaction !== null) {
      this.transaction.push(Buffer.from(batch.source.bytes.subarray(batch.begin[index]!, batch.end[index]!)))
      return
    } else this.execute(batch, index, begin)
    this.validBytes = sourceOffset + batch.end[index]!
  }

  private executeTransaction(begin: number): void {
    const commands = this.transaction
    if (commands === null) this.fail("format", begin, "EXEC without MULTI")
    this.transaction = null
    const batch = new CommandBatch()
    for (const bytes of commands) {
      new RequestDecoder().decode(byteSource(bytes), 0, bytes.length, batch, LIMITS)
      this.execute(batch, 0, begin)
    }
  }

  private execute(batch: CommandBatch, index: number, begin: number): void {
    const error = this.target.execute(batch, index)
    if (error !== null) this.fail("command", begin, error)
    this.commands++
  }

  private fail(reason: AofLoadError["reason"], offset: number, detail: string): never {
    throw new AofLoadError(reason, this.name, offset, detail)
  }
}

/**
 * Refuses a file whose last command runs beyond its end while whole commands follow in what it would swallow: a write
 * that was cut short leaves one command that is not whole, but a damaged length hides all that come after it.
 */
const refuseDamage = (disk: Disk, file: number, name: string, from: number, end: number): void => {
  const tail = Buffer.alloc(Math.min(end - from, TAIL_BYTES_MAX))
  let length = 0
  for (let count = -1; count !== 0 && length < tail.length; length += count) {
    count = disk.read(file, tail.subarray(length), tail.length - length, from + length)
  }
  const at = findCommand(tail.subarray(0, length))
  if (at < 0) return
  throw new AofLoadError(
    "format",
    name,
    from,
    `a command that does not end, with whole commands behind it from offset ${from + at} on`
  )
}

/** Where a whole command begins within the bytes of another, or -1. */
const findCommand = (bytes: Buffer): number => {
  const source = byteSource(bytes)
  const batch = new CommandBatch()
  for (let at = bytes.indexOf("\n*", 1); at >= 0; at = bytes.indexOf("\n*", at + 1)) {
    const decoder = new RequestDecoder()
    decoder.decode(source, at + 1, bytes.length, batch, LIMITS)
    if (decoder.error === null && batch.size > 0 && batch.inline[0] === 0 && batch.argc[0]! > 0) return at + 1
  }
  return -1
}
