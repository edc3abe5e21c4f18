/**
 * The kinds of value a directive can have: how each is read from arguments, and what it says when it cannot
 * be.
 *
 * Pure. A value is kept in one form, the text CONFIG GET gives; reading what was given reads back to the
 * same. Texts and limits are Redis's (src/config.c), including those of C's number types.
 *
 * @since 0.1.0
 */

/**
 * What reading a value came to: its text as CONFIG GET gives it, or Redis's words for what is wrong with it.
 *
 * @since 0.1.0
 * @category models
 */
export type Reading = { readonly value: string } | { readonly problem: string }

/**
 * A kind of value.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind =
  | { readonly type: "bool"; readonly refuse: string | null }
  | { readonly type: "enum"; readonly values: ReadonlyArray<string> }
  | { readonly type: "flags"; readonly values: ReadonlyArray<string> }
  | NumberKind
  | {
      readonly type: "string"
      readonly emptyIsNull: boolean
      readonly check: ((value: string) => string | null) | null
    }
  | { readonly type: "directory" }
  | {
      readonly type: "special"
      readonly read: (args: ReadonlyArray<string>, previous: string) => Reading
    }

/**
 * A number: plain, in octal, or an amount of memory which may also be a percentage.
 *
 * @since 0.1.0
 * @category models
 */
export interface NumberKind {
  readonly type: "number"
  readonly form: "integer" | "octal" | "memory" | "memory-or-percent"
  readonly min: bigint
  readonly max: bigint
  /** C's unsigned types compare a negative number as a huge one. */
  readonly unsigned: boolean
  /** Values outside are accepted and moved to the nearer end (only `hz`). */
  readonly capped: { readonly min: bigint; readonly max: bigint } | null
}

const value = (text: string): Reading => ({ value: text })
const problem = (text: string): Reading => ({ problem: text })

/**
 * Redis's words for a directive given the wrong count of arguments.
 *
 * @since 0.1.0
 * @category constants
 */
export const wrongArgumentCount = "wrong number of arguments"

/** Units are bytes; without a "b" they are powers of ten, as in Redis. */
const units: Readonly<Record<string, bigint>> = {
  "": 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000n ** 2n,
  mb: 1024n ** 2n,
  g: 1000n ** 3n,
  gb: 1024n ** 3n
}

const u64Max = 2n ** 64n - 1n

/**
 * Reads an amount of memory such as "64mb" (`memtoull`). No digits at all are zero, and too many wrap, as in
 * Redis.
 *
 * @returns the count of bytes, or null when it is none
 * @since 0.1.0
 * @category reading
 */
export const readMemory = (text: string): bigint | null => {
  const parts = /^([0-9]{0,127})([a-zA-Z]{0,2})$/.exec(text)
  if (parts === null) return null
  const unit = units[parts[2]!.toLowerCase()]
  if (unit === undefined) return null
  const digits = parts[1] === "" ? 0n : BigInt(parts[1]!)
  return BigInt.asUintN(64, (digits > u64Max ? u64Max : digits) * unit)
}

/** A decimal number as `string2ll` takes it: 64 bits, no sign but "-", no leading zero, no blanks. */
const readDecimal = (text: string): bigint | null => {
  if (!/^(0|-?[1-9][0-9]{0,18})$/.test(text)) return null
  const number = BigInt(text)
  return number === BigInt.asIntN(64, number) ? number : null
}

/**
 * A number as strtoll(3) takes it when the whole text has to be one: blanks before it, a sign, and no digits
 * for zero are fine.
 *
 * @returns the number, or null
 * @since 0.1.0
 * @category reading
 */
export const readLoose = (text: string): bigint | null => {
  if (text === "") return 0n
  const digits = /^\s*([+-]?)([0-9]+)$/.exec(text)
  return digits === null ? null : BigInt(digits[1] === "-" ? "-" + digits[2] : digits[2]!)
}

const numberProblem: Readonly<Record<NumberKind["form"], string>> = {
  integer: "argument couldn't be parsed into an integer",
  octal: "argument couldn't be parsed as an octal number",
  memory: "argument must be a memory value",
  "memory-or-percent": "argument must be a memory or percent value"
}

/**
 * The signed 64-bit number Redis works with; a percentage is a negative one. Null when the text is no number.
 */
const parseNumber = (kind: NumberKind, text: string): bigint | null => {
  switch (kind.form) {
    case "integer":
      return readDecimal(text)
    case "octal":
      return /^[0-7]{1,20}$/.test(text) ? BigInt("0o" + text) : text === "" ? 0n : null
    case "memory":
    case "memory-or-percent": {
      const bytes = readMemory(text)
      if (bytes !== null) return BigInt.asIntN(64, bytes)
      if (kind.form === "memory" || !text.endsWith("%")) return null
      const percent = readDecimal(text.slice(0, -1))
      return percent === null || percent < 0n ? null : -percent
    }
  }
}

/** What is wrong with a number's size, or null. */
const boundsProblem = (kind: NumberKind, number: bigint): string | null => {
  const compared = kind.unsigned ? BigInt.asUintN(64, number) : number
  if (kind.form === "memory-or-percent" && compared < 0n) {
    return compared < kind.min ? `percentage argument must be less or equal to ${-kind.min}` : null
  }
  if (compared >= kind.min && compared <= kind.max) return null
  const base = kind.form === "octal" ? 8 : 10
  return `argument must be between ${kind.min.toString(base)} and ${kind.max.toString(base)} inclusive`
}

const readNumber = (kind: NumberKind, text: string): Reading => {
  const number = parseNumber(kind, text)
  if (number === null) return problem(numberProblem[kind.form])
  const outside = boundsProblem(kind, number)
  if (outside !== null) return problem(outside)
  if (kind.form === "memory-or-percent" && number < 0n) return value(`${-number}%`)
  if (kind.form === "octal") return value(number.toString(8))
  if (kind.form !== "integer") return value(BigInt.asUintN(64, number).toString())
  const cap = kind.capped
  if (cap !== null && number < cap.min) return value(cap.min.toString())
  return value((cap !== null && number > cap.max ? cap.max : number).toString())
}

/**
 * Enum values that are one to Redis: the second is stored, and reported, as the first.
 */
const synonyms: Readonly<Record<string, string>> = { relative: "yes" }

const readEnum = (values: ReadonlyArray<string>, args: ReadonlyArray<string>): Reading => {
  const wanted = args.length === 1 ? args[0]!.toLowerCase() : ""
  if (values.includes(wanted)) return value(synonyms[wanted] ?? wanted)
  return problem(`argument(s) must be one of the following: ${values.join(", ")}`)
}

/** Bit flags: any order and repeats in, the table's order out; the first of the table is "none of them". */
const readFlags = (values: ReadonlyArray<string>, args: ReadonlyArray<string>): Reading => {
  const wanted = args.map((argument) => argument.toLowerCase())
  if (wanted.length === 0 || !wanted.every((name) => values.includes(name))) {
    return problem(`argument(s) must be one of the following: ${values.join(", ")}`)
  }
  const set = values.filter((name, index) => index > 0 && wanted.includes(name))
  if (set.includes("save") && set.includes("nosave")) {
    return problem("shutdown options SAVE and NOSAVE can't be used simultaneously")
  }
  return value(set.length === 0 ? values[0]! : set.join(" "))
}

const readBool = (text: string, refuse: string | null): Reading => {
  const lower = text.toLowerCase()
  if (lower === "yes") return refuse === null ? value("yes") : problem(refuse)
  return lower === "no" ? value("no") : problem("argument must be 'yes' or 'no'")
}

/**
 * Reads a value of a kind.
 *
 * @param kind the kind of value
 * @param args its arguments; of kinds other than flags and special exactly one
 * @param previous the value it has now, for kinds whose arguments add to it
 * @param directory what a `dir` argument means: an absolute path, or what is wrong with it
 * @since 0.1.0
 * @category reading
 */
export const readValue = (
  kind: Kind,
  args: ReadonlyArray<string>,
  previous: string,
  directory: (argument: string) => Reading
): Reading => {
  if (kind.type === "special") return kind.read(args, previous)
  if (kind.type === "flags") return readFlags(kind.values, args)
  if (kind.type === "enum") return readEnum(kind.values, args)
  const argument = args[0]
  if (argument === undefined || args.length !== 1) return problem(wrongArgumentCount)
  switch (kind.type) {
    case "bool":
      return readBool(argument, kind.refuse)
    case "number":
      return readNumber(kind, argument)
    case "string": {
      const wrong = kind.check === null ? null : kind.check(argument)
      return wrong === null ? value(argument) : problem(wrong)
    }
    case "directory":
      return directory(argument)
  }
}
