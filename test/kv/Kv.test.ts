// The in-process client: typed commands, errors, time, durability, and the same data through a socket.
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Readable from "effect/Readable"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Kv } from "../../src/index.js"
import * as Server from "../../src/Server.js"
import { ShardRef } from "../../src/store/ShardRef.js"
import { Store } from "../../src/store/Store.js"
import type { Shard } from "../../src/store/shard.js"
import { Client, plain } from "../support/client.mjs"
import { temporaryDir } from "../support/server.mjs"
import { engine, parts, turns, withStore } from "./support.js"

const service = Kv.Kv

const directory = Effect.acquireRelease(
  Effect.sync(() => temporaryDir("effect-kv-embedded")),
  (dir) => Effect.sync(() => fs.rmSync(dir, { recursive: true, force: true }))
)

const socketTo = (server: Server.Server["Type"]) =>
  Effect.acquireRelease(
    Effect.promise(() => {
      const address = server.addresses[0]!
      if (address._tag !== "TcpAddress") throw new Error("no TCP address")
      return Client.connect({ port: address.port })
    }),
    (client) => Effect.promise(() => client.destroy())
  )

/** Everything in the incremental files of a directory's AOF, as commands. */
const aofCommands = (dir: string): ReadonlyArray<string> => {
  const files = fs.readdirSync(path.join(dir, "appendonlydir")).filter((name) => name.endsWith(".incr.aof"))
  const text = files.map((name) => fs.readFileSync(path.join(dir, "appendonlydir", name), "latin1")).join("")
  const commands: Array<string> = []
  const lines = text.split("\r\n")
  for (let at = 0; at < lines.length && lines[at] !== ""; ) {
    const argc = Number(lines[at]!.slice(1))
    commands.push(Array.from({ length: argc }, (_, i) => lines[at + 2 + 2 * i]).join(" "))
    at += 1 + 2 * argc
  }
  return commands
}
const aofFile = (dir: string): string => {
  const folder = path.join(dir, "appendonlydir")
  const name = fs.readdirSync(folder).find((file) => file.endsWith(".incr.aof"))
  return path.join(folder, name!)
}

describe("the typed commands", () => {
  it.effect("set, get and del text", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(yield* kv.get("user:1")).toEqual(Option.none())
        expect(yield* kv.set("user:1", "Ada")).toBe(true)
        expect(yield* kv.get("user:1")).toEqual(Option.some("Ada"))
        expect(yield* kv.set("leer", "")).toBe(true)
        expect(yield* kv.get("leer")).toEqual(Option.some(""))
        expect(yield* kv.set("ключ", "значение 🗝")).toBe(true)
        expect(yield* kv.get("ключ")).toEqual(Option.some("значение 🗝"))
        expect(yield* kv.strlen("ключ")).toBe(Buffer.byteLength("значение 🗝"))
        expect(yield* kv.exists("user:1", "user:1", "nobody")).toBe(2)
        expect(yield* kv.del("user:1", "leer", "nobody")).toBe(2)
        expect(yield* kv.dbSize).toBe(1)
      })
    )
  )

  it.effect("take numbers and bigints as arguments", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set(7, 42)
        yield* kv.set("big", 9223372036854775807n)
        expect(yield* kv.get("7")).toEqual(Option.some("42"))
        expect(yield* kv.get("big")).toEqual(Option.some("9223372036854775807"))
      })
    )
  )

  it.effect("set only where the key is there, or is not", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(yield* kv.set("k", "1", { when: "exists" })).toBe(false)
        expect(yield* kv.set("k", "1", { when: "missing" })).toBe(true)
        expect(yield* kv.set("k", "2", { when: "missing" })).toBe(false)
        expect(yield* kv.set("k", "3", { when: "exists" })).toBe(true)
        expect(yield* kv.get("k")).toEqual(Option.some("3"))
      })
    )
  )

  it.effect("count exactly, beyond 2^53 too", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(yield* kv.incr("n")).toBe(1)
        expect(yield* kv.incrBy("n", 41)).toBe(42)
        expect(yield* kv.decr("n")).toBe(41)
        expect(yield* kv.incrBy("n", 9223372036854775000n)).toBe(9223372036854775041n)
        expect(yield* kv.incrByFloat("f", 0.1)).toBe(0.1)
        expect(yield* kv.incrByFloat("f", 0.2)).toBe(0.3)
      })
    )
  )

  it.effect("work on several keys at once", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.mset([
          ["a", "1"],
          ["b", "2"]
        ])
        yield* kv.mset(new Map([["c", "3"]]))
        expect(yield* kv.mget(["a", "none", "c"])).toEqual(["1", null, "3"])
        expect(yield* kv.append("a", "23")).toBe(3)
        yield* kv.rename("a", "z")
        expect(yield* kv.getDel("z")).toEqual(Option.some("123"))
        expect(yield* kv.getDel("z")).toEqual(Option.none())
        yield* kv.flushDb
        expect(yield* kv.dbSize).toBe(0)
      })
    )
  )

  it.effect("are safe to run by many fibers of one client", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* Effect.forEach(
          Array.from({ length: 500 }, (_, i) => i),
          (i) =>
            Effect.gen(function* () {
              yield* kv.set(`k${i}`, `v${i}`)
              if (i % 7 === 0) expect(yield* kv.eval("return ARGV[1]", [], [i])).toBe(String(i))
              else yield* Effect.yieldNow()
              expect(yield* kv.get(`k${i}`)).toEqual(Option.some(`v${i}`))
              yield* kv.incr("count")
            }),
          { concurrency: "unbounded" }
        )
        expect(yield* kv.get("count")).toEqual(Option.some("500"))
      })
    )
  )
})

describe("send", () => {
  it.effect("sends any command, and gives replies as values", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(yield* kv.send("PING")).toBe("PONG")
        expect(yield* kv.send("echo", "hällo")).toBe("hällo")
        expect(yield* kv.send("SET", "k", "v", "EX", 100)).toBe("OK")
        expect(yield* kv.send("TTL", "k")).toBe(100)
        expect(yield* kv.send("GET", "none")).toBeNull()
        expect(yield* kv.send("MGET", "k", "none")).toEqual(["v", null])
        const config = yield* kv.send("CONFIG", "GET", "databases")
        expect(config).toEqual(new Map([["databases", "16"]]))
        expect(yield* kv.send("INFO", "server")).toContain("redis_version:")
      })
    )
  )

  it.effect("keeps bytes that are no text in sendBytes and getBytes", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
        yield* kv.set(all, all)
        expect(yield* kv.getBytes(all)).toEqual(Option.some(all))
        expect(yield* kv.sendBytes("MGET", all, "none")).toEqual([all, null])
        expect(yield* kv.sendBytes("GET", new Uint8Array(all))).toEqual(all)
        // the bytes are the caller's own
        const first = yield* kv.getBytes(all)
        yield* kv.set(all, Buffer.alloc(256, 120))
        yield* kv.get(all)
        expect(first).toEqual(Option.some(all))
      })
    )
  )

  it.effect("takes and gives large values", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const large = "x".repeat(8 * 1024 * 1024) + "ende"
        yield* kv.set("large", large)
        expect(Option.getOrThrow(yield* kv.get("large")) === large).toBe(true)
        expect(yield* kv.set("small", "1")).toBe(true)
        expect(yield* kv.strlen("large")).toBe(large.length)
      })
    )
  )

  it.effect("gives null for a command that replies nothing", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set("k", "stale")
        yield* kv.get("k")
        const session = yield* kv.session
        expect(yield* session.send("CLIENT", "REPLY", "SKIP")).toBeNull()
        expect(yield* session.send("CLIENT", "REPLY", "OFF")).toBeNull()
        expect(yield* session.get("k")).toEqual(Option.some("stale"))
      })
    )
  )
})

describe("errors", () => {
  it.effect("carry the code, the command and Redis's whole text", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set("text", "abc")
        const error = yield* Effect.flip(kv.incr("text"))
        expect(error).toBeInstanceOf(Kv.KvError)
        expect(error).toMatchObject({
          _tag: "KvError",
          reason: "Reply",
          code: "ERR",
          command: "INCR",
          message: "ERR value is not an integer or out of range"
        })
        expect(yield* Effect.flip(kv.send("NOPE", "a"))).toMatchObject({
          code: "ERR",
          message: "ERR unknown command 'NOPE', with args beginning with: 'a' "
        })
        expect(yield* Effect.flip(kv.send("GET"))).toMatchObject({
          message: "ERR wrong number of arguments for 'get' command"
        })
        expect(yield* Effect.flip(kv.send("EVALSHA", "f".repeat(40), 0))).toMatchObject({
          code: "NOSCRIPT",
          message: "NOSCRIPT No matching script. Please use EVAL."
        })
        expect(yield* Effect.flip(kv.mget([]))).toMatchObject({
          command: "MGET"
        })
        expect(yield* Effect.flip(kv.rename("none", "x"))).toMatchObject({
          message: "ERR no such key"
        })
      })
    )
  )

  it.effect("can be caught by their tag", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const code = yield* kv
          .send("DEBUG")
          .pipe(Effect.catchTag("KvError", (error) => Effect.succeed(error.code)))
        expect(code).toBe("ERR")
      })
    )
  )

  it.effect("of the options are the Layer's", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(Kv.layer({ maxmemory: "lots" }))))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toMatch(/maxmemory/)
    })
  )
})

describe("scan", () => {
  it.effect("streams every key once where nothing changes", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const expected = new Set(Array.from({ length: 5000 }, (_, i) => `key:${i}`))
        yield* kv.mset([...expected].map((key) => [key, "v"] as const))
        const keys = Chunk.toReadonlyArray(yield* Stream.runCollect(kv.scan()))
        expect(keys.length).toBe(5000)
        expect(new Set(keys)).toEqual(expected)
        const some = Chunk.toReadonlyArray(
          yield* Stream.runCollect(kv.scan({ match: "key:4?", count: 1000 }))
        )
        expect([...some].sort()).toEqual(Array.from({ length: 10 }, (_, i) => `key:4${i}`))
        expect(Chunk.size(yield* Stream.runCollect(Stream.take(kv.scan(), 10)))).toBe(10)
      })
    )
  )

  it.effect("finds nothing in an empty database", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(Chunk.toReadonlyArray(yield* Stream.runCollect(kv.scan()))).toEqual([])
      })
    )
  )
})

describe("eval", () => {
  it.effect("runs scripts with keys and arguments", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(yield* kv.eval("return {KEYS[1], ARGV[1], #KEYS, #ARGV}", ["k"], ["a", 2])).toEqual([
          "k",
          "a",
          1,
          2
        ])
        expect(yield* kv.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", ["n"], [5])).toBe(5)
        expect(yield* kv.get("n")).toEqual(Option.some("5"))
        const error = yield* Effect.flip(kv.eval("return redis.error_reply('MYCODE my text')"))
        expect(error).toMatchObject({
          code: "MYCODE",
          command: "EVAL",
          message: "MYCODE my text"
        })
      })
    )
  )

  it.effect("load their VM with the first of them, and INFO says what it takes from then on", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const figures = Effect.map(kv.send("INFO", "memory"), (text) =>
          ["used_memory_startup", "used_memory_vm_eval", "used_memory_scripts"].map((name) =>
            Number(new RegExp(`^${name}:(\\d+)\\r$`, "m").exec(String(text))![1])
          )
        )
        const [startup, ...none] = yield* figures
        expect(startup).toBeGreaterThan(1024 * 1024)
        expect(none).toEqual([0, 0])
        yield* kv.eval("return 1")
        const [later, vm, scripts] = yield* figures
        expect(later).toBeGreaterThanOrEqual(startup!)
        expect(vm).toBeGreaterThan(100_000)
        expect(scripts).toBeGreaterThan("return 1".length)
      })
    )
  )

  it.effect("can be interrupted by its caller; the script goes on, and the store lives", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const script = "local n = 0 for i = 1, 1e6 do n = n + 1 end redis.call('SET', 'ran', 'yes')"
        const done = yield* Effect.raceFirst(kv.eval(script), Effect.as(turns(2), "first"))
        expect(done).toBe("first")
        expect(yield* kv.get("ran")).toEqual(Option.some("yes"))
      })
    )
  )
})

describe("two stores in one process", () => {
  it.effect("do not meet", () =>
    Effect.gen(function* () {
      const one = Context.get(yield* Layer.build(Kv.layer()), service)
      const two = Context.get(yield* Layer.build(Kv.layer({ databases: 2 })), service)
      yield* one.set("k", "one")
      yield* two.set("k", "two")
      expect(yield* one.get("k")).toEqual(Option.some("one"))
      expect(yield* two.get("k")).toEqual(Option.some("two"))
      yield* one.send("CONFIG", "SET", "maxmemory", "100mb")
      expect(yield* two.send("CONFIG", "GET", "maxmemory")).toEqual(new Map([["maxmemory", "0"]]))
      const sha = yield* one.send("SCRIPT", "LOAD", "return 'loaded'")
      expect(yield* two.send("SCRIPT", "EXISTS", String(sha))).toEqual([0])
      expect(
        yield* Effect.all([one.eval("return 1"), two.eval("return 2")], {
          concurrency: 2
        })
      ).toEqual([1, 2])
      expect(yield* Effect.flip(two.database(2))).toMatchObject({
        message: "ERR DB index is out of range"
      })
      yield* one.flushDb
      expect(yield* two.dbSize).toBe(1)
    }).pipe(Effect.scoped)
  )
})

describe("durability", () => {
  it.effect.each(["always", "everysec", "no"] as const)(
    "everything is there again, appendfsync %s",
    (appendfsync) =>
      Effect.gen(function* () {
        const dir = yield* directory
        const options = { dir, appendonly: true, appendfsync }
        const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
        yield* withStore(
          (kv) =>
            Effect.gen(function* () {
              yield* Effect.forEach(
                Array.from({ length: 200 }, (_, i) => i),
                (i) => kv.set(`k${i}`, `v${i}`),
                { concurrency: 20 }
              )
              yield* kv.set(all, all)
              yield* kv.set("ttl", "v", { ttl: "1 hour" })
              yield* kv.incrByFloat("f", 0.5)
              yield* kv.eval("redis.call('SET', 'a', '1') redis.call('SET', 'b', '2')")
              const other = yield* kv.database(5)
              yield* other.set("there", "5")
              yield* kv.del("k7")
              // with the operating system before the reply is there
              expect(aofCommands(dir).at(-1)).toBe("DEL k7")
            }),
          options
        )
        yield* withStore(
          (kv) =>
            Effect.gen(function* () {
              expect(yield* kv.dbSize).toBe(204)
              expect(yield* kv.get("k199")).toEqual(Option.some("v199"))
              expect(yield* kv.get("k7")).toEqual(Option.none())
              expect(yield* kv.getBytes(all)).toEqual(Option.some(all))
              expect(yield* kv.ttl("ttl")).toEqual(Option.some(Duration.hours(1)))
              expect(yield* kv.mget(["a", "b", "f"])).toEqual(["1", "2", "0.5"])
              const other = yield* kv.database(5)
              expect(yield* other.get("there")).toEqual(Option.some("5"))
            }),
          options
        )
      }).pipe(Effect.scoped)
  )

  it.effect("keeps what was written in the moment the scope closes", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const options = { dir, appendonly: true, appendfsync: "always" } as const
      const written = yield* withStore(
        (kv) =>
          Effect.gen(function* () {
            const writer = yield* Effect.fork(Effect.forever(kv.incr("n")))
            yield* turns(20)
            const count = Number(Option.getOrElse(yield* kv.get("n"), () => "0"))
            return { count, writer }
          }),
        options
      )
      yield* Fiber.interrupt(written.writer)
      expect(written.count).toBeGreaterThan(0)
      const kept = yield* withStore((kv) => kv.get("n"), options)
      expect(Number(Option.getOrThrow(kept))).toBeGreaterThanOrEqual(written.count)
    }).pipe(Effect.scoped)
  )

  it.effect("a key that expired while nothing ran is not there again", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const options = { dir, appendonly: true }
      yield* withStore((kv) => kv.set("k", "v", { ttl: "1 second" }), options)
      yield* TestClock.adjust("1 second")
      expect(yield* withStore((kv) => kv.get("k"), options)).toEqual(Option.none())
    }).pipe(Effect.scoped)
  )

  it.effect("a damaged file is refused with the offset", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const options = { dir, appendonly: true }
      yield* withStore((kv) => Effect.zipRight(kv.set("a", "1"), kv.set("b", "2")), options)
      const file = aofFile(dir)
      const bytes = fs.readFileSync(file)
      const offset = bytes.lastIndexOf("*3")
      bytes.write("?", offset, "latin1")
      fs.writeFileSync(file, bytes)
      const error = yield* Effect.flip(withStore((kv) => kv.get("a"), options))
      expect(error).toBeInstanceOf(Kv.AofError)
      expect(error).toMatchObject({ _tag: "AofError", reason: "Damaged" })
      expect(error.message).toContain(`offset ${offset}`)
      expect(error.message).toContain(path.basename(file))
      expect(fs.readFileSync(file)).toEqual(bytes)
    }).pipe(Effect.scoped)
  )

  it.effect("a torn tail is cut, and refused where the settings say so", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const options = { dir, appendonly: true }
      yield* withStore((kv) => Effect.zipRight(kv.set("a", "1"), kv.set("b", "2")), options)
      const file = aofFile(dir)
      const whole = fs.readFileSync(file)
      const torn = whole.subarray(0, whole.length - 3)
      fs.writeFileSync(file, torn)
      const refused = yield* Effect.flip(
        withStore((kv) => kv.dbSize, { ...options, aofLoadTruncated: false })
      )
      expect(refused).toMatchObject({ _tag: "AofError", reason: "Damaged" })
      expect(refused.message).toContain(`offset ${whole.lastIndexOf("*3")}`)
      expect(yield* withStore((kv) => kv.mget(["a", "b"]), options)).toEqual(["1", null])
      expect(fs.readFileSync(file).length).toBe(whole.lastIndexOf("*3"))
    }).pipe(Effect.scoped)
  )
})

describe("the same data in-process and on a port", () => {
  it.scoped("are one", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const context = yield* Layer.build(
        Server.layer({ port: 0 }).pipe(Layer.provideMerge(Kv.layer({ dir, appendonly: true })))
      )
      const kv = Context.get(context, service)
      const client = yield* socketTo(Context.get(context, Server.Server))
      const send = (...args: ReadonlyArray<string>) =>
        Effect.map(
          Effect.promise(() => client.send(...args)),
          plain
        )
      yield* kv.set("from", "inside")
      expect(yield* send("GET", "from")).toBe("inside")
      expect(yield* send("SET", "to", "outside")).toBe("OK")
      expect(yield* kv.get("to")).toEqual(Option.some("outside"))
      const [both] = yield* Effect.all(
        [
          Effect.forEach(
            Array.from({ length: 300 }, (_, i) => i),
            () => Effect.zipRight(kv.incr("n"), Effect.yieldNow())
          ),
          Effect.forEach(
            Array.from({ length: 300 }, (_, i) => i),
            () => send("INCR", "n"),
            { concurrency: 50 }
          )
        ],
        { concurrency: 2 }
      )
      expect(both.length).toBe(300)
      expect(yield* kv.get("n")).toEqual(Option.some("600"))
      expect(aofCommands(dir).filter((command) => command === "INCR n").length).toBe(600)
      // the in-process client is no connection
      expect(yield* send("INFO", "clients")).toContain("connected_clients:1\r\n")
    })
  )

  it.scoped("two listeners serve one store", () =>
    Effect.gen(function* () {
      const doors = Layer.merge(
        Layer.map(Server.layer({ port: 0 }), (context) =>
          Context.make(First, Context.get(context, Server.Server))
        ),
        Layer.fresh(Server.layer({ port: 0 }))
      )
      const context = yield* Layer.build(Layer.provide(doors, Kv.layer()))
      const first = yield* socketTo(Context.get(context, First))
      const second = yield* socketTo(Context.get(context, Server.Server))
      yield* Effect.promise(() => first.send("SET", "k", "v"))
      expect(plain(yield* Effect.promise(() => second.send("GET", "k")))).toBe("v")
    })
  )

  it.scoped("a port in use is a ListenError", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(Layer.provide(Server.layer({ port: 0 }), Kv.layer()))
      const address = Context.get(context, Server.Server).addresses[0]!
      const port = address._tag === "TcpAddress" ? address.port : 0
      const error = yield* Effect.flip(Layer.build(Layer.provide(Server.layer({ port }), Kv.layer())))
      expect(error).toBeInstanceOf(Server.ListenError)
      expect(error).toMatchObject({
        reason: "AddressInUse",
        message: `Failed listening on port ${port} (127.0.0.1): Address already in use`
      })
    })
  )
})

class First extends Context.Tag("test/First")<First, Server.Server["Type"]>() {}

describe("the shards' Refs", () => {
  const store = Effect.map(parts, (context) => Context.get(context, Store))

  const shardWith = (refs: ReadonlyArray<Readable.Readable<Shard>>) =>
    Effect.gen(function* () {
      for (const ref of refs) if ((yield* ref.get).size > 0) return ref
      return yield* Effect.dieMessage("no shard has a key")
    })

  it.effect("are read as Refs, and replaced by commands only", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const { refs } = yield* store
        expect(refs.length).toBe(16)
        expect(refs.every((database) => database.length === 32)).toBe(true)
        const empty = yield* refs[9]![0]!.get
        yield* kv.set("k", "v")
        const ref = yield* shardWith(refs[0]!)
        if (!(ref instanceof ShardRef)) throw new Error("no Ref holds the shard")
        const shard = yield* Ref.get(ref)
        expect(shard.size).toBe(1)
        expect(yield* ref).toBe(shard)
        expect(yield* Ref.modify(ref, (current) => [current.size, current])).toBe(1)
        // a shard put there from outside would skip the log, the memory of the old one and look-ups made ahead
        for (const replace of [
          Ref.set(ref, empty),
          Ref.update(ref, () => empty),
          Ref.getAndSet(ref, empty)
        ]) {
          const exit = yield* Effect.exit(replace)
          expect(String(exit)).toContain("a shard is replaced by commands")
        }
        expect(yield* kv.get("k")).toEqual(Option.some("v"))
      })
    )
  )

  it.effect("hold fresh shards after FLUSHDB, and each other's after SWAPDB", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const { refs } = yield* store
        yield* kv.set("k", "v")
        const ref = yield* shardWith(refs[0]!)
        const index = refs[0]!.indexOf(ref)
        const before = yield* ref.get
        yield* kv.send("SWAPDB", 0, 1)
        expect(yield* refs[1]![index]!.get).toBe(before)
        yield* kv.send("FLUSHALL")
        expect((yield* refs[1]![index]!.get).size).toBe(0)
        expect(yield* refs[1]![index]!.get).not.toBe(before)
      })
    )
  )

  it.effect("are the shards that the engine works on", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const { keyspace, refs } = yield* store
        expect((yield* engine).keyspace).toBe(keyspace)
        yield* kv.set("k", "v")
        const sizes = yield* Effect.forEach(refs[0]!, (ref) => Effect.map(ref.get, (shard) => shard.size))
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1)
      })
    )
  )
})
