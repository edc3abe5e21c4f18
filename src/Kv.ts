/**
 * The in-process client: commands on the store without a socket in between.
 *
 * Every command goes through the same engine as a connection's. Most are answered synchronously, within the Effect
 * that sends them; scripts and the few that wait suspend it. With an AOF, an Effect that wrote completes when its bytes
 * are with the operating system (on disk, under `appendfsync always`).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { AofError } from "./aof/Aof.js"
import type { ConfigError } from "./config/ConfigError.js"
import * as Client from "./kv/Client.js"
import * as Parts from "./kv/Parts.js"
import type { Store } from "./kv/Store.js"
import type { KvService } from "./kv/service.js"
import * as ServerConfig from "./ServerConfig.js"

export { AofError } from "./aof/Aof.js"
export { KvError } from "./kv/KvError.js"
export { Store, type StoreHandle, StoreTypeId } from "./kv/Store.js"
export type { KvService, KvUnsafe, ScanOptions, SetOptions } from "./kv/service.js"
export type { Argument } from "./resp/encoder.js"
export { type Reply, ReplyError } from "./resp/reply.js"
export { ConfigError, type ServerOptions } from "./ServerConfig.js"

/**
 * The in-process client.
 *
 * @since 0.1.0
 * @category tags
 */
export class Kv extends Context.Tag("effect-kv/Kv")<Kv, KvService>() {}

/**
 * The client of a store that a Layer below provides.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerClient: Layer.Layer<Kv, never, Store> = Layer.scoped(Kv, Parts.provide(Client.make))

/**
 * A store and its client, with the settings that a Layer below provides.
 *
 * @example
 * import { Kv, ServerConfig } from "effect-kv"
 * import * as Layer from "effect/Layer"
 *
 * const store = Kv.layerConfigured.pipe(Layer.provide(ServerConfig.layerFromEnv({ appendonly: true })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfigured: Layer.Layer<Kv | Store, AofError, ServerConfig.ServerConfig> = layerClient.pipe(
  Layer.provideMerge(Parts.layerLoaded)
)

/**
 * A store in this process and its client. Provide `Server.layer` with it to serve the same data to others.
 *
 * @example
 * import { Kv } from "effect-kv"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const kv = yield* Kv.Kv
 *   yield* kv.set("user:1", "Ada", { ttl: "1 hour" })
 *   return yield* kv.get("user:1")
 * }).pipe(Effect.provide(Kv.layer({ dir: "./data", appendonly: true })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Partial<ServerConfig.ServerOptions> = {}
): Layer.Layer<Kv | Store, AofError | ConfigError> =>
  layerConfigured.pipe(Layer.provide(ServerConfig.layer(options)))
