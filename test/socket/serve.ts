// A server in this process whose parts a test can look into, on sockets driven in either way.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Core from "../../src/Core.js"
import type { Engine } from "../../src/engine/engine.js"
import { RequestEngine } from "../../src/RequestEngine.js"
import * as ServerConfig from "../../src/ServerConfig.js"
import * as Connections from "../../src/socket/Connections.js"
import * as Listener from "../../src/socket/Listener.js"
import { Client } from "../support/client.mjs"

export type Drive = "handles" | "streams"

export interface Served {
  readonly engine: Engine
  readonly listener: Listener.Listener["Type"]
  readonly port: number
  readonly logged: ReadonlyArray<string>
  readonly connect: () => Promise<Client>
  /** Ends it; how long that took, in ms. */
  readonly stop: () => Promise<number>
}

/** Serves with these options; whoever asks ends it by `stop`. */
export const serve = async (
  drive: Drive,
  options: Partial<ServerConfig.ServerOptions> = {}
): Promise<Served> => {
  const logged: Array<string> = []
  const logger = Logger.make(({ message }) => {
    logged.push(String(message))
  })
  const layers = Connections.layer.pipe(
    Layer.provideMerge(Listener.layer({ host: "127.0.0.1", port: 0, drive })),
    Layer.provideMerge(Core.layer),
    Layer.provideMerge(ServerConfig.layer({ enableDebugCommand: "yes", ...options })),
    Layer.provide(Logger.replace(Logger.defaultLogger, logger))
  )
  const scope = Effect.runSync(Scope.make())
  const context = await Effect.runPromise(Layer.buildWithScope(layers, scope))
  const listener = Context.get(context, Listener.Listener)
  const port = listener.address._tag === "TcpAddress" ? listener.address.port : 0
  return {
    engine: Context.get(context, RequestEngine).engine,
    listener,
    port,
    logged,
    connect: () => Client.connect({ port }),
    stop: async () => {
      const startedAt = performance.now()
      await Effect.runPromise(Scope.close(scope, Exit.void))
      return performance.now() - startedAt
    }
  }
}
