/**
 * The clients: a session and a connection per socket, from accept to close. App tier: the first to stop.
 *
 * Bytes go from the socket to the engine during the read, and replies back during the same call; there is no Effect
 * per chunk. What this service owns is the beginning and the end of connections: limits, time-outs, and the drain.
 *
 * Shutdown: no bytes are taken any more; commands that wait are answered for a bounded time; replies are flushed;
 * then each socket is ended and, after a moment, destroyed.
 */

import type * as Net from "node:net"
import * as SocketServer from "@effect/platform/SocketServer"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Settings } from "../config/settings.js"
import { Dispatch } from "../Dispatch.js"
import type { Engine } from "../engine/engine.js"
import * as Errors from "../engine/errors.js"
import { Session } from "../engine/session.js"
import { ServerConfig } from "../ServerConfig.js"
import { Connection } from "./connection.js"
import { onBytes } from "./Listener.js"

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
/** Pauses between looks at what is still open. */
const POLL_MS = 5
/** Pauses between looks for clients that have been idle for too long. */
const IDLE_CHECK_MS = 1000

const peerOf = (socket: Net.Socket): string =>
  socket.remoteAddress === undefined ? "" : hostPort(socket.remoteAddress, socket.remotePort)
const localOf = (socket: Net.Socket): string =>
  socket.localAddress === undefined ? "" : hostPort(socket.localAddress, socket.localPort)
const hostPort = (host: string, port: number | undefined): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

const isLoopback = (socket: Net.Socket): boolean => {
  const host = socket.remoteAddress
  return host === undefined || host === "::1" || host.startsWith("127.") || host.startsWith("::ffff:127.")
}

/** Why a new connection is not taken, or null. */
const refusal = (engine: Engine, settings: Settings, socket: Net.Socket): Uint8Array | null => {
  if (engine.sessions.size >= settings.maxclients) return Errors.MAX_CLIENTS
  if (settings.protectedMode && settings.requirepass === "" && !isLoopback(socket))
    return Errors.PROTECTED_MODE
  return null
}

/** The clients of one listener. */
interface Clients {
  readonly sessions: Set<Session>
  /** No more bytes are taken. */
  stopping: boolean
}

/** Owns one socket until it is closed; completes then. */
const serve = (
  engine: Engine,
  settings: Settings,
  clients: Clients,
  socket: Net.Socket
): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (clients.stopping) {
      socket.once("close", () => resume(Effect.void))
      socket.destroy()
      return
    }
    const refused = refusal(engine, settings, socket)
    if (refused !== null) {
      engine.stats.rejectedConnections++
      socket.end(refused)
      socket.once("close", () => resume(Effect.void))
      socket.resume()
      return
    }
    if (settings.tcpKeepaliveSeconds > 0) socket.setKeepAlive(true, settings.tcpKeepaliveSeconds * 1000)
    const connection = new Connection(socket)
    const now = engine.hooks.now()
    const session = new Session(
      engine.newSessionId(),
      engine.keyspace.databases[0]!,
      settings.requirepass === "",
      now,
      peerOf(socket),
      localOf(socket),
      connection
    )
    session.bulkBytesMax = settings.protoMaxBulkLenBytes
    engine.open(session)
    clients.sessions.add(session)
    socket.on("drain", () => engine.resume(session))
    socket.on("end", () => engine.endInput(session))
    socket.on("error", () => {})
    socket.once("close", () => {
      engine.close(session)
      clients.sessions.delete(session)
      resume(Effect.void)
    })
    onBytes(socket, (source, count) => {
      if (!clients.stopping) engine.feed(session, source, count)
    })
    return Effect.sync(() => socket.destroy())
  })

/** The raw socket: SocketServers put it in the context of a connection's handler, which their type does not say. */
const netSocket = Effect.map(Effect.context<never>(), Context.unsafeGet(NodeSocket.NetSocket))

const pause = Effect.async<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), POLL_MS)
  return Effect.sync(() => clearTimeout(timer))
})

/** Waits until a condition holds, or time is up. */
const waitFor = (condition: () => boolean, milliseconds: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const until = performance.now() + milliseconds
    return Effect.whileLoop({
      while: () => !condition() && performance.now() < until,
      body: () => pause,
      step: () => {}
    })
  })

/** Ends every session: what waits is answered, replies leave, sockets close. */
const drain = (engine: Engine, clients: Clients): Effect.Effect<void> =>
  Effect.gen(function* () {
    clients.stopping = true
    const sessions = [...clients.sessions]
    // a handful of milliseconds at most, unless a script runs or the disk is slow
    yield* waitFor(
      () =>
        sessions.every(
          (session) =>
            !session.waiting || session.closed || session.blocked !== null || session.lastCommand === SHUTDOWN
        ),
      ANSWER_GRACE_MS
    )
    engine.flush()
    yield* waitFor(() => engine.outbox.idle, ANSWER_GRACE_MS)
    for (const session of sessions) if (!session.closed) session.transport.end()
    yield* waitFor(() => sessions.every((session) => session.closed), CLOSE_GRACE_MS)
    for (const session of [...clients.sessions]) session.transport.destroy()
  })

/** Closes clients that have sent nothing for longer than `timeout`. */
const closeIdle = (engine: Engine, settings: Settings, clients: Clients): Effect.Effect<never> =>
  Effect.sync(() => {
    if (settings.timeoutSeconds === 0) return
    const before = engine.hooks.now() - settings.timeoutSeconds * 1000
    for (const session of clients.sessions) {
      if (!session.waiting && session.lastActiveAt < before) session.transport.destroy()
    }
  }).pipe(Effect.delay(IDLE_CHECK_MS), Effect.forever)

/**
 * Serves every connection that the SocketServer accepts.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  Connections["Type"],
  never,
  SocketServer.SocketServer | Dispatch | ServerConfig | Scope.Scope
> = Effect.gen(function* () {
  const server = yield* SocketServer.SocketServer
  const settings = yield* ServerConfig
  const { engine } = yield* Dispatch
  const clients: Clients = { sessions: new Set(), stopping: false }
  if (server.address._tag === "TcpAddress") engine.server.tcpPort = server.address.port
  yield* server
    .run(() =>
      Effect.flatMap(netSocket, (socket) => Effect.uninterruptible(serve(engine, settings, clients, socket)))
    )
    .pipe(
      Effect.catchAll((cause) => Effect.logError("the listener failed", cause)),
      // the drain below ends the connections, not an interrupt
      Effect.forkScoped
    )
  yield* Effect.forkScoped(closeIdle(engine, settings, clients))
  // registered last, so it runs first: while the sockets are still open
  yield* Effect.addFinalizer(() => drain(engine, clients))
  return Connections.of({ address: server.address })
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Connections, never, SocketServer.SocketServer | Dispatch | ServerConfig> =
  Layer.scoped(Connections, make)
