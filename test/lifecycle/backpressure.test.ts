// Clients that send more than they should, or read less: memory stays bounded, and others are served.
import { once } from "node:events"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { connect, encode, plain } from "../support/client.mjs"
import { type Server, start } from "../support/server.mjs"

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const megabyte = 1 << 20
let server: Server
beforeEach(async () => {
  server = await start({ args: ['--save ""', "--appendonly no"] })
})
afterEach(() => server.dispose())

/** The time another client waits for its PONG. */
const pingMs = async (): Promise<number> => {
  const client = await connect({ port: server.port })
  const startedAt = performance.now()
  expect(plain(await client.send("PING"))).toBe("PONG")
  const ms = performance.now() - startedAt
  await client.destroy()
  return ms
}

describe("a client that does not read", () => {
  it("is not read from any more before its replies fill the memory", async () => {
    const client = await connect({ port: server.port })
    await client.send("SET", "big", Buffer.alloc(megabyte, "x"))
    client.socket.pause()
    const before = server.residentBytes()
    const hundred = Buffer.concat(Array.from({ length: 100 }, () => encode(["GET", "big"])))
    // 30,000 replies would be 30 GB: a server that goes on answering is stopped by the check long before
    for (let sent = 0; sent < 30_000 && client.socket.writableLength < megabyte; sent += 100) {
      client.socket.write(hundred)
      if (sent % 1000 === 0) expect(await pingMs()).toBeLessThan(1000)
      expect(server.residentBytes() - before).toBeLessThan(300 * megabyte)
    }
    expect(await pingMs()).toBeLessThan(1000)
    await client.destroy()
    expect(await pingMs()).toBeLessThan(1000)
  })

  it("gets everything once it reads again", async () => {
    const client = await connect({ port: server.port })
    const count = 300
    await client.send("SET", "big", Buffer.alloc(megabyte, "x"))
    client.socket.pause()
    const commands = Array.from({ length: count }, () => ["GET", "big"])
    client.socket.write(Buffer.concat([...commands, ["PING"]].map((args) => encode(args))))
    expect(await pingMs()).toBeLessThan(1000)
    let bytes = 0
    let last: Buffer = Buffer.alloc(0)
    client.socket.removeAllListeners("data")
    client.socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      last = chunk
      if (bytes === expected) client.socket.destroy()
    })
    const expected = count * (`$${megabyte}\r\n`.length + megabyte + 2) + "+PONG\r\n".length
    client.socket.resume()
    await client.closed
    expect(bytes).toBe(expected)
    expect(last.toString("latin1").endsWith("+PONG\r\n")).toBe(true)
  })

  it("does not hold others up when there are many of it", async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect({ port: server.port })))
    await clients[0]!.send("SET", "big", Buffer.alloc(megabyte, "x"))
    const before = server.residentBytes()
    const twenty = Buffer.concat(Array.from({ length: 20 }, () => encode(["GET", "big"])))
    for (const client of clients) {
      client.socket.pause()
      client.socket.write(twenty)
    }
    for (let i = 0; i < 20; i++) expect(await pingMs()).toBeLessThan(1000)
    expect(server.residentBytes() - before).toBeLessThan(600 * megabyte)
    await Promise.all(clients.map((client) => client.destroy()))
    expect(await pingMs()).toBeLessThan(1000)
  })
})

describe("a client that floods", () => {
  it("gets every reply to 50 MB of pipelined commands, and others are served meanwhile", async () => {
    const client = await connect({ port: server.port })
    const before = server.residentBytes()
    const part = Buffer.concat(
      Array.from({ length: 10_000 }, (_, i) => encode(["SET", `key:${i}`, "0123456789abcdef"]))
    )
    const parts = Math.ceil((50 * megabyte) / part.length)
    let bytes = 0
    client.socket.removeAllListeners("data")
    client.socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes === parts * 10_000 * 5) client.socket.end()
    })
    for (let i = 0; i < parts; i++) {
      if (!client.socket.write(part)) await once(client.socket, "drain")
      if (i % 20 === 0) expect(await pingMs()).toBeLessThan(1000)
    }
    await client.closed
    expect(bytes).toBe(parts * 10_000 * "+OK\r\n".length)
    expect(server.residentBytes() - before).toBeLessThan(300 * megabyte)
  })

  it("with one command of 50 MB in small pieces is stored whole", async () => {
    const client = await connect({ port: server.port })
    const size = 50 * megabyte
    client.socket.write(`*3\r\n$3\r\nSET\r\n$5\r\nwhole\r\n$${size}\r\n`)
    const piece = Buffer.alloc(10_000, "p")
    const reply = client.read()
    for (let left = size; left > 0; left -= piece.length) {
      if (!client.socket.write(piece.subarray(0, Math.min(left, piece.length)))) {
        await once(client.socket, "drain")
      }
    }
    client.socket.write("\r\n")
    expect(plain(await reply)).toBe("OK")
    expect(plain(await client.send("STRLEN", "whole"))).toBe(size)
    await client.destroy()
  })
})
