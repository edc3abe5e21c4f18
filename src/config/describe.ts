/**
 * What a directive is, and the words that `directives.ts` describes them with: one constructor for each kind
 * of value Redis has, with C's limits.
 *
 * Pure.
 *
 * @since 0.1.0
 */
import type { Kind, NumberKind } from "./kinds.js"

/**
 * One directive.
 *
 * @since 0.1.0
 * @category models
 */
export interface Directive {
  readonly name: string
  /** An older name that means the same, or null. */
  readonly alias: string | null
  readonly kind: Kind
  /** The default, as CONFIG GET gives it. */
  readonly initial: string
  /** CONFIG SET may not change it. */
  readonly immutable: boolean
  /** CONFIG GET gives it only by its exact name. */
  readonly hidden: boolean
  /** Its value may not appear in MONITOR, SLOWLOG or a log. */
  readonly sensitive: boolean
  /** CONFIG SET may change it only where `enable-protected-configs` allows. */
  readonly protected: boolean
  /** CONFIG SET may not change it while a data set is being loaded. */
  readonly denyLoading: boolean
  /** Takes any number of arguments. */
  readonly multi: boolean
  /** Whether the server acts on it. */
  readonly effect: "live" | "accepted"
}

/** What sets a directive apart. */
export interface Flags {
  readonly alias?: string
  readonly immutable?: true
  readonly hidden?: true
  readonly sensitive?: true
  readonly protected?: true
  readonly denyLoading?: true
  readonly live?: true
}

/** The server acts on it. */
export const LIVE = { live: true } as const
/** Only start-up sets it. */
export const FIXED = { immutable: true } as const
/** The server acts on what start-up set. */
export const LIVE_FIXED = { live: true, immutable: true } as const
/** For tests of Redis itself. */
export const HIDDEN = { hidden: true } as const

/** The largest C int. */
export const INT_MAX = 2n ** 31n - 1n
/** The largest C unsigned int. */
export const UINT_MAX = 2n ** 32n - 1n
/** LONG_MAX, LLONG_MAX and SSIZE_MAX are one on 64-bit systems. */
export const LONG_MAX = 2n ** 63n - 1n
/** The largest unsigned 64-bit number. */
export const ULONG_MAX = 2n ** 64n - 1n
/** A mebibyte. */
export const MB = 1024n * 1024n

/** A directive of any kind. */
export const directive = (
  name: string,
  kind: Kind,
  initial: string,
  flags: Flags,
  multi: boolean
): Directive => ({
  name,
  alias: flags.alias ?? null,
  kind,
  initial,
  immutable: flags.immutable ?? false,
  hidden: flags.hidden ?? false,
  sensitive: flags.sensitive ?? false,
  protected: flags.protected ?? false,
  denyLoading: flags.denyLoading ?? false,
  multi,
  effect: flags.live === true ? "live" : "accepted"
})

/** yes or no; `refuse` is why yes is not to be had. */
export const bool = (
  name: string,
  initial: "yes" | "no",
  flags: Flags = {},
  refuse: string | null = null
): Directive => directive(name, { type: "bool", refuse }, initial, flags, false)

type Check = (value: string) => string | null

/** A string; `null` for a default that CONFIG REWRITE leaves out when it is empty. */
export const text = (
  name: string,
  initial: string | null,
  flags: Flags = {},
  check: Check | null = null
): Directive =>
  directive(name, { type: "string", emptyIsNull: initial === null, check }, initial ?? "", flags, false)

/** One of some words, in the order error messages list them. */
export const oneOf = (name: string, values: string, initial: string, flags: Flags = {}): Directive =>
  directive(name, { type: "enum", values: values.split(" ") }, initial, flags, false)

/** A number of any form. */
export const number = (
  form: NumberKind["form"],
  name: string,
  range: readonly [min: bigint, max: bigint],
  initial: bigint,
  flags: Flags,
  more: Partial<NumberKind> = {}
): Directive => {
  const [min, max] = range
  const kind: NumberKind = {
    type: "number",
    form,
    min,
    max,
    unsigned: false,
    capped: null,
    ...more
  }
  return directive(name, kind, initial.toString(), flags, false)
}

/** A plain number of a signed C type (int, long, long long). */
export const int = (name: string, min: bigint, max: bigint, initial: bigint, flags: Flags = {}): Directive =>
  number("integer", name, [min, max], initial, flags)

/** A plain number of an unsigned C type (unsigned int, size_t). */
export const count = (
  name: string,
  min: bigint,
  max: bigint,
  initial: bigint,
  flags: Flags = {}
): Directive => number("integer", name, [min, max], initial, flags, { unsigned: true })

/** An amount of memory in a signed C type (long long, off_t). */
export const memory = (
  name: string,
  min: bigint,
  max: bigint,
  initial: bigint,
  flags: Flags = {}
): Directive => number("memory", name, [min, max], initial, flags)

/** An amount of memory in an unsigned C type (size_t, unsigned long long). */
export const size = (name: string, min: bigint, max: bigint, initial: bigint, flags: Flags = {}): Directive =>
  number("memory", name, [min, max], initial, flags, { unsigned: true })

/** A value of several words, with a reader of its own. */
export const special = (
  name: string,
  read: Extract<Kind, { readonly type: "special" }>["read"],
  initial: string,
  flags: Flags = {},
  multi = true
): Directive => directive(name, { type: "special", read }, initial, flags, multi)

/** What a signal shuts down with. */
export const onSignal = (name: string): Directive =>
  directive(
    name,
    { type: "flags", values: ["default", "save", "nosave", "now", "force"] },
    "default",
    {},
    true
  )
