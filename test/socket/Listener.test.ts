// The listener under both of its tags, and the file of a Unix socket.
import { existsSync, lstatSync, rmSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { join } from "node:path"
import * as SocketServer from "@effect/platform/SocketServer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { afterEach, describe, expect, it, vi } from "vitest"
import { handles } from "../../src/socket/handle.js"
import * as Listener from "../../src/socket/Listener.js"
import { Client, encode } from "../support/client.mjs"
import { ours, Server, temporaryDir, until } from "../support/server.mjs"
import { type Drive, serve } from "./serve.js"

vi.setConfig({ testTimeout: 20_000, hookTimeout: 20_000 })

const cleanups: Array<() => unknown> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
const directory = (): string => {
  const dir = temporaryDir()
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** What a server on a Unix socket answers to PING; "" where none does. */
const pingPath = (path: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = net.connect({ path }, () => socket.write(encode(["PING"])))
    socket.once("data", (bytes) => {
      socket.destroy()
      resolve(bytes.toString())
    })
    socket.once("error", () => resolve(""))
  })

describe("handles", () => {
  it("are driven on the Node this runs on, and not on runtimes that are not known for it", () => {
    expect(handles()).not.toBeNull()
    expect(handles({ ...process.versions, bun: "1.3.0" })).toBeNull()
    expect(handles({ ...process.versions, deno: "2.0.0" })).toBeNull()
    expect(handles({ ...process.versions, node: "99.0.0" })).toBeNull()
  })
})

describe.each<Drive>(["handles", "streams"])("Platform's SocketServer tag, driven by %s", (drive) => {
  it("runs a handler per connection, and goes on after a client that fails", async () => {
    const program = Effect.gen(function* () {
      const server = yield* SocketServer.SocketServer
      yield* Effect.forkScoped(
        server.run((socket) =>
          Effect.gen(function* () {
            const write = yield* socket.writer
            yield* socket.run((bytes) => write(bytes))
          }).pipe(Effect.scoped)
        )
      )
      const port = server.address._tag === "TcpAddress" ? server.address.port : 0
      return yield* Effect.promise(async () => {
        const broken = await Client.connect({ port })
        broken.socket.resetAndDestroy()
        await broken.closed
        const client = await Client.connect({ port })
        client.socket.write("+echo\r\n")
        const { value } = (await client.read()) as { value: unknown }
        await client.destroy()
        return value
      })
    })
    const listener = Listener.layer({ host: "127.0.0.1", port: 0, drive })
    expect(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(listener)))).toBe("echo")
  })
})

describe("the file of a Unix socket", () => {
  const listening = (path: string, permissions = 0) =>
    Effect.exit(Effect.scoped(Effect.asVoid(Listener.make({ path, permissions }))))

  it("that a killed server left gives way to the next; it has unixsocketperm, and goes at the end", async () => {
    const path = join(directory(), "kv.sock")
    const server = new Server({ args: [`--unixsocket ${path}`, "--unixsocketperm 700"] })
    cleanups.push(() => server.dispose())
    await server.start()
    expect(await pingPath(path)).toBe("+PONG\r\n")
    await server.stop("SIGKILL")
    expect(existsSync(path)).toBe(true)
    await server.start()
    expect(await pingPath(path)).toBe("+PONG\r\n")
    expect(lstatSync(path).mode & 0o777).toBe(0o700)
    await server.stop("SIGTERM")
    expect(existsSync(path)).toBe(false)
  })

  it("on which a server lives is left to it", async () => {
    const path = join(directory(), "kv.sock")
    const living = net.createServer((socket) => socket.on("error", () => {}).end("+PONG\r\n"))
    await new Promise<void>((resolve) => living.listen(path, resolve))
    cleanups.push(() => living.close())
    const exit = await Effect.runPromise(listening(path))
    expect(Exit.isFailure(exit)).toBe(true)
    expect(String(exit)).toContain("SocketServerError")
    expect(await pingPath(path)).toBe("+PONG\r\n")
  })

  it("is never made of a file that is something else", async () => {
    const path = join(directory(), "precious")
    writeFileSync(path, "data")
    expect(Exit.isFailure(await Effect.runPromise(listening(path)))).toBe(true)
    expect(lstatSync(path).isFile()).toBe(true)
  })
})

describe("file descriptors", () => {
  const server = (before: string, args: ReadonlyArray<string>): Server => {
    const one = new Server({ command: `bash -c '${before}; exec ${ours} "$@"' effect-kv`, args })
    cleanups.push(() => one.dispose())
    return one
  }

  it("lower maxclients, which says so as Redis does and cannot be raised above them", async () => {
    const one = await server("ulimit -n 100", ["--maxclients 5000"]).start()
    expect(one.output).toContain(
      "You requested maxclients of 5000 requiring at least 5032 max file descriptors."
    )
    expect(one.output).toContain(
      "Current maximum open files is 100. maxclients has been reduced to 68 to compensate for low ulimit."
    )
    const client = await Client.connect({ port: one.port })
    expect(await client.send("CONFIG", "SET", "maxclients", "69")).toMatchObject({
      type: "error",
      value: expect.stringContaining("not able to handle the specified number of clients, try with 68")
    })
    expect(await client.send("CONFIG", "SET", "maxclients", "60")).toMatchObject({ value: "OK" })
    await client.destroy()
  })

  it("that run out neither end nor spin the server: it says so, and goes on when they are free again", async () => {
    // 50 more are open than the 32 that are reckoned with
    const taken = 'for i in {30..79}; do eval "exec $i</dev/null"; done; ulimit -n 100'
    const one = await server(taken, []).start()
    const clients = await Promise.all(
      Array.from({ length: 60 }, () => Client.connect({ port: one.port }).catch(() => null))
    )
    await until("it says so", () =>
      one.output.includes("Accepting client connection: accept: Too many open files")
    )
    const usage = process.hrtime.bigint()
    const lines = one.output.split("Too many open files").length
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const seconds = Number(process.hrtime.bigint() - usage) / 1e9
    expect(one.output.split("Too many open files").length - lines).toBeLessThanOrEqual(Math.ceil(seconds) + 1)
    expect(one.running).toBe(true)
    for (const client of clients) await client?.destroy()
    await until("clients are served again", async () => {
      const client = await Client.connect({ port: one.port }).catch(() => null)
      const reply = await client?.send("PING").catch(() => null)
      await client?.destroy()
      return reply?.value === "PONG"
    })
  })
})

describe("a server that stops", () => {
  it("listens no more while it still answers what waits", async () => {
    const served = await serve("handles")
    const client = await served.connect()
    const slept = client.send("DEBUG", "SLEEP", "0.3")
    await until("it waits", () => [...served.engine.sessions.values()].some(({ waiting }) => waiting))
    const stopped = served.stop()
    await expect(served.connect()).rejects.toThrow(/ECONNREFUSED/)
    expect(await slept).toMatchObject({ value: "OK" })
    await stopped
  })
})
