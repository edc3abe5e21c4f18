/**
 * A `SocketServer` for servers that answer on the spot. App tier.
 *
 * It provides Platform's own tag, so it can be exchanged for the stock one; what it does otherwise:
 *   - a client's half-close leaves the connection open for the replies that still wait (`allowHalfOpen`);
 *   - reads go into one buffer that all connections share, so that nothing is allocated per read: `onBytes` hands a
 *     connection's bytes to a synchronous consumer, valid during the call only;
 *   - nothing is accepted once the scope begins to close, and closing cannot hang on a connection nobody owns.
 */

import * as Net from "node:net"
import type * as Socket from "@effect/platform/Socket"
import * as SocketServer from "@effect/platform/SocketServer"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type ByteSource, byteSource } from "../resp/batch.js"

/** Bytes of the buffer that all connections read into; one read brings at most so many. */
export const READ_BYTES_MAX = 64 * 1024

/** Takes bytes that were read: [0, count) of the source. */
export type BytesSink = (source: ByteSource, count: number) => void

const sinks = new WeakMap<Net.Socket, { sink: BytesSink | null }>()

/**
 * Hands every byte that a connection of this listener receives to `sink`, at once and in order. The socket must be
 * one of `NetSocket` as this module's layer provides it; reading starts with this call.
 *
 * @since 0.1.0
 */
export const onBytes = (socket: Net.Socket, sink: BytesSink): void => {
  const slot = sinks.get(socket)
  if (slot === undefined) {
    socket.on("data", (chunk: Buffer) => sink(byteSource(chunk), chunk.length))
    return
  }
  slot.sink = sink
  socket.resume()
  // starts the reads of a handle that was accepted paused
  socket.read(0)
}

/** What Node keeps in a socket that it has accepted: taken over to read into a buffer of our own. */
interface AcceptedSocket {
  _handle?: object | null
}

/** Where to listen: a TCP port or a Unix socket's path. */
export interface ListenOptions {
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly backlog?: number
  readonly ipv6Only?: boolean
}

const addressOf = (server: Net.Server): SocketServer.Address => {
  const address = server.address()
  return typeof address === "string" || address === null
    ? { _tag: "UnixAddress", path: address ?? "" }
    : { _tag: "TcpAddress", hostname: address.address, port: address.port }
}

/** The same connection with reads into the shared buffer, where this Node lets us have its handle. */
const shareReads = (accepted: Net.Socket, shared: ByteSource): Net.Socket => {
  const holder = accepted as unknown as AcceptedSocket
  const handle = holder._handle
  if (handle === undefined || handle === null) return accepted
  holder._handle = null
  const slot: { sink: BytesSink | null } = { sink: null }
  // `handle` is what Node's own accept passes; `onread` is public
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: shared.bytes,
      callback: (count: number) => {
        if (slot.sink !== null) slot.sink(shared, count)
        // a consumer that knows nothing of the shared buffer gets bytes of its own
        else socket.emit("data", Buffer.from(shared.bytes.subarray(0, count)))
        return true
      }
    }
  }
  const socket: Net.Socket = new Net.Socket(options as Net.SocketConstructorOpts)
  sinks.set(socket, slot)
  return socket
}

/**
 * Listens and provides the server. Fails with `SocketServerError` where it cannot.
 *
 * @since 0.1.0
 */
export const make = (
  options: ListenOptions
): Effect.Effect<SocketServer.SocketServer["Type"], SocketServer.SocketServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const shared = byteSource(Buffer.allocUnsafeSlow(READ_BYTES_MAX))
    const waiting: Array<Net.Socket> = []
    const state: {
      onConnection: ((socket: Net.Socket) => void) | null
      closed: boolean
    } = {
      onConnection: null,
      closed: false
    }
    const server = yield* Effect.acquireRelease(
      Effect.async<Net.Server, SocketServer.SocketServerError>((resume) => {
        const server = Net.createServer({
          allowHalfOpen: true,
          pauseOnConnect: true,
          noDelay: true
        })
        server.on("connection", (accepted) => {
          if (state.closed) {
            accepted.destroy()
            return
          }
          const socket = shareReads(accepted, shared)
          if (state.onConnection === null) waiting.push(socket)
          else state.onConnection(socket)
        })
        server.once("error", (cause) =>
          resume(Effect.fail(new SocketServer.SocketServerError({ reason: "Open", cause })))
        )
        server.listen(options, () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          state.closed = true
          for (const socket of waiting) socket.destroy()
          // stops accepting at once; its callback would wait for connections, which are not this layer's to end
          server.close()
        })
    )
    const run = Effect.fnUntraced(function* <R, E, A>(
      handler: (socket: Socket.Socket) => Effect.Effect<A, E, R>
    ) {
      const fibers = yield* FiberSet.make<unknown, E>()
      const fork = yield* FiberSet.runtime(fibers)<R>()
      const failed = yield* Deferred.make<never, SocketServer.SocketServerError>()
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          state.onConnection = null
        })
      )
      const accept = (net: Net.Socket): void => {
        fork(handleConnection(net, handler))
      }
      state.onConnection = accept
      for (const net of waiting.splice(0)) accept(net)
      server.on("error", (cause) =>
        Deferred.unsafeDone(
          failed,
          Effect.fail(new SocketServer.SocketServerError({ reason: "Unknown", cause }))
        )
      )
      return yield* Deferred.await(failed)
    }, Effect.scoped)
    return SocketServer.SocketServer.of({
      address: addressOf(server),
      run: run as SocketServer.SocketServer["Type"]["run"]
    })
  })

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

/**
 * The listener as a Layer.
 *
 * @since 0.1.0
 */
export const layer = (
  options: ListenOptions
): Layer.Layer<SocketServer.SocketServer, SocketServer.SocketServerError> =>
  Layer.scoped(SocketServer.SocketServer, make(options))
