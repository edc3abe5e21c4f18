/**
 * Redis-server's argument forms, brought into the form that @effect/cli parses.
 *
 * Pure. redis-server makes a line of redis.conf of every option and what follows it, so `--save 900 1`, `--port 7000`
 * in one word, `--save ""`, values that begin with "--", repeated directives and options after the file are all fine.
 * What comes out has each option once, followed by one word: its lines, one below another, each without the
 * directive's name. The configuration file comes last, and `-` is an option.
 *
 * @since 0.1.0
 */
import { find } from "../config/directives.js"
import { encodeBytes, quoteArgument, splitArguments } from "../config/parse.js"

/**
 * The option that stands for `-`.
 *
 * @since 0.1.0
 * @category names
 */
export const standardInputOption = "standard-input"

/**
 * Arguments in the form of @effect/cli.
 *
 * @since 0.1.0
 * @category models
 */
export interface Normalized {
  /** What @effect/cli parses. */
  readonly words: ReadonlyArray<string>
  /** The option of each line, in the order they were given: to Redis that counts, to @effect/cli it does not. */
  readonly order: ReadonlyArray<string>
  /** The first word that is neither an option nor belongs to one, or null. */
  readonly stray: string | null
}

/** Built into @effect/cli: where one is given, nothing else counts, but the shell of completions. */
const builtIns: Readonly<Record<string, string>> = {
  "--help": "--help",
  "-h": "--help",
  "--version": "--version",
  "-v": "--version",
  "--wizard": "--wizard",
  "--completions": "--completions"
}

/** What an option with no arguments of its own on the same word is followed by. */
const missingValue = (words: ReadonlyArray<string>, index: number): string | null => {
  const option = words[index]!.toLowerCase()
  const next = words[index + 1]
  if (option !== "--save" && option !== "--sentinel") return null
  // Programs that build a command line from an empty list leave these without a value: Redis 7 lets them.
  if (next !== undefined && !next.startsWith("--")) return null
  return option === "--save" ? '""' : ""
}

/** The lines of redis.conf for the words from `first` on, and whether "-" was among them. */
const readOptions = (
  words: ReadonlyArray<string>,
  first: number
): {
  readonly lines: ReadonlyArray<string>
  readonly standardInput: boolean
  readonly stray: string | null
} => {
  const lines: Array<string> = []
  let standardInput = false
  let stray: string | null = null
  // An option's first argument is taken as it is, even when it begins with "--".
  let optionMayFollow = true
  const add = (text: string): void => {
    lines[lines.length - 1] += text
  }
  for (let index = first; index < words.length; index++) {
    const word = words[index]!
    if (word === "-" && (index === 0 || index === words.length - 1)) {
      standardInput = true
    } else if (optionMayFollow && word.startsWith("--")) {
      lines.push(`${encodeBytes(word.slice(2))} `)
      optionMayFollow = splitArguments(encodeBytes(word))?.length !== 1
      if (!optionMayFollow) {
        const filler = missingValue(words, index)
        if (filler !== null) {
          add(filler)
          optionMayFollow = true
        }
      }
    } else {
      if (lines.length === 0) stray ??= word
      else add(`${quoteArgument(encodeBytes(word))} `)
      optionMayFollow = true
    }
  }
  return { lines, standardInput, stray }
}

/**
 * The words a directive may be set to, where they are few.
 *
 * @since 0.1.0
 * @category names
 */
export const choicesOf = (name: string): ReadonlyArray<string> => {
  const kind = find(name)?.kind
  if (kind?.type === "bool") return ["yes", "no"]
  return kind?.type === "enum" ? kind.values : []
}

/**
 * Brings the words after the program's name into the form of @effect/cli.
 *
 * @since 0.1.0
 * @category reading
 */
export const normalize = (words: ReadonlyArray<string>): Normalized => {
  const first = words[0]
  const [option, value] = first?.split("=") ?? []
  const builtIn = option === undefined ? undefined : builtIns[option]
  if (builtIn !== undefined) {
    const rest = value === undefined ? words.slice(1, 2) : [value]
    return { words: builtIn === "--completions" ? [builtIn, ...rest] : [builtIn], order: [], stray: null }
  }
  const configFile = first === undefined || first.startsWith("-") ? null : first
  const { lines, standardInput, stray } = readOptions(words, configFile === null ? 0 : 1)
  const byName = new Map<string, Array<string>>()
  const order: Array<string> = []
  for (const line of lines) {
    const end = /[ \t]|$/.exec(line)!.index
    const given = line.slice(0, end)
    const name = find(given)?.name ?? given
    if (name === "") continue
    const asked = builtIns[`--${name}`]
    if (asked !== undefined) return { words: [asked], order: [], stray: null }
    order.push(name)
    const rest = byName.get(name) ?? []
    rest.push(line.slice(end + 1).replace(/^[ \t]+|[ \t]+$/g, ""))
    byName.set(name, rest)
  }
  const options = [...byName].flatMap(([name, rest]) => [`--${name}`, rest.join("\n")])
  return {
    words: [
      ...options,
      ...(standardInput ? [`--${standardInputOption}`] : []),
      ...(configFile === null ? [] : [configFile])
    ],
    order,
    stray
  }
}
