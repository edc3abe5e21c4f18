/**
 * Everything but the doors to the outside: the store with its commands, scripts, expiry and durability. The in-process
 * client and the server stand on it; nothing here opens a socket.
 *
 *   app             Dispatch
 *   tasks           ScriptActor, ActiveExpiry, Sampler
 *   infrastructure  RequestEngine → Aof → Store → ServerConfig
 *
 * `provideMerge` closes the upper Layer before the lower, so the chain below is the shutdown order: what waits is
 * answered; then queued scripts, and nothing is scheduled after; then the append queue is drained, synced, closed.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as Aof from "./aof/Aof.js"
import { commandRecords } from "./commands/index.js"
import * as Dispatch from "./Dispatch.js"
import * as ScriptActor from "./lua/ScriptActor.js"
import * as RequestEngine from "./RequestEngine.js"
import * as ServerConfig from "./ServerConfig.js"
import * as Store from "./store/Store.js"
import * as ActiveExpiry from "./tasks/ActiveExpiry.js"
import * as Sampler from "./tasks/Sampler.js"

/** Everything a command needs: what `Kv` and the server share. Users see it as one service (kv/Store.ts). */
export type Services =
  | Dispatch.Dispatch
  | RequestEngine.RequestEngine
  | ScriptActor.ScriptActor
  | Aof.Aof
  | Store.Store
  | ServerConfig.ServerConfig

const infrastructure = RequestEngine.layer(commandRecords).pipe(
  Layer.provideMerge(Aof.layer),
  Layer.provideMerge(Store.layer)
)
const tasks = Layer.mergeAll(ScriptActor.layer, ActiveExpiry.layer, Sampler.layer)

/**
 * The store with its commands, scripts, expiry and durability, in-process.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Services, never, ServerConfig.ServerConfig> = Dispatch.layer.pipe(
  Layer.provideMerge(tasks),
  Layer.provideMerge(infrastructure),
  Layer.provideMerge(Layer.service(ServerConfig.ServerConfig))
)
