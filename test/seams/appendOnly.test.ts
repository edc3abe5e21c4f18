// The append-only file as a state machine: off, writing a base, on, failing, off. Whatever fails or is killed on the
// way, nothing acknowledged is lost, nothing counts twice, and an error reply means that nothing happened.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type Client, connect, plain } from "../support/client.mjs"
import { executable, ping, Server, temporaryDir, until } from "../support/server.mjs"
import { bytesOf, within } from "./turn.js"

vi.setConfig({ testTimeout: 25_000, hookTimeout: 20_000 })

let dir: string
let faults: string
const servers = new Set<Server>()
beforeEach(() => {
  dir = temporaryDir("append-only")
  faults = temporaryDir("faults")
})
afterEach(async () => {
  for (const server of servers) await server.dispose()
  servers.clear()
  rmSync(dir, { recursive: true, force: true })
  rmSync(faults, { recursive: true, force: true })
})

const options = { args: [] as ReadonlyArray<string>, dir: "", command: "" }
const make = (args: ReadonlyArray<string>, given: Partial<typeof options> = {}): Server => {
  const server = new Server({
    dir: given.dir ?? dir,
    args: ["--enable-debug-command yes", ...args],
    command: given.command ?? `${executable} --port {port} --dir {dir}`
  })
  servers.add(server)
  return server
}
const start = (...args: ReadonlyArray<string>): Promise<Server> => make(args).start()
const clientOf = (server: Server): Promise<Client> => connect({ port: server.port })
const counter = async (client: Client, key: string): Promise<number> =>
  Number(plain(await client.send("GET", key)) ?? 0)

/** The executable with operations that fail while `failing` says so. */
const withFaults = (): string =>
  `env FAULTS=${faults} NODE_OPTIONS="--require ${join(import.meta.dirname, "faults.cjs")}" ` +
  `${executable} --port {port} --dir {dir}`
const failing = (name: string, on: boolean): void => {
  if (on) writeFileSync(join(faults, name), "")
  else rmSync(join(faults, name))
}
const hit = (name: string): boolean => existsSync(join(faults, `${name}.hit`))

describe("switching on at run time", () => {
  it("killed before it was done, leaves nothing that counts later", async () => {
    const first = await start("--appendonly no")
    const [writer, operator] = [await clientOf(first), await clientOf(first)]
    // a base that takes many slices
    await operator.send("DEBUG", "POPULATE", "300000")
    const increments = Array.from({ length: 5 }, () => writer.read())
    void operator.send("CONFIG", "SET", "appendonly", "yes").catch(() => {})
    await writer.write(bytesOf(...increments.map(() => ["INCR", "n"])))
    await Promise.all(increments)
    await first.stop("SIGKILL")

    const second = await start("--appendonly yes")
    const client = await clientOf(second)
    // the switch was not acknowledged: all of it or nothing
    const before = await counter(client, "n")
    expect([0, 5]).toContain(before)
    expect(plain(await client.send("INCR", "n"))).toBe(before + 1)
    await second.stop("SIGKILL")
    const third = await start("--appendonly yes")
    expect(await counter(await clientOf(third), "n")).toBe(before + 1)
  })

  it("a file of an attempt that was killed is not adopted", async () => {
    // what is left where the process dies between the new file and the manifest
    mkdirSync(join(dir, "appendonlydir"))
    writeFileSync(
      join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"),
      bytesOf(["SELECT", "0"], ...Array.from({ length: 5 }, () => ["INCR", "n"]))
    )
    const second = await start("--appendonly yes")
    const client = await clientOf(second)
    const before = await counter(client, "n")
    expect(plain(await client.send("INCR", "n"))).toBe(before + 1)
    await second.stop("SIGKILL")
    const third = await start("--appendonly yes")
    expect(await counter(await clientOf(third), "n")).toBe(before + 1)
  })

  const mount = (path: string): boolean =>
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", path]).status === 0
  const canMount = ((): boolean => {
    const probe = temporaryDir("mount")
    const works = mount(probe)
    if (works) spawnSync("umount", [probe])
    rmSync(probe, { recursive: true, force: true })
    return works
  })()

  it.skipIf(!canMount)("fails for lack of space, succeeds at the second try: counts are right", async () => {
    const small = join(dir, "small")
    mkdirSync(small)
    mount(small)
    try {
      const first = await make(["--appendonly no"], { dir: small }).start()
      const [writer, operator] = [await clientOf(first), await clientOf(first)]
      await operator.send("SELECT", "1")
      await operator.send("DEBUG", "POPULATE", "60000", "filler", "60")
      let refused: unknown
      const switched = operator.send("CONFIG", "SET", "appendonly", "yes").then((reply) => {
        refused = plain(reply)
      })
      let acknowledged = 0
      while (refused === undefined) {
        const reply = await writer.send("INCR", "n")
        if (reply.type === "integer") acknowledged = Number(reply.value)
      }
      await switched
      expect(refused).toEqual({ error: expect.stringMatching(/^ERR /) })
      // a refused increment did not happen
      expect(await counter(writer, "n")).toBe(acknowledged)
      await operator.send("FLUSHDB")
      expect(plain(await operator.send("CONFIG", "SET", "appendonly", "yes"))).toBe("OK")
      await first.stop("SIGKILL")
      const second = await make(["--appendonly yes"], { dir: small }).start()
      expect(await counter(await clientOf(second), "n")).toBe(acknowledged)
      await second.stop("SIGKILL")
    } finally {
      for (const server of servers) await server.dispose()
      spawnSync("umount", [small])
    }
  })

  it("fails while a write of the base fails, succeeds at the second try: counts are right", async () => {
    const first = await make(["--appendonly no"], { command: withFaults() }).start()
    const [writer, operator] = [await clientOf(first), await clientOf(first)]
    await operator.send("SELECT", "1")
    await operator.send("DEBUG", "POPULATE", "60000")
    let outcome: unknown
    const switched = operator.send("CONFIG", "SET", "appendonly", "yes").then((reply) => {
      outcome = plain(reply)
    })
    let acknowledged = 0
    while (outcome === undefined) {
      const reply = await writer.send("INCR", "n")
      if (reply.type === "integer") acknowledged = Number(reply.value)
      if (acknowledged === 3) failing("write", true)
    }
    await switched
    expect(hit("write")).toBe(true)
    expect(outcome).toEqual({ error: expect.stringMatching(/^ERR /) })
    failing("write", false)
    expect(await counter(writer, "n")).toBe(acknowledged)
    expect(plain(await operator.send("CONFIG", "SET", "appendonly", "yes"))).toBe("OK")
    await first.stop("SIGKILL")
    const second = await start("--appendonly yes")
    expect(await counter(await clientOf(second), "n")).toBe(acknowledged)
  })

  it("fails where the directory's name is taken by a file, and succeeds once it is gone", async () => {
    writeFileSync(join(dir, "appendonlydir"), "not a directory")
    const server = await start("--appendonly no")
    const client = await clientOf(server)
    await client.send("INCR", "n")
    expect(plain(await client.send("CONFIG", "SET", "appendonly", "yes"))).toEqual({
      error: expect.stringMatching(/^ERR /)
    })
    expect(plain(await client.send("INCR", "n"))).toBe(2)
    rmSync(join(dir, "appendonlydir"))
    expect(plain(await client.send("CONFIG", "SET", "appendonly", "yes"))).toBe("OK")
    expect(plain(await client.send("INCR", "n"))).toBe(3)
    await server.stop("SIGKILL")
    expect(await counter(await clientOf(await start("--appendonly yes")), "n")).toBe(3)
  })
})

describe("a disk that fails for a while", () => {
  it.each(["everysec", "always"])("one failed fsync is tried again, appendfsync %s", async (fsync) => {
    const server = await make(["--appendonly yes", `--appendfsync ${fsync}`], {
      command: withFaults()
    }).start()
    const client = await clientOf(server)
    failing("sync", true)
    const refused = within(client.send("SET", "k", "1"), 3000).catch(() => undefined)
    await until("an fsync fails", () => hit("sync"))
    await refused
    failing("sync", false)
    const later = await clientOf(server)
    await until(
      "writes are taken again",
      async () => plain(await later.send("SET", "k", "2")) === "OK",
      5000,
      50
    )
    await server.stop("SIGKILL")
    const again = await clientOf(await start("--appendonly yes"))
    expect(plain(await again.send("GET", "k"))).toBe("2")
  })

  it.each(["everysec", "always"])(
    "what is answered with an error did not happen, appendfsync %s",
    async (fsync) => {
      const server = await make(["--appendonly yes", `--appendfsync ${fsync}`], {
        command: withFaults()
      }).start()
      const client = await clientOf(server)
      expect(plain(await client.send("INCR", "n"))).toBe(1)
      failing("write", true)
      const replies: Array<unknown> = []
      const reading = Array.from({ length: 2000 }, () =>
        client.read().then(
          (reply) => replies.push(plain(reply)),
          () => replies.push("closed")
        )
      )
      await client.write(bytesOf(...reading.map(() => ["INCR", "n"])))
      await until("a write fails", () => hit("write"))
      // they may all be answered now, or wait until it can be written
      await within(Promise.all(reading), 1500)
      failing("write", false)
      await within(Promise.all(reading), 5000)
      expect(replies.length).toBe(2000)
      const acknowledged = replies.filter((reply) => typeof reply === "number").length
      const unknown = replies.filter((reply) => reply === "closed").length
      const later = await clientOf(server)
      await until(
        "it can be written",
        async () => plain(await later.send("SET", "k", "1")) === "OK",
        5000,
        50
      )
      const inMemory = await counter(later, "n")
      expect(inMemory).toBeGreaterThanOrEqual(1 + acknowledged)
      expect(inMemory).toBeLessThanOrEqual(1 + acknowledged + unknown)
      await server.stop("SIGKILL")
      const again = await clientOf(await start("--appendonly yes"))
      expect(await counter(again, "n")).toBe(inMemory)
    }
  )
})

describe("the end of the process during a script", () => {
  const script =
    "for i=1,50 do redis.call('INCR','a') end local t = os.clock() while os.clock() - t < 6 do end " +
    "for i=1,50 do redis.call('INCR','b') end return 'done'"

  it.each([
    ["SIGTERM", async (server: Server, _client: Client) => void server.child.kill("SIGTERM")],
    [
      "SHUTDOWN NOSAVE",
      async (_server: Server, client: Client) => void client.send("SHUTDOWN", "NOSAVE").catch(() => {})
    ],
    ["SIGKILL", async (server: Server, _client: Client) => void server.child.kill("SIGKILL")]
  ])("by %s leaves all of its writes or none", async (_name, end) => {
    const server = await start("--appendonly yes", "--busy-reply-threshold 50")
    const [busy, other] = [await clientOf(server), await clientOf(server)]
    void busy.send("EVAL", script, "0").catch(() => {})
    await until("others are told", async () =>
      String(JSON.stringify(plain(await other.send("GET", "a")))).includes("BUSY")
    )
    await end(server, other)
    expect(await within(server.exited, 8000)).toBeDefined()
    const client = await clientOf(await start("--appendonly yes"))
    const [a, b] = [await counter(client, "a"), await counter(client, "b")]
    expect([a, b]).toSatisfy(
      ([left, right]: [number, number]) => left === right && (left === 0 || left === 50)
    )
  })
})

describe("a start", () => {
  const fill = async (keys: number): Promise<void> => {
    const server = await start("--appendonly yes")
    const client = await clientOf(server)
    const commands = Array.from({ length: keys }, (_, i) => [
      "SET",
      `key:${i}`,
      `value:${i}:${"v".repeat(1000)}`
    ])
    await client.pipeline(commands)
    await server.stop("SIGTERM")
  }

  it("with maxmemory below what the file holds loads all of it", async () => {
    await fill(4000)
    const server = await start("--appendonly yes", "--maxmemory 1mb")
    expect(plain(await (await clientOf(server)).send("DBSIZE"))).toBe(4000)
  })

  it("with maxmemory below what a base in RDB form holds loads all of it", async (context) => {
    const redis = process.env.REDIS_SERVER ?? "redis-server"
    if (spawnSync("bash", ["-c", `command -v ${redis}`]).status !== 0) context.skip()
    const real = make(["--appendonly yes", '--save ""'], { command: `${redis} --port {port} --dir {dir}` })
    await real.start()
    const writer = await clientOf(real)
    await writer.send("DEBUG", "POPULATE", "4000", "key", "1000")
    await writer.send("BGREWRITEAOF")
    await until("the base is written", async () =>
      String(plain(await writer.send("INFO", "persistence"))).includes(
        "aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0"
      )
    )
    await real.stop("SIGTERM")
    const server = await start("--appendonly yes", "--maxmemory 1mb")
    expect(plain(await (await clientOf(server)).send("DBSIZE"))).toBe(4000)
  })

  it("of a second server on the same directory is refused, and the first goes on", async () => {
    const first = await start("--appendonly yes")
    const client = await clientOf(first)
    await client.send("SET", "k", "1")
    const second = make(["--appendonly yes"])
    await second.launch()
    const end = await within(second.exited, 5000)
    expect(end?.code, second.output).toBe(1)
    expect(second.output).toMatch(/lock|in use|another|already/i)
    expect(plain(await client.send("SET", "k", "2"))).toBe("OK")
    await first.stop("SIGKILL")
    const third = await start("--appendonly yes")
    expect(plain(await (await clientOf(third)).send("GET", "k"))).toBe("2")
  })

  it("after a kill is not held up by the lock that the killed one held", async () => {
    const first = await start("--appendonly yes")
    await (await clientOf(first)).send("SET", "k", "1")
    await first.stop("SIGKILL")
    const second = await start("--appendonly yes")
    expect(plain(await (await clientOf(second)).send("GET", "k"))).toBe("1")
  })

  const incremental = (): string => {
    const folder = join(dir, "appendonlydir")
    return join(folder, readdirSync(folder).find((name) => name.endsWith(".incr.aof"))!)
  }

  it("is refused where a length in the middle of the file was damaged, and the file stays as it is", async () => {
    await fill(5)
    const path = incremental()
    const bytes = readFileSync(path)
    // the first digit of the length of the second key's value: 1008 becomes 9008, beyond the end of the file
    const at = bytes.indexOf("$1008", bytes.indexOf("key:1"))
    expect(at).toBeGreaterThan(0)
    bytes[at + 1] = "9".charCodeAt(0)
    writeFileSync(path, bytes)
    const server = make(["--appendonly yes"])
    await server.launch()
    const end = await within(server.exited, 5000)
    expect(statSync(path).size).toBe(bytes.length)
    expect(end?.code, server.output).toBe(1)
    expect(server.output).toContain("appendonly.aof.1.incr.aof")
    expect(server.output).toMatch(/\d/)
  })

  it("cuts an end that is torn, and keeps what is before it", async () => {
    await fill(5)
    const path = incremental()
    writeFileSync(path, readFileSync(path).subarray(0, -300))
    const server = await start("--appendonly yes")
    expect(plain(await (await clientOf(server)).send("DBSIZE"))).toBe(4)
  })
})

describe("while a large file is loaded", () => {
  const COMMANDS = 2_000_000
  const write = (): void => {
    const folder = join(dir, "appendonlydir")
    mkdirSync(folder)
    let text = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
    for (let i = 0; i < COMMANDS / 20; i++)
      text += `*3\r\n$3\r\nSET\r\n$10\r\nkey:${100_000 + i}\r\n$8\r\nvalue:ab\r\n`
    const part = Buffer.from(text)
    writeFileSync(
      join(folder, "appendonly.aof.1.incr.aof"),
      Buffer.concat(Array.from({ length: 20 }, () => part))
    )
    writeFileSync(join(folder, "appendonly.aof.manifest"), "file appendonly.aof.1.incr.aof seq 1 type i\n")
  }
  const firstReply = (server: Server): Promise<string> => until("a reply", () => ping(server.port), 10_000, 1)

  it("clients are told LOADING, and INFO says so", async () => {
    write()
    const server = make(["--appendonly yes"])
    await server.launch()
    expect(await firstReply(server)).toMatch(/^-LOADING /)
    const client = await clientOf(server)
    expect(String(plain(await client.send("INFO", "persistence")))).toContain("loading:1\r\n")
    expect(plain(await client.send("GET", "key:100000"))).toEqual({
      error: expect.stringMatching(/^LOADING /)
    })
    await until("it is loaded", async () => plain(await client.send("PING")) === "PONG")
    expect(plain(await client.send("DBSIZE"))).toBe(COMMANDS / 20)
    expect(String(plain(await client.send("INFO", "persistence")))).toContain("loading:0\r\n")
  })

  it("SIGTERM stops it", async () => {
    write()
    const server = make(["--appendonly yes"])
    await server.launch()
    expect(await firstReply(server)).toMatch(/^-LOADING /)
    const { code, ms } = await server.stop("SIGTERM", 5000)
    expect(code).toBe(0)
    expect(ms).toBeLessThan(1500)
  })
})

describe("what cannot be done yet", () => {
  it.each(["SAVE", "BGSAVE", "SHUTDOWN SAVE"])("%s says so, and the server goes on", async (command) => {
    const server = await start("--appendonly no")
    const client = await clientOf(server)
    const reply = plain(await client.send(...command.split(" ")))
    expect(reply).toEqual({ error: expect.stringMatching(/^ERR /) })
    expect(reply).not.toEqual({ error: expect.stringMatching(/unknown|syntax/i) })
    expect(plain(await client.send("PING"))).toBe("PONG")
  })

  it("an existing dump.rdb that is not read is said", async () => {
    writeFileSync(join(dir, "dump.rdb"), "REDIS0011\xff")
    const server = await start("--appendonly no")
    expect(server.output).toContain("dump.rdb")
  })

  it("a base with function libraries is refused, and says why", async (context) => {
    const redis = process.env.REDIS_SERVER ?? "redis-server"
    if (spawnSync("bash", ["-c", `command -v ${redis}`]).status !== 0) context.skip()
    const real = make(["--appendonly yes", '--save ""'], { command: `${redis} --port {port} --dir {dir}` })
    await real.start()
    const writer = await clientOf(real)
    await writer.send(
      "FUNCTION",
      "LOAD",
      "#!lua name=mine\nredis.register_function('f', function() return 1 end)"
    )
    await writer.send("BGREWRITEAOF")
    await until("the base is written", async () =>
      String(plain(await writer.send("INFO", "persistence"))).includes(
        "aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0"
      )
    )
    await real.stop("SIGTERM")
    const server = make(["--appendonly yes"])
    await server.launch()
    const end = await within(server.exited, 5000)
    expect(end?.code, server.output).toBe(1)
    expect(server.output).toMatch(/function/i)
  })
})
