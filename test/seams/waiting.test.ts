// Scripts are indivisible for everyone: time stands still in them, and a script that waits for its turn keeps what it
// runs.
import { afterEach, describe, expect, it, vi } from "vitest"
import { type Client, connect, plain } from "../support/client.mjs"
import { type Server, start, until } from "../support/server.mjs"
import { inOneTurn, within } from "./turn.js"

vi.setConfig({ testTimeout: 20_000, hookTimeout: 20_000 })

let server: Server
afterEach(() => server.dispose())
const clientOf = (): Promise<Client> => connect({ port: server.port })
const spin = (seconds: number): string => `local t = os.clock() while os.clock() - t < ${seconds} do end `

describe("while a script runs", () => {
  it.each([
    ["PTTL of a key", "redis.call('PTTL','k')"],
    ["TIME", "table.concat(redis.call('TIME'),'.')"]
  ])("%s does not move when another client sends PING", async (_name, look) => {
    server = await start()
    const [busy, other] = [await clientOf(), await clientOf()]
    await busy.send("SET", "k", "v", "PX", "100000")
    let done = false
    const script = `local a=${look} ${spin(0.2)} local b=${look} ${spin(0.2)} return {a,b,${look}}`
    const looked = busy.send("EVAL", script, "0").then((reply) => {
      done = true
      return plain(reply)
    })
    const pinging = (async () => {
      let count = 0
      while (!done) {
        void other.send("PING").catch(() => {})
        count++
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      return count
    })()
    const values = await looked
    expect(await pinging).toBeGreaterThan(3)
    expect(Array.isArray(values) && new Set(values).size).toBe(1)
  })

  it("a key does not expire between two of its calls", async () => {
    server = await start()
    const [busy, other] = [await clientOf(), await clientOf()]
    await busy.send("SET", "k", "v", "PX", "150")
    const script = `local a=redis.call('EXISTS','k') ${spin(0.4)} return {a,redis.call('EXISTS','k'),redis.call('GET','k')}`
    const looked = busy.send("EVAL", script, "0")
    const timer = setInterval(() => void other.send("PING").catch(() => {}), 10)
    try {
      expect(plain(await looked)).toEqual([1, 1, "v"])
    } finally {
      clearInterval(timer)
    }
    expect(plain(await busy.send("GET", "k"))).toBe(null)
  })
})

describe("scripts that wait for their turn", () => {
  it("700 EVALs of different texts, sent at once, all run", async () => {
    server = await start()
    const clients = await Promise.all(Array.from({ length: 700 }, clientOf))
    await Promise.all(clients.map((client) => client.send("PING")))
    const replies = clients.map((client) => client.read())
    await inOneTurn(
      server,
      clients.map((client, i) => [client, [["EVAL", `return ${i}`, "0"]]] as const)
    )
    const values = await within(Promise.all(replies), 8000)
    expect(values?.map(plain)).toEqual(clients.map((_, i) => i))
    await Promise.all(clients.map((client) => client.destroy()))
  })

  it("an EVAL runs whatever SCRIPT FLUSH does meanwhile", async () => {
    server = await start()
    const [first, second, flusher] = [await clientOf(), await clientOf(), await clientOf()]
    for (let round = 0; round < 5; round++) {
      const replies = [first.read(), second.read(), flusher.read()]
      await inOneTurn(server, [
        [first, [["EVAL", `${spin(0.02)} return 'first ${round}'`, "0"]]],
        [second, [["EVAL", `return 'second ${round}'`, "0"]]],
        [flusher, [["SCRIPT", "FLUSH"]]]
      ])
      const values = await within(Promise.all(replies), 3000)
      expect(values?.map(plain)).toEqual([`first ${round}`, `second ${round}`, "OK"])
    }
  })

  it("each gets its own reply, and the client that went away holds up nobody", async () => {
    server = await start()
    const clients = await Promise.all(Array.from({ length: 20 }, clientOf))
    await Promise.all(clients.map((client) => client.send("PING")))
    const replies = clients.map((client) => client.read().catch(() => undefined))
    await inOneTurn(
      server,
      clients.map(
        (client, i) =>
          [client, [["EVAL", `${spin(0.01)} return redis.call('INCR','n') * 100 + ${i}`, "0"]]] as const
      )
    )
    await clients[3]!.destroy()
    const values = await within(Promise.all(replies), 5000)
    const rest = (values ?? []).filter((_, i) => i !== 3).map((reply) => Number(reply && plain(reply)) % 100)
    expect(rest).toEqual(clients.map((_, i) => i).filter((i) => i !== 3))
    const last = await clientOf()
    await until("all have run or were dropped", async () => Number(plain(await last.send("GET", "n"))) >= 19)
  })
})
