/**
 * What accepts connections: a `Listener` for servers that answer on the spot, and Platform's `SocketServer` of the
 * same socket for everyone else. App tier.
 *
 * `Listener.onConnection` hands out a connection during the call in which it was accepted; there is no fiber, scope or
 * promise per connection. `SocketServer.run` works as the stock one does, but:
 *   - a client's half-close leaves the connection open for the replies that still wait (`allowHalfOpen`);
 *   - nothing is accepted once the scope begins to close, and closing cannot hang on a connection nobody owns.
 */
import * as fs from "node:fs"
import * as Net from "node:net"
import type * as Socket from "@effect/platform/Socket"
import * as SocketServer from "@effect/platform/SocketServer"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { type Connection, hostPort } from "./connection.js"
import { descriptorsLeft } from "./descriptors.js"
import { HandleShare, handles, takeOver } from "./handle.js"
import { Lingering } from "./lingering.js"
import { listen as listenAt } from "./listen.js"
import { StreamConnection } from "./stream.js"
import * as UnixSocket from "./UnixSocket.js"

/** Takes a connection; it calls `start` or `release` of it, at once or later. */
export type Acceptor = (connection: Connection) => void

/**
 * @since 0.1.0
 * @category models
 */
export class Listener extends Context.Tag("effect-kv/Listener")<
  Listener,
  {
    readonly address: SocketServer.Address
    /** Connections that wait for their clients to end, after their last reply. */
    readonly lingering: Lingering
    /** Hands every connection to `accept`, those first that came before this call. There is one acceptor: the last. */
    readonly onConnection: (accept: Acceptor) => void
    /** Stops listening. Connections that were handed out are not touched. */
    readonly stop: () => void
  }
>() {}

/** Where to listen: a TCP port or a Unix socket's path. */
export interface ListenOptions {
  readonly host?: string
  readonly port?: number
  readonly path?: string
  /** The mode of the Unix socket's file; 0 leaves what the process's umask gives. */
  readonly permissions?: number
  readonly backlog?: number
  readonly ipv6Only?: boolean
  /**
   * How sockets are driven: through Node's handles where this runtime is known for it ("handles"), or by `net.Socket`
   * everywhere ("streams").
   */
  readonly drive?: "handles" | "streams"
}

/** Connections that may wait for an acceptor; it comes right after the start. */
const UNOWNED_MAX = 1024
/** Pauses between log lines about descriptors. */
const COMPLAINT_MS = 1000

const addressOf = (server: Net.Server): SocketServer.Address => {
  const address = server.address()
  return typeof address === "string" || address === null
    ? { _tag: "UnixAddress", path: address ?? "" }
    : { _tag: "TcpAddress", hostname: address.address, port: address.port }
}

/** Where every connection of a server comes to, "" where that is not one address. */
const localOf = (address: SocketServer.Address): string => {
  if (address._tag === "UnixAddress" || address.hostname === "0.0.0.0" || address.hostname === "::") return ""
  return hostPort(address.hostname, address.port)
}

const listen = (options: ListenOptions): Effect.Effect<Net.Server, SocketServer.SocketServerError> =>
  Effect.async((resume) => {
    const server = Net.createServer({ allowHalfOpen: true, noDelay: true })
    const fail = (cause: unknown): void =>
      resume(Effect.fail(new SocketServer.SocketServerError({ reason: "Open", cause })))
    server.once("error", fail)
    listenAt(server, options, () => {
      server.removeListener("error", fail)
      try {
        if (options.path !== undefined && (options.permissions ?? 0) > 0)
          fs.chmodSync(options.path, options.permissions!)
        resume(Effect.succeed(server))
      } catch (cause) {
        server.close()
        fail(cause)
      }
    })
  })

/** Hands connections to whoever takes them. */
class Door {
  private acceptor: Acceptor | null = null
  private readonly unowned: Array<Connection> = []
  private closed = false
  private watching = false

  constructor(
    private readonly server: Net.Server,
    private readonly complain: () => void
  ) {}

  readonly onConnection = (accept: Acceptor): void => {
    this.acceptor = accept
    for (const connection of this.unowned.splice(0)) accept(connection)
  }

  leave(accept: Acceptor): void {
    if (this.acceptor === accept) this.acceptor = null
  }

  readonly enter = (connection: Connection): void => {
    this.watchDescriptors()
    if (this.closed) connection.destroy()
    else if (this.acceptor !== null) this.acceptor(connection)
    else if (this.unowned.length < UNOWNED_MAX) this.unowned.push(connection)
    else connection.destroy()
  }

  readonly stop = (): void => {
    if (this.closed) return
    this.closed = true
    for (const connection of this.unowned.splice(0)) connection.destroy()
    // stops accepting at once; its callback would wait for connections, which are not the listener's to end
    this.server.close()
  }

  /**
   * While no descriptor is free, libuv turns clients away by itself, in most versions without a word. So once clients
   * have come, or could not, it is looked whether one is left: at most once a second.
   */
  readonly watchDescriptors = (): void => {
    if (this.watching || this.closed) return
    this.watching = true
    const look = (): void => {
      this.watching = false
      if (this.closed || descriptorsLeft()) return
      this.complain()
      this.watchDescriptors()
    }
    setTimeout(look, COMPLAINT_MS).unref()
  }
}

/** The `run` of Platform's tag. A client that cannot be accepted is no error of it: it ends with its scope alone. */
const makeRun = (door: Door): SocketServer.SocketServer["Type"]["run"] =>
  Effect.fnUntraced(function* <R, E, A>(handler: (socket: Socket.Socket) => Effect.Effect<A, E, R>) {
    const fibers = yield* FiberSet.make<unknown, E>()
    const fork = yield* FiberSet.runtime(fibers)<R>()
    const accept: Acceptor = (connection) => {
      fork(handleConnection(connection.release(), handler))
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => door.onConnection(accept)),
      () => Effect.sync(() => door.leave(accept))
    )
    return yield* Effect.never
  }, Effect.scoped) as SocketServer.SocketServer["Type"]["run"]

/** Runs the handler of one connection, with the raw socket in its context. */
const handleConnection = <R, E, A>(
  net: Net.Socket,
  handler: (socket: Socket.Socket) => Effect.Effect<A, E, R>
): Effect.Effect<void, E, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      net.on("error", () => {})
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (!net.destroyed) net.destroy()
        })
      )
      const socket = yield* NodeSocket.fromDuplex(Effect.succeed(net))
      yield* handler(socket).pipe(
        Effect.mapInputContext((context: Context.Context<R>) =>
          Context.add(context, NodeSocket.NetSocket, net)
        )
      )
    })
  )

/** The server's connections through Node's handles, or else by its events. */
const openDoor = (server: Net.Server, door: Door, lingering: Lingering, options: ListenOptions): void => {
  const path = options.path ?? ""
  const driven = options.drive === "streams" ? null : handles()
  if (driven !== null) {
    const share = new HandleShare(driven.requests, lingering, path, localOf(addressOf(server)))
    takeOver(server, share, door.enter, door.watchDescriptors)
  }
  // none come of these once it is taken over
  server.on("connection", (socket) => door.enter(new StreamConnection(socket, lingering, path)))
  server.on("error", door.watchDescriptors)
}

/**
 * Listens. Fails with `SocketServerError` where it cannot. The file of a Unix socket goes when the scope closes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: ListenOptions
): Effect.Effect<
  readonly [Listener["Type"], SocketServer.SocketServer["Type"]],
  SocketServer.SocketServerError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime()
    const complain = (): void => {
      Runtime.runFork(runtime)(Effect.logWarning("Accepting client connection: accept: Too many open files"))
    }
    if (options.path !== undefined) yield* UnixSocket.clear(options.path)
    const lingering = new Lingering()
    const server = yield* listen(options)
    const door = new Door(server, complain)
    openDoor(server, door, lingering, options)
    // registered first, so it runs last: whoever took connections has ended them
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        door.stop()
        lingering.destroy()
      })
    )
    const address = addressOf(server)
    const listener = Listener.of({ address, lingering, onConnection: door.onConnection, stop: door.stop })
    return [listener, SocketServer.SocketServer.of({ address, run: makeRun(door) })] as const
  })

/**
 * The listener as a Layer, under both tags.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: ListenOptions
): Layer.Layer<Listener | SocketServer.SocketServer, SocketServer.SocketServerError> =>
  Layer.scopedContext(
    Effect.map(make(options), ([listener, server]) =>
      Context.make(Listener, listener).pipe(Context.add(SocketServer.SocketServer, server))
    )
  )
