/**
 * A batch of decoded commands: where each argument lies in the bytes it came in. Pure.
 *
 * One batch is reused for every read of every client: nothing is allocated per command.
 */

/** Bytes to decode from, with the two views that reading them needs. */
export interface ByteSource {
  readonly bytes: Buffer
  readonly view: DataView
}

/** Views bytes of an ArrayBuffer as a source. */
export const byteSource = (bytes: Buffer): ByteSource => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
})

/** Commands that are decoded before the first of them is executed. */
export const BATCH_COMMANDS_MAX = 256

const NO_SOURCE = byteSource(Buffer.alloc(0))

export class CommandBatch {
  /** What the offsets below are into. */
  source: ByteSource = NO_SOURCE
  /** Commands in the batch. */
  size = 0
  /** Arguments of all commands. */
  argCount = 0
  /** By argument: offset and length of its bytes. */
  argStart = new Int32Array(1024)
  argLength = new Int32Array(1024)
  /** By command: its first argument, how many it has, and its bytes [begin, end) as received. */
  readonly first = new Int32Array(BATCH_COMMANDS_MAX)
  readonly argc = new Int32Array(BATCH_COMMANDS_MAX)
  readonly begin = new Int32Array(BATCH_COMMANDS_MAX)
  readonly end = new Int32Array(BATCH_COMMANDS_MAX)
  /** By command: 1 where it came as an inline command, so that its bytes are not RESP. */
  readonly inline = new Uint8Array(BATCH_COMMANDS_MAX)
  /** By command: where its first key is in the batch's prefetch (-1: nowhere), and that key's hash. */
  readonly prefetch = new Int32Array(BATCH_COMMANDS_MAX)
  readonly hash = new Int32Array(BATCH_COMMANDS_MAX)

  reset(source: ByteSource): void {
    this.source = source
    this.size = 0
    this.argCount = 0
  }

  addArgument(start: number, length: number): void {
    const at = this.argCount++
    if (at === this.argStart.length) this.grow()
    this.argStart[at] = start
    this.argLength[at] = length
  }

  /** Ends a command whose arguments from `first` on were added. */
  addCommand(first: number, begin: number, end: number, inline: boolean): void {
    const command = this.size++
    this.first[command] = first
    this.argc[command] = this.argCount - first
    this.begin[command] = begin
    this.end[command] = end
    this.inline[command] = inline ? 1 : 0
    this.prefetch[command] = -1
  }

  private grow(): void {
    const start = new Int32Array(this.argStart.length * 2)
    const length = new Int32Array(this.argStart.length * 2)
    start.set(this.argStart)
    length.set(this.argLength)
    this.argStart = start
    this.argLength = length
  }
}

/** Encodes arguments as a RESP command. */
export const encodeCommand = (args: ReadonlyArray<Uint8Array | string>): Buffer => {
  const parts: Array<Uint8Array> = [Buffer.from(`*${args.length}\r\n`, "latin1")]
  for (const arg of args) {
    const bytes = typeof arg === "string" ? Buffer.from(arg, "utf8") : arg
    parts.push(Buffer.from(`$${bytes.length}\r\n`, "latin1"), bytes, CRLF)
  }
  return Buffer.concat(parts)
}

const CRLF = Buffer.from("\r\n", "latin1")
