// Connections from accept to close, in both ways that sockets are driven: nothing leaks, whatever clients do.
import { afterEach, describe, expect, it, vi } from "vitest"
import { type Client, encode, plain } from "../support/client.mjs"
import { until } from "../support/server.mjs"
import { type Drive, type Served, serve } from "./serve.js"

vi.setConfig({ testTimeout: 20_000 })

const MAX_CLIENTS = "-ERR max number of clients reached\r\n"
const megabyte = 1 << 20

let served: Served | undefined
afterEach(async () => {
  await served?.stop()
  served = undefined
})

const drives: ReadonlyArray<Drive> = ["handles", "streams"]

describe.each(drives)("connections driven by %s", (drive) => {
  const begin = async (options: Parameters<typeof serve>[1] = {}): Promise<Served> => {
    served = await serve(drive, options)
    return served
  }
  const gone = (server: Served) => until("every session is gone", () => server.engine.sessions.size === 0)
  const errorsOf = (client: Client): Array<Error> => {
    const errors: Array<Error> = []
    client.socket.on("error", (error) => errors.push(error))
    return errors
  }

  it("take requests that end exactly where a read does", async () => {
    const server = await begin()
    const client = await server.connect()
    for (const reads of [1, 2, 16]) {
      const around = encode(["SET", "whole", ""]).length + 4
      const value = Buffer.alloc(reads * 65_536 - around, "x")
      let command = encode(["SET", "whole", value])
      // the length takes more digits than none: what is too much goes off the value
      command = encode(["SET", "whole", value.subarray(0, value.length - (command.length - reads * 65_536))])
      expect(command.length % 65_536).toBe(0)
      const reply = client.read()
      client.socket.write(command)
      expect(plain(await reply)).toBe("OK")
    }
    await client.destroy()
    await gone(server)
  })

  it("tell CLIENT LIST their descriptors and both addresses", async () => {
    const server = await begin()
    const client = await server.connect()
    const list = String(plain(await client.send("CLIENT", "LIST")))
    expect(list).toContain(`addr=127.0.0.1:${client.socket.localPort} laddr=127.0.0.1:${server.port}`)
    const [session] = server.engine.sessions.values()
    expect(session!.descriptor).toBeGreaterThan(2)
    expect(list).toContain(`fd=${session!.descriptor} `)
    await client.destroy()
  })

  it("answer what waits after a half-close, and close then", async () => {
    const server = await begin()
    const client = await server.connect()
    const read = client.rawUntilClosed()
    client.socket.end(Buffer.concat([encode(["DEBUG", "SLEEP", "0.05"]), encode(["PING"])]))
    expect((await read).toString()).toBe("+OK\r\n+PONG\r\n")
    await gone(server)
  })

  it("forget clients that reset in the middle of a large reply", async () => {
    const server = await begin()
    const clients = await Promise.all(Array.from({ length: 10 }, server.connect))
    await clients[0]!.send("SET", "big", Buffer.alloc(8 * megabyte, "x"))
    for (const client of clients) {
      client.socket.pause()
      client.socket.write(Buffer.concat([encode(["GET", "big"]), encode(["GET", "big"])]))
    }
    const congested = (): boolean =>
      [...server.engine.sessions.values()].every(({ transport }) => transport.congested)
    await until("none takes any more", congested)
    for (const client of clients) client.socket.resetAndDestroy()
    await gone(server)
  })

  it("forget a client that resets while its command waits", async () => {
    const server = await begin()
    const client = await server.connect()
    await client.write(encode(["DEBUG", "SLEEP", "5"]))
    await until("the command waits", () => [...server.engine.sessions.values()].some((one) => one.waiting))
    client.socket.resetAndDestroy()
    const startedAt = performance.now()
    await gone(server)
    expect(performance.now() - startedAt).toBeLessThan(2000)
  })

  it("deliver the last reply whatever the client goes on sending", async () => {
    const server = await begin()
    const client = await server.connect()
    const errors = errorsOf(client)
    const read = client.rawUntilClosed()
    client.socket.write(encode(["QUIT"]))
    for (let i = 0; i < 64; i++) client.socket.write(Buffer.alloc(65_536, "x"))
    expect((await read).toString()).toBe("+OK\r\n")
    expect(errors).toEqual([])
    await gone(server)
  })

  it("refuse more than maxclients, who can read why, and are counted", async () => {
    const server = await begin({ maxclients: 2 })
    const [first, second] = await Promise.all([server.connect(), server.connect()])
    expect([plain(await first.send("PING")), plain(await second.send("PING"))]).toEqual(["PONG", "PONG"])
    const refused = await Promise.all(Array.from({ length: 20 }, server.connect))
    const texts = refused.map((client) => {
      client.socket.write(encode(["PING"]))
      return client.rawUntilClosed()
    })
    for (const text of await Promise.all(texts)) expect(text.toString()).toBe(MAX_CLIENTS)
    expect(server.engine.stats.rejectedConnections).toBe(20)
    await first.destroy()
    await until("a place is free", () => server.engine.sessions.size === 1)
    const third = await server.connect()
    expect(plain(await third.send("PING"))).toBe("PONG")
  })

  it("do not let refused clients that stay pile up, or hold up a shutdown", async () => {
    const server = await begin({ maxclients: 1 })
    const first = await server.connect()
    await first.send("PING")
    const staying = await Promise.all(Array.from({ length: 50 }, server.connect))
    for (const client of staying) client.socket.removeAllListeners("end")
    await until("all are refused", () => server.engine.stats.rejectedConnections === 50)
    expect(server.listener.lingering.size).toBeLessThanOrEqual(4)
    expect(server.engine.sessions.size).toBe(1)
    expect(await server.stop()).toBeLessThan(1000)
    expect(server.listener.lingering.size).toBe(0)
    for (const client of staying) client.socket.destroy()
  })

  it("close idle clients after timeout, to the second, and no others", async () => {
    const server = await begin()
    const idle = await server.connect()
    const busy = await server.connect()
    const waiting = await server.connect()
    await Promise.all([idle.send("PING"), busy.send("PING")])
    expect(plain(await busy.send("CONFIG", "SET", "timeout", "1"))).toBe("OK")
    const slept = waiting.send("DEBUG", "SLEEP", "1.6")
    await idle.send("PING")
    const startedAt = performance.now()
    const pings = setInterval(() => busy.socket.write(encode(["PING"])), 100)
    await idle.closed
    const ms = performance.now() - startedAt
    expect(ms).toBeGreaterThan(900)
    expect(ms).toBeLessThan(2000)
    expect(plain(await slept)).toBe("OK")
    expect(server.engine.sessions.size).toBe(2)
    clearInterval(pings)
    await Promise.all([busy.closed, waiting.closed])
    await gone(server)
  })

  it("show in CLIENT LIST and INFO what a client does not read", async () => {
    const server = await begin()
    const [full, asks] = await Promise.all([server.connect(), server.connect()])
    await asks.send("SET", "big", Buffer.alloc(32 * megabyte, "x"))
    full.socket.pause()
    await full.write(encode(["CLIENT", "SETNAME", "full"]))
    await full.write(encode(["GET", "big"]))
    const sessions = [...server.engine.sessions.values()]
    await until("one is full", () => sessions.some(({ transport }) => transport.congested))
    const line = /^.* name=full .*$/m.exec(String(plain(await asks.send("CLIENT", "LIST"))))![0]
    expect(line).toMatch(/ obl=0 oll=1 omem=\d+ tot-mem=\d+ events=rw /)
    expect(Number(/ omem=(\d+)/.exec(line)![1])).toBeGreaterThan(megabyte)
    const info = String(plain(await asks.send("INFO", "memory")))
    expect(Number(/mem_clients_normal:(\d+)/.exec(info)![1])).toBeGreaterThan(megabyte)
    full.socket.destroy()
    await until("it is gone", () => server.engine.sessions.size === 1)
    const after = String(plain(await asks.send("INFO", "memory")))
    expect(Number(/mem_clients_normal:(\d+)/.exec(after)![1])).toBeLessThan(megabyte)
    await asks.destroy()
  })

  it("end in bounded time, with clients that never read, wait, are idle or come late; none is left", async () => {
    const server = await begin()
    const [full, waits, idle] = await Promise.all([server.connect(), server.connect(), server.connect()])
    await idle.send("SET", "big", Buffer.alloc(32 * megabyte, "x"))
    full.socket.pause()
    await full.write(encode(["GET", "big"]))
    await waits.write(encode(["DEBUG", "SLEEP", "30"]))
    const sessions = [...server.engine.sessions.values()]
    await until("one is full", () => sessions.some(({ transport }) => transport.congested))
    await until("one waits", () => sessions.some(({ waiting }) => waiting))
    const stopped = server.stop()
    const late = await server.connect().catch(() => null)
    expect(await stopped).toBeLessThan(4000)
    expect(sessions.every(({ closed }) => closed)).toBe(true)
    expect(server.engine.sessions.size).toBe(0)
    full.socket.destroy()
    await Promise.all([waits.closed, idle.closed, late?.closed])
  })

  it("end at once where nothing is under way", async () => {
    const server = await begin()
    const clients = await Promise.all(Array.from({ length: 100 }, server.connect))
    await Promise.all(clients.map((client) => client.send("PING")))
    // idle in a way that does not even notice the end
    for (const client of clients) client.socket.pause()
    expect(await server.stop()).toBeLessThan(250)
    for (const client of clients) client.socket.destroy()
  })
})
