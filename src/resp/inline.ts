/**
 * The quoting of inline commands (and of redis.conf): Redis's sdssplitargs, over bytes. Pure.
 */

const QUOTE = 34
const APOSTROPHE = 39
const BACKSLASH = 92

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13)

const ESCAPES: Readonly<Record<number, number>> = {
  110: 10,
  114: 13,
  116: 9,
  98: 8,
  97: 7
}

const hexDigit = (byte: number | undefined): number => {
  if (byte === undefined) return -1
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/** Splits a line into arguments; null where quotes are not balanced. */
export const splitInline = (line: Uint8Array): Array<Buffer> | null => {
  const args: Array<Buffer> = []
  let at = 0
  for (;;) {
    while (at < line.length && (isSpace(line[at]!) || line[at] === 0)) at++
    if (at >= line.length) return args
    const arg: Array<number> = []
    at = readArgument(line, at, arg)
    if (at < 0) return null
    args.push(Buffer.from(arg))
  }
}

/** Reads one argument into `arg`; the offset behind it, or -1. */
const readArgument = (line: Uint8Array, at: number, arg: Array<number>): number => {
  for (; at < line.length && !isSpace(line[at]!) && line[at] !== 0; ) {
    const byte = line[at]!
    if (byte === QUOTE || byte === APOSTROPHE) {
      const end = byte === QUOTE ? readDouble(line, at + 1, arg) : readSingle(line, at + 1, arg)
      // the closing quote must end the argument
      if (end < 0 || (end < line.length && !isSpace(line[end]!))) return -1
      return end
    }
    arg.push(byte)
    at++
  }
  return at
}

const readDouble = (line: Uint8Array, at: number, arg: Array<number>): number => {
  while (at < line.length) {
    const byte = line[at]!
    if (byte === QUOTE) return at + 1
    if (byte === BACKSLASH && at + 1 < line.length) {
      const next = line[at + 1]!
      const high = next === 120 ? hexDigit(line[at + 2]) : -1
      const low = high < 0 ? -1 : hexDigit(line[at + 3])
      if (low >= 0) {
        arg.push(high * 16 + low)
        at += 4
      } else {
        arg.push(ESCAPES[next] ?? next)
        at += 2
      }
      continue
    }
    arg.push(byte)
    at++
  }
  return -1
}

const readSingle = (line: Uint8Array, at: number, arg: Array<number>): number => {
  while (at < line.length) {
    const byte = line[at]!
    if (byte === APOSTROPHE) return at + 1
    if (byte === BACKSLASH && line[at + 1] === APOSTROPHE) {
      arg.push(APOSTROPHE)
      at += 2
      continue
    }
    arg.push(byte)
    at++
  }
  return -1
}
