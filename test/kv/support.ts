// What the tests of the in-process client share: a store of one's own for each, and its parts.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Core from "../../src/Core.js"
import type { Engine } from "../../src/engine/engine.js"
import { Kv } from "../../src/index.js"
import { servicesOf } from "../../src/kv/Parts.js"
import { RequestEngine } from "../../src/RequestEngine.js"
import type { ServerOptions } from "../../src/ServerConfig.js"

/** Runs a program on a store of its own. */
export const withStore = <A, E>(
  program: (kv: Kv.KvService) => Effect.Effect<A, E, Kv.Kv | Kv.Store | Scope.Scope>,
  options: Partial<ServerOptions> = {}
) => Effect.flatMap(Kv.Kv, program).pipe(Effect.provide(Kv.layer(options)), Effect.scoped)

/** What the store's handle keeps to itself. */
export const parts: Effect.Effect<Context.Context<Core.Services>, never, Kv.Store> = Effect.map(
  Kv.Store,
  servicesOf
)
export const engine: Effect.Effect<Engine, never, Kv.Store> = Effect.map(
  parts,
  (context) => Context.get(context, RequestEngine).engine
)

/** Whole turns of the event loop, for background work that was scheduled by the clock. */
export const turns = (count: number) =>
  Effect.promise(async () => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
  })
