// node-redis against our executable, over RESP2 and RESP3. OURS in the environment names another command.
import { createClient, RESP_TYPES } from "redis"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import { type Server, start, until } from "../support/server.mjs"

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let server: Server

const make = (RESP: 2 | 3, name?: string) =>
  createClient({
    RESP,
    socket: { port: server.port, host: "127.0.0.1", reconnectStrategy: 50 },
    ...(name === undefined ? {} : { name })
  }).on("error", () => {})
type Client = ReturnType<typeof make>

const opened: Array<Client> = []
const connect = async (RESP: 2 | 3, name?: string): Promise<Client> => {
  const client = make(RESP, name)
  opened.push(client)
  await client.connect()
  return client
}

beforeAll(async () => {
  server = await start({
    args: ["--appendonly yes", "--appendfsync everysec"]
  })
})
afterAll(() => server.dispose())
afterEach(() => {
  for (const client of opened.splice(0)) client.destroy()
})

describe.each([2, 3] as const)("node-redis, RESP%i", (RESP) => {
  let redis: Client
  beforeEach(async () => {
    redis = await connect(RESP)
    await redis.flushAll()
  })

  it("connects and names itself", async () => {
    const named = await connect(RESP, "tester")
    expect(named.isReady).toBe(true)
    expect(await named.clientGetName()).toBe("tester")
    expect(await named.ping()).toBe("PONG")
  })

  it("sets, gets, counts and expires", async () => {
    expect(
      await redis.set("name", "Ada", {
        expiration: { type: "EX", value: 1000 }
      })
    ).toBe("OK")
    expect(await redis.get("name")).toBe("Ada")
    expect(await redis.ttl("name")).toBeGreaterThan(990)
    expect(await redis.set("name", "Eve", { condition: "NX" })).toBeNull()
    expect(await redis.getEx("name", { type: "PX", value: 5_000_000 })).toBe("Ada")
    expect(await redis.pTTL("name")).toBeGreaterThan(4_900_000)
    expect(await redis.incr("n")).toBe(1)
    expect(await redis.incrBy("n", 41)).toBe(42)
    expect(await redis.incrByFloat("n", 0.5)).toBe("42.5")
    expect(await redis.expire("n", 1000, "NX")).toBe(1)
    expect(await redis.mSet({ a: "1", b: "2" })).toBe("OK")
    expect(await redis.mGet(["a", "nothing", "b"])).toEqual(["1", null, "2"])
    expect(await redis.getDel("a")).toBe("1")
    expect(await redis.get("a")).toBeNull()
    expect(await redis.copy("b", "c")).toBe(1)
    expect(await redis.type("c")).toBe("string")
  })

  it("rejects with the server's own error text", async () => {
    await redis.set("text", "abc")
    await expect(redis.incr("text")).rejects.toThrow("ERR value is not an integer or out of range")
    await expect(redis.sendCommand(["NOSUCH", "x"])).rejects.toThrow("ERR unknown command 'NOSUCH'")
  })

  it("runs scripts", async () => {
    const sum = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
    expect(await redis.eval(sum, { keys: ["k"], arguments: ["5"] })).toBe(5)
    const digest = await redis.scriptLoad(sum)
    expect(await redis.evalSha(digest, { keys: ["k"], arguments: ["6"] })).toBe(11)
    await expect(redis.evalSha("f".repeat(40), {})).rejects.toThrow("NOSCRIPT No matching script")
  })

  it("goes through all keys by the scan iterator", async () => {
    const names = Array.from({ length: 500 }, (_, i) => `user:${i}`)
    await redis.mSet(Object.fromEntries(names.map((name) => [name, "1"])))
    await redis.set("other", "1")
    const found = new Set<string>()
    for await (const keys of redis.scanIterator({
      MATCH: "user:*",
      COUNT: 50
    })) {
      for (const key of keys) found.add(key)
    }
    expect([...found].sort()).toEqual([...names].sort())
  })

  it("pipelines what is sent in one turn of the event loop", async () => {
    const counts = await Promise.all(Array.from({ length: 10_000 }, () => redis.incr("count")))
    expect(counts.at(0)).toBe(1)
    expect(counts.at(-1)).toBe(10_000)
    const replies = await redis.multi().set("p", "x").get("p").strLen("p").execAsPipeline()
    expect(replies).toEqual(["OK", "x", 1])
  })

  it("keeps values of 5 MB and any byte", async () => {
    const binary = redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    const big = Buffer.alloc(5 << 20, "0123456789abcdef")
    await binary.set("big", big)
    expect((await binary.get("big"))?.equals(big)).toBe(true)
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const key = Buffer.from([0, 255, 13, 10, 36])
    await binary.set(key, bytes)
    expect(await binary.get(key)).toEqual(bytes)
  })

  it("serves 200 clients at once", async () => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => connect(RESP)))
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
    await redis.set("kept for long", "yes", {
      expiration: { type: "EX", value: 100_000 }
    })
    const end = await server.restart()
    expect(end.code).toBe(0)
    await until("ready again", () => redis.isReady)
    expect(await redis.mGet(["kept", "kept for long"])).toEqual(["yes", "yes"])
    expect(await redis.ttl("kept for long")).toBeGreaterThan(99_000)
  })
})

describe("RESP3 types", () => {
  it("come to the client as what they are", async () => {
    const redis = await connect(3)
    const call = (script: string) => redis.eval(`redis.setresp(3); ${script}`)
    expect(await call("return true")).toBe(true)
    expect(await call("return false")).toBe(false)
    expect(await call("return {double=3.5}")).toBe(3.5)
    expect(await call("return {map={field='value'}}")).toEqual({
      field: "value"
    })
    expect(await call("return {set={member=true}}")).toEqual(["member"])
    expect(await call("return {big_number='12345678901234567890'}")).toBe(12345678901234567890n)
    expect(await redis.configGet("maxmemory*")).toHaveProperty("maxmemory-policy")
  })
})
