/**
 * Replays the files of an AOF. Plain synchronous TypeScript: nothing else runs while data are loaded.
 *
 * A command counts when it is whole, and a transaction (MULTI … EXEC) when its EXEC is there: `validBytes` is the
 * offset behind the last that counted. Bytes beyond it at the end of the last file are a torn tail, which a crash
 * leaves and which the caller may cut; anything that is not a command, or that fails, is damage and refused.
 */
import * as fs from "node:fs"
import { sameName } from "../engine/table.js"
import { isRdb, RdbError, read as readRdb, type Visitor } from "../rdb/reader.js"
import { type ByteSource, byteSource, CommandBatch } from "../resp/batch.js"
import { RequestDecoder } from "../resp/decoder.js"

const CHUNK_BYTES = 1024 * 1024

/** Where loaded commands go. */
export interface LoadTarget {
  /** Executes a command of the batch; the error it replied with, or null. */
  readonly execute: (batch: CommandBatch, command: number) => string | null
  /** Takes what an RDB file holds. */
  readonly rdb: Visitor
}

/** Why an AOF cannot be loaded. */
export class AofLoadError extends Error {
  override readonly name = "AofLoadError"
  constructor(
    /** truncated: the file ends within a command; format: it holds something else; command: one failed. */
    readonly reason: "truncated" | "format" | "command" | "rdb",
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

/** Replays one file; throws AofLoadError where it is damaged. A torn tail shows as validBytes < fileBytes. */
export const loadFile = (path: string, name: string, target: LoadTarget): Loaded => {
  const file = fs.openSync(path, "r")
  try {
    return new Replay(file, name, target).run()
  } finally {
    fs.closeSync(file)
  }
}

class Replay {
  private readonly decoder = new RequestDecoder()
  private readonly batch = new CommandBatch()
  private commands = 0
  private validBytes = 0
  /** Commands of a transaction whose EXEC has not come yet, in their own bytes. */
  private transaction: Array<Buffer> | null = null
  /** The offset in the file of the first byte of the source that is being decoded. */
  private sourceOffset = 0

  constructor(
    private readonly file: number,
    private readonly name: string,
    private readonly target: LoadTarget
  ) {}

  run(): Loaded {
    const fileBytes = fs.fstatSync(this.file).size
    let offset = this.readPreamble()
    this.validBytes = offset
    const chunk = byteSource(Buffer.allocUnsafeSlow(CHUNK_BYTES))
    for (;;) {
      const count = fs.readSync(this.file, chunk.bytes, 0, CHUNK_BYTES, offset)
      if (count === 0) break
      this.sourceOffset = offset - this.decoder.heldBytes
      offset += count
      this.feed(chunk, count)
    }
    return { commands: this.commands, validBytes: this.validBytes, fileBytes }
  }

  /** A file may begin with an RDB snapshot; the offset of the first command. */
  private readPreamble(): number {
    const head = Buffer.alloc(5)
    if (fs.readSync(this.file, head, 0, 5, 0) < 5 || !isRdb(head)) return 0
    let position = 0
    try {
      const end = readRdb(
        {
          readInto: (buffer, offset, length) => {
            const count = fs.readSync(this.file, buffer, offset, length, position)
            position += count
            return count
          }
        },
        this.target.rdb
      )
      return end.bytes
    } catch (error) {
      if (error instanceof RdbError) throw new AofLoadError("rdb", this.name, error.offset, error.message)
      throw error
    }
  }

  private feed(chunk: ByteSource, count: number): void {
    const { decoder } = this
    const source = decoder.heldBytes === 0 ? chunk : decoder.append(chunk.bytes, count)
    if (source === null) return
    const end = source === chunk ? count : decoder.heldBytes
    let at = 0
    for (;;) {
      at = decoder.decode(source, at, end, this.batch, LIMITS)
      const { size } = this.batch
      for (let i = 0; i < size; i++) this.take(i)
      if (decoder.error !== null) this.fail("format", at, decoder.error)
      if (size === 0 || at >= end) break
    }
    decoder.keep(source, at, end)
  }

  private take(index: number): void {
    const { batch } = this
    const begin = batch.begin[index]!
    // only RESP is written to an AOF: an inline command is damage that happens to end in a line feed
    if (batch.inline[index] === 1) this.fail("format", begin, "not a RESP command")
    if (this.isNamed(index, "multi")) {
      this.transaction = []
      return
    }
    if (this.isNamed(index, "exec")) {
      this.executeTransaction(begin)
    } else if (this.transaction !== null) {
      this.transaction.push(Buffer.from(batch.source.bytes.subarray(begin, batch.end[index]!)))
      return
    } else this.execute(batch, index, begin)
    this.validBytes = this.sourceOffset + batch.end[index]!
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

  private isNamed(index: number, name: string): boolean {
    const first = this.batch.first[index]!
    const { argStart, argLength } = this.batch
    return (
      this.batch.argc[index] === 1 &&
      sameName(name, this.batch.source.bytes, argStart[first]!, argLength[first]!)
    )
  }

  private fail(reason: AofLoadError["reason"], at: number, detail: string): never {
    throw new AofLoadError(reason, this.name, this.sourceOffset + at, detail)
  }
}
