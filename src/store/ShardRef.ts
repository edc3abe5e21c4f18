/**
 * The Ref that holds a shard. Infrastructure tier.
 *
 * It is the real holder: FLUSHDB, FLUSHALL, SWAPDB and loading replace what it holds, atomically, by the keyspace's one
 * way (`replace`), which sees to the account of where records lie, to the memory of what is dropped and to the log.
 * From outside it is read as any Ref is; a shard put into it past all that would break them, so that `set`, `update`
 * and the like die unless they leave the shard that is there. Synchronous code on the path of a request reads `current`
 * in place, which costs nothing: there is one thread, so no command can see a shard half replaced.
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

  constructor(public current: Shard) {
    super()
  }

  /** Made when it is asked for: there are many Refs, and few are read so. */
  get get(): Effect.Effect<Shard> {
    return Effect.sync(() => this.current)
  }

  commit(): Effect.Effect<Shard> {
    return this.get
  }

  /** For the keyspace alone. */
  replace(shard: Shard): Shard {
    const held = this.current
    this.current = shard
    return held
  }

  modify<B>(f: (shard: Shard) => readonly [B, Shard]): Effect.Effect<B> {
    return Effect.suspend(() => {
      const [result, shard] = f(this.current)
      return shard === this.current
        ? Effect.succeed(result)
        : Effect.dieMessage("a shard is replaced by commands (FLUSHDB, SWAPDB), not by its Ref")
    })
  }
}
