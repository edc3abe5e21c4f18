/**
 * The Ref that holds a shard. Infrastructure tier.
 *
 * It is an Effect `Ref` in full (get, set, modify, update …): FLUSHDB, SWAPDB, loading and whoever embeds the store
 * replace what it holds atomically. Synchronous code on the path of a request reads `current` in place, which costs
 * nothing: there is one thread, so no command can see a shard half replaced.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Readable from "effect/Readable"
import * as Ref from "effect/Ref"
import type { ShardCell } from "./database.js"
import type { Shard } from "./shard.js"

const variance = { _A: (shard: Shard) => shard }

/**
 * A Ref of a shard whose value synchronous code may read in place.
 *
 * @since 0.1.0
 * @category models
 */
export class ShardRef extends Effectable.Class<Shard> implements Ref.Ref<Shard>, ShardCell {
  readonly [Ref.RefTypeId] = variance
  readonly [Readable.TypeId]: Readable.TypeId = Readable.TypeId
  readonly get: Effect.Effect<Shard> = Effect.sync(() => this.current)

  constructor(public current: Shard) {
    super()
  }

  commit(): Effect.Effect<Shard> {
    return this.get
  }

  modify<B>(f: (shard: Shard) => readonly [B, Shard]): Effect.Effect<B> {
    return Effect.sync(() => {
      const [result, shard] = f(this.current)
      this.current = shard
      return result
    })
  }
}
