/**
 * The server: the core of `Core.ts` with its doors to the network. The app tier on top of it:
 *
 *   app   Listener → Connections → Dispatch
 *
 * Shutdown begins here: no new connections, requests answered, replies flushed, sockets closed; then the core's tiers.
 *
 * @since 0.1.0
 */

import * as fs from "node:fs"
import type * as SocketServer from "@effect/platform/SocketServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { AofError } from "./aof/Aof.js"
import { notify, type SupervisedState, supervisorOf } from "./cli/supervision.js"
import type { Settings } from "./config/settings.js"
import * as Dispatch from "./Dispatch.js"
import * as Parts from "./kv/Parts.js"
import type { Store } from "./kv/Store.js"
import * as ServerConfig from "./ServerConfig.js"
import * as Connections from "./socket/Connections.js"
import * as Listener from "./socket/Listener.js"

export type { ShutdownRequest } from "./Dispatch.js"
export type { Store } from "./kv/Store.js"

/**
 * The server cannot listen.
 *
 * @since 0.1.0
 * @category errors
 */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  reason: Schema.Literal("AddressInUse", "NotPermitted", "Unavailable", "Nowhere"),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {}

/**
 * A running server.
 *
 * @since 0.1.0
 * @category models
 */
export class Server extends Context.Tag("effect-kv/Server")<
  Server,
  {
    /** Where it is reached: with port 0, the port that was chosen. */
    readonly addresses: ReadonlyArray<SocketServer.Address>
    /** Completes when the files are loaded: clients who come before are told LOADING. */
    readonly loaded: Effect.Effect<void, AofError>
    /** Completes when a client has sent SHUTDOWN. The server stops when its Layer's scope closes. */
    readonly shutdownRequested: Effect.Effect<Dispatch.ShutdownRequest>
  }
>() {}

const toListenError =
  (where: string) =>
  ({ cause }: SocketServer.SocketServerError): ListenError => {
    const { code } = cause as NodeJS.ErrnoException
    if (code === "EADDRINUSE") {
      return new ListenError({
        reason: "AddressInUse",
        message: `Failed listening on ${where}: Address already in use`,
        cause
      })
    }
    if (code === "EACCES" || code === "EPERM") {
      return new ListenError({
        reason: "NotPermitted",
        message: `Failed listening on ${where}: Permission denied`,
        cause
      })
    }
    const detail = cause instanceof Error ? cause.message : String(cause)
    return new ListenError({
      reason: "Unavailable",
      message: `Failed listening on ${where}: ${detail}`,
      cause
    })
  }

/** One listener and its connections. */
const layerListener = (
  where: string,
  options: Listener.ListenOptions
): Layer.Layer<Connections.Connections, ListenError, Dispatch.Dispatch | ServerConfig.ServerConfig> =>
  Connections.layer.pipe(
    Layer.provide(Listener.layer(options)),
    Layer.catchAll((error) => Layer.fail(toListenError(where)(error)))
  )

/** A place to listen; an optional one may be missing on this machine. */
interface Place {
  readonly where: string
  readonly optional: boolean
  readonly options: Listener.ListenOptions
}

const hostOf = (address: string): string => (address === "*" ? "0.0.0.0" : address === "::*" ? "::" : address)

/** The places that the settings ask for: every address of `bind`, and the Unix socket. Port 0 is no TCP. */
const placesOf = (settings: Settings): ReadonlyArray<Place> => {
  const backlog = settings.tcpBacklog
  const places: Array<Place> = []
  for (const address of settings.port === 0 ? [] : settings.bind) {
    const optional = address.startsWith("-")
    const host = hostOf(optional ? address.slice(1) : address)
    const options = {
      port: settings.port,
      host,
      backlog,
      ipv6Only: host.includes(":")
    }
    places.push({
      where: `port ${settings.port} (${host})`,
      optional,
      options
    })
  }
  if (settings.unixsocket !== "") {
    places.push({
      where: settings.unixsocket,
      optional: false,
      options: {
        path: settings.unixsocket,
        permissions: settings.unixsocketMode,
        backlog
      }
    })
  }
  return places
}

/**
 * Where a server listens. Without any, where the settings say (`port`, `bind`, `unixsocket`).
 *
 * @since 0.1.0
 * @category models
 */
export interface ListenOptions {
  /** The TCP port; 0 has the system choose one: `Server.addresses` tells which. */
  readonly port?: number
  /** The address to listen on; 127.0.0.1 unless told. */
  readonly host?: string
  /** The path of a Unix socket, instead of a port. */
  readonly path?: string
}

const placeOf = (options: ListenOptions): Place => {
  if (options.path !== undefined)
    return {
      where: options.path,
      optional: false,
      options: { path: options.path }
    }
  const host = options.host ?? "127.0.0.1"
  const port = options.port ?? 6379
  return {
    where: `port ${port} (${host})`,
    optional: false,
    options: { host, port }
  }
}

/** Listens at the places, for a store whose parts are in the context. */
const make = (
  options: ListenOptions | undefined
): Effect.Effect<Server["Type"], ListenError, Dispatch.Dispatch | ServerConfig.ServerConfig | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* ServerConfig.ServerConfig
    const { loaded, shutdownRequested } = yield* Dispatch.Dispatch
    const scope = yield* Effect.scope
    const addresses: Array<SocketServer.Address> = []
    for (const name of ["port", "bind", "unixsocket"]) {
      const unsubscribe = settings.onChange(
        name,
        () => "this server listens where it was started; restart it"
      )
      yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
    }
    for (const place of options === undefined ? placesOf(settings) : [placeOf(options)]) {
      const listening = Layer.buildWithScope(layerListener(place.where, place.options), scope)
      const context = yield* place.optional ? Effect.option(listening) : Effect.map(listening, Option.some)
      if (Option.isSome(context)) addresses.push(Context.get(context.value, Connections.Connections).address)
    }
    if (addresses.length === 0) {
      return yield* new ListenError({
        reason: "Nowhere",
        message: "Configured to not listen anywhere, exiting."
      })
    }
    return Server.of({ addresses, loaded, shutdownRequested })
  })

/**
 * Serves a store to Redis clients. Give it `Kv.layer`: the same data are in-process and on the wire.
 *
 * @example
 * import { Kv } from "effect-kv"
 * import * as Server from "effect-kv/Server"
 * import * as Layer from "effect/Layer"
 *
 * const served = Server.layer({ port: 6379 }).pipe(Layer.provideMerge(Kv.layer()))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: ListenOptions): Layer.Layer<Server, ListenError, Store> =>
  Layer.scoped(Server, Parts.provide(make(options)))

/**
 * The whole server with these settings, as the executable runs it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSettings = (settings: Settings): Layer.Layer<Server | Store, ListenError> =>
  layer().pipe(Layer.provideMerge(Parts.layer), Layer.provide(ServerConfig.layerSettings(settings)))

/** The file with the process's number, while the server runs; that it cannot be written is only a warning. */
const pidFile = (path: string): Effect.Effect<void, never, Scope.Scope> => {
  if (path === "") return Effect.void
  return Effect.acquireRelease(
    Effect.try(() => fs.writeFileSync(path, `${process.pid}\n`)).pipe(
      Effect.catchAll(({ error }) => Effect.logWarning(`Failed to write PID file: ${String(error)}`))
    ),
    () => Effect.sync(() => fs.rmSync(path, { force: true }))
  )
}

const textOf = (address: SocketServer.Address): string => {
  if (address._tag === "UnixAddress") return address.path
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname
  return `${host}:${address.port}`
}

/** Says where it listens and that it is ready, in the words that programs written for redis-server wait for. */
const announce = (addresses: ReadonlyArray<SocketServer.Address>): Effect.Effect<void> =>
  Effect.forEach(addresses, (address) => Effect.logInfo(`Listening on ${textOf(address)}`), { discard: true })

const announceReady = (addresses: ReadonlyArray<SocketServer.Address>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const kinds = new Set(addresses.map(({ _tag }) => (_tag === "UnixAddress" ? "unix" : "tcp")))
    for (const kind of kinds) yield* Effect.logInfo(`Ready to accept connections ${kind}`)
  })

/** Tells the supervisor that started the server that it is ready, and when it stops. */
const supervision = (settings: Settings): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const supervisor = supervisorOf(settings.supervised, process.env)
    if (supervisor === null) return
    const tell = (state: SupervisedState) =>
      Effect.flatMap(
        Effect.promise(() => notify(supervisor, state)),
        (problem) => (problem === null ? Effect.void : Effect.logWarning(`Supervision: ${problem}`))
      )
    yield* Effect.acquireRelease(tell("ready"), () => tell("stopping"))
  })

/**
 * Runs a server until a client sends SHUTDOWN, or the fiber is interrupted (SIGTERM, SIGINT): both take the same way
 * down, the scope of the Layers. Why it could not start is in the log when it fails.
 *
 * @since 0.1.0
 */
export const main = (settings: Settings): Effect.Effect<void, ListenError | AofError> =>
  Effect.gen(function* () {
    const server = yield* Server
    yield* pidFile(settings.pidfile)
    yield* Effect.logInfo("Server initialized")
    yield* announce(server.addresses)
    const ready = Effect.gen(function* () {
      yield* server.loaded
      yield* announceReady(server.addresses)
      yield* supervision(settings)
      return yield* Effect.never
    })
    // SHUTDOWN is heard while files are loaded, too
    yield* Effect.raceFirst(ready, server.shutdownRequested)
    yield* Effect.logWarning("User requested shutdown...")
  }).pipe(
    Effect.scoped,
    Effect.provide(layerSettings(settings)),
    Effect.tapError((error) => Effect.logWarning(error.message)),
    Effect.ensuring(Effect.logWarning("effect-kv is now ready to exit, bye bye..."))
  )
