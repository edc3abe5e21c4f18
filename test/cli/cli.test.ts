/**
 * The command line: redis-server's arguments, help, completions, log lines, and what the executable prints
 * when it cannot start. The executable's tests need `npm run bundle` before them, as `npm test` does it.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import * as Cli from "@effect/cli/Command"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { normalize } from "../../src/cli/arguments.js"
import * as Command from "../../src/cli/Command.js"
import { bashCompletions } from "../../src/cli/completions.js"
import { formatLine, isLogged } from "../../src/cli/line.js"
import { greeting, linesOf, type StartupHost, settingsOf } from "../../src/cli/startup.js"
import { ConfigProblem } from "../../src/config/parse.js"
import type { Settings } from "../../src/config/settings.js"
import * as Log from "../../src/Log.js"
import * as ServerConfig from "../../src/ServerConfig.js"

const host = (more: Partial<StartupHost> & { readonly file?: string } = {}): StartupHost => ({
  files: { read: () => more.file ?? "", list: () => [], cwd: "/srv" },
  settings: { cwd: "/srv", directoryProblem: () => null },
  env: more.env ?? {},
  readStandardInput: more.readStandardInput ?? (() => "")
})

/** The settings that @effect/cli's command comes to, without the server. */
const start = (words: ReadonlyArray<string>, machine: StartupHost = host()): Settings => {
  const { order, words: normalized } = normalize(words)
  const given: Array<Command.Given> = []
  const command = Command.make([...new Set(order)], "run", (one) => Effect.sync(() => given.push(one)))
  const run = Cli.run(command, { name: "effect-kv", version: "0", executable: "effect-kv" })
  Effect.runSync(Effect.provide(run(["node", "effect-kv", ...normalized]), NodeContext.layer))
  const { configFile, directives, standardInput } = given[0]!
  const options = linesOf(directives, order)
  return settingsOf({ configFile: Option.getOrNull(configFile), standardInput, options }, machine)
}

const problemOf = (words: ReadonlyArray<string>): string => {
  try {
    start(words)
  } catch (error) {
    if (error instanceof ConfigProblem) return `${error.problem} in '${error.text}'`
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
    expect(normalize(["-x"]).stray).toBe("-x")
    expect(normalize(["redis.conf", "more"]).stray).toBe("more")
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

  it("keep the order they were given in, among repeated ones too", () => {
    expect(normalize(["a.conf", "--port", "1", "--save", "1", "2", "--port", "3", "-"])).toEqual({
      words: ["--port", '"1"\n"3"', "--save", '"1" "2"', "--standard-input", "a.conf"],
      order: ["port", "save", "port"],
      stray: null
    })
    expect(start(["--port", "1", "--save", "1", "2", "--port", "3"]).port).toBe(3)
  })

  it("ask for help, the version, the wizard and completions", () => {
    const wordsOf = (...words: ReadonlyArray<string>) => normalize(words).words
    expect(wordsOf("--help")).toEqual(["--help"])
    expect(wordsOf("-h")).toEqual(["--help"])
    expect(wordsOf("--port", "1", "--help")).toEqual(["--help"])
    expect(wordsOf("-v")).toEqual(["--version"])
    expect(wordsOf("--wizard")).toEqual(["--wizard"])
    expect(wordsOf("--completions", "zsh")).toEqual(["--completions", "zsh"])
    expect(wordsOf("--completions=zsh")).toEqual(["--completions", "zsh"])
    expect(start(["--requirepass", "--help"]).requirepass).toBe("--help")
  })
})

describe("completions for bash", () => {
  const complete = (...words: ReadonlyArray<string>): ReadonlyArray<string> => {
    const script = `${bashCompletions(Command.optionNames)}
COMP_WORDS=(effect-kv "$@"); COMP_CWORD=$#; _effect_kv; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = spawnSync("bash", ["-c", script, "bash", ...words], {
      encoding: "utf8",
      cwd: path.join(import.meta.dirname, "../..")
    })
    return stdout.trimEnd().split("\n")
  }

  it.skipIf(process.platform === "win32")("offer options, choices, files and directories", () => {
    expect(complete("--appendf")).toEqual(["--appendfilename", "--appendfsync"])
    expect(complete("--appendfsync", "")).toEqual(["everysec", "always", "no"])
    expect(complete("pack")).toContain("package.json")
    expect(complete("--dir", "sr")).toEqual(["src"])
    expect(complete("--completions", "z")).toEqual(["zsh"])
  })
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
    const lines = greeting(start(["--io-threads", "4"]), 77, () => false)
    expect(lines.some(({ message }) => message.endsWith(" PID: 77"))).toBe(true)
    expect(lines.at(-1)).toEqual({
      severity: "warning",
      message: "Accepted, but without effect yet: io-threads"
    })
  })

  it("warns of a dump that is not read, and of a policy that cannot be followed", () => {
    const warnings = (words: ReadonlyArray<string>, files: ReadonlyArray<string>) =>
      greeting(start(words), 1, (file) => files.includes(file))
        .filter(({ severity }) => severity === "warning")
        .map(({ message }) => message)
    expect(warnings([], ["/srv/dump.rdb"])).toEqual([
      expect.stringMatching(/^\/srv\/dump\.rdb is NOT loaded/)
    ])
    expect(warnings(["--appendonly", "yes"], ["/srv/dump.rdb"])).toHaveLength(1)
    expect(warnings(["--appendonly", "yes"], ["/srv/dump.rdb", "/srv/appendonlydir"])).toEqual([])
    expect(warnings(["--maxmemory", "1mb", "--maxmemory-policy", "allkeys-lru"], [])).toContainEqual(
      expect.stringContaining("cannot evict keys yet")
    )
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

  it.effect("reads variables through effect's Config, and fails with what is wrong with one", () =>
    Effect.gen(function* () {
      const withVariables = (variables: ReadonlyArray<readonly [string, string]>) =>
        ServerConfig.ServerConfig.pipe(
          Effect.provide(ServerConfig.layerFromEnv({ port: 7001, hz: 20 })),
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map(variables)))
        )
      const settings = yield* withVariables([
        ["EFFECT_KV_PORT", "7002"],
        ["EFFECT_KV_MAXMEMORY_POLICY", "allkeys-lru"]
      ])
      expect([settings.port, settings.hz, settings.value("maxmemory-policy")]).toEqual([
        7002,
        20,
        "allkeys-lru"
      ])
      const error = yield* Effect.flip(withVariables([["EFFECT_KV_PORT", "none"]]))
      expect(error).toMatchObject({ _tag: "ConfigError", reason: "InvalidValue", file: "the environment" })
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
    expect(run(["--version"]).stdout).toMatch(/^v=\d+\.\d+\.\d+ \(Redis 7\.2\.4 compatible\) /)
    const help = run(["--help"]).stdout
    for (const part of ["USAGE", "--port number", "[6379]", "EFFECT_KV_", "EXAMPLES", "EXIT CODES"]) {
      expect(help).toContain(part)
    }
    // what has no effect yet is said to have none, and no escapes go into a pipe
    expect(help).toMatch(/changes of keys, such as KEA \(no effect yet\)/)
    expect(help).toMatch(/without effect yet: [^.]*\bio-threads\b/)
    expect(help).not.toContain("\u001b")
    expect(run(["--completions", "bash"]).stdout).toContain("complete -F")
    expect(run(["--completions", "fish"]).stdout).toContain("appendfsync")
    expect(run(["--completions", "zsh"]).stdout).toContain("appendfsync")
    expect(run(["--completions", "tcsh"])).toMatchObject({ status: 1 })
  })

  it("has one line for what it does not know, with what may have been meant", () => {
    expect(run(["--prot", "7000"])).toEqual(
      expect.objectContaining({
        status: 1,
        stdout: "",
        stderr: "effect-kv: Unknown option '--prot'. Did you mean '--port'?\nTry: effect-kv --help\n"
      })
    )
    expect(run(["-x"])).toMatchObject({ status: 1, stderr: expect.stringContaining("Unknown argument '-x'") })
  })

  it("listens nowhere only by refusing to start, and says why once", () => {
    const { status, stderr, stdout } = run(["--port", "0"])
    expect(status).toBe(1)
    expect((stdout + stderr).match(/Configured to not listen anywhere, exiting\./g)).toHaveLength(1)
    expect(stdout).not.toContain("Ready to accept connections")
  })

  it("does not start where users were asked for that it cannot have", () => {
    for (const words of [
      ["--user", "alice", "on"],
      ["--aclfile", "users.acl"]
    ]) {
      const { status, stderr } = run(words)
      expect(status).toBe(1)
      expect(stderr).toContain("no ACL users yet")
    }
  })

  it.runIf(process.platform === "linux")("says at once that a directory cannot hold its files", () => {
    const { status, stdout } = run([
      "--dir",
      "/proc",
      "--appendonly",
      "yes",
      "--port",
      "0",
      "--unixsocket",
      path.join(os.tmpdir(), `effect-kv-${process.pid}.sock`)
    ])
    expect(status).toBe(1)
    expect(stdout).toMatch(/no such file or directory/i)
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
