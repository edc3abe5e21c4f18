/**
 * The command line as redis-server takes it: `[/path/to/redis.conf] [--directive arguments…] [-]`.
 *
 * Pure. Options become lines of redis.conf that are read after the file, exactly as Redis makes them, so
 * quoting, several arguments, `--save ""` and values that begin with "--" mean what they mean there.
 *
 * @since 0.1.0
 */
import { encodeBytes, quoteArgument, splitArguments } from "../config/parse.js"

/**
 * What the command line asks for.
 *
 * @since 0.1.0
 * @category models
 */
export type Invocation =
  | { readonly task: "help" | "version" }
  | { readonly task: "completions"; readonly shell: string }
  | {
      readonly task: "run"
      /** The configuration file, or null for none. */
      readonly configFile: string | null
      /** Whether configuration is also read from standard input, after the file. */
      readonly standardInput: boolean
      /** The options as lines of redis.conf, as a byte string; they come last. */
      readonly options: string
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
): { readonly options: string; readonly standardInput: boolean } => {
  let options = ""
  let standardInput = false
  // An option's first argument is taken as it is, even when it begins with "--".
  let optionMayFollow = true
  for (let index = first; index < words.length; index++) {
    const word = words[index]!
    if (word === "-" && (index === 0 || index === words.length - 1)) {
      standardInput = true
    } else if (optionMayFollow && word.startsWith("--")) {
      options += `${options === "" ? "" : "\n"}${encodeBytes(word.slice(2))} `
      optionMayFollow = splitArguments(encodeBytes(word))?.length !== 1
      if (!optionMayFollow) {
        const filler = missingValue(words, index)
        if (filler !== null) {
          options += filler
          optionMayFollow = true
        }
      }
    } else {
      options += quoteArgument(encodeBytes(word)) + " "
      optionMayFollow = true
    }
  }
  return { options, standardInput }
}

/**
 * Reads the words after the program's name.
 *
 * @since 0.1.0
 * @category reading
 */
export const readInvocation = (words: ReadonlyArray<string>): Invocation => {
  const first = words[0]
  if (first === "--help" || first === "-h") return { task: "help" }
  if (first === "--version" || first === "-v") return { task: "version" }
  if (first === "--completions" || first?.startsWith("--completions=") === true) {
    return {
      task: "completions",
      shell: words[1] ?? first.slice("--completions=".length)
    }
  }
  const configFile = first === undefined || first.startsWith("-") ? null : first
  return {
    task: "run",
    configFile,
    ...readOptions(words, configFile === null ? 0 : 1)
  }
}
