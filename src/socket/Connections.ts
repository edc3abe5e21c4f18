/**
 * The clients: a session and a connection per socket, from accept to close. App tier: the first to stop.
 *
 * Bytes go from the socket to the engine during the read, and replies back during the same call; there is no Effect
 * per chunk or per connection. What this service owns is the beginning and the end of connections: limits, time-outs,
 * and the drain.
 *
 * Shutdown: nothing new is accepted and no bytes are taken any more; commands that wait are answered for a bounded
 * time; replies are flushed; then each socket is ended and, after a moment, destroyed.
 */

import * as SocketServer from "@effect/platform/SocketServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Settings } from "../config/settings.js"
import { Dispatch } from "../Dispatch.js"
import type { Engine } from "../engine/engine.js"
import { ServerConfig } from "../ServerConfig.js"
import { admit, type Clients, refusal } from "./client.js"
import type { Connection } from "./connection.js"
import { affordableClients, descriptorLimit } from "./descriptors.js"
import { Listener } from "./Listener.js"

/**
 * @since 0.1.0
 * @category models
 */
export class Connections extends Context.Tag("effect-kv/Connections")<
  Connections,
  {
    /** Where the server is reached. */
    readonly address: SocketServer.Address
  }
>() {}

/** Its own reply is the end of the connection. */
const SHUTDOWN = "shutdown"
/** How long commands that wait may still take when the server stops, and then the sockets. */
const ANSWER_GRACE_MS = 1200
const CLOSE_GRACE_MS = 300
/** The least pause between looks for clients that have been idle for too long. */
const IDLE_CHECK_MS = 100
/** Refused clients that are given time to read why; they fit into the descriptors that are kept back. */
const REFUSED_MAX = 4

/** Tells a client why it is not taken. A few get time to read it, so that refused clients cannot pile up. */
const refuse = (
  connection: Connection,
  lingering: Listener["Type"]["lingering"],
  reason: Uint8Array
): void => {
  const bytes = Buffer.from(reason)
  connection.send(bytes, 0, bytes.length)
  if (lingering.size < REFUSED_MAX) connection.end()
  else connection.destroy()
}

/** Waits until a condition holds that replies of the engine bring about, or time is up. */
const waitFor = (engine: Engine, condition: () => boolean, milliseconds: number): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const end = (): void => {
      clearTimeout(timer)
      engine.onReplies.delete(check)
      resume(Effect.void)
    }
    const check = (): void => {
      if (condition()) end()
    }
    const timer = setTimeout(end, milliseconds)
    engine.onReplies.add(check)
    check()
    return Effect.sync(() => {
      clearTimeout(timer)
      engine.onReplies.delete(check)
    })
  })

/** Waits until every client is closed and those that were ended have ended too, or time is up. */
const allClosed = ({ clients, listener }: Doorkeeper): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const check = (): void => {
      if (clients.open.size > 0 || listener.lingering.size > 0) return
      clearTimeout(timer)
      resume(Effect.void)
    }
    const timer = setTimeout(() => resume(Effect.void), CLOSE_GRACE_MS)
    clients.onClosed = check
    listener.lingering.onEmpty = check
    check()
    return Effect.sync(() => clearTimeout(timer))
  })

interface Doorkeeper {
  readonly clients: Clients
  readonly listener: Listener["Type"]
}

/** Ends every session: what waits is answered, replies leave, sockets close. */
const drain = (keeper: Doorkeeper): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { clients, listener } = keeper
    const { engine } = clients
    clients.stopping = true
    listener.stop()
    listener.lingering.destroy()
    const answered = (): boolean => {
      // who waits for keys waits for what may never come
      for (const { session } of clients.open)
        if (
          session.waiting &&
          session.blocked === null &&
          !session.closed &&
          session.lastCommand !== SHUTDOWN
        )
          return false
      return true
    }
    // a handful of milliseconds at most, unless a script runs or the disk is slow
    yield* waitFor(engine, answered, ANSWER_GRACE_MS)
    engine.flush()
    yield* waitFor(engine, () => engine.outbox.idle, ANSWER_GRACE_MS)
    for (const { connection, ignored } of [...clients.open]) {
      // whose bytes were not all read would lose replies that are on their way, were it closed at once
      if (ignored || !connection.flushed) connection.end()
      else connection.destroy()
    }
    yield* allClosed(keeper)
    for (const { connection } of [...clients.open]) connection.destroy()
    listener.lingering.destroy()
    if (clients.open.size > 0) yield* allClosed(keeper)
  })

/** The milliseconds until a client may have been idle for longer than `timeout`; closes those that have. */
const closeIdle = ({ engine, open }: Clients, settings: Settings): number => {
  const now = engine.hooks.now()
  const limitMs = settings.timeoutSeconds * 1000
  let next = limitMs
  for (const { connection, session } of open) {
    // who waits for an answer is not idle, as in Redis
    if (session.waiting) continue
    const leftMs = session.lastActiveAt + limitMs - now
    if (leftMs < 0) connection.destroy()
    else if (leftMs < next) next = leftMs
  }
  return Math.max(next + 1, IDLE_CHECK_MS)
}

/** Watches idle clients while there is a `timeout`, and sleeps until the first of them can be due. */
const watchIdle = (clients: Clients, settings: Settings): Effect.Effect<never, never, Scope.Scope> =>
  Effect.gen(function* () {
    const latch = Effect.unsafeMakeLatch(settings.timeoutSeconds > 0)
    const follow = (): null => {
      latch.unsafeClose()
      if (settings.timeoutSeconds > 0) latch.unsafeOpen()
      changed.unsafeOpen()
      return null
    }
    const changed = Effect.unsafeMakeLatch(false)
    yield* Effect.acquireRelease(
      Effect.sync(() => settings.onChange("timeout", follow)),
      (unsubscribe) => Effect.sync(unsubscribe)
    )
    const round = Effect.suspend(() => {
      changed.unsafeClose()
      const milliseconds = closeIdle(clients, settings)
      return Effect.raceFirst(Effect.sleep(milliseconds), changed.await)
    })
    return yield* Effect.forever(latch.whenOpen(round))
  })

/** Lowers maxclients to what the descriptors of this process allow, now and when it is changed. */
const limitClients = (settings: Settings): Effect.Effect<void, SocketServer.SocketServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const limit = descriptorLimit()
    const { clients, warnings } = affordableClients(settings.maxclients, limit)
    for (const warning of warnings) yield* Effect.logWarning(warning)
    if (clients < 1) {
      const cause = new Error("too few file descriptors")
      return yield* new SocketServer.SocketServerError({ reason: "Open", cause })
    }
    if (clients < settings.maxclients) settings.set([["maxclients", String(clients)]])
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        settings.onChange("maxclients", (value) => {
          const affordable = affordableClients(Number(value), limit).clients
          if (affordable >= Number(value)) return null
          return `The operating system is not able to handle the specified number of clients, try with ${affordable}`
        })
      ),
      (unsubscribe) => Effect.sync(unsubscribe)
    )
  })

/**
 * Serves every connection that the Listener accepts.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  Connections["Type"],
  SocketServer.SocketServerError,
  Listener | Dispatch | ServerConfig | Scope.Scope
> = Effect.gen(function* () {
  const listener = yield* Listener
  const settings = yield* ServerConfig
  const { engine } = yield* Dispatch
  const { address, lingering } = listener
  yield* limitClients(settings)
  const clients: Clients = { engine, open: new Set(), stopping: false, onClosed: () => {} }
  if (address._tag === "TcpAddress") engine.server.tcpPort = address.port
  listener.onConnection((connection) => {
    if (clients.stopping) {
      connection.destroy()
      return
    }
    const reason = refusal(engine, settings, connection, lingering.size)
    if (reason === null) {
      admit(clients, settings, connection)
      return
    }
    engine.stats.rejectedConnections++
    refuse(connection, lingering, reason)
  })
  yield* Effect.forkScoped(watchIdle(clients, settings))
  // registered last, so it runs first: while the sockets are still open
  yield* Effect.addFinalizer(() => drain({ clients, listener }))
  return Connections.of({ address })
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<
  Connections,
  SocketServer.SocketServerError,
  Listener | Dispatch | ServerConfig
> = Layer.scoped(Connections, make)
