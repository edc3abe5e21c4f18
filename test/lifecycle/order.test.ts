// The order of the way down: app before tasks before infrastructure, whoever asks for it. What is watched are the real
// parts: the listener, the engine's sessions, the actor's answers, the append-only file's descriptor.
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as net from "node:net"
import * as path from "node:path"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { Engine } from "../../src/engine/engine.js"
import { Kv } from "../../src/index.js"
import { servicesOf } from "../../src/kv/Parts.js"
import { RequestEngine } from "../../src/RequestEngine.js"
import * as Server from "../../src/Server.js"
import { Client, encode, plain } from "../support/client.mjs"
import { temporaryDir, until } from "../support/server.mjs"

vi.setConfig({ testTimeout: 20_000 })

let dir: string
let trace: Array<string>

// ---- what is watched of the process: the listener's end, and the append-only file's
const real = {
  open: fs.openSync,
  close: fs.closeSync,
  sync: fs.fdatasyncSync,
  listener: net.Server.prototype.close
}
const aofDescriptors = new Set<number>()

beforeEach(() => {
  dir = temporaryDir()
  trace = []
  aofDescriptors.clear()
  fs.openSync = (file, ...rest) => {
    const descriptor = real.open(file, ...rest)
    if (String(file).endsWith(".incr.aof")) aofDescriptors.add(descriptor)
    return descriptor
  }
  fs.closeSync = (descriptor) => {
    if (aofDescriptors.delete(descriptor)) trace.push("AOF closed")
    real.close(descriptor)
  }
  fs.fdatasyncSync = (descriptor) => {
    if (aofDescriptors.has(descriptor)) trace.push("AOF synced")
    real.sync(descriptor)
  }
  syncBuiltinESMExports()
  net.Server.prototype.close = function (this: net.Server, ...rest) {
    trace.push("listener closed")
    return real.listener.apply(this, rest)
  }
})

afterEach(() => {
  Object.assign(fs, {
    openSync: real.open,
    closeSync: real.close,
    fdatasyncSync: real.sync
  })
  syncBuiltinESMExports()
  net.Server.prototype.close = real.listener
  fs.rmSync(dir, { recursive: true, force: true })
})

const aofText = (): string => {
  const folder = path.join(dir, "appendonlydir")
  const name = fs.readdirSync(folder).find((file) => file.endsWith(".incr.aof"))
  return fs.readFileSync(path.join(folder, name!), "latin1")
}

const layers = () =>
  Server.layer({ port: 0 }).pipe(
    Layer.provideMerge(Kv.layer({ dir, appendonly: true, busyReplyThreshold: 30, hz: 500 })),
    Layer.provide(Logger.replace(Logger.defaultLogger, Logger.none))
  )
type Parts = Context.Context<Server.Server | Kv.Kv | Kv.Store>

const engineOf = (context: Parts): Engine =>
  Context.get(servicesOf(Context.get(context, Kv.Store)), RequestEngine).engine

/** Records what the engine and the store's tasks do. */
const watch = (context: Parts): void => {
  const engine = engineOf(context)
  const { keyspace } = engine
  const { close, complete } = engine
  engine.close = (session) => {
    trace.push("socket closed")
    close.call(engine, session)
  }
  engine.complete = (session, write) => {
    trace.push("socket's script answered")
    complete.call(engine, session, write)
  }
  const { expireDue } = keyspace
  keyspace.expireDue = (budget) => {
    if (trace.at(-1) !== "expiry ran") trace.push("expiry ran")
    return expireDue.call(keyspace, budget)
  }
}

const portOf = (context: Parts): number => {
  const [address] = Context.get(context, Server.Server).addresses
  return address?._tag === "TcpAddress" ? address.port : 0
}

interface Embedding {
  readonly context: Parts
  /** Ends it in the way that is tested, and completes when all is down. */
  readonly stop: (client: Client) => Promise<unknown>
}

const ways: Readonly<Record<string, () => Promise<Embedding>>> = {
  "the scope closes": async () => {
    const scope = Effect.runSync(Scope.make())
    const context = await Effect.runPromise(Layer.buildWithScope(layers(), scope))
    return {
      context,
      stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
    }
  },
  "the embedding fiber is interrupted": async () => {
    const started = Effect.runSync(Deferred.make<Parts>())
    const program = Effect.context<Server.Server | Kv.Kv | Kv.Store>().pipe(
      Effect.tap((context) => Deferred.succeed(started, context)),
      Effect.zipRight(Effect.never),
      Effect.provide(layers())
    )
    const fiber = Effect.runFork(program)
    const context = await Effect.runPromise(Deferred.await(started))
    return { context, stop: () => Effect.runPromise(Fiber.interrupt(fiber)) }
  },
  "a client sends SHUTDOWN": async () => {
    const started = Effect.runSync(Deferred.make<Parts>())
    const program = Effect.context<Server.Server | Kv.Kv | Kv.Store>().pipe(
      Effect.tap((context) => Deferred.succeed(started, context)),
      Effect.flatMap((context) => Context.get(context, Server.Server).shutdownRequested),
      Effect.provide(layers())
    )
    const fiber = Effect.runFork(program)
    const context = await Effect.runPromise(Deferred.await(started))
    return {
      context,
      stop: async (client) => {
        client.socket.write(encode(["SHUTDOWN", "NOSAVE"]))
        expect(Exit.isSuccess(await Effect.runPromise(Fiber.await(fiber)))).toBe(true)
      }
    }
  }
}

/** A script that runs for a time, then writes. */
const busyFor = (ms: number, key: string): string =>
  `local t = os.clock() while os.clock() - t < ${ms / 1000} do end redis.call('SET', '${key}', '1') return 'done'`

const inOrder = (first: string, second: string): void => {
  expect(trace).toContain(first)
  expect(trace).toContain(second)
  expect(trace.lastIndexOf(first), `${first} before ${second}: ${trace}`).toBeLessThan(trace.indexOf(second))
}

describe.each(Object.entries(ways))("%s", (_name, start) => {
  it("app stops before tasks before infrastructure, with a script running and clients connected", async () => {
    const { context, stop } = await start()
    watch(context)
    const kv = Context.get(context, Kv.Kv)
    const engine = engineOf(context)
    const port = portOf(context)
    // something is due all the while
    for (let i = 1; i <= 400; i++) kv.unsafe.set(`due:${i}`, "", { ttl: i * 10 })
    const [idle, busy, last] = await Promise.all([1, 2, 3].map(() => Client.connect({ port })))
    await Promise.all([idle, busy, last].map((client) => client!.send("PING")))
    // a script of a connection runs, and one of the in-process client has come into the queue behind it
    const { onWait } = engine.hooks
    let inProcess: Promise<unknown> = Promise.resolve()
    engine.hooks.onWait = (session, wait) => {
      engine.hooks.onWait = onWait
      onWait(session, wait)
      inProcess = Effect.runPromise(kv.eval(busyFor(300, "in-process"))).then((reply) => {
        trace.push("in-process script answered")
        return reply
      })
    }
    const answered = busy!.send("EVAL", busyFor(150, "of-a-socket"), "0")
    await until("the script runs", () => engine.gate.running)
    await stop(last!)

    expect(plain(await answered)).toBe("done")
    expect(await inProcess).toBe("done")
    await Promise.all([idle, busy, last].map((client) => client!.closed))
    expect(trace.filter((event) => event === "socket closed").length).toBe(3)
    // app
    inOrder("socket's script answered", "in-process script answered")
    inOrder("socket closed", "in-process script answered")
    inOrder("listener closed", "in-process script answered")
    // tasks
    inOrder("in-process script answered", "AOF synced")
    inOrder("expiry ran", "AOF synced")
    // infrastructure
    inOrder("AOF synced", "AOF closed")
    expect(trace.at(-1)).toBe("AOF closed")
    expect(aofText()).toContain("of-a-socket")
    expect(aofText()).toContain("in-process")
    // nothing is scheduled after
    const length = trace.length
    for (let i = 0; i < 500; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(trace.length).toBe(length)
  })

  it("nobody who connects on the way down is served, or holds it up", async () => {
    const { context, stop } = await start()
    watch(context)
    const port = portOf(context)
    const engine = engineOf(context)
    const busy = await Client.connect({ port })
    const last = await Client.connect({ port })
    await last.send("PING")
    const answered = busy.send("EVAL", busyFor(200, "k"), "0")
    await until("the script runs", () => engine.gate.running)
    const stopped = stop(last)
    // on its way down it answers nobody new, and closes them at once; the script takes a while yet
    await until("it takes no more", async () => {
      const probe = await Client.connect({ port }).catch(() => null)
      if (probe === null) return true
      const reply = await probe.send("PING").catch(() => null)
      await probe.destroy()
      return reply === null
    })
    const late = await Client.connect({ port }).catch(() => null)
    if (late !== null) {
      late.socket.write(encode(["SET", "late", "1"]))
      expect((await late.rawUntilClosed(5000)).toString()).toBe("")
    }
    await stopped
    expect(plain(await answered)).toBe("done")
    await expect(Client.connect({ port })).rejects.toThrow(/ECONNREFUSED/)
    expect(aofText()).not.toContain("late")
  })

  it("a script that does not end is ended, and nothing of it is on disk", async () => {
    const { context, stop } = await start()
    watch(context)
    const kv = Context.get(context, Kv.Kv)
    const last = await Client.connect({ port: portOf(context) })
    await last.send("PING")
    const endless = Effect.runPromise(
      Effect.flip(kv.eval("redis.call('SET', 'began', '1') while true do end"))
    )
    const engine = engineOf(context)
    await until("others are told", () => engine.gate.busy)
    const startedAt = performance.now()
    await stop(last)
    expect(performance.now() - startedAt).toBeLessThan(4000)
    expect((await endless).message).toContain("ERR Error running script: the server is shutting down")
    expect(aofText()).not.toContain("began")
    expect(trace.at(-1)).toBe("AOF closed")
  })
})

describe("a failed start", () => {
  it("closes what was open already", async () => {
    const taken = net.createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    const address = taken.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const layer = Server.layer({ port }).pipe(Layer.provideMerge(Kv.layer({ dir, appendonly: true })))
    const exit = await Effect.runPromise(Effect.exit(Effect.scoped(Layer.build(layer))))
    expect(Exit.isFailure(exit)).toBe(true)
    expect(trace).toEqual(["AOF synced", "AOF closed"])
    taken.close()
  })
})
