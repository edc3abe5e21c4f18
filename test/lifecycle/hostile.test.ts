// Bytes that no client should send, and commands that come a byte at a time: the server stays up and right.
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { connect, encode, plain } from "../support/client.mjs"
import { freshSeed, random } from "../support/options.mjs"
import { ping, type Server, start } from "../support/server.mjs"

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const seed = Number(process.env.SEED ?? freshSeed())
const numbers = random(seed)
let server: Server
beforeAll(async () => {
  server = await start({ args: ['--save ""', "--appendonly no"] })
})
afterAll(() => server.dispose())

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const fragments = [
  "*",
  "$",
  "\r\n",
  "\n",
  "*1\r\n",
  "*3\r\n$3\r\nSET\r\n",
  "$-1\r\n",
  "$536870912\r\n",
  "*1048576\r\n",
  "*2147483647\r\n",
  "*-1\r\n",
  "$4\r\nPING\r\n",
  "PING\r\n",
  "GET ",
  '"\\x',
  "'",
  "EVAL ",
  ">3\r\n",
  "%2\r\n",
  "\x00",
  "$99999999999999999999\r\n",
  ":9223372036854775808\r\n",
  "*4\r\n$4\r\nEVAL\r\n$1000\r\n"
]

/** A kilobyte or so: noise, pieces of the protocol, and valid commands with a byte changed. */
const hostileBytes = (): Buffer => {
  const parts: Array<Buffer> = []
  for (let n = numbers.between(1, 30); n > 0; n--) {
    const choice = numbers.below(3)
    if (choice === 0) {
      parts.push(Buffer.from(Array.from({ length: numbers.below(60) }, () => numbers.below(256))))
    } else if (choice === 1) {
      parts.push(Buffer.from(numbers.pick(fragments), "latin1"))
    } else {
      const command = encode(["SET", `hostile:${numbers.below(10)}`, "x".repeat(numbers.below(50))])
      command[numbers.below(command.length)] = numbers.below(256)
      parts.push(command)
    }
  }
  return Buffer.concat(parts)
}

describe("hostile clients", () => {
  it(`leave the server up, whatever bytes they send (SEED=${seed})`, async () => {
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const client = await connect({ port: server.port }).catch(() => undefined)
          if (client === undefined) return
          client.socket.write(hostileBytes())
          if (numbers.oneIn(2)) {
            await turn()
            client.socket.write(hostileBytes())
          }
          // some go by the book, some just vanish
          if (numbers.oneIn(3)) client.socket.resetAndDestroy()
          else client.socket.end()
          await client.closed
        })
      )
      expect(server.running, server.output.slice(-2000)).toBe(true)
      expect(await ping(server.port)).toBe("+PONG\r\n")
    }
    expect(server.residentBytes()).toBeLessThan(600 << 20)
  })

  it("do not make it set memory aside for what they only announce", async () => {
    const before = server.residentBytes()
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect({ port: server.port })))
    for (const client of clients) client.socket.write("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nabc")
    for (const client of clients) client.socket.write("def")
    expect(await ping(server.port)).toBe("+PONG\r\n")
    expect(server.residentBytes() - before).toBeLessThan(300 << 20)
    await Promise.all(clients.map((client) => client.destroy()))
    expect(await ping(server.port)).toBe("+PONG\r\n")
  })

  it("are told of a protocol error and closed; replies before it are delivered", async () => {
    const client = await connect({ port: server.port })
    const read = client.rawUntilClosed()
    client.socket.write("*1\r\n$4\r\nPING\r\n*1\r\n:1\r\n")
    expect((await read).toString()).toBe("+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n")
  })

  it("that open and drop 2,000 connections leave no trace", async () => {
    for (let i = 0; i < 40; i++) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => connect({ port: server.port })))
      for (const client of clients) {
        client.socket.write("*2\r\n$3\r\nGET")
        client.socket.resetAndDestroy()
      }
      await Promise.all(clients.map((client) => client.closed))
    }
    const client = await connect({ port: server.port })
    await expect
      .poll(async () => /connected_clients:1\r/.test(String(plain(await client.send("INFO", "clients")))))
      .toBe(true)
    await client.destroy()
  })
})

describe("partial commands", () => {
  it("byte by byte are carried out as if they had come at once", async () => {
    const client = await connect({ port: server.port })
    const commands = [
      ["SET", "dribble", "va\r\nlue"],
      ["GET", "dribble"],
      ["EVAL", "return {KEYS[1],ARGV[1]}", "1", "k", "v"],
      ["MGET", "dribble", "nothing"]
    ]
    const replies = commands.map(() => client.read())
    const inline = client.read()
    const bytes = Buffer.concat([
      ...commands.map((args) => encode(args)),
      Buffer.from("ECHO 'inline too'\r\n")
    ])
    for (let at = 0; at < bytes.length; at++) {
      client.socket.write(bytes.subarray(at, at + 1))
      await turn()
    }
    expect((await Promise.all(replies)).map(plain)).toEqual([
      "OK",
      "va\r\nlue",
      ["k", "v"],
      ["va\r\nlue", null]
    ])
    expect(plain(await inline)).toBe("inline too")
    await client.destroy()
  })

  it("cut at every place of a pipeline give the same replies", async () => {
    const client = await connect({ port: server.port })
    const commands = [["SET", "cut", "12"], ["INCR", "cut"], ["GET", "cut"], ["PING"]]
    const bytes = Buffer.concat(commands.map((args) => encode(args)))
    for (let at = 1; at < bytes.length; at++) {
      const replies = commands.map(() => client.read())
      client.socket.write(bytes.subarray(0, at))
      await turn()
      client.socket.write(bytes.subarray(at))
      expect((await Promise.all(replies)).map(plain), `cut at ${at}`).toEqual(["OK", 13, "13", "PONG"])
    }
    await client.destroy()
  })
})

describe("a request that never ends", () => {
  it("is not kept beyond client-query-buffer-limit, and others are served", async () => {
    const admin = await connect({ port: server.port })
    await admin.send("CONFIG", "SET", "client-query-buffer-limit", "1mb")
    const greedy = await connect({ port: server.port })
    greedy.socket.on("error", () => {})
    greedy.socket.write("*2\r\n$4\r\nECHO\r\n$100000000\r\n")
    greedy.socket.write(Buffer.alloc(3_000_000, "x"))
    await greedy.closed
    expect(plain(await admin.send("PING"))).toBe("PONG")
    await admin.send("CONFIG", "SET", "client-query-buffer-limit", "1gb")
    await admin.destroy()
  })
})
