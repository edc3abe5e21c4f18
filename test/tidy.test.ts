// The house style that a test can see, over every file of src/: a finding names the file, the line and the rule. Each
// rule proves itself on a sample that breaks it (the canaries below).
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"

const SOURCE = path.join(import.meta.dirname, "..", "src")
const COLUMNS_MAX = 120
const LINES_MAX = 500
/** Above this, a file is to be split by idea when it is next worked on: named on the terminal, no failure. */
const LINES_GOAL = 400
/** Doors that assemble: no services, and yet with Effect. */
const DOORS = new Set(["bin.ts", "index.ts"])

interface SourceFile {
  /** From src/ on. */
  readonly name: string
  readonly text: string
}

type Rule = (file: SourceFile) => ReadonlyArray<string>

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length

/** The text with comments, strings, templates and regular expressions blanked out; lines and columns stay. */
const codeOf = (text: string): string => {
  // what may stand before a regular expression, but not before a division
  const literals =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`|(?<=[(,=:[!&|?{};\n]\s*|return )\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/[a-z]*/g
  return text.replace(literals, (found) => found.replace(/[^\n]/g, " "))
}

/** Modules that a file loads at run time, each with its offset. */
const runtimeImports = (text: string): ReadonlyArray<{ readonly module: string; readonly at: number }> => {
  const found: Array<{ module: string; at: number }> = []
  const patterns = [
    /^(?:import|export)(?!\s+type\s)\s[^"';]*?\bfrom\s+["']([^"']+)["']/gm,
    /^import\s+["']([^"']+)["']/gm,
    /\bimport\(\s*["']([^"']+)["']\s*\)/g
  ]
  for (const pattern of patterns) {
    for (const match of text.matchAll(pattern)) found.push({ module: match[1]!, at: match.index })
  }
  return found
}

const isEffect = (module: string): boolean => /^(?:effect|@effect\/[^/]+)(?:\/|$)/.test(module)

const servicesHaveCapitals: Rule = ({ name, text }) => {
  const base = path.basename(name)
  if (DOORS.has(base) || /^[A-Z]/.test(base)) return []
  return runtimeImports(text)
    .filter(({ module }) => isEffect(module))
    .map(
      ({ module, at }) =>
        `${name}:${lineOf(text, at)}: a lower-case file is plain TypeScript, and this one runs "${module}"`
    )
}

const noAny: Rule = ({ name, text }) => {
  const code = codeOf(text)
  return [
    ...code.matchAll(/(?:[:<|&=]|=>|\b(?:as|extends|keyof))\s*any\b(?!\s*[:(=.])|\bany\s*(?:\[\]|>)/g)
  ].map((match) => `${name}:${lineOf(code, match.index)}: any`)
}

const noSilencedTypes: Rule = ({ name, text }) =>
  [...text.matchAll(/@ts-(?:ignore|nocheck|expect-error)/g)].map(
    (match) => `${name}:${lineOf(text, match.index)}: ${match[0]}`
  )

const hasHeader: Rule = ({ name, text }) =>
  /^(?:#![^\n]*\n)?\/(?:\*\*|\/)[\s*]*\w/.test(text) ? [] : [`${name}:1: no header comment`]

/** A line may be longer where all that is beyond is one text: Redis's words are not broken. */
const linesFit: Rule = ({ name, text }) =>
  text.split("\n").flatMap((line, i) => {
    if (line.length <= COLUMNS_MAX) return []
    const withoutText = line.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`/g, '""')
    const isText = !/^\s*(?:\/\/|\/?\*)/.test(line) && withoutText.length <= COLUMNS_MAX / 2
    return isText ? [] : [`${name}:${i + 1}: ${line.length} columns`]
  })

const lineCount = (text: string): number => text.split("\n").length - 1

const filesFit: Rule = ({ name, text }) =>
  lineCount(text) <= LINES_MAX ? [] : [`${name}: ${lineCount(text)} lines, ${LINES_MAX} at most`]

const RULES: Readonly<Record<string, Rule>> = {
  "files with lower-case names do not use Effect at run time": servicesHaveCapitals,
  "there is no any": noAny,
  "the compiler is not silenced": noSilencedTypes,
  "every file begins with a comment that says what it is for": hasHeader,
  "lines have at most 120 columns": linesFit,
  "files have at most 500 lines": filesFit
}

const sources: ReadonlyArray<SourceFile> = fs
  .readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .sort()
  .map((name) => ({
    name: name.replaceAll(path.sep, "/"),
    text: fs.readFileSync(path.join(SOURCE, name), "utf8")
  }))

describe("in src/", () => {
  it("there is something to look at", () => {
    expect(sources.length).toBeGreaterThan(50)
    expect(sources.map(({ name }) => name)).toContain("Server.ts")
  })

  it.each(Object.entries(RULES))("%s", (_title, rule) => {
    expect(sources.flatMap(rule)).toEqual([])
  })

  it(`names the files above ${LINES_GOAL} lines`, () => {
    const long = sources.filter(({ text }) => lineCount(text) > LINES_GOAL)
    if (long.length === 0) return
    const names = long.map(({ name, text }) => `${name} ${lineCount(text)}`)
    console.info(`above ${LINES_GOAL} lines: ${names.join(", ")}`)
  })
})

describe("the rules find", () => {
  const HEADER = "/** A sample. */\n"
  const findings = (name: string, body: string, header = HEADER): ReadonlyArray<string> =>
    Object.values(RULES).flatMap((rule) => rule({ name, text: header + body }))

  it("nothing in files that keep them", () => {
    expect(
      findings("store/plain.ts", 'import type * as Effect from "effect/Effect"\nconst many = 1\n')
    ).toEqual([])
    expect(findings("store/plain.ts", 'import type {\n  Effect\n} from "effect"\n')).toEqual([])
    expect(
      findings("store/plain.ts", 'import * as fs from "node:fs"\nexport * from "./effect.js"\n')
    ).toEqual([])
    expect(findings("Service.ts", 'import * as Effect from "effect/Effect"\n')).toEqual([])
    expect(findings("index.ts", 'export * as Kv from "effect/Effect"\n')).toEqual([])
    expect(findings("a.ts", "// any : any\nconst text = ': any'\nconst many = /: any/\n")).toEqual([])
    expect(findings("a.ts", "const call = (any: number) => f(any)\nif (a /b/ c) f(any.b)\n")).toEqual([])
    expect(findings("a.ts", `const text =\n  "${"x".repeat(200)}"\n`)).toEqual([])
    expect(findings("a.ts", "x\n".repeat(499))).toEqual([])
    expect(findings("bin.ts", "const a = 1\n", "#!/usr/bin/env node\n/**\n * A door.\n */\n")).toEqual([])
  })

  it.each([
    'import * as Effect from "effect/Effect"\n',
    'import { Effect } from "effect"\n',
    'import {\n  Effect,\n  Layer\n} from "effect"\n',
    'import { type Effect } from "effect"\n',
    'import "effect/Effect"\n',
    'export { pipe } from "effect/Function"\n',
    'export * from "@effect/platform/Socket"\n',
    'const late = await import("@effect/platform-node")\n'
  ])("Effect in a plain file: %j", (body) => {
    expect(findings("store/plain.ts", body)).toEqual([
      expect.stringMatching(/^store\/plain\.ts:2: a lower-case file is plain TypeScript/)
    ])
  })

  it.each([
    "let a: any\n",
    "const a = b as any\n",
    "const a: Array<any> = []\n",
    "const a: any[] = []\n",
    "type A = Map<string, any>\n",
    "type A = string | any\n",
    "const f = (a: any): number => 1\n",
    "type F = () => any\n",
    "type A = any\n"
  ])("any: %j", (body) => {
    expect(findings("a.ts", body)).toEqual(["a.ts:2: any"])
  })

  it("a silenced compiler, a missing header, long lines and long files", () => {
    expect(findings("a.ts", "// @ts-ignore\n")).toEqual(["a.ts:2: @ts-ignore"])
    expect(findings("a.ts", "const a = 1\n", "")).toEqual(["a.ts:1: no header comment"])
    expect(findings("a.ts", "const a = 1\n", "/** */\n")).toEqual(["a.ts:1: no header comment"])
    expect(findings("a.ts", `const a = 1 ${"+ 1 ".repeat(40)}\n`)).toEqual(["a.ts:2: 172 columns"])
    expect(findings("a.ts", `// "${"x".repeat(120)}"\n`)).toEqual(["a.ts:2: 125 columns"])
    expect(findings("a.ts", "x\n".repeat(500))).toEqual(["a.ts: 501 lines, 500 at most"])
  })
})
