/**
 * The manifest of Redis 7's multi-part append-only file: which files of `appendonlydir/` make up the data,
 * and in which order they are to be loaded. Pure: text in, values out, and a new value for every change; who
 * reads, writes and syncs the file is elsewhere.
 *
 * ```
 * file appendonly.aof.2.base.rdb seq 2 type b
 * file appendonly.aof.1.incr.aof seq 1 type h
 * file appendonly.aof.2.incr.aof seq 2 type i
 * ```
 *
 * Invariants: `format` gives base, history, incremental in this order, and `parse(format(m))` equals `m` for
 * every manifest with basenames and positive, rising sequences; no next name is one the manifest already
 * lists.
 */

/**
 * b: the base (a snapshot), h: history (no longer loaded, to be deleted), i: incremental (commands since).
 */
export type FileKind = "b" | "h" | "i"

/**
 * One line of the manifest: a file's basename inside the AOF directory, its sequence number (from 1), its
 * kind.
 */
export interface FileInfo {
  readonly name: string
  readonly sequence: number
  readonly kind: FileKind
}

/** The data is `base` followed by `incremental` in order; `history` only waits to be deleted. */
export interface Manifest {
  readonly base: FileInfo | null
  readonly history: ReadonlyArray<FileInfo>
  readonly incremental: ReadonlyArray<FileInfo>
}

/** A manifest that lists a new file, and that file. */
export interface Next {
  readonly manifest: Manifest
  readonly file: FileInfo
}

/** The manifest of a server that has not written an append-only file yet. */
export const empty: Manifest = { base: null, history: [], incremental: [] }

/** Redis's own reason texts (aof.c, aofLoadManifestFromFile). */
export type ManifestReason =
  | "Found an empty AOF manifest"
  | "The AOF manifest file contains too long line"
  | "Invalid AOF manifest file format"
  | "File can't be a path, just a filename"
  | "Found duplicate base file information"
  | "Found a non-monotonic sequence number"
  | "Unknown AOF file type"

/**
 * Why a manifest cannot be used. `lineNumber` counts from 1 (0: the file is empty); `line` is the trimmed
 * line, null where Redis shows none: no line, or one that is too long or lacks its newline.
 */
export class ManifestError extends Error {
  override readonly name = "ManifestError"
  constructor(
    readonly reason: ManifestReason,
    readonly lineNumber: number,
    readonly line: string | null
  ) {
    super(line === null ? reason : `${reason}, at line ${lineNumber}: '${line}'`)
  }
}

/** Bytes of a line, newline included; a longer one, and one without a newline, is refused. */
const lineBytesMax = 1024

/** The manifest's own file name: `appendonly.aof.manifest`. */
export const manifestName = (appendfilename: string): string => `${appendfilename}.manifest`

/** What the manifest is written to before it is renamed into place: `temp-appendonly.aof.manifest`. */
export const temporaryManifestName = (appendfilename: string): string => `temp-${appendfilename}.manifest`

/** `appendonly.aof.1.base.rdb` in RDB format (`aof-use-rdb-preamble yes`), `….base.aof` as commands. */
export const baseName = (appendfilename: string, sequence: number, suffix: "aof" | "rdb"): string =>
  `${appendfilename}.${sequence}.base.${suffix}`

/** `appendonly.aof.1.incr.aof` */
export const incrementalName = (appendfilename: string, sequence: number): string =>
  `${appendfilename}.${sequence}.incr.aof`

/**
 * Lists a new base one sequence number up; the old base becomes the first history file. Takes
 * `appendfilename` as configured and the format the base will be in.
 */
export function nextBase(manifest: Manifest, appendfilename: string, suffix: "aof" | "rdb"): Next {
  const { base, history } = manifest
  const past: ReadonlyArray<FileInfo> = base === null ? history : [{ ...base, kind: "h" }, ...history]
  const sequence = 1 + highest(base?.sequence ?? 0, past, /\.base\.(aof|rdb)$/)
  const file: FileInfo = {
    name: baseName(appendfilename, sequence, suffix),
    sequence,
    kind: "b"
  }
  return { manifest: { ...manifest, base: file, history: past }, file }
}

/** Lists a new incremental file, one sequence number up, after the others. */
export function nextIncremental(manifest: Manifest, appendfilename: string): Next {
  const { history, incremental } = manifest
  const sequence = 1 + highest(incremental.at(-1)?.sequence ?? 0, history, /\.incr\.aof$/)
  const file: FileInfo = {
    name: incrementalName(appendfilename, sequence),
    sequence,
    kind: "i"
  }
  return {
    manifest: { ...manifest, incremental: [...incremental, file] },
    file
  }
}

/**
 * After a rewrite: the incremental files the new base stands for become history, before the older history.
 * With
 * `keepLast` (the append-only file is on) the last one stays: it is the one being written.
 */
export function incrementalToHistory(manifest: Manifest, keepLast: boolean): Manifest {
  const { history, incremental } = manifest
  const count = Math.max(0, keepLast ? incremental.length - 1 : incremental.length)
  const past = incremental.slice(0, count).map((file): FileInfo => ({ ...file, kind: "h" }))
  return {
    ...manifest,
    history: [...past, ...history],
    incremental: incremental.slice(count)
  }
}

/** The manifest once its history files are deleted. */
export const withoutHistory = (manifest: Manifest): Manifest => ({
  ...manifest,
  history: []
})

/**
 * The manifest by which an old single append-only file is taken over, as Redis upgrades: the file keeps its
 * name and becomes the base with sequence 1 once it is moved into the AOF directory.
 */
export const upgrade = (appendfilename: string): Manifest => ({
  base: { name: appendfilename, sequence: 1, kind: "b" },
  history: [],
  incremental: []
})

// Redis keeps the last sequence in memory only, so that a restart may give a name still listed as history a
// second time; the deletion of that history would then take the new file with it.
function highest(from: number, history: ReadonlyArray<FileInfo>, pattern: RegExp): number {
  let sequence = from
  for (const file of history)
    if (file.sequence > sequence && pattern.test(file.name)) sequence = file.sequence
  return sequence
}

/** The text of the manifest file: a line a file, each with its newline; base, history, incremental. */
export function format(manifest: Manifest): string {
  const { base, history, incremental } = manifest
  const files = base === null ? [...history, ...incremental] : [base, ...history, ...incremental]
  return files
    .map(({ name, sequence, kind }) => `file ${quote(name)} seq ${sequence} type ${kind}\n`)
    .join("")
}

const escapes: Readonly<Record<number, string>> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  13: "\\r",
  34: '\\"',
  92: "\\\\"
}

// A name of plain visible ASCII stands as it is; any other is quoted byte by byte (sdscatrepr). Redis leaves
// a name with ' unquoted as well, and then cannot read its own manifest; quoted, both can.
function quote(name: string): string {
  if (/^[!#-&(-[\]-~]+$/.test(name)) return name
  let text = ""
  for (const byte of Buffer.from(name)) {
    const printable = byte >= 32 && byte < 127
    text +=
      escapes[byte] ?? (printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`)
  }
  return `"${text}"`
}

/**
 * Reads the manifest file's text. Lines that start with `#` are comments; keys other than file, seq and type
 * are passed over, as Redis does for versions to come.
 *
 * @throws ManifestError for everything Redis refuses to start with
 */
export function parse(text: string): Manifest {
  const bytes = Buffer.from(text)
  if (bytes.length === 0) throw new ManifestError("Found an empty AOF manifest", 0, null)
  let base: FileInfo | null = null
  const history: Array<FileInfo> = []
  const incremental: Array<FileInfo> = []
  let lineNumber = 0
  for (let start = 0, end = 0; start < bytes.length; start = end) {
    lineNumber++
    const newline = bytes.indexOf(10, start)
    end = Math.min(newline === -1 ? bytes.length : newline + 1, start + lineBytesMax)
    if (bytes[start] === 35) continue
    const raw = bytes.subarray(start, end)
    // A NUL ends the line for Redis, before its newline.
    if (raw[raw.length - 1] !== 10 || raw.includes(0)) {
      throw new ManifestError("The AOF manifest file contains too long line", lineNumber, null)
    }
    const line = raw.toString().replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "")
    const refuse = (reason: ManifestReason): ManifestError => new ManifestError(reason, lineNumber, line)
    const file = parseLine(line, refuse)
    if (file.kind === "b") {
      if (base !== null) throw refuse("Found duplicate base file information")
      base = file
    } else if (file.kind === "h") {
      history.push(file)
    } else {
      if (file.sequence <= (incremental.at(-1)?.sequence ?? 0))
        throw refuse("Found a non-monotonic sequence number")
      incremental.push(file)
    }
  }
  return { base, history, incremental }
}

function parseLine(line: string, refuse: (reason: ManifestReason) => ManifestError): FileInfo {
  const words = splitArguments(line)
  if (words === null || words.length < 6 || words.length % 2 === 1)
    throw refuse("Invalid AOF manifest file format")
  let name: string | null = null
  let sequence = 0
  let kind = ""
  for (let index = 0; index < words.length; index += 2) {
    const key = words[index].toLowerCase()
    const value = words[index + 1]
    if (key === "file") {
      if (/[/\\]/.test(value)) throw refuse("File can't be a path, just a filename")
      name = value
    } else if (key === "seq") {
      sequence = Number(/^[ \t-\r]*([+-]?\d+)/.exec(value)?.[1] ?? 0)
    } else if (key === "type") {
      kind = value.slice(0, 1)
    }
  }
  if (name === null || sequence === 0 || !Number.isSafeInteger(sequence) || kind === "") {
    throw refuse("Invalid AOF manifest file format")
  }
  if (kind !== "b" && kind !== "h" && kind !== "i") throw refuse("Unknown AOF file type")
  return { name, sequence, kind }
}

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13)

const unescapes: Readonly<Record<string, number>> = {
  n: 10,
  r: 13,
  t: 9,
  b: 8,
  a: 7
}

/**
 * Splits a line into words as Redis splits configuration and manifest lines (sdssplitargs): words in double
 * quotes know \n \r \t \b \a and \xHH, words in single quotes only \'. Null for an open quote, or one with
 * text right after.
 */
function splitArguments(line: string): Array<string> | null {
  const bytes = Buffer.from(line)
  const words: Array<string> = []
  let index = 0
  for (;;) {
    while (index < bytes.length && isSpace(bytes[index])) index++
    if (index === bytes.length) return words
    const word: Array<number> = []
    index = readWord(bytes, index, word)
    if (index === -1) return null
    words.push(Buffer.from(word).toString())
  }
}

// Appends one word's bytes to `word`; gives the index after it, or -1 when its quotes are not balanced. A
// quote may open in the middle of a word, and always ends it.
function readWord(bytes: Uint8Array, start: number, word: Array<number>): number {
  let index = start
  while (index < bytes.length) {
    const byte = bytes[index]
    if (byte === 32 || byte === 9 || byte === 10 || byte === 13) return index
    index++
    if (byte === 34 || byte === 39) {
      const after = readQuoted(bytes, index, byte, word)
      return after === -1 || (after < bytes.length && !isSpace(bytes[after])) ? -1 : after
    }
    word.push(byte)
  }
  return index
}

// Reads from after the opening quote; gives the index after the closing one, or -1 when there is none.
function readQuoted(bytes: Uint8Array, start: number, mark: number, word: Array<number>): number {
  for (let index = start; index < bytes.length; index++) {
    const byte = bytes[index]
    if (byte === mark) return index + 1
    if (byte !== 92 || index + 1 === bytes.length) {
      word.push(byte)
      continue
    }
    const next = bytes[index + 1]
    if (mark === 39) {
      if (next === 39) index++
      word.push(next === 39 ? 39 : 92)
      continue
    }
    const hex =
      next === 120
        ? /^[0-9a-f]{2}/i.exec(Buffer.from(bytes.subarray(index + 2, index + 4)).toString("latin1"))
        : null
    word.push(hex === null ? (unescapes[String.fromCharCode(next)] ?? next) : Number.parseInt(hex[0], 16))
    index += hex === null ? 1 : 3
  }
  return -1
}
