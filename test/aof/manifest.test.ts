/**
 * The AOF manifest: what Redis writes is read and written back byte for byte, what Redis refuses is refused
 * with its words, and names follow each other as Redis gives them. Pure.
 */
import { describe, expect, it } from "vitest"
import {
  empty,
  type FileInfo,
  format,
  incrementalToHistory,
  type Manifest,
  ManifestError,
  manifestName,
  nextBase,
  nextIncremental,
  parse,
  temporaryManifestName,
  upgrade,
  withoutHistory
} from "../../src/aof/manifest.js"

const file = (name: string, sequence: number, kind: FileInfo["kind"]): FileInfo => ({ name, sequence, kind })
const names = (files: ReadonlyArray<FileInfo>): string => files.map(({ name }) => name).join(" ")

const failure = (text: string): ManifestError => {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof ManifestError) return error
    throw error
  }
  throw new Error("it was read without an error")
}

describe("a manifest", () => {
  // As Redis 7.0.15 leaves it after an interrupted deletion of history.
  const text =
    "file appendonly.aof.2.base.rdb seq 2 type b\n" +
    "file appendonly.aof.1.incr.aof seq 1 type h\n" +
    "file appendonly.aof.1.base.rdb seq 1 type h\n" +
    "file appendonly.aof.2.incr.aof seq 2 type i\n" +
    "file appendonly.aof.3.incr.aof seq 3 type i\n"

  it("is read, and written back byte for byte", () => {
    const manifest = parse(text)
    expect(manifest).toEqual({
      base: file("appendonly.aof.2.base.rdb", 2, "b"),
      history: [file("appendonly.aof.1.incr.aof", 1, "h"), file("appendonly.aof.1.base.rdb", 1, "h")],
      incremental: [file("appendonly.aof.2.incr.aof", 2, "i"), file("appendonly.aof.3.incr.aof", 3, "i")]
    })
    expect(format(manifest)).toBe(text)
  })

  it("is written with its base first, however it was ordered", () => {
    const lines = text.trimEnd().split("\n")
    const turned = [lines[3], lines[1], lines[0], lines[2], lines[4]].join("\n")
    expect(format(parse(`${turned}\n`))).toBe(text)
  })

  it("may have comments, other cases of its keys, other keys, and white space around", () => {
    const long = `# ${"x".repeat(100)}\n`
    const line = ' \tSEQ 7 later "a b" Type incremental FILE a.7.incr.aof\r\n'
    expect(parse(`${long}${line}#end`).incremental).toEqual([file("a.7.incr.aof", 7, "i")])
    expect(parse("# only a comment\n")).toEqual(empty)
  })

  it.each([
    ["with spaces", "my file.aof.1.base.rdb", '"my file.aof.1.base.rdb"'],
    ["with a double quote", 'a"b', '"a\\"b"'],
    ["with a single quote", "it's", '"it\'s"'],
    ["with control characters", "a\n\r\t\x07\b\x01b", '"a\\n\\r\\t\\a\\b\\x01b"'],
    ["beyond ASCII", "é", '"\\xc3\\xa9"'],
    ["with other marks", "a-b_c+(1)#", "a-b_c+(1)#"]
  ])("quotes a name %s as Redis does", (_, name, quoted) => {
    const manifest: Manifest = { ...empty, base: file(name, 1, "b") }
    expect(format(manifest)).toBe(`file ${quoted} seq 1 type b\n`)
    expect(parse(format(manifest))).toEqual(manifest)
  })

  it("is read with the quotes people write", () => {
    const name = (word: string): string | undefined => parse(`file ${word} seq 1 type b\n`).base?.name
    expect(name("'a b'")).toBe("a b")
    expect(name("'it\\'s'")).toBe("it's")
    expect(name('"a\\x41\\q"')).toBe("aAq")
    expect(name('a"b c"')).toBe("ab c")
    expect(name("é")).toBe("é")
  })
})

describe("a manifest is refused", () => {
  const base = "file a.1.base.rdb seq 1 type b\n"

  it("when it is empty", () => {
    expect(failure("")).toMatchObject({
      reason: "Found an empty AOF manifest",
      lineNumber: 0,
      line: null
    })
  })

  it.each([
    ["an empty line", "\n"],
    ["too few words", "file a seq 1\n"],
    ["an odd number of words", "file a seq 1 type b x\n"],
    ["no name", "x a seq 1 type b\n"],
    ["no sequence", "file a x 1 type b\n"],
    ["sequence 0", "file a seq 0 type b\n"],
    ["a sequence that is no number", "file a seq one type b\n"],
    ["a sequence that no number can hold", "file a seq 9007199254740993 type b\n"],
    ["no type", 'file a seq 1 type ""\n'],
    ["an open quote", 'file "a seq 1 type b\n'],
    ["text after a closing quote", 'file "a"b seq 1 type b\n'],
    ["text after a closing single quote", "file 'a'b seq 1 type b\n"]
  ])("for %s", (_, line) => {
    const error = failure(base + line)
    expect(error).toMatchObject({
      reason: "Invalid AOF manifest file format",
      lineNumber: 2,
      line: line.trim()
    })
    expect(error.message).toBe(`Invalid AOF manifest file format, at line 2: '${line.trim()}'`)
  })

  it.each([
    ["../a", "File can't be a path, just a filename"],
    ['"a\\\\b"', "File can't be a path, just a filename"]
  ])("for the name %s", (name, reason) => {
    expect(failure(`file ${name} seq 1 type b\n`).reason).toBe(reason)
  })

  it("for a second base, a type there is not, a sequence that does not rise", () => {
    expect(failure(base + base).reason).toBe("Found duplicate base file information")
    expect(failure("file a seq 1 type x\n").reason).toBe("Unknown AOF file type")
    const incremental = (sequence: number): string => `file a seq ${sequence} type i\n`
    expect(failure(incremental(2) + incremental(2)).reason).toBe("Found a non-monotonic sequence number")
    expect(failure(incremental(-1)).reason).toBe("Found a non-monotonic sequence number")
  })

  it("for a line that is too long or cut off", () => {
    const tooLong = {
      reason: "The AOF manifest file contains too long line",
      lineNumber: 2,
      line: null
    }
    const line = (bytes: number): string => `file ${"a".repeat(bytes - 19)} seq 1 type h\n`
    expect(line(1024)).toHaveLength(1024)
    expect(parse(line(1024)).history).toHaveLength(1)
    expect(failure(base + line(1025))).toMatchObject(tooLong)
    expect(failure(`${base}file a seq 1 type h`)).toMatchObject(tooLong)
    expect(failure(`${base}file a\0 seq 1 type h\n`)).toMatchObject(tooLong)
  })

  it("at each place but a line's end where it was cut off", () => {
    const text = format(nextIncremental(nextBase(empty, "a", "rdb").manifest, "a").manifest)
    for (let length = 0; length < text.length; length++) {
      if (text[length - 1] !== "\n") expect(failure(text.slice(0, length))).toBeInstanceOf(ManifestError)
    }
  })
})

describe("names", () => {
  it("are Redis's", () => {
    const first = nextBase(empty, "appendonly.aof", "rdb")
    expect(first.file).toEqual(file("appendonly.aof.1.base.rdb", 1, "b"))
    expect(first.manifest).toEqual({ ...empty, base: first.file })
    const second = nextIncremental(first.manifest, "appendonly.aof")
    expect(second.file).toEqual(file("appendonly.aof.1.incr.aof", 1, "i"))
    expect(second.manifest.incremental).toEqual([second.file])
    expect(nextBase(empty, "appendonly.aof", "aof").file.name).toBe("appendonly.aof.1.base.aof")
    expect(manifestName("appendonly.aof")).toBe("appendonly.aof.manifest")
    expect(temporaryManifestName("appendonly.aof")).toBe("temp-appendonly.aof.manifest")
    expect(upgrade("appendonly.aof").base).toEqual(file("appendonly.aof", 1, "b"))
  })

  it("follow each other through a rewrite, and the old files become history in Redis's order", () => {
    let manifest = nextIncremental(nextBase(empty, "a", "rdb").manifest, "a").manifest
    manifest = nextIncremental(manifest, "a").manifest
    manifest = nextIncremental(manifest, "a").manifest
    manifest = incrementalToHistory(nextBase(manifest, "a", "rdb").manifest, true)
    expect(manifest.base?.name).toBe("a.2.base.rdb")
    expect(names(manifest.history)).toBe("a.1.incr.aof a.2.incr.aof a.1.base.rdb")
    expect(manifest.history.every(({ kind }) => kind === "h")).toBe(true)
    expect(names(manifest.incremental)).toBe("a.3.incr.aof")
    expect(parse(format(manifest))).toEqual(manifest)
    expect(withoutHistory(manifest).history).toEqual([])
    expect(names(incrementalToHistory(manifest, false).history)).toMatch(/^a\.3\.incr\.aof a\.1/)
    expect(incrementalToHistory(empty, true)).toEqual(empty)
  })

  it("still listed as history are not given again", () => {
    const past: Manifest = {
      ...empty,
      history: [file("a.4.incr.aof", 4, "h"), file("a.6.base.aof", 6, "h")]
    }
    expect(nextIncremental(past, "a").file.name).toBe("a.5.incr.aof")
    expect(nextBase(past, "a", "rdb").file.name).toBe("a.7.base.rdb")
  })

  it("leave the manifest they were taken from as it was", () => {
    const manifest = nextBase(empty, "a", "rdb").manifest
    const before = structuredClone(manifest)
    nextBase(manifest, "a", "rdb")
    nextIncremental(manifest, "a")
    incrementalToHistory(manifest, false)
    expect(manifest).toEqual(before)
  })
})
