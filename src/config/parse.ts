/**
 * The syntax of redis.conf: lines into arguments, files into entries, `include`, and the text of a fatal
 * error.
 *
 * Pure: files are read through the `FileAccess` it is given. Every string here is a byte string (latin1, one
 * character a byte), so that quoted `\xHH` bytes and UTF-8 passwords go through unharmed.
 *
 * @since 0.1.0
 */
import * as path from "node:path"
import { matchBytes } from "../values/glob.js"
import { redisVersion } from "./version.js"

/**
 * One directive as it was written somewhere.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConfigEntry {
  /** The directive's name in lower case. */
  readonly name: string
  /** What follows it, unquoted. */
  readonly args: ReadonlyArray<string>
  /** Where it was written: a file's path, or words such as "the command line". */
  readonly file: string
  /** Its line there, from 1; 0 where there are no lines. */
  readonly line: number
  /** The line itself, trimmed. */
  readonly text: string
}

/**
 * How configuration files are reached. Paths are absolute; failures are thrown, as node:fs throws them.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileAccess {
  /** A file's bytes as latin1. */
  readonly read: (file: string) => string
  /** The names in a directory. */
  readonly list: (directory: string) => ReadonlyArray<string>
  /** The directory that relative paths start from. */
  readonly cwd: string
}

/**
 * Why a configuration cannot be used: a file that cannot be read, a line that is none, a directive there is not, a
 * value it cannot have, or something that this server does not do (yet) and must not pass over in silence.
 *
 * @since 0.1.0
 * @category errors
 */
export type ConfigReason = (typeof configReasons)[number]

/**
 * All reasons.
 *
 * @since 0.1.0
 * @category errors
 */
export const configReasons = [
  "Unreadable",
  "Syntax",
  "UnknownDirective",
  "InvalidValue",
  "Unsupported"
] as const

/**
 * A configuration that cannot be used, as plain code throws it; Effects fail with a `ConfigError` made of it. `message`
 * is one line; `report` is the block Redis prints.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConfigProblem extends Error {
  override readonly name = "ConfigProblem"

  constructor(
    readonly reason: ConfigReason,
    /** What is wrong, in Redis's words where it has some. */
    readonly problem: string,
    /** Where: a path or words such as "the environment"; null when no line is to blame. */
    readonly file: string | null = null,
    /** The line there, from 1; 0 where there are no lines. */
    readonly line: number = 0,
    /** The line's text. */
    readonly text: string = ""
  ) {
    const place = file === null || line === 0 ? file : `${file}, line ${line}`
    super(place === null ? problem : `${place}: ${problem} ('${decodeBytes(text)}')`)
  }

  /** The text for standard error: redis-server's block with the file named as well, or one line. */
  get report(): string {
    if (this.file === null) return `${this.problem}\n`
    const where = this.line === 0 ? `in ${this.file}` : `at line ${this.line} of ${this.file}`
    const heading = `\n*** FATAL CONFIG FILE ERROR (Redis ${redisVersion}) ***`
    const place = `Reading the configuration file, ${where}\n>>> '${decodeBytes(this.text)}'`
    return `${heading}\n${place}\n${this.problem}\n`
  }
}

/**
 * The text that a byte string is in UTF-8: for paths and messages.
 *
 * @since 0.1.0
 * @category bytes
 */
export const decodeBytes = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8")

/**
 * A text's UTF-8 bytes as a byte string, one character a byte.
 *
 * @since 0.1.0
 * @category bytes
 */
export const encodeBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1")

const isSpace = (c: string | undefined): boolean =>
  c === " " || c === "\n" || c === "\r" || c === "\t" || c === "\v" || c === "\f"

const isHex = (c: string | undefined): boolean => c !== undefined && /^[0-9a-fA-F]$/.test(c)

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  a: "\x07"
}

/**
 * Reads a quoted run that opens at `open`. Gives its bytes and the offset after its closing quote, or null
 * when it does not close, or when something other than a blank follows.
 */
const readQuoted = (line: string, open: number): { readonly bytes: string; readonly next: number } | null => {
  const quote = line[open]
  let bytes = ""
  for (let i = open + 1; i < line.length; i++) {
    const c = line[i]!
    if (c === quote) {
      return i + 1 < line.length && !isSpace(line[i + 1]) ? null : { bytes, next: i + 1 }
    }
    if (c !== "\\" || i + 1 >= line.length) {
      bytes += c
    } else if (quote === "'") {
      if (line[i + 1] === "'") i++
      bytes += line[i]!
    } else if (line[i + 1] === "x" && isHex(line[i + 2]) && isHex(line[i + 3])) {
      bytes += String.fromCharCode(Number.parseInt(line.slice(i + 2, i + 4), 16))
      i += 3
    } else {
      i++
      bytes += escapes[line[i]!] ?? line[i]!
    }
  }
  return null
}

/**
 * Splits a line into arguments as Redis does (`sdssplitargs`): blanks part them, "…" knows \n \r \t \b \a
 * \xHH and any escaped byte, '…' knows only \'.
 *
 * @returns the arguments, or null when quotes are unbalanced or a closing quote is followed by something else
 * @since 0.1.0
 * @category syntax
 */
export const splitArguments = (line: string): ReadonlyArray<string> | null => {
  const args: Array<string> = []
  // A C string ends at its first NUL.
  const nul = line.indexOf("\0")
  const text = nul < 0 ? line : line.slice(0, nul)
  let i = 0
  for (;;) {
    while (isSpace(text[i])) i++
    if (i >= text.length) return args
    let argument = ""
    while (i < text.length && !(isSpace(text[i]) && text[i] !== "\v" && text[i] !== "\f")) {
      const c = text[i]!
      if (c === '"' || c === "'") {
        const quoted = readQuoted(text, i)
        if (quoted === null) return null
        argument += quoted.bytes
        i = quoted.next
        break
      }
      argument += c
      i++
    }
    args.push(argument)
  }
}

/**
 * Writes bytes as a quoted argument that `splitArguments` reads back (`sdscatrepr`).
 *
 * @since 0.1.0
 * @category syntax
 */
export const quoteArgument = (bytes: string): string => {
  let quoted = '"'
  for (const c of bytes) {
    const code = c.charCodeAt(0)
    if (c === "\\" || c === '"') quoted += "\\" + c
    else if (c === "\n") quoted += "\\n"
    else if (c === "\r") quoted += "\\r"
    else if (c === "\t") quoted += "\\t"
    else if (c === "\x07") quoted += "\\a"
    else if (c === "\b") quoted += "\\b"
    else if (code >= 32 && code < 127) quoted += c
    else quoted += "\\x" + code.toString(16).padStart(2, "0")
  }
  return quoted + '"'
}

/**
 * What the operating system says about a failed call, in the words of strerror(3): node's
 * "ENOENT: no such file or directory, open 'x'" becomes "No such file or directory".
 *
 * @since 0.1.0
 * @category errors
 */
export const systemErrorText = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error)
  const words = /^E[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message
  return words.slice(0, 1).toUpperCase() + words.slice(1)
}

/** Deeper than any real layout of includes; a file that includes itself ends here instead of never. */
const includeDepthMax = 32

const trimLine = (line: string): string => line.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "")

const hasWildcard = (pattern: string): boolean => /[*?[]/.test(pattern)

/** glob(3) as `include` uses it: component by component, hidden names only when asked for, in byte order. */
const expandPattern = (pattern: string, access: FileAccess): ReadonlyArray<string> => {
  const absolute = path.resolve(access.cwd, decodeBytes(pattern))
  const root = path.parse(absolute).root
  let found: Array<string> = [root]
  for (const component of absolute.slice(root.length).split(path.sep)) {
    if (!hasWildcard(component)) {
      found = found.map((directory) => path.join(directory, component))
      continue
    }
    const wanted = Buffer.from(component.replaceAll("[!", "[^"))
    const next: Array<string> = []
    for (const directory of found) {
      let names: ReadonlyArray<string> = []
      try {
        names = access.list(directory)
      } catch {
        // A directory that cannot be listed has no matches, as in glob(3).
      }
      for (const name of [...names].sort()) {
        const bytes = Buffer.from(name)
        if (name.startsWith(".") && !component.startsWith(".")) continue
        if (matchBytes(wanted, bytes, 0, bytes.length, false)) next.push(path.join(directory, name))
      }
    }
    found = next
  }
  // Components without a wildcard were not looked up: keep only what is there.
  return found.filter((file) => {
    try {
      return access.list(path.dirname(file)).includes(path.basename(file))
    } catch {
      return false
    }
  })
}

/**
 * The entries of a configuration text, those of included files in the place of their `include`. A `dir`
 * directive changes what later relative includes start from, as redis-server's chdir does.
 *
 * @param text the file's bytes as latin1
 * @param file how to name it in errors
 * @throws ConfigProblem on unbalanced quotes, and on an include that cannot be read
 * @since 0.1.0
 * @category loading
 */
export const parseConfiguration = (
  text: string,
  file: string,
  access: FileAccess
): ReadonlyArray<ConfigEntry> => {
  const entries: Array<ConfigEntry> = []
  collect(text, file, { ...access }, 0, entries)
  return entries
}

/**
 * The entries of a configuration file and of all it includes.
 *
 * @throws ConfigProblem also when the file cannot be opened
 * @since 0.1.0
 * @category loading
 */
export const readConfiguration = (file: string, access: FileAccess): ReadonlyArray<ConfigEntry> =>
  parseConfiguration(open(file, access), file, access)

const open = (file: string, access: FileAccess): string => {
  try {
    return access.read(path.resolve(access.cwd, file))
  } catch (error) {
    throw new ConfigProblem(
      "Unreadable",
      `Fatal error, can't open config file '${file}': ${systemErrorText(error)}`
    )
  }
}

const collect = (
  text: string,
  file: string,
  access: { -readonly [K in keyof FileAccess]: FileAccess[K] },
  depth: number,
  into: Array<ConfigEntry>
): void => {
  if (depth > includeDepthMax)
    throw new ConfigProblem("Syntax", `include directives nested more than ${includeDepthMax} deep`)
  let line = 0
  for (const raw of text.split("\n")) {
    line++
    const trimmed = trimLine(raw)
    if (trimmed === "" || trimmed[0] === "#") continue
    const words = splitArguments(trimmed)
    if (words === null) {
      throw new ConfigProblem("Syntax", "Unbalanced quotes in configuration line", file, line, trimmed)
    }
    if (words.length === 0) continue
    const name = words[0]!.toLowerCase()
    const args = words.slice(1)
    if (name !== "include" || args.length !== 1) {
      if (name === "dir" && args.length === 1) access.cwd = path.resolve(access.cwd, decodeBytes(args[0]!))
      into.push({ name, args, file, line, text: trimmed })
      continue
    }
    const target = args[0]!
    const files = hasWildcard(target) ? expandPattern(target, access) : [decodeBytes(target)]
    for (const included of files) collect(open(included, access), included, access, depth + 1, into)
  }
}
