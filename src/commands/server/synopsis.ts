/**
 * A command's synopsis, as people read it, taken apart into the arguments that COMMAND DOCS describes. Pure.
 *
 *   word           an argument            WORD         a token, which belongs to what follows it
 *   [a]            may be left out        <a | b>      one of these
 *   a [a ...]      once or more           a b [a b ...]  the same for a block
 */
import type { CommandRecord } from "../../engine/record.js"

export type ArgumentType =
  | "string"
  | "integer"
  | "double"
  | "key"
  | "pattern"
  | "unix-time"
  | "pure-token"
  | "oneof"
  | "block"

/** An argument as COMMAND DOCS shows it. */
export interface Argument {
  readonly name: string
  readonly type: ArgumentType
  readonly token?: string
  readonly optional?: true
  readonly multiple?: true
  /** The token is repeated with every value. */
  readonly multipleToken?: true
  readonly keySpec?: number
  /** What a oneof chooses from, what a block consists of. */
  readonly parts?: ReadonlyArray<Argument>
}

/** The arguments of a command; empty where it takes none. */
export const argumentsOf = (record: CommandRecord): ReadonlyArray<Argument> =>
  record.synopsis === undefined ? [] : new Parser(record).all()

const KEY_NAMES: ReadonlySet<string> = new Set(["key", "key1", "key2", "newkey", "source", "destination"])

const INTEGERS: ReadonlySet<string> = new Set(
  (
    "seconds milliseconds count index index1 index2 numkeys offset start end stop increment decrement bit cursor " +
    "db destination-db protover client-id maxage min-match-len version numreplicas numlocal len rank maxlen threshold"
  ).split(" ")
)

const DOUBLES: ReadonlySet<string> = new Set(["timeout", "score", "min-score", "max-score"])

/** Names that Redis gives to groups, by what is in them; others are named after their parts. */
const GROUP_NAMES: ReadonlyMap<string, string> = new Map([
  ["NX | XX", "condition"],
  ["NX | XX | GT | LT", "condition"],
  ["GT | LT", "comparison"],
  ["key value", "data"],
  ["parameter value", "data"],
  ["ON | OFF", "enabled"],
  ["ASC | DESC", "order"],
  ["ASYNC | SYNC", "flush-type"],
  ["BYTE | BIT", "unit"],
  ["YES | SYNC | NO", "mode"],
  ["MODULE module-name | ACLCAT category | PATTERN pattern", "filterby"],
  ["NOSAVE | SAVE", "save-selector"],
  ["ON | OFF | SKIP", "on-off-skip"],
  ["LIB-NAME libname | LIB-VER libver", "attr"],
  ["NORMAL | MASTER | REPLICA | PUBSUB", "client-type"],
  ["NORMAL | MASTER | SLAVE | REPLICA | PUBSUB", "client-type"],
  ["protover [ AUTH username password ] [ SETNAME clientname ]", "arguments"]
])

const EXPIRATION = /^EX seconds \|/

const isToken = (word: string): boolean => /^([A-Z][A-Z0-9_-]*|[=~$])$/.test(word)

/** Part of a synopsis that has been read, with its words, so that repetitions are recognized. */
interface Element {
  readonly argument: Argument
  readonly words: string
}

class Parser {
  private readonly words: ReadonlyArray<string>
  private at = 0
  private nextKeySpec = 0

  constructor(private readonly record: CommandRecord) {
    this.words = (record.synopsis ?? "").match(/\.\.\.|[[\]<>|]|[^\s[\]<>|]+/g) ?? []
  }

  all(): ReadonlyArray<Argument> {
    return this.sequence().elements.map(({ argument }) => argument)
  }

  /** Arguments up to the end of the group or of the alternative. */
  private sequence(): {
    readonly elements: ReadonlyArray<Element>
    readonly repeated: boolean
  } {
    const elements: Array<Element> = []
    let repeated = false
    for (
      let word = this.words[this.at];
      word !== undefined && !"]>|".includes(word);
      word = this.words[this.at]
    ) {
      if (word === "...") {
        repeated = true
        this.at++
      } else if (word === "[" && this.repeatsLast(elements)) continue
      else if (isToken(word)) elements.push(this.tokenAndValues())
      else elements.push(this.element())
    }
    return { elements, repeated }
  }

  /** Where `[x ...]` follows x: marks x as multiple, and passes over it. */
  private repeatsLast(elements: Array<Element>): boolean {
    const end = this.closing(this.at)
    if (this.words[end - 1] !== "...") return false
    const inner = this.words.slice(this.at + 1, end - 1).join(" ")
    for (let from = elements.length - 1; from >= 0; from--) {
      const repeated = elements.slice(from)
      const words = repeated.map((one) => one.words).join(" ")
      if (words !== inner) continue
      elements.length = from
      const argument = this.group(repeated, words)
      const token = argument.token === undefined ? {} : ({ multipleToken: true } as const)
      elements.push({
        argument: { ...argument, multiple: true, ...token },
        words
      })
      this.at = end + 1
      return true
    }
    return false
  }

  /** The index of the bracket that closes the one at `open`. */
  private closing(open: number): number {
    let depth = 0
    for (let at = open; at < this.words.length; at++) {
      if ("[<".includes(this.words[at]!)) depth++
      else if ("]>".includes(this.words[at]!) && --depth === 0) return at
    }
    throw new Error(`the synopsis of '${this.record.name}' leaves a bracket open`)
  }

  /** A token, with the values that follow it up to the next token or what is optional. */
  private tokenAndValues(): Element {
    const from = this.at
    const token = this.words[this.at++]!
    const values: Array<Element> = []
    for (
      let word = this.words[this.at];
      word !== undefined && !"]>|...".includes(word);
      word = this.words[this.at]
    ) {
      if (word === "[" && this.repeatsLast(values)) continue
      if (word === "[" || isToken(word)) break
      values.push(this.element())
    }
    const words = this.words.slice(from, this.at).join(" ")
    const name = token.toLowerCase()
    if (values.length === 0) return { argument: { name, type: "pure-token", token }, words }
    if (values.length === 1) return { argument: { ...values[0]!.argument, token }, words }
    return {
      argument: {
        name,
        type: "block",
        token,
        parts: values.map(({ argument }) => argument)
      },
      words
    }
  }

  private element(): Element {
    const from = this.at
    const word = this.words[this.at++]!
    if (word !== "[" && word !== "<") return { argument: this.leaf(word), words: word }
    const alternatives: Array<Element> = []
    let multiple = false
    for (;;) {
      const start = this.at
      const { elements, repeated } = this.sequence()
      const words = this.words.slice(start, this.at).join(" ")
      alternatives.push({ argument: this.group(elements, words), words })
      multiple ||= repeated
      if (this.words[this.at++] !== "|") break
    }
    const words = this.words.slice(from, this.at).join(" ")
    const inner = words.slice(2, -2)
    const argument =
      alternatives.length === 1
        ? alternatives[0]!.argument
        : this.named(
            "oneof",
            inner,
            alternatives.map((one) => one.argument)
          )
    const optional = word === "[" ? ({ optional: true } as const) : {}
    return {
      argument: { ...argument, ...optional, ...(multiple ? { multiple } : {}) },
      words
    }
  }

  /** One argument for several: a block, where it is not one already. */
  private group(elements: ReadonlyArray<Element>, words: string): Argument {
    const parts = elements.map(({ argument }) => argument)
    return parts.length === 1 ? parts[0]! : this.named("block", words, parts)
  }

  private named(type: "oneof" | "block", words: string, parts: ReadonlyArray<Argument>): Argument {
    const known = EXPIRATION.test(words) ? "expiration" : GROUP_NAMES.get(words)
    return {
      name: known ?? parts.map(({ name }) => name).join("-"),
      type,
      parts
    }
  }

  private leaf(name: string): Argument {
    const { keys, name: command } = this.record
    if (keys.length > 0 && KEY_NAMES.has(name)) {
      return {
        name,
        type: "key",
        keySpec: Math.min(this.nextKeySpec++, keys.length - 1)
      }
    }
    if (name.startsWith("unix-time")) return { name, type: "unix-time" }
    if (name === "pattern") return { name, type: "pattern" }
    if (DOUBLES.has(name) || (name === "increment" && command.endsWith("float")))
      return { name, type: "double" }
    return { name, type: INTEGERS.has(name) ? "integer" : "string" }
  }
}
