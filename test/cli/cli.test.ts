/**
 * The command line: redis-server's arguments, help, completions, log lines, and what the executable prints
 * when it cannot start. The executable's tests need `npm run bundle` before them, as `npm test` does it.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readInvocation } from "../../src/cli/arguments.js"
import { completions } from "../../src/cli/Command.js"
import { help } from "../../src/cli/help.js"
import { formatLine, isLogged } from "../../src/cli/line.js"
import { greeting, type StartupHost, settingsOf, versionLine } from "../../src/cli/startup.js"
import { ConfigError } from "../../src/config/parse.js"
import type { Settings } from "../../src/config/settings.js"
import * as Log from "../../src/Log.js"
import * as ServerConfig from "../../src/ServerConfig.js"

const host = (more: Partial<StartupHost> & { readonly file?: string } = {}): StartupHost => ({
  files: { read: () => more.file ?? "", list: () => [], cwd: "/srv" },
  settings: { cwd: "/srv", directoryProblem: () => null },
  env: more.env ?? {},
  readStandardInput: more.readStandardInput ?? (() => "")
})

const start = (words: ReadonlyArray<string>, machine: StartupHost = host()): Settings => {
  const invocation = readInvocation(words)
  if (invocation.task !== "run") throw new Error(invocation.task)
  return settingsOf(invocation, machine)
}

const problemOf = (words: ReadonlyArray<string>): string => {
  try {
    start(words)
  } catch (error) {
    if (error instanceof ConfigError) return `${error.problem} in '${error.text}'`
    throw error
  }
  return "none"
}

describe("arguments", () => {
  it("set directives after two dashes, with one value or several", () => {
    const settings = start([
      "--port",
      "7000",
      "--appendonly",
      "yes",
      "--save",
      "900",
      "1",
      "--SAVE",
      "60",
      "2"
    ])
    expect(settings.port).toBe(7000)
    expect(settings.appendonly).toBe(true)
    expect(settings.value("save")).toBe("900 1 60 2")
  })

  it("may hold name and value in one word, and several values in one", () => {
    expect(start(["--port 7000", "--hz", "20"]).port).toBe(7000)
    expect(start(["--save", "3600 1 60 10"]).value("save")).toBe("3600 1 60 10")
    expect(start(["--shutdown-on-sigint", "nosave force"]).value("shutdown-on-sigint")).toBe("nosave force")
    expect(start(["--shutdown-on-sigint", "nosave", "force"]).value("shutdown-on-sigint")).toBe(
      "nosave force"
    )
  })

  it("take the first word after an option as its value, whatever it begins with", () => {
    expect(start(["--requirepass", "--secret", "--port", "1"]).requirepass).toBe("--secret")
    expect(start(["--list-max-listpack-size", "-3"]).number("list-max-listpack-size")).toBe(-3)
    expect(problemOf(["--port", "--loglevel", "verbose"])).toBe(
      'wrong number of arguments in \'port "--loglevel" "verbose"\''
    )
  })

  it("allow --save without a value, for none", () => {
    const file = { file: "save 900 1" }
    expect(start(["--save", "--port", "1"]).save).toEqual([])
    expect(start(["--save"]).save).toEqual([])
    expect(start(["redis.conf", "--save", ""], host(file)).save).toEqual([])
    expect(start(["redis.conf", "--save", "", "--save", "1", "2"], host(file)).value("save")).toBe("1 2")
  })

  it("are refused with the line they make", () => {
    expect(problemOf(["--port"])).toBe("wrong number of arguments in 'port'")
    expect(problemOf(["--port", "abc"])).toBe("argument couldn't be parsed into an integer in 'port \"abc\"'")
    expect(problemOf(["--nope", "1"])).toBe("Bad directive or wrong number of arguments in 'nope \"1\"'")
    expect(problemOf(["-x"])).toBe("Bad directive or wrong number of arguments in '\"-x\"'")
  })

  it("keep bytes beyond ASCII", () => {
    expect(Buffer.from(start(["--requirepass", "pä→"]).requirepass, "latin1").toString("utf8")).toBe("pä→")
  })

  it("win over standard input, that over the file, that over the environment", () => {
    const machine = host({
      file: "port 2\ntimeout 2\nmaxclients 2",
      env: {
        EFFECT_KV_PORT: "1",
        EFFECT_KV_TIMEOUT: "1",
        EFFECT_KV_MAXCLIENTS: "1",
        EFFECT_KV_HZ: "11"
      },
      readStandardInput: () => "port 3\ntimeout 3"
    })
    const settings = start(["redis.conf", "--port", "4", "-"], machine)
    expect([settings.port, settings.timeoutSeconds, settings.maxclients, settings.hz]).toEqual([4, 3, 2, 11])
    expect(settings.configFile).toBe("/srv/redis.conf")
    expect(start(["-"], machine).port).toBe(3)
  })

  it("ask for help, the version and completions", () => {
    expect(readInvocation(["--help"])).toEqual({ task: "help" })
    expect(readInvocation(["-h"])).toEqual({ task: "help" })
    expect(readInvocation(["-v"])).toEqual({ task: "version" })
    expect(readInvocation(["--version"])).toEqual({ task: "version" })
    expect(readInvocation(["--completions", "zsh"])).toEqual({
      task: "completions",
      shell: "zsh"
    })
    expect(readInvocation(["--completions=zsh"])).toEqual({
      task: "completions",
      shell: "zsh"
    })
  })
})

describe("help", () => {
  it("shows usage, options with their defaults, environment, examples and exit codes on one page", () => {
    const text = help(versionLine("20.0.0"))
    for (const part of ["Usage:", "--port <number>", "[6379]", "EFFECT_KV_", "Examples:", "Exit codes:"]) {
      expect(text).toContain(part)
    }
    expect(text.split("\n").every((line) => line.length <= 100)).toBe(true)
    expect(text).toContain("effect-kv v=0.1.0 (Redis 7.2.4 compatible) node=20.0.0 bits=64\n")
  })

  it.effect("comes with completions for each shell, and only for those", () =>
    Effect.gen(function* () {
      for (const shell of ["sh", "bash", "fish", "zsh"]) {
        const script = yield* completions(shell)
        expect(script).toContain("appendfsync")
        expect(script).not.toMatch(/wizard.*mode|--log-level\b/)
      }
      expect(yield* completions("bash")).toContain('compgen -W "everysec always no"')
      expect(yield* completions("tcsh")).toBeNull()
    })
  )
})

describe("the log", () => {
  it("has lines in Redis's form", () => {
    const date = new Date(2026, 10, 2, 5, 4, 3, 7)
    expect(formatLine("notice", "Ready", date, 42, "M")).toBe("42:M 02 Nov 2026 05:04:03.007 * Ready\n")
    expect(formatLine("debug", "a", date, 42, "S")).toBe("42:S 02 Nov 2026 05:04:03.007 . a\n")
    expect(formatLine("verbose", "a", date, 1, "M")).toContain(" - a")
    expect(formatLine("warning", "a", date, 1, "M")).toContain(" # a")
  })

  it("passes on what is at least as severe as loglevel", () => {
    expect(isLogged("verbose", "notice")).toBe(false)
    expect(isLogged("notice", "notice")).toBe(true)
    expect(isLogged("warning", "nothing")).toBe(false)
  })

  it("greets with the pid in the form tools wait for, and warns of what has no effect yet", () => {
    const lines = greeting(start(["--io-threads", "4"]), 77)
    expect(lines.some(({ message }) => message.endsWith(" PID: 77"))).toBe(true)
    expect(lines.at(-1)).toEqual({
      severity: "warning",
      message: "Accepted, but without effect yet: io-threads"
    })
  })

  it.scoped("takes Effect's log calls to the log file, filtered by the loglevel in force", () =>
    Effect.gen(function* () {
      const dir = yield* temporaryDirectory
      const settings = yield* ServerConfig.make({ dir, logfile: "kv.log" })
      yield* Effect.gen(function* () {
        yield* Effect.logDebug("hidden")
        yield* Effect.log("one", { two: 2 }).pipe(Effect.annotateLogs("client", 7))
        settings.set([["loglevel", "debug"]])
        yield* Effect.logTrace("three\nfour")
        yield* Effect.logError("five")
        const log = yield* Log.Log
        log.write("verbose", "six")
        log.raw("seven\n")
        settings.set([["loglevel", "nothing"]])
        yield* Effect.logFatal("hidden")
      }).pipe(Effect.provide(Log.layer.pipe(Layer.provide(ServerConfig.layerSettings(settings)))))
      const lines = fs.readFileSync(path.join(dir, "kv.log"), "utf8").trimEnd().split("\n")
      expect(lines.map((line) => line.replace(/^\d+:M \d\d \w{3} \d{4} [\d:.]{12} /, ""))).toEqual([
        '* one {"two":2} client=7',
        ". three | four",
        "# five",
        "- six",
        "seven"
      ])
    })
  )

  it.scoped("that cannot be opened is an error which says so", () =>
    Effect.gen(function* () {
      const settings = yield* ServerConfig.make({
        logfile: "/nowhere/at/all/kv.log"
      })
      const error = yield* Effect.flip(
        Layer.build(Log.layer.pipe(Layer.provide(ServerConfig.layerSettings(settings))))
      )
      expect(error.report).toBe(
        "Can't open the log file: No such file or directory (/nowhere/at/all/kv.log)\n"
      )
    })
  )
})

describe("the configuration service", () => {
  it.scoped("takes typed options, and any directive by name", () =>
    Effect.gen(function* () {
      const dir = path.join(yield* temporaryDirectory, "new")
      const settings = yield* ServerConfig.make({
        dir,
        port: 0,
        bind: ["127.0.0.1", "-::1"],
        appendonly: true,
        save: [{ seconds: 60, changes: 5 }],
        maxmemory: "64mb",
        requirepass: "pä",
        directives: { "maxmemory-policy": "allkeys-lru" }
      })
      expect(fs.statSync(dir).isDirectory()).toBe(true)
      expect(settings.dir).toBe(dir)
      expect(settings.get(["port", "bind", "appendonly", "save", "maxmemory", "maxmemory-policy"])).toEqual([
        ["port", "0"],
        ["bind", "127.0.0.1 -::1"],
        ["appendonly", "yes"],
        ["save", "60 5"],
        ["maxmemory", "67108864"],
        ["maxmemory-policy", "allkeys-lru"]
      ])
      expect(Buffer.from(settings.requirepass, "latin1").toString("utf8")).toBe("pä")
    })
  )

  it.effect("refuses options that cannot be, with the reason", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ServerConfig.make({ port: 70000 }))
      expect(error.message).toBe("the options: argument must be between 0 and 65535 inclusive ('port 70000')")
    })
  )

  it.effect("is the settings themselves", () =>
    Effect.gen(function* () {
      const settings = yield* ServerConfig.ServerConfig
      expect(settings.port).toBe(7001)
    }).pipe(Effect.provide(ServerConfig.layer({ port: 7001 })))
  )
})

const bundle = fileURLToPath(new URL("../../dist/bin.js", import.meta.url))

describe.skipIf(!fs.existsSync(bundle))("the executable", () => {
  const run = (
    words: ReadonlyArray<string>,
    env: Readonly<Record<string, string>> = {}
  ): {
    readonly status: number | null
    readonly stdout: string
    readonly stderr: string
  } =>
    spawnSync(process.execPath, [bundle, ...words], {
      encoding: "utf8",
      env: { PATH: process.env.PATH ?? "", ...env },
      timeout: 20000
    })

  it("prints version, help and completions, and is done", () => {
    expect(run(["--version"])).toMatchObject({ status: 0, stderr: "" })
    expect(run(["--version"]).stdout).toMatch(/^effect-kv v=\d+\.\d+\.\d+ \(Redis 7\.2\.4 compatible\) /)
    expect(run(["--help"]).stdout).toContain("Usage: effect-kv")
    expect(run(["--completions", "bash"]).stdout).toContain("complete")
  })

  it("says on standard error what is wrong with its configuration, without a stack trace, and gives 1", () => {
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
      [["--port", "abc"], "argument couldn't be parsed into an integer\n"],
      [
        ["/nowhere/redis.conf"],
        "Fatal error, can't open config file '/nowhere/redis.conf': No such file or directory\n"
      ],
      [["--dir", "/nowhere"], "No such file or directory\n"],
      [["--logfile", "/nowhere/kv.log"], "Can't open the log file: No such file or directory"]
    ]
    for (const [words, reason] of cases) {
      const { status, stderr } = run(words)
      expect(status).toBe(1)
      expect(stderr).toContain(reason)
      expect(stderr).not.toMatch(/\n\s+at /)
    }
    expect(run([], { EFFECT_KV_PROT: "1" })).toMatchObject({ status: 1 })
  })
})

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "effect-kv-"))),
  (dir) => Effect.sync(() => fs.rmSync(dir, { recursive: true, force: true }))
)
