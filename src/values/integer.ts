/**
 * 64-bit integers as Redis reads and prints them. Pure.
 *
 * A plain number while it is exact (to 2^53), a bigint beyond: INCR near 2^63 is right, and the usual case is fast.
 */

export const INT64_MAX = 9223372036854775807n
export const INT64_MIN = -9223372036854775808n

/** Digits that always fit a safe integer. */
const SAFE_DIGITS = 15

/** An integer: a number where it is safe, else a bigint of 64 bits. */
export type Integer = number | bigint

/** A bigint as a number where that is exact. */
export const normalize = (value: bigint): Integer =>
  value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value

/**
 * Reads a canonical 64-bit integer (no sign +, no leading zeros or spaces, as Redis's string2ll); undefined where the
 * bytes are not one.
 */
export const parseInteger = (bytes: Uint8Array, start: number, length: number): Integer | undefined => {
  if (length === 0 || length > 20) return undefined
  const end = start + length
  const negative = bytes[start] === 45
  let at = negative ? start + 1 : start
  if (at === end) return undefined
  const first = bytes[at]!
  if (first === 48) return length === 1 ? 0 : undefined
  if (end - at > SAFE_DIGITS) return parseBig(bytes, start, end, at)
  let value = 0
  for (; at < end; at++) {
    const digit = bytes[at]! - 48
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return negative ? -value : value
}

const parseBig = (bytes: Uint8Array, start: number, end: number, digits: number): Integer | undefined => {
  let text = ""
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (at >= digits && (byte < 48 || byte > 57)) return undefined
    text += String.fromCharCode(byte)
  }
  const value = BigInt(text)
  return value < INT64_MIN || value > INT64_MAX ? undefined : normalize(value)
}

/** The sum of two integers, or undefined where it leaves 64 bits. */
export const addIntegers = (a: Integer, b: Integer): Integer | undefined => {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b
    if (sum >= -9007199254740991 && sum <= 9007199254740991) return sum
  }
  const sum = BigInt(a) + BigInt(b)
  return sum < INT64_MIN || sum > INT64_MAX ? undefined : normalize(sum)
}

/** How many bytes an integer takes in a record: 4 or 8. */
export const integerBytes = (value: Integer): number =>
  typeof value === "number" && value === (value | 0) ? 4 : 8

/** Writes an integer of `integerBytes(value)` bytes. */
export const writeInteger = (view: DataView, at: number, value: Integer): void => {
  if (typeof value === "number") {
    if (value === (value | 0)) {
      view.setInt32(at, value, true)
      return
    }
    view.setInt32(at, (value % 4294967296) | 0, true)
    view.setInt32(at + 4, Math.floor(value / 4294967296), true)
  } else view.setBigInt64(at, value, true)
}

/** Reads what `writeInteger` wrote. */
export const readInteger = (view: DataView, at: number, bytes: number): Integer => {
  const low = view.getInt32(at, true)
  if (bytes === 4) return low
  const high = view.getInt32(at + 4, true)
  if (high >= -2097152 && high < 2097151) return high * 4294967296 + (low >>> 0)
  return normalize(view.getBigInt64(at, true))
}

/** How many bytes an integer has in decimal. */
export const decimalLength = (value: Integer): number => {
  if (typeof value === "bigint") return value.toString().length
  let length = value < 0 ? 1 : 0
  let rest = Math.abs(value)
  do {
    length++
    rest = Math.floor(rest / 10)
  } while (rest > 0)
  return length
}

/** Writes an integer in decimal at `at`; `length` is its `decimalLength`. */
export const writeDecimal = (target: Uint8Array, at: number, value: Integer, length: number): void => {
  if (typeof value === "bigint") {
    const text = value.toString()
    for (let i = 0; i < length; i++) target[at + i] = text.charCodeAt(i)
    return
  }
  let rest = value
  let to = at + length
  if (rest < 0) {
    target[at] = 45
    rest = -rest
  }
  while (rest > 2147483647) {
    const quotient = Math.floor(rest / 10)
    target[--to] = 48 + (rest - quotient * 10)
    rest = quotient
  }
  let small = rest | 0
  do {
    const quotient = (small / 10) | 0
    target[--to] = 48 + (small - quotient * 10)
    small = quotient
  } while (small > 0)
}
