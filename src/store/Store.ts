/**
 * The store: numbered databases of Ref-held shards. Infrastructure tier.
 *
 * `refs` are Effect Refs in full; `keyspace` is the synchronous view of the same shards that commands work on.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Ref from "effect/Ref"
import { ServerConfig } from "../ServerConfig.js"
import { Keyspace } from "./database.js"
import { makeHashKey } from "./hash.js"
import { ShardRef } from "./ShardRef.js"
import type { Shard } from "./shard.js"

/**
 * @since 0.1.0
 * @category models
 */
export class Store extends Context.Tag("effect-kv/Store")<
  Store,
  {
    readonly keyspace: Keyspace
    /** By database, then by shard. */
    readonly refs: ReadonlyArray<ReadonlyArray<Ref.Ref<Shard>>>
    /** Unix ms, from the Clock that the store was made with. */
    readonly now: () => number
  }
>() {}

const UINT32 = 4294967296

/** How long memory stays that nothing uses, and the pause between two slabs that go. */
const IDLE_MS = 1000
const SLAB_PAUSE_MS = 10

/**
 * Memory that nothing uses goes back to the system a slab at a time, so that no pause is long. A timer of Node's that
 * keeps no process alive, not the Clock: it is about real memory, whatever time the data live in.
 */
const giveBackIdle = (keyspace: Keyspace): void => {
  let waiting = false
  const later = (ms: number): void => {
    waiting = true
    setTimeout(trim, ms).unref()
  }
  const trim = (): void => {
    waiting = false
    if (keyspace.segments.trim()) later(SLAB_PAUSE_MS)
  }
  keyspace.segments.onIdle = () => {
    if (!waiting) later(IDLE_MS)
  }
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Store["Type"], never, ServerConfig> = Effect.gen(function* () {
  const settings = yield* ServerConfig
  const clock = yield* Effect.clock
  const random = yield* Effect.random
  // captured once: reading the time costs a call, not an Effect
  const now = (): number => clock.unsafeCurrentTimeMillis()
  const seed = yield* random.nextIntBetween(0, UINT32)
  const multiplier = yield* random.nextIntBetween(0, UINT32)
  const cells: Array<ShardRef> = []
  const keyspace = new Keyspace({
    databases: settings.databases,
    hashKey: makeHashKey(seed, multiplier),
    now: now(),
    random: () => Effect.runSync(random.nextIntBetween(0, UINT32)),
    makeCell: (shard) => {
      const cell = new ShardRef(shard)
      cells.push(cell)
      return cell
    }
  })
  giveBackIdle(keyspace)
  const perDatabase = cells.length / settings.databases
  return Store.of({
    keyspace,
    refs: Array.from({ length: settings.databases }, (_, i) =>
      cells.slice(i * perDatabase, (i + 1) * perDatabase)
    ),
    now
  })
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Store, never, ServerConfig> = Layer.effect(Store, make)
