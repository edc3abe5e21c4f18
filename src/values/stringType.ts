/**
 * Strings in the table of types: one that is outside its record is one blob. Pure.
 */
import type { CommandLog } from "../changes/commandLog.js"
import type { Keyspace } from "../store/database.js"
import type { Heap } from "../store/heap.js"
import { ENCODING_INT, ENCODING_RAW, NO_DEADLINE } from "../store/record.js"
import type { Segments } from "../store/segments.js"
import { bytesOf, integerOf, lengthOf } from "./string.js"
import type { ValueType } from "./type.js"

const EMBEDDED_BYTES_MAX = 44
/** Redis shares integers below this, and says so by a reference count that is none. */
const SHARED_INTEGERS = 10000
const SHARED_REFERENCES = 2147483647
const INT8_MAX = 127
const INT16_MAX = 32767
const INT32_MAX = 2147483647

const free = (heap: Heap, handle: number): void => heap.releaseBlob(handle)

const move = (from: Heap, to: Heap, handle: number): void => {
  from.yieldBlob(handle)
  to.adoptBlob(handle)
}

const copy = (heap: Heap, handle: number, length: number): number => {
  const blob = heap.takeBlob(length)
  const { bytes } = heap.segments.blobs
  bytes[blob]!.set(bytes[handle]!.subarray(0, length))
  return blob
}

const bytes = (segments: Segments, handle: number): number => segments.blobs.bytes[handle]!.length

const encoding = (keyspace: Keyspace, ref: number): string => {
  const { records } = keyspace
  const form = records.encoding(ref)
  if (form === ENCODING_INT) return "int"
  return form === ENCODING_RAW || records.valueLength(ref) > EMBEDDED_BYTES_MAX ? "raw" : "embstr"
}

const references = (keyspace: Keyspace, ref: number): number => {
  if (keyspace.records.encoding(ref) !== ENCODING_INT) return 1
  const value = integerOf(keyspace, ref)!
  return value >= 0 && value < SHARED_INTEGERS ? SHARED_REFERENCES : 1
}

const serializedBytes = (keyspace: Keyspace, ref: number): number => {
  const length = lengthOf(keyspace, ref)
  const integer = integerOf(keyspace, ref)
  if (typeof integer === "number") {
    const magnitude = integer < 0 ? -integer - 1 : integer
    if (magnitude <= INT8_MAX) return 2
    if (magnitude <= INT16_MAX) return 3
    if (magnitude <= INT32_MAX) return 5
  }
  return length + (length < 64 ? 1 : length < 16384 ? 2 : 5)
}

const write = (keyspace: Keyspace, ref: number, database: number, log: CommandLog): void => {
  const { records } = keyspace
  const deadline = keyspace.deadlineOf(ref)
  log.command(database, deadline === NO_DEADLINE ? 3 : 5)
  log.text("SET")
  log.bytes(records.bytes(ref), records.keyStart(ref), records.keyLength(ref))
  const value = bytesOf(keyspace, ref)
  log.bytes(value, 0, value.length)
  if (deadline === NO_DEADLINE) return
  log.text("PXAT")
  log.integer(deadline)
}

export const stringType: ValueType = {
  name: "string",
  outside: { free, move, copy, bytes },
  encoding,
  references,
  serializedBytes,
  digest: (keyspace, ref, digest) => digest.addOrdered(bytesOf(keyspace, ref)),
  write
}
