/**
 * Replies as JavaScript values. Pure.
 *
 * integer → number (bigint beyond 2^53), bulk and simple strings → string or bytes, null → null, double → number,
 * boolean → boolean, array and set → array, map → Map, big number → bigint, verbatim → string, error → ReplyError.
 */

/** An error reply: `code` is its first word, as in WRONGTYPE. */
export class ReplyError extends Error {
  override readonly name = "ReplyError"
  readonly code: string
  constructor(message: string) {
    super(message)
    this.code = message.split(" ", 1)[0] ?? ""
  }
}

/** A reply as a value; `Text` is what strings come as. */
export type Reply<Text = string> =
  | Text
  | string
  | number
  | bigint
  | boolean
  | null
  | ReplyError
  | ReadonlyArray<Reply<Text>>
  | ReadonlyMap<Reply<Text>, Reply<Text>>

/** Reads whole replies of a buffer, one after another. */
export class ReplyReader<Text> {
  at = 0

  constructor(
    private bytes: Buffer,
    /** Makes the value of a bulk string at [start, end). */
    private readonly text: (bytes: Buffer, start: number, end: number) => Text
  ) {}

  /** Goes on with another buffer. */
  reset(bytes: Buffer, at: number): void {
    this.bytes = bytes
    this.at = at
  }

  read(): Reply<Text> {
    const type = this.bytes[this.at++]!
    switch (type) {
      case 36: // $
        return this.readBulk(this.readInteger())
      case 58: // :
        return this.readInteger64()
      case 43: // +
        return this.readLine()
      case 45: // -
        return new ReplyError(this.readLine())
      case 42: // *
      case 126: // ~
      case 62: // >
        return this.readArray(this.readInteger())
      case 37: // %
        return this.readMap(this.readInteger())
      case 95: // _
        this.at += 2
        return null
      case 35: // #
        return this.readLine() === "t"
      case 44: // ,
        return readDouble(this.readLine())
      case 40: // (
        return BigInt(this.readLine())
      case 61: // =
        return this.readVerbatim(this.readInteger())
      default:
        throw new Error(`reply type ${type} is unknown`)
    }
  }

  private readLine(): string {
    const end = this.bytes.indexOf(13, this.at)
    const line = this.bytes.toString("utf8", this.at, end)
    this.at = end + 2
    return line
  }

  private readInteger(): number {
    let value = 0
    let negative = false
    for (let byte = this.bytes[this.at]!; byte !== 13; byte = this.bytes[++this.at]!) {
      if (byte === 45) negative = true
      else value = value * 10 + (byte - 48)
    }
    this.at += 2
    return negative ? -value : value
  }

  private readInteger64(): number | bigint {
    const start = this.at
    const value = this.readInteger()
    return Number.isSafeInteger(value) ? value : BigInt(this.bytes.toString("latin1", start, this.at - 2))
  }

  private readBulk(length: number): Text | null {
    if (length < 0) return null
    const start = this.at
    this.at = start + length + 2
    return this.text(this.bytes, start, start + length)
  }

  private readVerbatim(length: number): string {
    const start = this.at
    this.at = start + length + 2
    return this.bytes.toString("utf8", start + 4, start + length)
  }

  private readArray(count: number): ReadonlyArray<Reply<Text>> | null {
    if (count < 0) return null
    const values: Array<Reply<Text>> = []
    for (let i = 0; i < count; i++) values.push(this.read())
    return values
  }

  private readMap(count: number): ReadonlyMap<Reply<Text>, Reply<Text>> {
    const entries = new Map<Reply<Text>, Reply<Text>>()
    for (let i = 0; i < count; i++) entries.set(this.read(), this.read())
    return entries
  }
}

const readDouble = (text: string): number =>
  text === "inf" ? Number.POSITIVE_INFINITY : text === "-inf" ? Number.NEGATIVE_INFINITY : Number(text)
