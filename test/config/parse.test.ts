/**
 * The syntax of redis.conf: arguments, files, includes, errors. Pure: files are a table of texts.
 */
import * as path from "node:path"
import { describe, expect, it } from "@effect/vitest"
import {
  ConfigProblem,
  type FileAccess,
  parseConfiguration,
  quoteArgument,
  readConfiguration,
  splitArguments,
  systemErrorText
} from "../../src/config/parse.js"

const filesOf = (texts: Readonly<Record<string, string>>, cwd = "/etc"): FileAccess => ({
  read: (file) => {
    const text = texts[file]
    if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${file}'`)
    return text
  },
  list: (directory) => {
    const names = Object.keys(texts).flatMap((file) => {
      const relative = path.posix.relative(directory, file)
      return relative === "" || relative.startsWith("..") ? [] : [relative.split("/")[0]!]
    })
    return [...new Set(names)]
  },
  cwd
})

const errorOf = (run: () => unknown): ConfigProblem => {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigProblem) return error
    throw error
  }
  throw new Error("no ConfigProblem")
}

describe("splitting a line into arguments", () => {
  it("parts arguments at blanks of any kind", () => {
    expect(splitArguments("  save 900\t1 \v\f\r\n")).toEqual(["save", "900", "1"])
    expect(splitArguments("")).toEqual([])
    expect(splitArguments("   ")).toEqual([])
  })

  it("keeps blanks in quotes, and quotes in the other quotes", () => {
    expect(splitArguments(`logfile ""`)).toEqual(["logfile", ""])
    expect(splitArguments(`logfile ''`)).toEqual(["logfile", ""])
    expect(splitArguments(`a "b 'c' d" 'e "f"'`)).toEqual(["a", "b 'c' d", 'e "f"'])
  })

  it("knows the escapes of double quotes, down to single bytes", () => {
    expect(splitArguments('"\\x00\\xfF\\n\\r\\t\\b\\a\\q\\"\\\\"')).toEqual(['\x00\xff\n\r\t\b\x07q"\\'])
    expect(splitArguments('"\\xg1"')).toEqual(["xg1"])
  })

  it("knows only the escaped quote in single quotes", () => {
    expect(splitArguments("'a\\'b\\n'")).toEqual(["a'b\\n"])
  })

  it("joins what stands before a quote with what is in it", () => {
    expect(splitArguments('foo"bar baz" qux')).toEqual(["foobar baz", "qux"])
  })

  it("gives null for unbalanced quotes and for text right after a closing quote", () => {
    for (const line of ['"foo', "'foo", '"foo"bar', "'foo'bar", "a \"b' c", '"\\']) {
      expect(splitArguments(line)).toBeNull()
    }
  })

  it("reads back any bytes that were quoted", () => {
    const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join("")
    expect(splitArguments(quoteArgument(bytes))).toEqual([bytes])
    expect(quoteArgument('a\n"\\\xff')).toBe('"a\\n\\"\\\\\\xff"')
  })
})

describe("configuration files", () => {
  it("become entries with their place, without comments and empty lines", () => {
    const text = "# comment\r\n\r\nPORT 7000\r\n  save 900 1\n"
    expect(parseConfiguration(text, "/etc/a.conf", filesOf({}))).toEqual([
      {
        name: "port",
        args: ["7000"],
        file: "/etc/a.conf",
        line: 3,
        text: "PORT 7000"
      },
      {
        name: "save",
        args: ["900", "1"],
        file: "/etc/a.conf",
        line: 4,
        text: "save 900 1"
      }
    ])
  })

  it("take in others where they say include, from the working directory on", () => {
    const files = filesOf({
      "/etc/a.conf": "port 1\ninclude b.conf\nport 3",
      "/etc/b.conf": "port 2"
    })
    const entries = readConfiguration("/etc/a.conf", files)
    expect(entries.map(({ args, file }) => [args[0], file])).toEqual([
      ["1", "/etc/a.conf"],
      ["2", "b.conf"],
      ["3", "/etc/a.conf"]
    ])
  })

  it("include what a pattern matches, in order, hidden files aside, and nothing when nothing does", () => {
    const files = filesOf({
      "/etc/a.conf": "include conf.d/*.conf\ninclude none/*.conf\ninclude conf.d/[xy].cnf",
      "/etc/conf.d/2.conf": "port 2",
      "/etc/conf.d/1.conf": "port 1",
      "/etc/conf.d/.3.conf": "port 3",
      "/etc/conf.d/y.cnf": "port 4",
      "/etc/conf.d/z.cnf": "port 5"
    })
    expect(readConfiguration("/etc/a.conf", files).map(({ args }) => args[0])).toEqual(["1", "2", "4"])
  })

  it("look for relative includes in the directory that dir chose before", () => {
    const files = filesOf({ "/data/b.conf": "port 2" })
    expect(parseConfiguration("dir /data\ninclude b.conf", "a.conf", files)).toHaveLength(2)
  })

  it("that include themselves are refused instead of read forever", () => {
    const files = filesOf({ "/etc/a.conf": "include a.conf" })
    expect(errorOf(() => readConfiguration("/etc/a.conf", files)).problem).toContain("nested")
  })

  it("that cannot be opened are named, with the reason", () => {
    expect(errorOf(() => readConfiguration("gone.conf", filesOf({}))).report).toBe(
      "Fatal error, can't open config file 'gone.conf': No such file or directory\n"
    )
    expect(systemErrorText(new Error("EACCES: permission denied, open 'x'"))).toBe("Permission denied")
  })

  it("with unbalanced quotes are refused as Redis does it, naming file and line", () => {
    const error = errorOf(() => parseConfiguration('port 1\n  foo "bar ', "/etc/a.conf", filesOf({})))
    expect([error.file, error.line]).toEqual(["/etc/a.conf", 2])
    expect(error.report).toBe(
      "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n" +
        "Reading the configuration file, at line 2 of /etc/a.conf\n" +
        ">>> 'foo \"bar'\n" +
        "Unbalanced quotes in configuration line\n"
    )
  })
})
