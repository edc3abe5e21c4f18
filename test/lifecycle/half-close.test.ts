// A client that has sent everything and closes its write side (`printf … | nc`) still gets every reply.
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { type Client, connect, encode, replyEnd } from "../support/client.mjs"
import { type Server, start } from "../support/server.mjs"

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

type Commands = ReadonlyArray<ReadonlyArray<string | Buffer>>

const countReplies = (bytes: Buffer): number => {
  let at = 0
  let count = 0
  while (at < bytes.length) {
    const end = replyEnd(bytes, at)
    if (end < 0) throw new Error("the last reply is cut")
    at = end
    count++
  }
  return count
}

describe.each(["everysec", "always"])("half-closed client, appendfsync %s", (fsync) => {
  let server: Server
  beforeAll(async () => {
    server = await start({
      args: ["--appendonly yes", `--appendfsync ${fsync}`]
    })
  })
  afterAll(() => server.dispose())

  const sendAndClose = async (commands: Commands): Promise<Buffer> => {
    const client: Client = await connect({ port: server.port })
    const read = client.rawUntilClosed()
    client.socket.end(Buffer.concat(commands.map((args) => encode(args))))
    return read
  }

  it("gets the reply of one command", async () => {
    expect((await sendAndClose([["PING"]])).toString()).toBe("+PONG\r\n")
  })

  it("gets the replies of 50,000 writes", async () => {
    const commands = Array.from({ length: 50_000 }, () => ["INCR", `n:${fsync}`])
    const text = (await sendAndClose(commands)).toString()
    expect(countReplies(Buffer.from(text))).toBe(50_000)
    expect(text.endsWith(":50000\r\n")).toBe(true)
  })

  it("gets the replies of scripts and of what stands behind them", async () => {
    const slow = "local n=0 for i=1,1e5 do n=n+1 end return redis.call('INCR',KEYS[1])"
    const commands = Array.from({ length: 20 }, (_, i) => [
      ["EVAL", slow, "1", `s:${fsync}`],
      ["ECHO", String(i)]
    ]).flat()
    const expected = Array.from({ length: 20 }, (_, i) => `:${i + 1}\r\n$${String(i).length}\r\n${i}\r\n`)
    expect((await sendAndClose(commands)).toString()).toBe(expected.join(""))
  })

  it("gets 50 replies of 1 MB", async () => {
    const value = Buffer.alloc(1 << 20, "x")
    const commands: Commands = [["SET", "big", value], ...Array.from({ length: 50 }, () => ["GET", "big"])]
    const bytes = await sendAndClose(commands)
    expect(countReplies(bytes)).toBe(51)
    expect(bytes.length).toBe("+OK\r\n".length + 50 * (`$${1 << 20}\r\n`.length + (1 << 20) + 2))
  })

  it("is closed when it leaves a command unfinished", async () => {
    const client = await connect({ port: server.port })
    const read = client.rawUntilClosed()
    client.socket.end("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$10\r\nabc")
    expect((await read).toString()).toBe("+PONG\r\n")
  })

  it("gets what stands before QUIT, and nothing of what follows it", async () => {
    const bytes = await sendAndClose([["PING"], ["QUIT"], ["SET", "after", "quit"], ["PING"]])
    expect(bytes.toString()).toBe("+PONG\r\n+OK\r\n")
  })
})
