/**
 * What is inside a store's handle: the services of Core.ts. Infrastructure tier; for this package alone.
 *
 * Users are given one service instead of six, so that what they write does not depend on how a store is cut.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Aof from "../aof/Aof.js"
import * as Core from "../Core.js"
import { Dispatch } from "../Dispatch.js"
import { ScriptActor } from "../lua/ScriptActor.js"
import { RequestEngine } from "../RequestEngine.js"
import { ServerConfig } from "../ServerConfig.js"
import * as Keys from "../store/Store.js"
import { Store, type StoreHandle, StoreTypeId } from "./Store.js"

class Parts implements StoreHandle {
  readonly [StoreTypeId]: typeof StoreTypeId = StoreTypeId

  constructor(readonly services: Context.Context<Core.Services>) {}
}

/** The services of a store. */
export const servicesOf = (store: StoreHandle): Context.Context<Core.Services> => {
  if (store instanceof Parts) return store.services
  throw new Error("this store was made by another copy of effect-kv: one program needs one")
}

/** Gives an Effect the services of the store in its context. */
export const provide = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Store | Exclude<R, Core.Services>> =>
  Effect.flatMap(Store, (store) => Effect.provide(effect, servicesOf(store)))

/** The services alone: nothing else of the context that the Layer is built in, such as its scope, may come along. */
const pick = Context.pick(Dispatch, RequestEngine, ScriptActor, Aof.Aof, Keys.Store, ServerConfig)

/** A store with the settings that a Layer below provides; its files are still being loaded. */
export const layer: Layer.Layer<Store, never, ServerConfig> = Layer.effect(
  Store,
  Effect.map(Effect.context<Core.Services>(), (context) => new Parts(pick(context)))
).pipe(Layer.provide(Core.layer))

/** The same store once its files are loaded; fails where they cannot be. */
export const layerLoaded: Layer.Layer<Store, Aof.AofError, ServerConfig> = Layer.effectDiscard(
  provide(Effect.flatMap(Dispatch, ({ loaded }) => loaded))
).pipe(Layer.provideMerge(layer))
