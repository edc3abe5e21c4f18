// One script cannot harm the next, nor the server: what it changes is its own, what does not end can be killed.
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { afterEach, describe, expect, it, vi } from "vitest"
import { type Client, connect, plain } from "../support/client.mjs"
import { executable, Server } from "../support/server.mjs"
import { within } from "./turn.js"

vi.setConfig({ testTimeout: 20_000, hookTimeout: 20_000 })

let server: Server
afterEach(() => server.dispose())
const serve = async (command = executable, ...args: ReadonlyArray<string>): Promise<void> => {
  server = await new Server({ command: `${command} --port {port} --dir {dir}`, args }).start()
}
const clientOf = (): Promise<Client> => connect({ port: server.port })

describe("what a script changes of its surroundings", () => {
  const everyones =
    "return redis.call('GET','k') .. string.rep('a',2) .. ('b'):rep(2) .. tostring(#table.concat({1,2})) .. math.floor(1.5)" +
    " .. type(pcall) .. tostring(next({})) .. tostring(KEYS[1])"
  it.each([
    "redis.call=nil",
    "redis.call=function() return 'mine' end",
    "redis=nil",
    "rawset(redis,'call',nil)",
    "rawset(_G,'redis',nil)",
    "string.rep=function() return 'x' end",
    "rawset(string,'rep',nil)",
    "getmetatable('').__index=function() return nil end",
    "rawset(getmetatable(''),'__index',nil)",
    "table.concat=nil",
    "rawset(table,'concat',nil)",
    "math.floor=nil",
    "rawset(math,'floor',nil)",
    "rawset(_G,'pcall',nil)",
    "rawset(_G,'tostring',nil)",
    "rawset(_G,'type',nil)",
    "setmetatable(_G,{__index=function() return 'mine' end})",
    "for k in pairs(string) do rawset(string,k,nil) end",
    "setmetatable(string,{__index=function() error('mine') end})"
  ])("is undone for the next client: %s", async (harm) => {
    await serve()
    const [vandal, next] = [await clientOf(), await clientOf()]
    await next.send("SET", "k", "v")
    const expected = plain(await next.send("EVAL", everyones, "1", "key"))
    expect(expected).toBe("vaabb21functionnilkey")
    await vandal.send("EVAL", harm, "0")
    expect(plain(await next.send("EVAL", everyones, "1", "key"))).toBe(expected)
    // nor for who has the text in the cache already, nor after another text
    expect(plain(await next.send("EVAL", `${everyones} .. '!'`, "1", "key"))).toBe(`${expected}!`)
  })

  it.each(["KEYS", "ARGV"])("does not send another client's write elsewhere: rawset of %s", async (name) => {
    await serve()
    const [vandal, next] = [await clientOf(), await clientOf()]
    await vandal.send("EVAL", `rawset(_G,'${name}',{'victim'}) return 1`, "0")
    await next.send("EVAL", "return redis.call('SET',KEYS[1],ARGV[1])", "1", "mine", "value")
    expect(plain(await next.send("GET", "mine"))).toBe("value")
    expect(plain(await next.send("EXISTS", "victim"))).toBe(0)
  })

  it.each([
    "js",
    "require",
    "package",
    "io",
    "debug",
    "os.exit",
    "os.getenv",
    "os.execute",
    "dofile",
    "loadfile"
  ])("offers nothing of the host: %s", async (name) => {
    await serve()
    const client = await clientOf()
    const reply = plain(
      await client.send(
        "EVAL",
        `local ok, v = pcall(function() return ${name} end) return ok and type(v) or 'none'`,
        "0"
      )
    )
    expect(["none", "nil"]).toContain(reply)
  })

  it("load takes no bytecode", async () => {
    await serve()
    const client = await clientOf()
    const script =
      "local ok, code = pcall(string.dump, function() return 1 end) if not ok then return 'none' end " +
      "local f = loadstring(code) return f and 'loaded' or 'refused'"
    expect(["none", "refused"]).toContain(plain(await client.send("EVAL", script, "0")))
  })

  it("a coroutine that runs for a second is not left out", async () => {
    await serve()
    const client = await clientOf()
    const script =
      "local co = coroutine.create(function() local n = 0 for i=1,3e7 do n = n + 1 end " +
      "redis.call('SET','inside','1') return 'done' end) local ok, r = coroutine.resume(co) " +
      "redis.call('SET','after','1') return r"
    const reply = plain(await client.send("EVAL", script, "0"))
    const values = plain(await client.send("MGET", "inside", "after"))
    if (reply === "done") expect(values).toEqual(["1", "1"])
    else {
      expect(reply).toEqual({ error: expect.stringMatching(/^ERR /) })
      expect(values).toEqual([null, null])
    }
  })
})

describe("a script that does not end", () => {
  const loop = "while true do end"
  it.each([
    ["a loop", loop],
    ["in pcall", `while true do pcall(function() ${loop} end) end`],
    ["in a sort comparator", `table.sort({3,2,1}, function(a,b) ${loop} end)`],
    ["in a gsub callback", `string.gsub('abc','.',function() ${loop} end)`],
    ["in __tostring", `tostring(setmetatable({},{__tostring=function() ${loop} end}))`],
    ["in __lt", `local m={__lt=function() ${loop} end} return setmetatable({},m) < setmetatable({},m)`],
    ["in __index", `return setmetatable({},{__index=function() ${loop} end}).x`],
    ["in an xpcall handler", `xpcall(function() error('x') end, function() ${loop} end)`],
    ["in a load reader", `load(function() ${loop} end)`],
    ["in a coroutine", `coroutine.wrap(function() ${loop} end)()`],
    ["in a coroutine in pcall", `while true do pcall(coroutine.wrap(function() ${loop} end)) end`],
    ["in pattern backtracking", "return string.find(string.rep('a',60), string.rep('a-',30)..'b')"],
    ["in many string.reps", "while true do local s = string.rep('x', 100000) end"],
    ["in concat", "local t = {} for i=1,1000 do t[i]='x' end while true do table.concat(t) end"]
  ])("%s: others are told BUSY, and SCRIPT KILL ends it", async (_name, script) => {
    await serve(executable, "--busy-reply-threshold 50")
    const [busy, other] = [await clientOf(), await clientOf()]
    await other.send("PING")
    const ended = busy.send("EVAL", script, "0").then(plain, () => "closed")
    const busyReply = (async () => {
      for (;;) {
        const reply = plain(await other.send("PING"))
        if (reply !== "PONG") return reply
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })().catch(() => undefined)
    expect(await within(busyReply, 3000)).toEqual({ error: expect.stringMatching(/^BUSY /) })
    expect(plain(await other.send("SCRIPT", "KILL"))).toBe("OK")
    expect(await within(ended, 3000)).toEqual({ error: expect.stringMatching(/Script killed by user/) })
    expect(plain(await other.send("EVAL", "return 1", "0"))).toBe(1)
  })
})

describe("a script that takes memory without end", () => {
  it.each([
    ["a table", "local t = {} local i = 0 while true do i = i + 1 t[i] = {i} end"],
    [
      "strings in a table",
      "local t = {} local i = 0 while true do i = i + 1 t[i] = string.rep('x', 1000) .. i end"
    ],
    ["a string that doubles", "local s = 'x' while true do s = s .. s end"]
  ])("ends in an error, and the server goes on: %s", async (_name, script) => {
    await serve(`env NODE_OPTIONS=--max-old-space-size=300 ${executable}`)
    const [bomber, other] = [await clientOf(), await clientOf()]
    await other.send("SET", "k", "v")
    const reply = await within(
      bomber.send("EVAL", script, "0").then(plain, () => "closed"),
      15_000
    )
    expect(server.running, server.output.slice(-500)).toBe(true)
    expect(reply).toEqual({ error: expect.stringMatching(/./) })
    expect(plain(await other.send("GET", "k"))).toBe("v")
    expect(plain(await other.send("EVAL", "return redis.call('GET','k')", "0"))).toBe("v")
  })
})

describe("a first script", () => {
  it("that meets no free file descriptor leaves scripts usable", async (context) => {
    if (spawnSync("prlimit", ["--version"]).status !== 0) context.skip()
    await serve()
    const client = await clientOf()
    await client.send("PING")
    const limit = (count: string): void => {
      expect(spawnSync("prlimit", ["--pid", String(server.pid), `--nofile=${count}`]).status).toBe(0)
    }
    // none is left beside those in use
    limit(`${readdirSync(`/proc/${server.pid}/fd`).length}:`)
    await within(client.send("EVAL", "return 1", "0"), 3000)
    limit("1024:")
    expect(plain(await client.send("EVAL", "return 2", "0"))).toBe(2)
  })
})
