/**
 * Commands on whole databases: as Redis 7.2 has them.
 */
import { describe, expect, it } from "@effect/vitest"
import { makeEngine, seeded, type TestEngine, testSeed } from "../../support/engine.js"

/** The elements of an array of bulk strings that begins at `from` of a reply, sorted. */
const elements = (reply: string, from = 0): Array<string> => {
  const found: Array<string> = []
  let at = reply.indexOf("\r\n", from) + 2
  for (let left = Number(reply.slice(from + 1, at - 2)); left > 0; left--) {
    const start = reply.indexOf("\r\n", at) + 2
    const end = start + Number(reply.slice(at + 1, start - 2))
    found.push(reply.slice(start, end))
    at = end + 2
  }
  return found.sort()
}

const scan = (
  engine: TestEngine,
  cursor: string,
  ...options: ReadonlyArray<string>
): { readonly cursor: string; readonly keys: Array<string> } => {
  const reply = engine.call("SCAN", cursor, ...options)
  const [, next] = /^\*2\r\n\$\d+\r\n(\d+)\r\n/.exec(reply)!
  return { cursor: next!, keys: elements(reply, reply.indexOf("\r\n*") + 2) }
}

/** Every key of a whole iteration, in the order they came. */
const scanAll = (
  engine: TestEngine,
  options: ReadonlyArray<string> = [],
  between: () => void = () => {}
): Array<string> => {
  const keys: Array<string> = []
  let cursor = "0"
  do {
    const step = scan(engine, cursor, ...options)
    keys.push(...step.keys)
    cursor = step.cursor
    between()
  } while (cursor !== "0")
  return keys
}

const fill = (engine: TestEngine, count: number): Array<string> => {
  const keys = Array.from({ length: count }, (_, i) => `key:${i}`)
  if (count > 0) engine.call("MSET", ...keys.flatMap((key) => [key, "v"]))
  return keys.sort()
}

describe("KEYS", () => {
  it("replies with the keys that match", () => {
    const { call } = makeEngine()
    call("MSET", "foo", 1, "foobar", 2, "bar", 3, "", 4)
    expect(elements(call("KEYS", "foo*"))).toEqual(["foo", "foobar"])
    expect(elements(call("KEYS", "?ar"))).toEqual(["bar"])
    expect(elements(call("KEYS", "no"))).toEqual([])
  })

  it("matches the empty key with a lone * only", () => {
    const { call } = makeEngine()
    call("MSET", "", 1, "a", 2)
    expect(elements(call("KEYS", "*"))).toEqual(["", "a"])
    expect(elements(call("KEYS", "**"))).toEqual(["a"])
    expect(elements(call("KEYS", ""))).toEqual([""])
  })

  it("hides what has expired", () => {
    const engine = makeEngine()
    engine.call("SET", "a", 1, "PX", 10)
    engine.call("SET", "b", 1)
    engine.now += 10
    expect(elements(engine.call("KEYS", "*"))).toEqual(["b"])
  })

  it("finds every one of 20,000 keys, in its own database alone", () => {
    const engine = makeEngine()
    const keys = fill(engine, 20_000)
    expect(elements(engine.call("KEYS", "*"))).toEqual(keys)
    engine.select(1)
    expect(engine.call("KEYS", "*")).toBe("*0\r\n")
  })
})

describe("SCAN", () => {
  it("ends with cursor 0 after it gave every key once", () => {
    for (const count of [0, 1, 10, 1000, 20_000]) {
      const engine = makeEngine()
      const keys = fill(engine, count)
      expect(scanAll(engine).sort()).toEqual(keys)
      expect(scanAll(engine, ["COUNT", "333"]).sort()).toEqual(keys)
      expect(scan(engine, "0", "COUNT", "1000000")).toEqual({
        cursor: "0",
        keys
      })
    }
  })

  it("visits about COUNT keys a call, 10 by itself", () => {
    const engine = makeEngine()
    fill(engine, 10_000)
    for (const [options, least, most] of [
      [[], 10, 12],
      [["COUNT", "1"], 1, 3],
      [["COUNT", "500"], 500, 502]
    ] as const) {
      const { keys } = scan(engine, "0", ...options)
      expect(keys.length).toBeGreaterThanOrEqual(least)
      expect(keys.length).toBeLessThanOrEqual(most)
    }
  })

  it("gives every key that stays at least once, whatever is written, removed and flushed elsewhere", () => {
    const seed = testSeed()
    const random = seeded(seed)
    const engine = makeEngine({ seed })
    fill(engine, 5000)
    const lasting = Array.from({ length: 5000 }, (_, i) => `key:${i}`).filter((_, i) => i % 2 === 0)
    let fresh = 0
    const keys = scanAll(engine, [], () => {
      for (let i = 0; i < 20; i++) {
        const passing = `key:${(random() % 2500) * 2 + 1}`
        if (random() % 2 === 0) engine.call("DEL", passing)
        else engine.call("SET", passing, "x".repeat(random() % 100))
        if (fresh < 20_000) engine.call("SET", `fresh:${fresh++}`, "v")
      }
    })
    const met = new Set(keys)
    expect(lasting.filter((key) => !met.has(key))).toEqual([])
    expect(met.size, `EFFECT_KV_SEED=${seed}`).toBe(keys.length)
  })

  it("MATCH and TYPE choose among what was visited", () => {
    const engine = makeEngine()
    fill(engine, 1000)
    engine.call("SET", "", "v")
    expect(scanAll(engine, ["MATCH", "key:99?"]).sort()).toEqual(
      Array.from({ length: 10 }, (_, i) => `key:99${i}`)
    )
    expect(scanAll(engine, ["MATCH", "*"])).toHaveLength(1001)
    expect(scanAll(engine, ["match", "**"])).toHaveLength(1000)
    expect(scanAll(engine, ["TYPE", "STRING", "MATCH", "key:1"])).toEqual(["key:1"])
    expect(scanAll(engine, ["TYPE", "list"])).toEqual([])
    expect(scanAll(engine, ["TYPE", "nonsense"])).toEqual([])
  })

  it("skips what has expired, and removes it", () => {
    const engine = makeEngine()
    fill(engine, 100)
    for (let i = 0; i < 100; i += 2) engine.call("PEXPIRE", `key:${i}`, 10)
    engine.propagated()
    engine.now += 10
    expect(scanAll(engine)).toHaveLength(50)
    expect(engine.call("DBSIZE")).toBe(":50\r\n")
    expect(engine.propagated()).toHaveLength(50)
  })

  it("takes any number for a cursor, as Redis does", () => {
    const engine = makeEngine()
    fill(engine, 100)
    for (const cursor of ["", "+1", "-1", "007", "18446744073709551615", "123456789012345"]) {
      expect(engine.call("SCAN", cursor)).toMatch(/^\*2\r\n/)
    }
  })

  it("refuses what is no cursor and what is no option", () => {
    const { call } = makeEngine()
    for (const cursor of ["x", "1x", " 1", "1 ", "+", "18446744073709551616", "1.0"]) {
      expect(call("SCAN", cursor)).toBe("-ERR invalid cursor\r\n")
    }
    expect(call("SCAN", 0, "COUNT", 0)).toBe("-ERR syntax error\r\n")
    expect(call("SCAN", 0, "COUNT", -1)).toBe("-ERR syntax error\r\n")
    expect(call("SCAN", 0, "COUNT", "x")).toBe("-ERR value is not an integer or out of range\r\n")
    expect(call("SCAN", 0, "COUNT")).toBe("-ERR syntax error\r\n")
    expect(call("SCAN", 0, "foo", "bar")).toBe("-ERR syntax error\r\n")
  })
})

describe("RANDOMKEY", () => {
  it("replies with null where there is no key", () => {
    const { call, callResp3 } = makeEngine()
    expect([call("RANDOMKEY"), callResp3("RANDOMKEY")]).toEqual(["$-1\r\n", "_\r\n"])
  })

  it("gives every key sooner or later", () => {
    const engine = makeEngine()
    const keys = fill(engine, 50)
    const met = new Set<string | null>()
    for (let i = 0; i < 2000; i++) met.add(engine.bulk("RANDOMKEY"))
    expect([...met].sort()).toEqual(keys)
  })

  it("is the same with the same seed", () => {
    const [a, b] = [makeEngine({ seed: 7 }), makeEngine({ seed: 7 })]
    fill(a, 100)
    fill(b, 100)
    for (let i = 0; i < 20; i++) expect(a.bulk("RANDOMKEY")).toBe(b.bulk("RANDOMKEY"))
  })

  it("removes the expired keys that it comes across, until it finds one that is not", () => {
    const engine = makeEngine()
    fill(engine, 200)
    for (let i = 1; i < 200; i++) engine.call("PEXPIRE", `key:${i}`, 10)
    engine.now += 10
    expect(engine.bulk("RANDOMKEY")).toBe("key:0")
    engine.call("PEXPIRE", "key:0", 10)
    engine.now += 10
    expect(engine.bulk("RANDOMKEY")).toBeNull()
    expect(engine.call("DBSIZE")).toBe(":0\r\n")
  })
})

describe("DBSIZE", () => {
  it("counts the keys of its database", () => {
    const engine = makeEngine()
    fill(engine, 100)
    expect(engine.call("DBSIZE")).toBe(":100\r\n")
    engine.select(1)
    expect(engine.call("DBSIZE")).toBe(":0\r\n")
  })
})

describe("SWAPDB", () => {
  it("swaps what two databases hold, deadlines too", () => {
    const engine = makeEngine()
    engine.call("SET", "a", "zero", "PX", 100)
    engine.select(1)
    engine.call("SET", "a", "one")
    engine.propagated()
    expect(engine.call("SWAPDB", 0, 1)).toBe("+OK\r\n")
    expect(engine.bulk("GET", "a")).toBe("zero")
    expect(engine.propagated().at(-1)).toEqual(["SWAPDB", "0", "1"])
    engine.now += 100
    expect(engine.bulk("GET", "a")).toBeNull()
    engine.select(0)
    expect(engine.bulk("GET", "a")).toBe("one")
    expect(engine.call("SWAPDB", 3, 3)).toBe("+OK\r\n")
  })

  it("refuses what is no database", () => {
    const { call } = makeEngine()
    expect(call("SWAPDB", "x", 1)).toBe("-ERR invalid first DB index\r\n")
    expect(call("SWAPDB", 0, "x")).toBe("-ERR invalid second DB index\r\n")
    expect(call("SWAPDB", 0, "2147483648")).toBe("-ERR invalid second DB index\r\n")
    expect(call("SWAPDB", 0, 16)).toBe("-ERR DB index is out of range\r\n")
    expect(call("SWAPDB", -1, 0)).toBe("-ERR DB index is out of range\r\n")
  })
})

describe("FLUSHDB and FLUSHALL", () => {
  it("empty the database, or all of them", () => {
    const engine = makeEngine()
    fill(engine, 100)
    engine.select(1)
    fill(engine, 50)
    expect(engine.call("FLUSHDB")).toBe("+OK\r\n")
    expect(engine.call("DBSIZE")).toBe(":0\r\n")
    engine.select(0)
    expect(engine.call("DBSIZE")).toBe(":100\r\n")
    expect(engine.call("FLUSHALL", "ASYNC")).toBe("+OK\r\n")
    expect(engine.call("DBSIZE")).toBe(":0\r\n")
    expect(engine.keyspace.segments.usedBytes).toBe(0)
  })

  it("are propagated even where there was nothing", () => {
    const { call, propagated } = makeEngine()
    call("FLUSHDB", "sync")
    call("FLUSHALL")
    expect(propagated()).toEqual([["FLUSHDB", "sync"], ["FLUSHALL"]])
  })

  it("forget deadlines, so that a new key of the same name stays", () => {
    const engine = makeEngine()
    engine.call("SET", "k", "v", "PX", 10)
    engine.call("FLUSHALL")
    engine.call("SET", "k", "v")
    engine.now += 20
    expect(engine.keyspace.expireDue(100)).toBe(true)
    expect(engine.bulk("GET", "k")).toBe("v")
  })

  it("refuse other arguments", () => {
    const { call } = makeEngine()
    expect(call("FLUSHDB", "foo")).toBe("-ERR syntax error\r\n")
    expect(call("FLUSHALL", "ASYNC", "SYNC")).toBe("-ERR syntax error\r\n")
  })
})
