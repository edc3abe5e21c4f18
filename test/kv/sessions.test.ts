// Clients that are shared and clients of one's own: what changes a session, databases, what closes, and SHUTDOWN.
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { Kv } from "../../src/index.js"
import * as Server from "../../src/Server.js"
import { engine, withStore } from "./support.js"

describe("a client that is shared", () => {
  it.effect.each<ReadonlyArray<string>>([
    ["SELECT", "1"],
    ["select", "1"],
    ["AUTH", "x"],
    ["HELLO", "2"],
    ["RESET"],
    ["QUIT"],
    ["CLIENT", "SETNAME", "mine"],
    ["client", "setname", "mine"],
    ["CLIENT", "SETINFO", "lib-name", "mine"],
    ["CLIENT", "REPLY", "OFF"],
    ["CLIENT", "NO-EVICT", "ON"],
    ["CLIENT", "NO-TOUCH", "ON"],
    ["CLIENT", "TRACKING", "ON"],
    ["MULTI"],
    ["WATCH", "k"],
    ["SUBSCRIBE", "news"],
    ["MONITOR"]
  ])("refuses %s, on every way in", ([command, ...args]) =>
    withStore((kv) =>
      Effect.gen(function* () {
        yield* kv.set("k", "v")
        const refusal = { _tag: "KvError", reason: "Session", code: "SESSION", command }
        expect(yield* Effect.flip(kv.send(command!, ...args))).toMatchObject(refusal)
        expect(yield* Effect.flip(kv.sendBytes(command!, ...args))).toMatchObject(refusal)
        expect(() => kv.unsafe.send(command!, ...args)).toThrow(expect.objectContaining(refusal))
        const second = yield* kv.database(2)
        expect(yield* Effect.flip(second.send(command!, ...args))).toMatchObject(refusal)
        // and nothing has happened
        expect(yield* kv.get("k")).toEqual(Option.some("v"))
        expect(yield* kv.send("CLIENT", "GETNAME")).toBeNull()
      })
    )
  )

  it.effect("takes the subcommand as bytes for what it is, too", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(kv.send("CLIENT", Buffer.from("SetName"), "mine"))
        expect(error.reason).toBe("Session")
      })
    )
  )

  it.effect("may ask about its session", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(yield* kv.send("CLIENT", "ID")).toBeTypeOf("number")
        expect(yield* kv.send("CLIENT", "INFO")).toContain("db=0 ")
      })
    )
  )
})

describe("database", () => {
  it.effect("gives a client that stays in its own", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const third = yield* kv.database(3)
        yield* kv.set("k", "zero")
        yield* third.set("k", "three")
        expect(kv.unsafe.get("k")).toBe("zero")
        expect(third.unsafe.get("k")).toBe("three")
        expect(yield* third.eval("return redis.call('GET', KEYS[1])", ["k"])).toBe("three")
        yield* third.flushDb
        expect(yield* kv.dbSize).toBe(1)
      })
    )
  )

  it.effect.each([16, -1, 1e9])("%d is refused, and nothing is left open", (index) =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(kv.database(index))).toMatchObject({
          reason: "Reply",
          message: "ERR DB index is out of range"
        })
      })
    )
  )

  it.effect("ends with its scope, and is CLOSED then", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const client = yield* Effect.scoped(Effect.tap(kv.database(3), (third) => third.set("k", "v")))
        const closed = { reason: "Closed", code: "CLOSED" }
        expect(yield* Effect.flip(client.get("k"))).toMatchObject({ ...closed, command: "GET" })
        expect(yield* Effect.flip(client.set("k", "v"))).toMatchObject({ ...closed, command: "SET" })
        expect(() => client.unsafe.get("k")).toThrow(expect.objectContaining(closed))
        expect(() => client.unsafe.set("k", "v")).toThrow(expect.objectContaining(closed))
        expect(yield* Effect.flip(Effect.scoped(client.database(4)))).toMatchObject(closed)
        expect(yield* Effect.flip(Effect.scoped(client.session))).toMatchObject(closed)
        // the client that it came from lives
        expect(yield* kv.dbSize).toBe(0)
      })
    )
  )

  it.effect("and sessions do not outlive the store, whatever their scope", () =>
    Effect.gen(function* () {
      const store = yield* Scope.make()
      const kv = Context.get(yield* Layer.buildWithScope(Kv.layer(), store), Kv.Kv)
      const database = yield* kv.database(3)
      const session = yield* kv.session
      const nested = yield* session.database(4)
      yield* nested.set("k", "v")
      yield* Scope.close(store, Exit.void)
      for (const client of [kv, database, session, nested]) {
        expect(yield* Effect.flip(client.set("k", "v"))).toMatchObject({ reason: "Closed" })
        expect(() => client.unsafe.send("PING")).toThrow(expect.objectContaining({ reason: "Closed" }))
        expect(yield* Effect.flip(client.session)).toMatchObject({ reason: "Closed" })
      }
    }).pipe(Effect.scoped)
  )
})

describe("a session", () => {
  it.effect("may be changed by its user, and changes nobody else's", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const session = yield* kv.session
        expect(yield* session.send("SELECT", 1)).toBe("OK")
        expect(yield* session.send("CLIENT", "SETNAME", "mine")).toBe("OK")
        yield* session.set("k", "one")
        expect(session.unsafe.get("k")).toBe("one")
        expect(yield* kv.get("k")).toEqual(Option.none())
        expect(yield* session.send("CLIENT", "GETNAME")).toBe("mine")
        const other = yield* kv.session
        expect(yield* other.send("CLIENT", "GETNAME")).toBeNull()
        // where it is, clients that it opens begin
        const inner = yield* session.session
        expect(yield* inner.get("k")).toEqual(Option.some("one"))
      })
    )
  )

  it.effect("gives replies as values whatever HELLO and RESET say", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const session = yield* kv.session
        yield* session.send("HELLO", 2)
        expect(yield* session.send("CONFIG", "GET", "databases")).toEqual(new Map([["databases", "16"]]))
        expect(yield* session.send("RESET")).toBe("RESET")
        expect(yield* session.send("CONFIG", "GET", "databases")).toEqual(new Map([["databases", "16"]]))
      })
    )
  )

  it.effect("ends with QUIT", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        const session = yield* kv.session
        expect(yield* session.send("QUIT")).toBe("OK")
        expect(yield* Effect.flip(session.get("k"))).toMatchObject({ reason: "Closed" })
        expect(yield* kv.get("k")).toEqual(Option.none())
      })
    )
  )

  it.effect("that lost its password is asked for it", () =>
    withStore(
      (kv) =>
        Effect.gen(function* () {
          const session = yield* kv.session
          yield* session.set("k", "v")
          yield* session.send("RESET")
          expect(yield* Effect.flip(session.get("k"))).toMatchObject({ reason: "Reply", code: "NOAUTH" })
          expect(() => session.unsafe.set("k", "w")).toThrow(expect.objectContaining({ code: "NOAUTH" }))
          yield* session.send("AUTH", "secret")
          expect(yield* session.get("k")).toEqual(Option.some("v"))
        }),
      { requirepass: "secret" }
    )
  )
})

describe("SHUTDOWN", () => {
  it.effect("is answered, tells the server, and leaves closing to the scope", () =>
    Effect.gen(function* () {
      const served = Server.layer({ port: 0 }).pipe(Layer.provideMerge(Kv.layer()))
      const context = yield* Layer.build(served)
      const kv = Context.get(context, Kv.Kv)
      const requested = yield* Effect.fork(Context.get(context, Server.Server).shutdownRequested)
      expect(yield* Effect.flip(kv.send("SHUTDOWN", "NOSAVE"))).toMatchObject({
        reason: "Closed",
        command: "SHUTDOWN",
        message: "CLOSED shutdown was requested; the store closes with its scope"
      })
      expect(yield* Fiber.join(requested)).toMatchObject({ save: false })
      yield* kv.set("k", "v")
      expect(yield* kv.get("k")).toEqual(Option.some("v"))
    }).pipe(Effect.scoped)
  )

  it.effect("cannot be answered synchronously", () =>
    withStore((kv) =>
      Effect.gen(function* () {
        expect(() => kv.unsafe.send("SHUTDOWN")).toThrow(expect.objectContaining({ reason: "Wait" }))
        expect((yield* engine).sessions.size).toBe(0)
      })
    )
  )
})
