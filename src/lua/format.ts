/**
 * C's printf for string.format: `%d %i %u %c %x %X %o %e %E %f %g %G %q %s`. Pure.
 */

/** A directive: flags, width, precision and what it converts. */
export interface Directive {
  readonly flags: string
  readonly width: number
  readonly precision: number | null
  readonly conversion: string
}

const pad = (text: string, { flags, width }: Directive, numeric: boolean): string => {
  if (text.length >= width) return text
  if (flags.includes("-")) return text.padEnd(width)
  if (!numeric || !flags.includes("0")) return text.padStart(width)
  const prefix = /^[+\- ]?(?:0[xX])?/.exec(text)![0]
  return prefix + text.slice(prefix.length).padStart(width - prefix.length, "0")
}

const signed = (digits: string, negative: boolean, flags: string): string =>
  negative ? `-${digits}` : flags.includes("+") ? `+${digits}` : flags.includes(" ") ? ` ${digits}` : digits

/** A double as C converts it to a 64-bit integer. */
export const toInt64 = (value: number): bigint => {
  if (!Number.isFinite(value) || Math.abs(value) >= 2 ** 63) return -(2n ** 63n)
  return BigInt(Math.trunc(value))
}

export const formatInteger = (directive: Directive, value: number): string => {
  const { conversion, precision, flags } = directive
  const whole = toInt64(value)
  let digits: string
  let prefix = ""
  let negative = false
  if (conversion === "d" || conversion === "i") {
    negative = whole < 0n
    digits = (negative ? -whole : whole).toString()
  } else {
    const bits = BigInt.asUintN(64, whole)
    digits = bits.toString(conversion === "o" ? 8 : conversion === "u" ? 10 : 16)
    if (conversion === "X") digits = digits.toUpperCase()
    if (flags.includes("#") && bits !== 0n)
      prefix = conversion === "o" ? "0" : conversion === "u" ? "" : `0${conversion}`
  }
  if (precision !== null) digits = precision === 0 && whole === 0n ? "" : digits.padStart(precision, "0")
  const withSign =
    conversion === "d" || conversion === "i" ? signed(digits, negative, flags) : prefix + digits
  return pad(withSign, precision === null ? directive : { ...directive, flags: flags.replace("0", "") }, true)
}

const exponential = (value: number, precision: number): string => {
  const [digits, power] = exact(value, precision)
  const sign = power < 0 ? "-" : "+"
  return `${digits}e${sign}${String(Math.abs(power)).padStart(2, "0")}`
}

/** The digits of a number in scientific notation, and its power of ten. */
const exact = (value: number, precision: number): [string, number] => {
  const [digits, power] = value.toExponential(Math.min(precision, 100)).split("e") as [string, string]
  return [digits, Number(power)]
}

const fixed = (value: number, precision: number): string => {
  if (Math.abs(value) < 1e21) return value.toFixed(Math.min(precision, 100))
  const whole = BigInt(value).toString()
  return precision > 0 ? `${whole}.${"0".repeat(precision)}` : whole
}

const general = (value: number, precision: number, keepZeros: boolean): string => {
  const significant = precision === 0 ? 1 : precision
  const power = value === 0 ? 0 : exact(value, significant - 1)[1]
  const text =
    power < -4 || power >= significant
      ? exponential(value, significant - 1)
      : fixed(value, Math.max(0, significant - 1 - power))
  if (keepZeros || !text.includes(".")) return text
  return text.replace(/\.?0+(?=e|$)/, "")
}

export const formatFloat = (directive: Directive, value: number): string => {
  const { conversion, flags } = directive
  const precision = directive.precision ?? 6
  const upper = conversion === conversion.toUpperCase()
  const negative = value < 0 || Object.is(value, -0)
  const size = Math.abs(value)
  let digits: string
  if (!Number.isFinite(value)) {
    const word = Number.isNaN(value) ? "-nan" : signed("inf", negative, flags)
    return pad(upper ? word.toUpperCase() : word, directive, false)
  }
  const kind = conversion.toLowerCase()
  if (kind === "e") digits = exponential(size, precision)
  else if (kind === "f") digits = fixed(size, precision)
  else digits = general(size, precision, flags.includes("#"))
  if (upper) digits = digits.toUpperCase()
  return pad(signed(digits, negative, flags), directive, true)
}

export const formatString = (directive: Directive, text: string): string =>
  pad(directive.precision === null ? text : text.slice(0, directive.precision), directive, false)

const DIRECTIVE = /([-+ #0]*)(\d*)(?:\.(\d*))?/y

/** Reads the directive behind a '%'; an error's text where it is none. */
export const readDirective = (text: string, at: number): { directive: Directive; end: number } | string => {
  DIRECTIVE.lastIndex = at
  const [all, flags, width, precision] = DIRECTIVE.exec(text)! as unknown as [string, string, string, string?]
  if (flags.length > 5) return "invalid format (repeated flags)"
  if (width.length > 2 || (precision ?? "").length > 2) return "invalid format (width or precision too long)"
  const end = at + all.length
  return {
    directive: {
      flags,
      width: Number(width),
      precision: precision === undefined ? null : Number(precision),
      conversion: text[end] ?? ""
    },
    end: end + 1
  }
}
