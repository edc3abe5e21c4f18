/**
 * A string value as text. Pure.
 */
import type { Keyspace } from "../store/database.js"
import { ENCODING_INT } from "../store/record.js"
import { readInteger } from "../values/integer.js"

/** ASCII up to this length is decoded here: for so few characters a call into the runtime takes longer. */
const SHORT_BYTES_MAX = 32

/** The value of a string's record, decoded as UTF-8. */
export const asText = (keyspace: Keyspace, ref: number): string => {
  const { records } = keyspace
  const start = records.valueStart(ref)
  const length = records.valueLength(ref)
  if (records.encoding(ref) === ENCODING_INT) {
    return String(readInteger(records.valueView(ref), start, length))
  }
  return decode(records.valueBytes(ref), start, start + length)
}

/** Bytes as UTF-8. */
export const decode = (bytes: Buffer, start: number, end: number): string => {
  const length = end - start
  if (length > SHORT_BYTES_MAX) return bytes.toString("utf8", start, end)
  let beyond = 0
  for (let at = start; at < end; at++) beyond |= bytes[at]!
  if (beyond > 127) return bytes.toString("utf8", start, end)
  const first = sixteen(bytes, start)
  if (length <= 16) return length === 16 ? first : first.slice(0, length)
  return (first + sixteen(bytes, start + 16)).slice(0, length)
}

/** Sixteen characters, a byte each; what is beyond the end of `bytes` is NUL. */
const sixteen = (bytes: Uint8Array, at: number): string =>
  String.fromCharCode(
    bytes[at]!,
    bytes[at + 1]!,
    bytes[at + 2]!,
    bytes[at + 3]!,
    bytes[at + 4]!,
    bytes[at + 5]!,
    bytes[at + 6]!,
    bytes[at + 7]!,
    bytes[at + 8]!,
    bytes[at + 9]!,
    bytes[at + 10]!,
    bytes[at + 11]!,
    bytes[at + 12]!,
    bytes[at + 13]!,
    bytes[at + 14]!,
    bytes[at + 15]!
  )
