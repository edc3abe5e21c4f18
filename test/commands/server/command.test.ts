/**
 * COMMAND: what the records say of the commands.
 */
import { describe, expect, it } from "@effect/vitest"
import { commandRecords } from "../../../src/commands/index.js"
import { keyRange } from "../../../src/commands/server/derived.js"
import { type Argument, argumentsOf } from "../../../src/commands/server/synopsis.js"
import { type CommandRecord, keyAt, keysCounted, keysFrom } from "../../../src/engine/record.js"
import { makeServerEngine, type Reply } from "../../support/serverEngine.js"

const record = (synopsis: string, keys: CommandRecord["keys"] = [keyAt(1, "RO")]): CommandRecord => ({
  name: "test",
  arity: -1,
  flags: [],
  categories: [],
  keys,
  group: "string",
  since: "1.0.0",
  summary: "",
  complexity: "",
  synopsis
})

/** A reply in RESP3, so that maps and sets are told from arrays. */
const call3 = (...args: ReadonlyArray<string>): Reply | undefined => {
  const { call } = makeServerEngine()
  call("HELLO", "3")
  return call(...args)
}

describe("COMMAND INFO", () => {
  it("has flags, keys, categories, tips and key specs, as Redis has them", () => {
    expect(call3("COMMAND", "INFO", "mget")).toEqual([
      [
        "mget",
        -2,
        new Set(["readonly", "fast"]),
        1,
        -1,
        1,
        new Set(["@read", "@string", "@fast"]),
        new Set(["request_policy:multi_shard"]),
        new Set([
          new Map<string, Reply>([
            ["flags", new Set(["RO", "access"])],
            [
              "begin_search",
              new Map<string, Reply>([
                ["type", "index"],
                ["spec", new Map([["index", 1]])]
              ])
            ],
            [
              "find_keys",
              new Map<string, Reply>([
                ["type", "range"],
                [
                  "spec",
                  new Map([
                    ["lastkey", -1],
                    ["keystep", 1],
                    ["limit", 0]
                  ])
                ]
              ])
            ]
          ])
        ]),
        new Set()
      ]
    ])
  })

  it("says that a script's keys move, and that admin commands are dangerous", () => {
    const [evaluate, set, nosuch] = call3("COMMAND", "INFO", "EVAL", "config|SET", "nosuch") as Array<
      Array<Reply>
    >
    expect(evaluate![2]).toEqual(
      new Set(["noscript", "stale", "skip_monitor", "no_mandatory_keys", "movablekeys"])
    )
    expect(evaluate!.slice(3, 6)).toEqual([0, 0, 0])
    expect(set![0]).toBe("config|set")
    expect(set![6]).toEqual(new Set(["@admin", "@slow", "@dangerous"]))
    expect(nosuch).toBeNull()
  })

  it("has subcommands within their command", () => {
    const [[...script]] = call3("COMMAND", "INFO", "script") as [Array<Reply>]
    expect((script[9] as Array<Array<Reply>>).map(([name]) => name)).toContain("script|load")
  })

  it("bare COMMAND and COMMAND COUNT tell of every command", () => {
    const { call } = makeServerEngine()
    expect(call("COMMAND", "COUNT")).toBe(commandRecords.length)
    expect(call("COMMAND")).toHaveLength(commandRecords.length)
    expect(call("COMMAND", "FOO")).toBe("-ERR unknown subcommand 'FOO'. Try COMMAND HELP.")
  })
})

describe("COMMAND DOCS", () => {
  it("tells of a command's arguments", () => {
    const docs = call3("COMMAND", "DOCS", "get", "nosuch") as ReadonlyMap<string, ReadonlyMap<string, Reply>>
    expect([...docs.keys()]).toEqual(["get"])
    expect([...docs.get("get")!]).toEqual([
      ["summary", "Returns the string value of a key."],
      ["since", "1.0.0"],
      ["group", "string"],
      ["complexity", "O(1)"],
      [
        "arguments",
        [
          new Map<string, Reply>([
            ["name", "key"],
            ["type", "key"],
            ["display_text", "key"],
            ["key_spec_index", 0]
          ])
        ]
      ]
    ])
  })

  it("tells of subcommands, and of what is deprecated", () => {
    const docs = call3("COMMAND", "DOCS", "config", "setnx") as ReadonlyMap<
      string,
      ReadonlyMap<string, Reply>
    >
    expect([...(docs.get("config")!.get("subcommands") as ReadonlyMap<string, Reply>).keys()]).toContain(
      "config|rewrite"
    )
    expect(docs.get("setnx")!.get("doc_flags")).toEqual(new Set(["deprecated"]))
    expect(docs.get("setnx")!.get("deprecated_since")).toBe("2.6.12")
  })

  it("documents every command there is", () => {
    expect((call3("COMMAND", "DOCS") as ReadonlyMap<string, Reply>).size).toBe(commandRecords.length)
  })
})

describe("a synopsis", () => {
  it("has values, options and choices", () => {
    expect(argumentsOf(record("key value [NX | XX] [GET] [EX seconds | KEEPTTL]"))).toEqual([
      { name: "key", type: "key", keySpec: 0 },
      { name: "value", type: "string" },
      {
        name: "condition",
        type: "oneof",
        optional: true,
        parts: [
          { name: "nx", type: "pure-token", token: "NX" },
          { name: "xx", type: "pure-token", token: "XX" }
        ]
      },
      { name: "get", type: "pure-token", token: "GET", optional: true },
      {
        name: "expiration",
        type: "oneof",
        optional: true,
        parts: [
          { name: "seconds", type: "integer", token: "EX" },
          { name: "keepttl", type: "pure-token", token: "KEEPTTL" }
        ]
      }
    ] satisfies ReadonlyArray<Argument>)
  })

  it("has repetitions, of one argument and of blocks, with and without a token", () => {
    expect(argumentsOf(record("key [key ...]"))).toEqual([
      { name: "key", type: "key", keySpec: 0, multiple: true }
    ])
    expect(argumentsOf(record("[arg [arg ...]]"))).toEqual([
      { name: "arg", type: "string", multiple: true, optional: true }
    ])
    expect(argumentsOf(record("key value [key value ...]"))).toEqual([
      {
        name: "data",
        type: "block",
        multiple: true,
        parts: [
          { name: "key", type: "key", keySpec: 0 },
          { name: "value", type: "string" }
        ]
      }
    ])
    expect(argumentsOf(record("[ID client-id [client-id ...]]"))).toEqual([
      {
        name: "client-id",
        type: "integer",
        token: "ID",
        multiple: true,
        optional: true
      }
    ])
    expect(argumentsOf(record("[GET pattern [GET pattern ...]]"))).toEqual([
      {
        name: "pattern",
        type: "pattern",
        token: "GET",
        multiple: true,
        multipleToken: true,
        optional: true
      }
    ])
  })

  it("has blocks after a token, and choices that must be made", () => {
    expect(argumentsOf(record("<ON | OFF> [LIMIT offset count]"))).toMatchObject([
      { name: "enabled", type: "oneof" },
      {
        name: "limit",
        type: "block",
        token: "LIMIT",
        optional: true,
        parts: [{}, {}]
      }
    ])
  })

  it("numbers keys by their key specs", () => {
    const keys = [keyAt(1, "RO"), keyAt(2, "OW")]
    expect(argumentsOf(record("source destination", keys))).toMatchObject([{ keySpec: 0 }, { keySpec: 1 }])
  })

  it("of every command can be read", () => {
    const all = commandRecords.flatMap((one) => [one, ...(one.subcommands ?? [])])
    for (const one of all) expect(() => argumentsOf(one)).not.toThrow()
  })
})

describe("a range of keys", () => {
  it("joins neighbours, and says where it cannot hold all keys", () => {
    expect(keyRange(record("", []))).toEqual({
      first: 0,
      last: 0,
      step: 0,
      movable: false
    })
    expect(keyRange(record("", [keysFrom(1, -1, 2, "OW")]))).toEqual({
      first: 1,
      last: -1,
      step: 2,
      movable: false
    })
    expect(keyRange(record("", [keyAt(1, "RO"), keyAt(2, "OW")]))).toEqual({
      first: 1,
      last: 2,
      step: 1,
      movable: false
    })
    expect(keyRange(record("", [keyAt(1, "OW"), keysCounted(2, "RO")]))).toEqual({
      first: 1,
      last: 1,
      step: 1,
      movable: true
    })
  })
})

describe("COMMAND GETKEYS", () => {
  it("gives the keys of a call", () => {
    const { call } = makeServerEngine()
    expect(call("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2")).toEqual(["a", "b"])
    expect(call("COMMAND", "GETKEYS", "EVAL", "return 1", "2", "x", "y", "z")).toEqual(["x", "y"])
    expect(call("COMMAND", "GETKEYS", "EVAL", "return 1", "0")).toEqual([])
    expect(call("COMMAND", "GETKEYS", "MEMORY", "USAGE", "k")).toEqual(["k"])
  })

  it("GETKEYSANDFLAGS says what the call does to them", () => {
    expect(call3("COMMAND", "GETKEYSANDFLAGS", "SET", "k", "v")).toEqual([["k", new Set(["OW", "update"])]])
    expect(call3("COMMAND", "GETKEYSANDFLAGS", "SET", "k", "v", "get")).toEqual([
      ["k", new Set(["RW", "access", "update"])]
    ])
  })

  it("fails where there is no such call, or it has no keys", () => {
    const { call } = makeServerEngine()
    expect(call("COMMAND", "GETKEYS", "NOSUCH", "a")).toBe("-ERR Invalid command specified")
    expect(call("COMMAND", "GETKEYS", "PING", "a")).toBe("-ERR The command has no key arguments")
    expect(call("COMMAND", "GETKEYS", "GET", "a", "b")).toBe(
      "-ERR Invalid number of arguments specified for command"
    )
  })
})

describe("COMMAND LIST", () => {
  it("has subcommands beside their commands, filtered or not", () => {
    const { call } = makeServerEngine()
    expect(call("COMMAND", "LIST")).toContain("client|list")
    expect(call("COMMAND", "LIST", "FILTERBY", "PATTERN", "config*")).toEqual([
      "config",
      "config|get",
      "config|set",
      "config|resetstat",
      "config|rewrite",
      "config|help"
    ])
    const scripting = call("COMMAND", "LIST", "FILTERBY", "ACLCAT", "scripting") as Array<string>
    expect(scripting).toContain("evalsha")
    expect(scripting).not.toContain("get")
    expect(call("COMMAND", "LIST", "FILTERBY", "MODULE", "x")).toEqual([])
    expect(call("COMMAND", "LIST", "FILTERBY", "NAME", "x")).toBe("-ERR syntax error")
  })
})
