// The way down: signals and SHUTDOWN answer what is in flight, keep what was acknowledged, and take bounded time.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type Client, connect, encode, plain, replyEnd } from "../support/client.mjs"
import { ping, type Server, start } from "../support/server.mjs"

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const boundMs = 2000
let server: Server
beforeEach(async () => {
  server = await start({
    args: ["--appendonly yes", '--save ""', "--busy-reply-threshold 100"]
  })
})
afterEach(() => server.dispose())

const open = (): Promise<Client> => connect({ port: server.port })

/** The value of a key once the server runs again. */
const afterRestart = async (key: string) => {
  await server.start()
  const client = await open()
  const value = plain(await client.send("GET", key))
  await client.destroy()
  return value
}

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  it("ends an idle server with code 0", async () => {
    const end = await server.stop(signal)
    expect(end).toMatchObject({ code: 0, signal: null })
    expect(end.ms).toBeLessThan(boundMs)
    expect(await ping(server.port)).toBe("")
  })

  it("closes 100 idle connections on the way", async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, open))
    expect(plain(await clients[99]!.send("PING"))).toBe("PONG")
    const end = await server.stop(signal)
    expect(end).toMatchObject({ code: 0, signal: null })
    expect(end.ms).toBeLessThan(boundMs)
    await Promise.all(clients.map((client) => client.closed))
  })

  it("delivers the replies of every command that it has carried out", async () => {
    const client = await open()
    const one = encode(["INCR", "n"])
    const count = 200_000
    await client.unreadAtLeast(0)
    client.socket.write(Buffer.concat(Array.from({ length: count }, () => one)))
    await client.unreadAtLeast(1)
    const [end, bytes] = await Promise.all([server.stop(signal), client.rawUntilClosed()])
    expect(end).toMatchObject({ code: 0, signal: null })
    expect(end.ms).toBeLessThan(boundMs)
    let at = 0
    let replies = 0
    while (at < bytes.length) {
      const next = replyEnd(bytes, at)
      expect(next, "the last reply is whole").toBeGreaterThan(at)
      replies++
      if (bytes.toString("latin1", at, next) !== `:${replies}\r\n`) expect.fail(`reply ${replies} is wrong`)
      at = next
    }
    expect(replies).toBeGreaterThan(0)
    expect(await afterRestart("n")).toBe(String(replies))
  })

  it("answers a script that it has begun, or does not begin it", async () => {
    const client = await open()
    const script = "redis.call('SET','ran','yes') local n=0 for i=1,2e6 do n=n+1 end return 'done'"
    await client.write(encode(["EVAL", script, "0"]))
    const [end, bytes] = await Promise.all([server.stop(signal), client.rawUntilClosed()])
    expect(end).toMatchObject({ code: 0, signal: null })
    const ran = await afterRestart("ran")
    expect(bytes.toString()).toBe(ran === "yes" ? "$4\r\ndone\r\n" : "")
  })

  it("ends in bounded time while a script runs for ever", async () => {
    const endless = await open()
    await endless.write(encode(["EVAL", "while true do end", "0"]))
    // the script runs once others are told so, or not answered at all
    await expect
      .poll(async () => /^(-BUSY.*)?$/s.test(await ping(server.port, 300)), {
        timeout: 5000
      })
      .toBe(true)
    const end = await server.stop(signal, 12_000)
    expect(end.signal).toBeNull()
    expect(end.ms).toBeLessThan(10_000)
  })
})

describe("clients that connect during the shutdown", () => {
  it("are refused or closed, and do not hold it up", async () => {
    const stopped = server.stop("SIGTERM")
    let going = true
    const late: Array<Promise<void>> = []
    const knock = async (): Promise<void> => {
      for (let times = 0; going && times < 300; times++) {
        const client = await open().catch(() => undefined)
        if (client === undefined) return // refused: it has stopped listening
        client.socket.write(encode(["PING"]))
        late.push(client.closed)
      }
    }
    const knocking = [knock(), knock(), knock()]
    const end = await stopped
    going = false
    await Promise.all(knocking)
    expect(end).toMatchObject({ code: 0, signal: null })
    expect(end.ms).toBeLessThan(boundMs)
    await Promise.all(late)
  })
})

describe("SHUTDOWN", () => {
  it.each([[], ["NOSAVE"], ["nosave"]])(
    "%s closes the connection, ends with code 0, keeps the AOF",
    async (...words) => {
      const client = await open()
      await client.send("SET", "kept", "yes")
      const read = client.rawUntilClosed()
      await client.write(encode(["SHUTDOWN", ...words]))
      expect((await read).toString()).toBe("")
      expect(await server.exited).toEqual({ code: 0, signal: null })
      expect(existsSync(join(server.dir, "dump.rdb"))).toBe(false)
      expect(await afterRestart("kept")).toBe("yes")
    }
  )

  it("answers what stands before it in the pipeline, and nothing that stands after", async () => {
    const client = await open()
    const read = client.rawUntilClosed()
    const commands = [["SET", "before", "1"], ["GET", "before"], ["SHUTDOWN"], ["SET", "after", "1"]]
    await client.write(Buffer.concat(commands.map((args) => encode(args))))
    expect((await read).toString()).toBe("+OK\r\n$1\r\n1\r\n")
    expect(await server.exited).toEqual({ code: 0, signal: null })
    expect(await afterRestart("after")).toBeNull()
  })

  it("with other words is a syntax error, and the server goes on", async () => {
    const client = await open()
    expect(plain(await client.send("SHUTDOWN", "LATER"))).toEqual({
      error: "ERR syntax error"
    })
    expect(plain(await client.send("SHUTDOWN", "SAVE", "NOSAVE"))).toEqual({
      error: "ERR syntax error"
    })
    expect(plain(await client.send("PING"))).toBe("PONG")
    await client.destroy()
  })

  it("NOSAVE ends a script that runs for ever", async () => {
    const endless = await open()
    await endless.write(encode(["EVAL", "while true do end", "0"]))
    await expect.poll(() => ping(server.port, 300), { timeout: 5000 }).toMatch(/^-BUSY/)
    const client = await open()
    client.socket.write(encode(["SHUTDOWN", "NOSAVE"]))
    await client.closed
    expect((await server.exited).code).toBe(0)
  })
})
