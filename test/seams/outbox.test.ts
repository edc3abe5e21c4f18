// Replies of a connection leave in order, whole, and to that connection alone, whatever the AOF policy is or becomes.
import { afterEach, describe, expect, it, vi } from "vitest"
import { type Client, connect, plain } from "../support/client.mjs"
import { type Server, start, until } from "../support/server.mjs"
import { bytesOf, info, inOneTurn, within } from "./turn.js"

vi.setConfig({ testTimeout: 20_000, hookTimeout: 20_000 })

let server: Server
afterEach(() => server.dispose())

const clients = (count: number): Promise<ReadonlyArray<Client>> =>
  Promise.all(Array.from({ length: count }, () => connect({ port: server.port })))

const serve = async (...args: ReadonlyArray<string>): Promise<void> => {
  server = await start({ args: ["--enable-debug-command yes", ...args] })
}

describe("when the AOF is switched off in the turn of a write", () => {
  it.each(["everysec", "always", "no"])("the writer gets its own reply, appendfsync %s", async (fsync) => {
    await serve("--appendonly yes", `--appendfsync ${fsync}`)
    const [writer, operator, reader] = await clients(3)
    await reader!.send("SET", "other", "another client's value")
    for (let round = 0; round < 10; round++) {
      const replies = [writer!.read(), operator!.read(), reader!.read()]
      await inOneTurn(server, [
        [writer!, [["SET", "mine", "1"]]],
        [operator!, [["CONFIG", "SET", "appendonly", "no"]]],
        [reader!, [["GET", "other"]]]
      ])
      const got = await Promise.all(replies.map((reply) => within(reply, 2000)))
      expect(got.map((reply) => reply && plain(reply))).toEqual(["OK", "OK", "another client's value"])
      expect(plain(await operator!.send("CONFIG", "SET", "appendonly", "yes"))).toBe("OK")
    }
  })

  it("30 pipelining clients get their own replies, in order", async () => {
    await serve("--appendonly yes")
    const all = await clients(31)
    const operator = all[30]!
    for (let round = 0; round < 10; round++) {
      const expected = all.map((_, i) => {
        const text = `client ${i} round ${round} ${"x".repeat(50)}`
        return i === 30 ? ["OK"] : ["OK", text, `${text} echo`, "OK", `${text} end`]
      })
      const replies = expected.map((texts, i) => texts.map(() => all[i]!.read()))
      const sends = expected.slice(0, 30).map(([, text, echo, , end], i) => {
        const key = `k${i}`
        const commands = [
          ["SET", key, text!],
          ["GET", key],
          ["ECHO", echo!],
          ["SET", key, "other"],
          ["ECHO", end!]
        ]
        return [all[i]!, commands] as const
      })
      const toggle = [operator, [["CONFIG", "SET", "appendonly", round % 2 === 0 ? "no" : "yes"]]] as const
      await inOneTurn(server, [...sends.slice(0, 15), toggle, ...sends.slice(15)])
      const got = await within(Promise.all(replies.map((list) => Promise.all(list))), 3000)
      expect(got?.map((list) => list.map(plain))).toEqual(expected)
    }
  })
})

describe("under appendfsync always", () => {
  it("a reply that waits for its fsync is not overtaken when another client switches to everysec", async () => {
    await serve("--appendonly yes", "--appendfsync no")
    const [writer, operator] = await clients(2)
    for (let round = 0; round < 4; round++) {
      // much that is not on disk makes the next fsync a long one
      await operator!.send("CONFIG", "SET", "appendfsync", "no")
      for (let i = 0; i < 3; i++) await operator!.send("SET", "large", Buffer.alloc(16 << 20, round + 65))
      await operator!.send("CONFIG", "SET", "appendfsync", "always")
      const first = writer!.read()
      const second = writer!.read()
      await writer!.write(bytesOf(["SET", "waits", "1"]))
      expect(plain(await operator!.send("CONFIG", "SET", "appendfsync", "everysec"))).toBe("OK")
      await writer!.write(bytesOf(["ECHO", "second"]))
      expect([plain(await first), plain(await second)]).toEqual(["OK", "second"])
    }
  })

  it("a reader's pipeline waits for nobody else's fsync, and a writer's stays in order", async () => {
    await serve("--appendonly yes", "--appendfsync always")
    const [writer, reader] = await clients(2)
    const commands = Array.from({ length: 200 }, (_, i) =>
      i % 3 === 0 ? ["SET", "k", String(i)] : i % 3 === 1 ? ["GET", "k"] : ["ECHO", String(i)]
    )
    const expected = commands.map((_, i) => (i % 3 === 0 ? "OK" : String(i % 3 === 1 ? i - 1 : i)))
    const [written, read] = await Promise.all([
      writer!.pipeline(commands),
      reader!.pipeline(Array.from({ length: 200 }, (_, i) => ["ECHO", String(i)]))
    ])
    expect(written.map(plain)).toEqual(expected)
    expect(read.map(plain)).toEqual(Array.from({ length: 200 }, (_, i) => String(i)))
  })
})

describe("a command that waits in the middle of a pipeline", () => {
  it.each([
    ["DEBUG LOADAOF", ["DEBUG", "LOADAOF"]],
    ["DEBUG RELOAD", ["DEBUG", "RELOAD"]],
    ["DEBUG SLEEP", ["DEBUG", "SLEEP", "0.01"]],
    ["CONFIG SET appendonly", ["CONFIG", "SET", "appendonly", "no"]],
    ["EVAL", ["EVAL", "return redis.status_reply('OK')", "0"]]
  ])("leaves the replies before and behind it in place: %s", async (_name, command) => {
    await serve("--appendonly yes")
    const [client] = await clients(1)
    const replies = client!.pipeline([
      ["ECHO", "before"],
      ["SET", "k", "1"],
      command,
      ["GET", "k"],
      ["ECHO", "behind"]
    ])
    expect((await within(replies, 5000))?.map(plain)).toEqual(["before", "OK", "OK", "1", "behind"])
  })
})

describe("a client that does not read", () => {
  const MEGABYTES = 1 << 20
  const REPLIES = 3000
  it.each([
    ["GET", ["GET", "large"]],
    ["EVAL", ["EVAL", "return redis.call('GET', KEYS[1])", "1", "large"]]
  ])(
    "keeps the server's memory below 200 MB: %i replies of 1 MB to %s".replace("%i", String(REPLIES)),
    async (_name, command) => {
      await serve()
      const [slow, observer] = await clients(2)
      await observer!.send("SET", "large", Buffer.alloc(MEGABYTES, "v"))
      slow!.socket.pause()
      slow!.socket.write(bytesOf(...Array.from({ length: REPLIES }, () => command)))
      // until it executes no more for this client: only the observer's INFO is counted then
      let before = -1
      let quiet = 0
      await until(
        "nothing more is executed",
        async () => {
          expect(server.residentBytes()).toBeLessThan(200 * MEGABYTES)
          const executed = Number(await info(observer!, "total_commands_processed"))
          quiet = executed === before + 1 ? quiet + 1 : 0
          before = executed
          return quiet > 20
        },
        15_000,
        20
      )
      // and goes on as soon as it reads
      const first = slow!.read()
      slow!.socket.resume()
      expect((await first).type).toBe("bulk")
      await slow!.destroy()
    }
  )
})
