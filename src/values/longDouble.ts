/**
 * INCRBYFLOAT's arithmetic: x86 long doubles (64 bits of mantissa), as Redis adds and prints them. Pure.
 *
 * A finite value is `mantissa * 2^exponent`, held exactly; each operation rounds to 64 bits, ties to even, as the
 * processor does. Printing is C's "%.17Lf" with trailing zeros cut.
 */

export type LongDouble = { readonly mantissa: bigint; readonly exponent: number } | "inf" | "-inf" | "nan"

const MANTISSA_BITS = 64
const EXPONENT_MAX = 16384
const EXPONENT_MIN = -16445

const bitLength = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length)
const absolute = (value: bigint): bigint => (value < 0n ? -value : value)

/** Rounds numerator / 2^shift to an integer, ties to even. */
const roundShift = (value: bigint, shift: number): bigint => {
  if (shift <= 0) return value << BigInt(-shift)
  const magnitude = absolute(value)
  const bits = BigInt(shift)
  let quotient = magnitude >> bits
  const rest = magnitude - (quotient << bits)
  const half = 1n << (bits - 1n)
  if (rest > half || (rest === half && (quotient & 1n) === 1n)) quotient += 1n
  return value < 0n ? -quotient : quotient
}

/** The long double nearest to mantissa * 2^exponent. */
const round = (mantissa: bigint, exponent: number): LongDouble => {
  const bits = bitLength(absolute(mantissa))
  if (bits === 0) return { mantissa: 0n, exponent: 0 }
  const shift = Math.max(bits - MANTISSA_BITS, EXPONENT_MIN - exponent)
  const rounded = shift > 0 ? roundShift(mantissa, shift) : mantissa
  const scaled = shift > 0 ? exponent + shift : exponent
  if (bitLength(absolute(rounded)) + scaled > EXPONENT_MAX) return mantissa < 0n ? "-inf" : "inf"
  return { mantissa: rounded, exponent: scaled }
}

/** The long double nearest to numerator / denominator. */
const divide = (numerator: bigint, denominator: bigint): LongDouble => {
  const magnitude = absolute(numerator)
  // enough bits for the quotient to have 66, the last of which is sticky
  const shift = Math.max(0, MANTISSA_BITS + 2 + bitLength(denominator) - bitLength(magnitude))
  const scaled = magnitude << BigInt(shift)
  const quotient = scaled / denominator
  const sticky = scaled % denominator === 0n ? 0n : 1n
  const value = (quotient << 1n) | sticky
  return round(numerator < 0n ? -value : value, -shift - 1)
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/
const HEXADECIMAL = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?$/
const EXPONENT10_MAX = 5000
/** Redis's MAX_LONG_DOUBLE_CHARS, less the byte that ends it: longer texts are no numbers. */
const TEXT_MAX = 5 * 1024 - 1

/** Reads what C's strtold reads, all of it; undefined where it is no number or beyond the range (as string2ld). */
export const parseLongDouble = (text: string): LongDouble | undefined => {
  if (text.length > TEXT_MAX) return undefined
  const special = /^([+-]?)(?:inf|infinity)$/i.exec(text)
  if (special !== null) return special[1] === "-" ? "-inf" : "inf"
  const value = parseHexadecimal(text) ?? parseDecimal(text)
  return value === "inf" || value === "-inf" ? undefined : value
}

const parseDecimal = (text: string): LongDouble | undefined => {
  const match = DECIMAL.exec(text)
  if (match === null) return undefined
  const whole = match[2] ?? ""
  const fraction = match[3] ?? ""
  if (whole === "" && fraction === "") return undefined
  const exponent = Number(match[4] ?? "0") - fraction.length
  const digits = BigInt(whole + fraction)
  if (digits === 0n) return { mantissa: 0n, exponent: 0 }
  const signed = match[1] === "-" ? -digits : digits
  const length = digits.toString().length
  if (exponent + length > EXPONENT10_MAX) return "inf"
  if (exponent + length < -EXPONENT10_MAX) return undefined
  const value =
    exponent >= 0 ? round(signed * 10n ** BigInt(exponent), 0) : divide(signed, 10n ** BigInt(-exponent))
  return isZero(value) ? undefined : value
}

/** Digits that are not all 0 gave 0: a number too small to be held is ERANGE. */
const isZero = (value: LongDouble): boolean => typeof value === "object" && value.mantissa === 0n

const parseHexadecimal = (text: string): LongDouble | undefined => {
  const match = HEXADECIMAL.exec(text)
  if (match === null) return undefined
  const whole = match[2] ?? ""
  const fraction = match[3] ?? ""
  if (whole === "" && fraction === "") return undefined
  const digits = BigInt(`0x${whole}${fraction}`)
  if (digits === 0n) return { mantissa: 0n, exponent: 0 }
  const exponent = Number(match[4] ?? "0") - fraction.length * 4
  // beyond what the longest text's digits could make up for
  if (Math.abs(exponent) > EXPONENT_MAX + 4 * TEXT_MAX) return undefined
  const value = round(match[1] === "-" ? -digits : digits, exponent)
  return isZero(value) ? undefined : value
}

export const addLongDoubles = (a: LongDouble, b: LongDouble): LongDouble => {
  if (typeof a === "string" || typeof b === "string") {
    if (a === "nan" || b === "nan") return "nan"
    if (typeof a === "string" && typeof b === "string") return a === b ? a : "nan"
    return typeof a === "string" ? a : b
  }
  const exponent = Math.min(a.exponent, b.exponent)
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent))
  return round(sum, exponent)
}

const SCALE = 10n ** 17n

/** Prints a finite value as Redis's LD_STR_HUMAN: 17 decimals, trailing zeros cut, no "-0". */
export const formatLongDouble = (value: LongDouble): string => {
  if (typeof value === "string") return value
  const scaled = roundShift(value.mantissa * SCALE, -value.exponent)
  const magnitude = absolute(scaled)
  const fraction = (magnitude % SCALE).toString().padStart(17, "0").replace(/0+$/, "")
  const text = (magnitude / SCALE).toString() + (fraction === "" ? "" : `.${fraction}`)
  return scaled < 0n ? `-${text}` : text
}
