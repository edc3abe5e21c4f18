// Joints of the append-only file with what goes on beside it: an fsync under way, a script that runs, files that are
// loaded, a client whose replies pile up.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type Client, connect, plain } from "../support/client.mjs"
import { executable, Server, temporaryDir, until } from "../support/server.mjs"
import { bytesOf, inOneTurn, within } from "./turn.js"

vi.setConfig({ testTimeout: 25_000, hookTimeout: 20_000 })

let dir: string
let faults: string
const servers = new Set<Server>()
beforeEach(() => {
  dir = temporaryDir("attack")
  faults = temporaryDir("attack-faults")
})
afterEach(async () => {
  for (const server of servers) await server.dispose()
  servers.clear()
  rmSync(dir, { recursive: true, force: true })
  rmSync(faults, { recursive: true, force: true })
})

/** The executable with operations that fail, or wait, while `fault` says so. */
const start = async (...args: ReadonlyArray<string>): Promise<Server> => {
  const preload = `--require ${join(import.meta.dirname, "faults.cjs")}`
  const server = new Server({
    dir,
    args: ["--enable-debug-command yes", ...args],
    command: `env FAULTS=${faults} NODE_OPTIONS="${preload}" ${executable} --port {port} --dir {dir}`
  })
  servers.add(server)
  return server.start()
}
const clientOf = (server: Server): Promise<Client> => connect({ port: server.port })
const fault = (name: string, on: boolean): void => {
  if (on) writeFileSync(join(faults, name), "")
  else rmSync(join(faults, name))
}
const hits = (name: string): number =>
  existsSync(join(faults, `${name}.hit`)) ? readFileSync(join(faults, `${name}.hit`)).length : 0
const spin = (seconds: number): string => `local t = os.clock() while os.clock() - t < ${seconds} do end `

describe("appendfsync", () => {
  it("set to always while an fsync is under way answers once what was written before is on disk", async () => {
    const server = await start("--appendonly yes", "--appendfsync everysec")
    const client = await clientOf(server)
    fault("hold", true)
    await client.send("SET", "first", "1")
    await until("an fsync is under way", () => hits("hold") > 0)
    await client.send("SET", "second", "1")
    const replied = client.send("CONFIG", "SET", "appendfsync", "always")
    fault("hold", false)
    expect(await within(replied.then(plain), 3000)).toBe("OK")
  })
})

describe("CLIENT REPLY SKIP", () => {
  it.each([
    ["a script", ["EVAL", "return 'skipped'", "0"]],
    ["DEBUG SLEEP", ["DEBUG", "SLEEP", "0.01"]]
  ])("leaves out the reply of the command behind it where that is %s", async (_name, command) => {
    const server = await start()
    const client = await clientOf(server)
    const reply = client.read()
    await client.write(bytesOf(["CLIENT", "REPLY", "SKIP"], command, ["ECHO", "next"]))
    expect(plain(await reply)).toBe("next")
  })
})

describe("the AOF switched while a script runs", () => {
  it("off and on again keeps what the script wrote", async () => {
    const server = await start("--appendonly yes", "--appendfsync everysec", "--busy-reply-threshold 10000")
    const [off, on, scripts, setter] = await Promise.all([1, 2, 3, 4].map(() => clientOf(server)))
    await scripts!.send("EVAL", "return 1", "0")
    fault("hold", true)
    await setter!.send("SET", "k", "v")
    await until("an fsync is under way", () => hits("hold") > 0)
    const script =
      `redis.call('INCR','a') redis.call('INCR','a') ${spin(1)} ` + "redis.call('INCR','b') return 'done'"
    const replies = [off!.read(), on!.read(), scripts!.read()]
    await inOneTurn(server, [
      [off!, [["CONFIG", "SET", "appendonly", "no"]]],
      [on!, [["CONFIG", "SET", "appendonly", "yes"]]],
      [scripts!, [["EVAL", script, "0"]]]
    ])
    // the script runs by now: a client that pings is not answered
    const ping = setter!.send("PING")
    expect(await within(ping, 200)).toBe(undefined)
    fault("hold", false)
    expect((await Promise.all(replies)).map(plain)).toEqual(["OK", "OK", "done"])
    await ping
    expect(plain(await setter!.send("MGET", "a", "b"))).toEqual(["2", "1"])
    await server.stop("SIGTERM")
    const again = await clientOf(await start("--appendonly yes"))
    expect(plain(await again.send("MGET", "a", "b"))).toEqual(["2", "1"])
  })
})

describe("DEBUG LOADAOF", () => {
  it("while the AOF is switched off and on leaves files that hold everything", async () => {
    const server = await start("--appendonly yes", "--appendfsync everysec")
    const [off, on, reloader, setter] = await Promise.all([1, 2, 3, 4].map(() => clientOf(server)))
    for (let i = 0; i < 10; i++) {
      await setter!.pipeline(Array.from({ length: 10_000 }, (_, j) => ["SET", `k:${i}:${j}`, "v"]))
    }
    fault("hold", true)
    await setter!.send("SET", "last", "1")
    await until("an fsync is under way", () => hits("hold") > 0)
    const replies = [off!.read(), on!.read(), reloader!.read()]
    await inOneTurn(server, [
      [off!, [["CONFIG", "SET", "appendonly", "no"]]],
      [on!, [["CONFIG", "SET", "appendonly", "yes"]]],
      [reloader!, [["DEBUG", "LOADAOF"]]]
    ])
    fault("hold", false)
    const values = (await Promise.all(replies)).map(plain)
    // whichever is refused: what memory holds, the files hold
    const inMemory = plain(await setter!.send("DBSIZE"))
    await server.stop("SIGKILL")
    const again = await clientOf(await start("--appendonly yes"))
    await until("it is loaded", async () => plain(await again.send("PING")) === "PONG")
    expect([values, plain(await again.send("DBSIZE"))]).toEqual([values, inMemory])
    expect(inMemory).toBe(100_001)
  })

  it("while a base is written leaves files that hold what memory holds", async () => {
    const server = await start("--appendonly no")
    const [on, reloader] = await Promise.all([1, 2].map(() => clientOf(server)))
    await on!.send("DEBUG", "POPULATE", "100000")
    const replies = [on!.read(), reloader!.read()]
    await inOneTurn(server, [
      [on!, [["CONFIG", "SET", "appendonly", "yes"]]],
      [reloader!, [["DEBUG", "LOADAOF"]]]
    ])
    const values = (await Promise.all(replies)).map(plain)
    const inMemory = plain(await on!.send("DBSIZE"))
    await server.stop("SIGKILL")
    const again = await clientOf(await start("--appendonly yes"))
    await until("it is loaded", async () => plain(await again.send("PING")) === "PONG")
    expect([values, plain(await again.send("DBSIZE"))]).toEqual([values, inMemory])
  })

  it("while a write waits that was cut short leaves a file that can be loaded", async () => {
    const server = await start("--appendonly yes", "--appendfsync everysec")
    const client = await clientOf(server)
    await client.send("SET", "before", "1")
    fault("short", true)
    void client.send("SET", "torn", "x".repeat(100)).catch(() => {})
    await until("the write fails", () => hits("short") > 1)
    const other = await clientOf(server)
    const reply = plain(await other.send("DEBUG", "LOADAOF"))
    fault("short", false)
    await until("writes are taken again", async () => plain(await other.send("SET", "after", "1")) === "OK")
    const inMemory = plain(await other.send("MGET", "before", "torn", "after"))
    await server.stop("SIGTERM")
    const again = await clientOf(await start("--appendonly yes"))
    expect([reply, plain(await again.send("MGET", "before", "torn", "after"))]).toEqual([reply, inMemory])
  })

  it("sent by two clients at once counts nothing twice", async () => {
    const server = await start("--appendonly yes")
    const [a, b] = await Promise.all([1, 2].map(() => clientOf(server)))
    await a!.pipeline(Array.from({ length: 50_000 }, () => ["INCR", "n"]))
    const replies = [a!.read(), b!.read()]
    await inOneTurn(server, [
      [a!, [["DEBUG", "LOADAOF"]]],
      [b!, [["DEBUG", "LOADAOF"]]]
    ])
    await Promise.all(replies)
    expect(plain(await a!.send("GET", "n"))).toBe("50000")
  })
})

describe("a client whose replies pile up while an fsync is under way", () => {
  it("goes on when the fsync fails: reads do not wait for the file to be writable", async () => {
    const server = await start("--appendonly yes", "--appendfsync always")
    const [reader, writer] = [await clientOf(server), await clientOf(server)]
    await writer.send("SET", "big", "x".repeat(100_000))
    fault("hold", true)
    void writer.send("SET", "k", "v").catch(() => {})
    await until("an fsync is under way", () => hits("hold") > 0)
    fault("sync", true)
    const count = 40
    const replies = Array.from({ length: count }, () => reader.read())
    await reader.write(bytesOf(...replies.map(() => ["GET", "big"])))
    expect(await within(Promise.race(replies), 300)).toBe(undefined)
    fault("hold", false)
    await until("it has failed", () => hits("sync") > 0)
    const all = await within(Promise.all(replies), 5000)
    expect(all?.length).toBe(count)
  })
})
