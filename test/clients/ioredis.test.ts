// ioredis against our executable, as an application uses it. OURS in the environment names another command.
import { Redis } from "ioredis"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import { type Server, start, until } from "../support/server.mjs"

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let server: Server
let redis: Redis
const opened: Array<Redis> = []

const connect = (options = {}): Redis => {
  const client = new Redis({
    port: server.port,
    host: "127.0.0.1",
    ...options
  })
  client.on("error", () => {}) // a test that expects one asks for it itself
  opened.push(client)
  return client
}

beforeAll(async () => {
  server = await start({
    args: ["--appendonly yes", "--appendfsync everysec"]
  })
})
afterAll(() => server.dispose())
beforeEach(async () => {
  redis = connect()
  await redis.flushall()
})
afterEach(() => {
  for (const client of opened.splice(0)) client.disconnect()
})

describe("ioredis", () => {
  it("connects, becomes ready and names itself", async () => {
    const named = connect({ connectionName: "tester", lazyConnect: true })
    await named.connect()
    expect(named.status).toBe("ready")
    expect(await named.client("GETNAME")).toBe("tester")
    expect(await named.ping()).toBe("PONG")
  })

  it("selects the database it is given", async () => {
    const other = connect({ db: 5 })
    await other.set("here", "1")
    expect(await redis.get("here")).toBeNull()
    expect(await redis.move("here", 5)).toBe(0)
    expect(await other.dbsize()).toBe(1)
  })

  it("sets, gets, counts and expires", async () => {
    expect(await redis.set("name", "Ada", "EX", 1000)).toBe("OK")
    expect(await redis.get("name")).toBe("Ada")
    expect(await redis.ttl("name")).toBeGreaterThan(990)
    expect(await redis.set("name", "Eve", "NX")).toBeNull()
    expect(await redis.incr("n")).toBe(1)
    expect(await redis.incrby("n", 41)).toBe(42)
    expect(await redis.incrbyfloat("n", 0.5)).toBe("42.5")
    expect(await redis.expire("n", 1000)).toBe(1)
    expect(await redis.persist("n")).toBe(1)
    expect(await redis.mset({ a: "1", b: "2" })).toBe("OK")
    expect(await redis.mget("a", "nothing", "b")).toEqual(["1", null, "2"])
    expect(await redis.del("a", "b", "nothing")).toBe(2)
    expect(await redis.exists("a", "n", "n")).toBe(2)
    expect(await redis.type("n")).toBe("string")
  })

  it("gives integers beyond 2^53 as they are when asked for strings", async () => {
    const exact = connect({ stringNumbers: true })
    await exact.set("big", "9223372036854775806")
    expect(await exact.incr("big")).toBe("9223372036854775807")
    await expect(exact.incr("big")).rejects.toThrow("increment or decrement would overflow")
  })

  it("rejects with the server's own error text", async () => {
    await redis.set("text", "abc")
    await expect(redis.incr("text")).rejects.toThrow("ERR value is not an integer or out of range")
    await expect(redis.call("NOSUCH", "x")).rejects.toThrow("ERR unknown command 'NOSUCH'")
  })

  it("runs scripts by EVAL and by the digest of a defined command", async () => {
    expect(await redis.eval("return {KEYS[1],ARGV[1],1}", 1, "k", "v")).toEqual(["k", "v", 1])
    redis.defineCommand("bump", {
      numberOfKeys: 1,
      lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])"
    })
    const bump = (key: string, by: number): Promise<number> =>
      (
        redis as unknown as {
          bump: (key: string, by: number) => Promise<number>
        }
      ).bump(key, by)
    expect(await bump("c", 5)).toBe(5)
    expect(await bump("c", 6)).toBe(11)
  })

  it("goes through all keys by the scan stream", async () => {
    const names = Array.from({ length: 500 }, (_, i) => `user:${i}`)
    await redis.mset(Object.fromEntries(names.map((name) => [name, "1"])))
    await redis.mset({ other: "1" })
    const found = new Set<string>()
    for await (const keys of redis.scanStream({ match: "user:*", count: 50 })) {
      for (const key of keys as Array<string>) found.add(key)
    }
    expect([...found].sort()).toEqual([...names].sort())
  })

  it("answers a pipeline in order, errors in their places", async () => {
    const results = await redis.pipeline().set("p", "x").incr("p").get("p").strlen("p").exec()
    expect(results?.map(([error, value]) => error?.message ?? value)).toEqual([
      "OK",
      "ERR value is not an integer or out of range",
      "x",
      1
    ])
    const many = redis.pipeline()
    for (let i = 0; i < 10_000; i++) many.incr("count")
    const counts = await many.exec()
    expect(counts?.at(-1)).toEqual([null, 10_000])
  })

  it("keeps values of 5 MB and any byte", async () => {
    const big = Buffer.alloc(5 << 20, "0123456789abcdef")
    await redis.set("big", big)
    expect((await redis.getBuffer("big"))?.equals(big)).toBe(true)
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const key = Buffer.from([0, 255, 13, 10, 36])
    await redis.set(key, bytes)
    expect(await redis.getBuffer(key)).toEqual(bytes)
    expect(await redis.keysBuffer("\x00*")).toEqual([key])
  })

  it("serves 200 clients at once", async () => {
    const clients = Array.from({ length: 200 }, () => connect())
    await Promise.all(
      clients.map(async (client, i) => {
        for (let n = 0; n < 10; n++) await client.incr("shared")
        await client.set(`own:${i}`, String(i))
        expect(await client.get(`own:${i}`)).toBe(String(i))
      })
    )
    expect(await redis.get("shared")).toBe("2000")
  })

  it("reconnects after a restart and finds its data in the append-only file", async () => {
    await redis.set("kept", "yes")
    await redis.set("kept for long", "yes", "EX", 100_000)
    const closed = new Promise((resolve) => redis.once("close", resolve))
    const end = await server.restart()
    expect(end.code).toBe(0)
    await closed
    await until("ready again", () => redis.status === "ready")
    expect(await redis.mget("kept", "kept for long")).toEqual(["yes", "yes"])
    expect(await redis.ttl("kept for long")).toBeGreaterThan(99_000)
  })
})
