// How the executable starts, and how it refuses to: the way a person at a shell or a supervisor sees it.
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, it, vi } from "vitest"
import { connect, plain } from "../support/client.mjs"
import { executable, freePort, ping, Server, start, temporaryDir } from "../support/server.mjs"

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const cleanups: Array<() => unknown> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})
const track = (server: Server): Server => {
  cleanups.push(() => server.dispose())
  return server
}
const configured = (lines: ReadonlyArray<string>, more: ReadonlyArray<string> = []) => {
  const dir = temporaryDir("lifecycle")
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, "redis.conf")
  writeFileSync(file, `${lines.join("\n")}\n`)
  return {
    file,
    server: track(
      new Server({
        command: `${executable} ${file}`,
        args: ["--dir {dir}", ...more],
        dir
      })
    )
  }
}

describe("start", () => {
  it("a second server on the same port says so and ends with code 1; the first goes on", async () => {
    const first = track(await start())
    const second = track(new Server({ port: first.port }))
    await second.launch()
    expect(await second.exited).toEqual({ code: 1, signal: null })
    expect(second.output).toMatch(/in use/i)
    expect(second.output).toContain(String(first.port))
    expect(second.output).not.toMatch(/^\s+at /m)
    expect(await ping(first.port)).toBe("+PONG\r\n")
  })

  it("reads a configuration file, and arguments after it win", async () => {
    const port = await freePort()
    const lines = ["# a comment", "", "port 1", 'save ""', "databases 3", "maxmemory 100mb"]
    const { server } = configured(lines, [`--port ${port}`, "--maxmemory 200mb"])
    await server.launch()
    const answered = async (): Promise<boolean> => (await ping(port)) === "+PONG\r\n"
    await expect.poll(answered, { timeout: 10_000, interval: 10 }).toBe(true)
    const client = await connect({ port })
    expect(plain(await client.send("CONFIG", "GET", "databases"))).toEqual(["databases", "3"])
    expect(plain(await client.send("CONFIG", "GET", "maxmemory"))).toEqual(["maxmemory", "209715200"])
    expect(plain(await client.send("SELECT", "3"))).toEqual({
      error: "ERR DB index is out of range"
    })
    await client.destroy()
  })

  it("an unknown directive ends the start with code 1, naming the file and the line", async () => {
    const { file, server } = configured(["# first", 'save ""', "no-such-directive yes"])
    await server.launch()
    expect(await server.exited).toEqual({ code: 1, signal: null })
    expect(server.output).toContain(file)
    expect(server.output).toMatch(/line 3/)
    expect(server.output).toContain("no-such-directive")
  })

  it("a wrong value ends the start with code 1, naming the line and the value", async () => {
    const { server } = configured(["port not-a-port"])
    await server.launch()
    expect(await server.exited).toEqual({ code: 1, signal: null })
    expect(server.output).toMatch(/line 1/)
    expect(server.output).toContain("not-a-port")
  })

  it("an unknown argument ends the start with code 1, naming it", async () => {
    const server = track(new Server({ args: ["--no-such-argument 1"] }))
    await server.launch()
    expect(await server.exited).toEqual({ code: 1, signal: null })
    expect(server.output).toContain("no-such-argument")
  })

  it("a configuration file that is not there ends the start with code 1, naming it", async () => {
    const server = track(new Server({ command: `${executable} {dir}/nowhere.conf` }))
    await server.launch()
    expect(await server.exited).toEqual({ code: 1, signal: null })
    expect(server.output).toContain("nowhere.conf")
  })

  it("a directory that is not there ends the start with code 1, naming it", async () => {
    const server = track(
      new Server({
        command: `${executable} --port {port} --dir {dir}/nowhere`
      })
    )
    await server.launch()
    expect(await server.exited).toEqual({ code: 1, signal: null })
    expect(server.output).toContain("nowhere")
  })

  it("logs its process id and that it is ready, as programs that wait for redis-server expect", async () => {
    const server = track(await start())
    await expect.poll(() => server.output).toContain("Ready to accept connections")
    expect(server.output).toMatch(new RegExp(`^${server.pid}:M `, "m"))
  })

  it("says where it listens, and which kinds of connection it is ready for", async () => {
    const server = track(await start({ args: ["--bind 127.0.0.1 --unixsocket {dir}/kv.sock"] }))
    await expect.poll(() => server.output).toMatch(/ \* Ready to accept connections unix\n/)
    expect(server.output).toContain(` * Listening on 127.0.0.1:${server.port}\n`)
    expect(server.output).toContain(` * Listening on ${server.dir}/kv.sock\n`)
    expect(server.output).toMatch(/ \* Ready to accept connections tcp\n/)
  })

  it("loads nothing of Node's that it can do without", async () => {
    const dir = temporaryDir("lifecycle")
    cleanups.push(() => rmSync(dir, { recursive: true, force: true }))
    const seen = join(dir, "loaded")
    const hook = join(dir, "hook.cjs")
    writeFileSync(
      hook,
      `process.on("exit", () =>
        require("node:fs").writeFileSync(${JSON.stringify(seen)}, process.moduleLoadList.join("\\n")))`
    )
    const command = executable.replace(/^node /, `node --require ${hook} `)
    const server = track(new Server({ command, args: ["--port {port} --dir {dir}"] }))
    await server.start()
    server.child.kill("SIGTERM")
    expect(await server.exited).toEqual({ code: 0, signal: null })
    const loaded = readFileSync(seen, "utf8").split("\n")
    expect(loaded).toContain("NativeModule net")
    for (const name of ["child_process", "cluster", "crypto", "dns", "readline", "worker_threads"])
      expect(loaded).not.toContain(`NativeModule ${name}`)
  })

  it("ignores SIGHUP and SIGUSR1, and opens no debugger", async () => {
    const server = track(await start())
    server.child.kill("SIGHUP")
    server.child.kill("SIGUSR1")
    expect(await ping(server.port)).toBe("+PONG\r\n")
    expect(await ping(server.port)).toBe("+PONG\r\n")
    expect(server.output).not.toMatch(/debugger/i)
  })

  it("keeps the bind line of its file at CONFIG REWRITE, though it is the default", async () => {
    const port = await freePort()
    const { file, server } = configured([`port ${port}`, "bind 127.0.0.1 -::1"])
    await server.launch()
    await expect.poll(() => ping(port), { timeout: 10_000, interval: 10 }).toBe("+PONG\r\n")
    const client = await connect({ port })
    expect(plain(await client.send("CONFIG", "REWRITE"))).toBe("OK")
    expect(readFileSync(file, "utf8")).toContain("bind 127.0.0.1 -::1\n")
    await client.destroy()
  })
})
