/**
 * A string value as text. Pure.
 */
import type { Keyspace } from "../store/database.js"
import { ENCODING_INT } from "../store/record.js"
import { UNIT_BITS } from "../store/segments.js"
import { readInteger } from "../values/integer.js"

/** Values up to this length are looked through for bytes beyond ASCII before they are decoded. */
const ASCII_BYTES_MAX = 64

/** The value of a string's record, decoded as UTF-8. */
export const asText = (keyspace: Keyspace, ref: number): string => {
  const { records, segments } = keyspace
  const start = records.valueStart(ref)
  const length = records.valueLength(ref)
  if (records.encoding(ref) === ENCODING_INT) {
    return String(readInteger(segments.views[ref >> UNIT_BITS]!, start, length))
  }
  return decode(segments.bytes[ref >> UNIT_BITS]!, start, start + length)
}

/** Bytes as UTF-8: short ASCII, which most are, by the cheaper of Node's decoders. */
export const decode = (bytes: Buffer, start: number, end: number): string => {
  if (end - start > ASCII_BYTES_MAX) return bytes.toString("utf8", start, end)
  let beyond = 0
  for (let at = start; at < end; at++) beyond |= bytes[at]!
  return bytes.toString(beyond > 127 ? "utf8" : "latin1", start, end)
}
