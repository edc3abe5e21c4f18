/**
 * Commands of callers within the process (Kv, scripts) as a batch of one: arguments are written one after another
 * into a reused buffer. Pure.
 *
 * They carry no RESP headers: like an inline command's, their bytes are encoded anew if they are propagated.
 */
import { copyBytes } from "../values/bytes.js"
import { type ByteSource, byteSource, CommandBatch } from "./batch.js"

/** An argument: bytes, or text that is sent in UTF-8. */
export type Argument = string | Uint8Array | number | bigint

const BUFFER_BYTES = 4096
const BUFFER_BYTES_KEPT_MAX = 1024 * 1024
/** Text up to this length is written by a loop where it is ASCII. */
const LOOP_CHARACTERS_MAX = 64

export class CommandEncoder {
  readonly batch = new CommandBatch()
  private source: ByteSource = byteSource(Buffer.allocUnsafeSlow(BUFFER_BYTES))
  private written = 0
  /** The latest name that `encode` was given, and where its bytes are: at the start of this source. */
  private name = ""
  private nameBytes = 0
  private nameSource: ByteSource | null = null

  /** The command `name` with arguments. The batch is valid until the next call. */
  encode(name: string, args: ReadonlyArray<Argument>): CommandBatch {
    this.begin()
    if (name === this.name && this.source === this.nameSource) {
      // the same name as in the latest command lies there still
      this.batch.addArgument(0, this.nameBytes)
      this.written = this.nameBytes
    } else {
      this.add(name)
      this.name = name
      this.nameBytes = this.written
    }
    for (let i = 0; i < args.length; i++) this.add(args[i]!)
    this.nameSource = this.source
    return this.end()
  }

  /** Starts a command; `add` each of its arguments, then `end`. */
  begin(): void {
    if (this.source.bytes.length > BUFFER_BYTES_KEPT_MAX)
      this.source = byteSource(Buffer.allocUnsafeSlow(BUFFER_BYTES))
    this.batch.reset(this.source)
    this.written = 0
  }

  add(argument: Argument): void {
    if (typeof argument === "string") this.addText(argument)
    else if (typeof argument === "object") this.addBytes(argument)
    else this.addText(String(argument))
  }

  end(): CommandBatch {
    this.batch.source = this.source
    this.batch.addCommand(0, 0, this.written, true)
    return this.batch
  }

  private addBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    copyBytes(bytes, 0, bytes.length, this.source.bytes, this.written)
    this.batch.addArgument(this.written, bytes.length)
    this.written += bytes.length
  }

  private addText(text: string): void {
    this.reserve(text.length * 3)
    const at = this.written
    const target = this.source.bytes
    let length = 0
    if (text.length <= LOOP_CHARACTERS_MAX) {
      for (; length < text.length; length++) {
        const code = text.charCodeAt(length)
        if (code > 127) break
        target[at + length] = code
      }
    }
    if (length < text.length) length = target.write(text, at, "utf8")
    this.batch.addArgument(at, length)
    this.written = at + length
  }

  private reserve(bytes: number): void {
    if (this.written + bytes <= this.source.bytes.length) return
    const larger = byteSource(Buffer.allocUnsafeSlow((this.written + bytes) * 2))
    larger.bytes.set(this.source.bytes.subarray(0, this.written), 0)
    this.source = larger
  }
}
