/**
 * Settings: loading, CONFIG GET, SET and REWRITE. Every expected text was taken from redis-server 7.0.15.
 */
import * as fs from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { directives, find } from "../../src/config/directives.js"
import { assignField, Fields } from "../../src/config/fields.js"
import { ConfigProblem, type FileAccess, parseConfiguration } from "../../src/config/parse.js"
import { Settings } from "../../src/config/settings.js"
import { redisVersion, version } from "../../src/config/version.js"

const noFiles: FileAccess = { read: () => "", list: () => [], cwd: "/srv" }
const load = (text: string, settings = Settings.make([], { cwd: "/srv" })): Settings => {
  settings.load(parseConfiguration(text, "redis.conf", noFiles))
  return settings
}
const problemOf = (text: string): string => {
  try {
    load(text)
  } catch (error) {
    if (error instanceof ConfigProblem) return error.problem
    throw error
  }
  return "none"
}
const failed = (name: string, reason: string): string =>
  `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`

describe("directives", () => {
  it("have each a default that reads back to itself", () => {
    const settings = Settings.make()
    for (const { immutable, initial, kind, name } of directives) {
      if (immutable || kind.type === "directory") continue
      expect([name, settings.set([[name, initial]], { local: true, loading: false })]).toEqual(
        name === "dbfilename" ? [name, failed(name, "can't set protected config")] : [name, null]
      )
      expect([name, settings.value(name)]).toEqual([name, initial])
    }
  })

  it("have a typed field if, and only if, they are live, and it starts at the default", () => {
    for (const { effect, initial, name } of directives) {
      const fields = new Fields()
      const before = JSON.stringify(fields)
      expect([name, assignField(fields, name, initial)]).toEqual([name, effect === "live"])
      if (name !== "dir") expect([name, JSON.stringify(fields)]).toEqual([name, before])
    }
  })

  it("have names and aliases that are theirs alone", () => {
    const all = directives.flatMap(({ alias, name }) => (alias === null ? [name] : [name, alias]))
    expect(new Set(all).size).toBe(all.length)
    expect(find("LUA-time-limit")?.name).toBe("busy-reply-threshold")
  })

  it("speak for the version in package.json and for Redis 7.2", () => {
    const manifest: unknown = JSON.parse(
      fs.readFileSync(new URL("../../package.json", import.meta.url), "utf8")
    )
    expect(manifest).toMatchObject({ version })
    expect(redisVersion).toBe("7.2.4")
  })
})

describe("loading", () => {
  it("sets values and fields, whatever the case of names and words", () => {
    const settings = load("PORT 7000\nappendonly YES\nAppendFsync Always\nmaxmemory 1gb\nrequirepass 'a b'")
    expect(settings.port).toBe(7000)
    expect(settings.appendonly).toBe(true)
    expect(settings.appendfsync).toBe("always")
    expect(settings.maxmemoryBytes).toBe(1024 ** 3)
    expect(settings.requirepass).toBe("a b")
  })

  it("accepts the older names of directives, and ignores retired ones", () => {
    const settings = load(
      "slave-read-only no\nhash-max-ziplist-entries 7\nlua-time-limit 9\nlist-max-ziplist-value 1"
    )
    expect(settings.flag("replica-read-only")).toBe(false)
    expect(settings.number("hash-max-listpack-entries")).toBe(7)
    expect(settings.busyReplyThresholdMs).toBe(9)
  })

  it("adds up save lines, starting from none at each load", () => {
    const settings = load("save 900 1\nsave 60 1000")
    expect(settings.value("save")).toBe("900 1 60 1000")
    expect(settings.save).toEqual([
      { seconds: 900, changes: 1 },
      { seconds: 60, changes: 1000 }
    ])
    expect(load("save 5 6", settings).value("save")).toBe("5 6")
    expect(load('save 5 6\nsave ""', settings).save).toEqual([])
    expect(load('save "5 6 7 8"').value("save")).toBe("5 6 7 8")
  })

  it("takes dir from where it is, and client-output-buffer-limit by class", () => {
    const settings = load("dir data\nclient-output-buffer-limit replica 1mb 1k 7\nbind 127.0.0.1 -::1")
    expect(settings.dir).toBe("/srv/data")
    expect(settings.clientOutputBufferLimit.replica).toEqual({
      hardBytes: 1048576,
      softBytes: 1000,
      softSeconds: 7
    })
    expect(settings.bind).toEqual(["127.0.0.1", "-::1"])
    expect(load('bind ""').bind).toEqual([])
  })

  it("keeps rename-command lines for those who act on them", () => {
    expect(load('rename-command FLUSHALL ""').renamedCommands).toEqual([["FLUSHALL", ""]])
  })

  it("refuses users that it would let in without their passwords", () => {
    expect(problemOf("user alice on >secret")).toMatch(/no ACL users yet/)
    expect(problemOf("aclfile /etc/redis/users.acl")).toMatch(/no ACL users yet/)
    expect(load('aclfile ""').value("aclfile")).toBe("")
  })

  it("refuses by CONFIG SET a limit of memory with a policy that evicts, whichever comes first", () => {
    const settings = load("")
    expect(settings.set([["maxmemory-policy", "allkeys-lru"]])).toBeNull()
    expect(settings.set([["maxmemory", "1mb"]])).toMatch(/'maxmemory'.*cannot evict keys yet/)
    expect(settings.maxmemoryBytes).toBe(0)
    expect(
      settings.set([
        ["maxmemory-policy", "noeviction"],
        ["maxmemory", "1mb"]
      ])
    ).toBeNull()
    expect(settings.set([["maxmemory-policy", "volatile-ttl"]])).toMatch(
      /'maxmemory-policy'.*cannot evict keys yet/
    )
    expect(settings.value("maxmemory-policy")).toBe("noeviction")
  })

  it("guesses the directive that was meant", () => {
    expect(problemOf("appendonyl yes")).toBe(
      "Bad directive or wrong number of arguments (did you mean 'appendonly'?)"
    )
  })

  it("refuses what it cannot use, in Redis's words", () => {
    expect(problemOf("port")).toBe("wrong number of arguments")
    expect(problemOf("port 1 2")).toBe("wrong number of arguments")
    expect(problemOf("port abc")).toBe("argument couldn't be parsed into an integer")
    expect(problemOf("port 65536")).toBe("argument must be between 0 and 65535 inclusive")
    expect(problemOf("foo bar")).toBe("Bad directive or wrong number of arguments")
    expect(problemOf("include a b")).toBe("Bad directive or wrong number of arguments")
    expect(problemOf("save 900")).toBe("Invalid save parameters")
    expect(problemOf("unixsocketperm 999")).toBe("argument couldn't be parsed as an octal number")
    expect(problemOf("unixsocketperm 1000")).toBe("argument must be between 0 and 777 inclusive")
    expect(problemOf("appendfilename a/b")).toBe("appendfilename can't be a path, just a filename")
    expect(problemOf("appenddirname ''")).toBe("appenddirname can't be empty")
    expect(problemOf("sentinel monitor x")).toBe("sentinel directive while not in sentinel mode")
    expect(problemOf("loadmodule /x.so")).toBe("effect-kv loads no Redis modules")
  })

  it("names the file and the line at fault", () => {
    try {
      load("port 1\n\nmaxmemory lots")
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({
        file: "redis.conf",
        line: 3,
        text: "maxmemory lots"
      })
      expect(String(error)).toContain(
        "redis.conf, line 3: argument must be a memory value ('maxmemory lots')"
      )
    }
  })

  it("refuses a dir that cannot be used", () => {
    const host = { cwd: "/srv", directoryProblem: () => "Not a directory" }
    expect(() => load("dir x", Settings.make([], host))).toThrow("Not a directory")
  })

  it("tells which directives were set and have no effect yet", () => {
    expect(load("tls-port 1\nport 2\nio-threads 4").inert()).toEqual(["io-threads", "tls-port"])
    expect(load("save 900 1\nappendonly yes").inert()).toEqual(["save"])
  })
})

describe("the environment", () => {
  const from = (env: Record<string, string>): Settings => {
    const settings = Settings.make()
    settings.fromEnvironment({ HOME: "/root", ...env })
    return settings
  }

  it("sets directives by EFFECT_KV_ and their name", () => {
    const settings = from({
      EFFECT_KV_PORT: "7000",
      EFFECT_KV_APPENDONLY: "yes",
      EFFECT_KV_SAVE: "900 1"
    })
    expect([settings.port, settings.appendonly, settings.value("save")]).toEqual([7000, true, "900 1"])
    expect(from({ EFFECT_KV_SERVER_CPULIST: "0-3" }).value("server_cpulist")).toBe("0-3")
  })

  it("refuses names that are no directive, and values that cannot be", () => {
    expect(() => from({ EFFECT_KV_PROT: "1" })).toThrow("Unknown environment variable EFFECT_KV_PROT")
    expect(() => from({ EFFECT_KV_PORT: "x" })).toThrow(
      "the environment: argument couldn't be parsed into an integer ('EFFECT_KV_PORT=x')"
    )
  })

  it("gives way to what is loaded after it", () => {
    expect(load("port 2\nsave 1 2", from({ EFFECT_KV_PORT: "1", EFFECT_KV_SAVE: "9 9" })).value("save")).toBe(
      "1 2"
    )
  })
})

describe("CONFIG GET", () => {
  it("gives exact names as they were asked for, and aliases under their own", () => {
    const settings = Settings.make()
    expect(settings.get(["MAXMEMORY", "maxmemory", "slave-priority", "nope"])).toEqual([
      ["MAXMEMORY", "0"],
      ["slave-priority", "100"]
    ])
  })

  it("matches patterns in any case, aliases too, in alphabetical order", () => {
    expect(
      Settings.make()
        .get(["HASH-max-*entries", "*-priority"])
        .map(([name]) => name)
    ).toEqual(["hash-max-listpack-entries", "hash-max-ziplist-entries", "replica-priority", "slave-priority"])
  })

  it("gives hidden directives by exact name only", () => {
    const settings = Settings.make()
    expect(settings.get(["watchdog*"])).toEqual([])
    expect(settings.get(["watchdog-period"])).toEqual([["watchdog-period", "0"]])
    expect(settings.get(["*"]).some(([name]) => name === "watchdog-period")).toBe(false)
  })

  it("formats values as Redis does", () => {
    const settings = Settings.make()
    const shown = (name: string, value: string): string | undefined => {
      expect(settings.set([[name, value]])).toBeNull()
      return settings.get([name])[0]?.[1]
    }
    expect(shown("maxmemory", "10GB")).toBe("10737418240")
    expect(shown("maxmemory", "99999999999999999999")).toBe("18446744073709551615")
    expect(shown("maxmemory", "")).toBe("0")
    expect(shown("maxmemory-clients", "5%")).toBe("5%")
    expect(shown("hz", "1000")).toBe("500")
    expect(shown("hz", "0")).toBe("1")
    expect(shown("oom-score-adj", "relative")).toBe("yes")
    expect(shown("shutdown-on-sigint", "force save")).toBe("save force")
    expect(shown("notify-keyspace-events", "gKA")).toBe("AK")
    expect(shown("notify-keyspace-events", "Elg")).toBe("glE")
    expect(shown("notify-keyspace-events", "AnE")).toBe("AnE")
    expect(shown("latency-tracking-info-percentiles", "50.0 99.12345678 100")).toBe("50 99.123457 100")
    expect(shown("client-output-buffer-limit", "replica 1mb 1k 7 normal 1 2 3")).toBe(
      "normal 1 2 3 slave 1048576 1000 7 pubsub 33554432 8388608 60"
    )
    expect(shown("bind", "")).toBe("")
    expect(settings.get(["save", "unixsocketperm"]).map(([, value]) => value)).toEqual(["", "0"])
  })
})

describe("CONFIG SET", () => {
  it("changes values and fields at once", () => {
    const settings = Settings.make()
    expect(
      settings.set([
        ["timeout", "7"],
        ["LUA-TIME-LIMIT", "8"],
        ["proto-max-bulk-len", "2mb"]
      ])
    ).toBeNull()
    expect([settings.timeoutSeconds, settings.busyReplyThresholdMs, settings.protoMaxBulkLenBytes]).toEqual([
      7, 8, 2097152
    ])
  })

  const cases: ReadonlyArray<readonly [name: string, value: string, reason: string]> = [
    ["port", "abc", "argument couldn't be parsed into an integer"],
    ["maxclients", "-1", "argument must be between 1 and 4294967295 inclusive"],
    ["maxclients", "01", "argument couldn't be parsed into an integer"],
    ["proto-max-bulk-len", "1", "argument must be between 1048576 and 9223372036854775807 inclusive"],
    [
      "list-max-listpack-size",
      "99999999999",
      "argument must be between -2147483648 and 2147483647 inclusive"
    ],
    ["maxmemory", "-5", "argument must be a memory value"],
    ["maxmemory", "1kk", "argument must be a memory value"],
    ["maxmemory-clients", "-5", "argument must be a memory or percent value"],
    ["maxmemory-clients", "101%", "percentage argument must be less or equal to 100"],
    ["appendonly", "1", "argument must be 'yes' or 'no'"],
    ["appendfsync", "", "argument(s) must be one of the following: everysec, always, no"],
    ["save", "60  1", "Invalid save parameters"],
    ["save", "0 1", "Invalid save parameters"],
    ["shutdown-on-sigint", "save nosave", "shutdown options SAVE and NOSAVE can't be used simultaneously"],
    ["client-output-buffer-limit", "normal 1 2", "Wrong number of arguments in buffer limit configuration."],
    [
      "client-output-buffer-limit",
      "master 1 2 3",
      "Invalid client class specified in buffer limit configuration."
    ],
    ["oom-score-adj-values", "1 2", "wrong number of arguments"],
    ["notify-keyspace-events", "q", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."],
    [
      "cluster-announce-hostname",
      "a_b",
      "Hostnames may only contain alphanumeric characters, hyphens or dots"
    ],
    ["proc-title-template", "{x}", "template format is invalid or contains unknown variables"],
    ["LOGFILE", "x", "can't set immutable config"],
    ["dir", "/", "can't set protected config"]
  ]
  it("refuses with Redis's texts", () => {
    for (const [name, value, reason] of cases) {
      expect(Settings.make().set([[name, value]])).toBe(failed(name, reason))
    }
  })

  it("refuses unknown names, and the first fault decides", () => {
    const settings = Settings.make()
    const unknown = "ERR Unknown option or number of arguments for CONFIG SET - 'nope'"
    expect(
      settings.set([
        ["port", "1"],
        ["nope", "1"]
      ])
    ).toBe(unknown)
    expect(
      settings.set([
        ["nope", "1"],
        ["databases", "1"]
      ])
    ).toBe(unknown)
    expect(
      settings.set([
        ["databases", "1"],
        ["nope", "1"]
      ])
    ).toBe(failed("databases", "can't set immutable config"))
    expect(
      settings.set([
        ["timeout", "1"],
        ["TIMEOUT", "2"]
      ])
    ).toBe(failed("TIMEOUT", "duplicate parameter"))
  })

  it("changes nothing when anything is refused", () => {
    const settings = Settings.make()
    const before = settings.get(["*"])
    settings.set([
      ["timeout", "1"],
      ["appendonly", "yes"],
      ["maxmemory", "x"]
    ])
    expect(settings.get(["*"])).toEqual(before)
    expect([settings.timeoutSeconds, settings.appendonly]).toEqual([0, false])
  })

  it("lets those whom enable-protected-configs allows change protected directives", () => {
    const settings = load("enable-protected-configs local")
    const pairs = [["dbfilename", "x.rdb"]] as const
    expect(settings.set(pairs, { local: false, loading: false })).toBe(
      failed("dbfilename", "can't set protected config")
    )
    expect(settings.set(pairs, { local: true, loading: false })).toBeNull()
  })

  it("says LOADING for directives that must wait for a data set", () => {
    expect(
      Settings.make().set([["appendonly", "yes"]], {
        local: true,
        loading: true
      })
    ).toBe("LOADING Redis is loading the dataset in memory")
  })

  it("tells listeners of changes, and only of changes", () => {
    const settings = Settings.make()
    const told: Array<string> = []
    const stop = settings.onChange("lua-time-limit", (value, { busyReplyThresholdMs }) => {
      told.push(`${value} ${busyReplyThresholdMs}`)
      return null
    })
    settings.set([["busy-reply-threshold", "7"]])
    settings.set([["busy-reply-threshold", "7"]])
    stop()
    settings.set([["busy-reply-threshold", "8"]])
    expect(told).toEqual(["7 7"])
  })

  it("takes everything back when a listener refuses, and tells those that had agreed", () => {
    const settings = Settings.make()
    const told: Array<string> = []
    settings.onChange("timeout", (value) => {
      told.push(value)
      return null
    })
    settings.onChange("port", () => "Unable to listen on this port. Check server logs.")
    expect(
      settings.set([
        ["timeout", "5"],
        ["port", "1"],
        ["hz", "20"]
      ])
    ).toBe(failed("port", "Unable to listen on this port. Check server logs."))
    expect(told).toEqual(["5", "0"])
    expect([settings.timeoutSeconds, settings.port, settings.hz]).toEqual([0, 6379, 10])
  })
})

describe("CONFIG REWRITE", () => {
  it("of an empty file writes what differs from the defaults, under Redis's signature", () => {
    const settings = load("port 7000\nmaxmemory 64mb\nsave 900 1\nsave 60 5")
    expect(settings.rewrite("")).toBe(
      "# Generated by CONFIG REWRITE\nport 7000\n" +
        'dir "/srv"\nmaxmemory 64mb\nlatency-tracking-info-percentiles 50 99 99.9\nsave 900 1\nsave 60 5\n'
    )
  })

  it("keeps comments, order and unchanged lines, and replaces changed ones where they stand", () => {
    const text =
      "# mine\nport 7000\n\n\n\ntimeout 5 \nlua-time-limit 7\nsave 1 2\nsave 3 4\ninclude x.conf\nwhat is this\n"
    const settings = load("port 7000\ntimeout 5\nlua-time-limit 7\nsave 1 2")
    settings.set([["timeout", "6"]])
    const lines = settings.rewrite(text).split("\n")
    expect(lines.slice(0, 9)).toEqual([
      "# mine",
      "port 7000",
      "",
      "timeout 6",
      "busy-reply-threshold 7",
      "save 1 2",
      "",
      "include x.conf",
      "# ??? what is this"
    ])
    expect(lines.slice(9)).toEqual([
      "# Generated by CONFIG REWRITE",
      'dir "/srv"',
      "latency-tracking-info-percentiles 50 99 99.9",
      ""
    ])
  })

  it("gives a file that loads to the same values, and settles", () => {
    const settings = load(
      "requirepass \"a \\xff 'b'\"\nclient-output-buffer-limit replica 1gb 5k 1\nbind ''\nhz 50"
    )
    settings.set([["notify-keyspace-events", "KEA"]])
    const text = settings.rewrite("")
    const again = load(text)
    expect(again.get(["*"])).toEqual(settings.get(["*"]))
    const settled = again.rewrite(text)
    expect(load(settled).rewrite(settled)).toBe(settled)
  })

  it("replaces user lines only when it is given users", () => {
    const settings = Settings.make()
    expect(settings.rewrite("user a on\nuser b on\n")).toContain("user a on\nuser b on\n")
    expect(settings.rewrite("user a on\nuser b on\n", ["c off"])).toMatch(/^user c off\n\n/)
  })
})
