/**
 * A point in time of some databases, without fork and without stopping. Pure.
 *
 * Each shard carries a generation mark that is turned over when a snapshot starts: records born from then on carry
 * the new mark, those of before carry the old one until the snapshot has taken them. A writer calls `beforeChange`
 * for a record it is about to change or free, which takes the record's old state first if it has not been taken.
 * Shards that FLUSHALL and the like replaced meanwhile stay alive until the snapshot has passed them.
 */
import { FLAG_GENERATION, type Records } from "./record.js"
import type { Shard } from "./shard.js"

/** What a snapshot walks: a shard, and the database that it belonged to when the snapshot began. */
export interface SnapshotShard {
  readonly database: number
  readonly shard: Shard
}

export class Snapshot {
  private next = 0
  private position = 0
  private cancelled = false
  private readonly databaseOf = new Map<Shard, number>()

  /** `take` is given every record exactly once, in the state it had when the snapshot began. */
  constructor(
    private readonly records: Records,
    private readonly shards: ReadonlyArray<SnapshotShard>,
    private readonly take: (database: number, ref: number) => void
  ) {
    for (const { database, shard } of shards) {
      this.databaseOf.set(shard, database)
      shard.generation ^= FLAG_GENERATION
      shard.snapshot = this
    }
  }

  /** Whether every shard has been passed. */
  get done(): boolean {
    return this.next === this.shards.length
  }

  /** To be called before a record is changed or freed. */
  beforeChange(shard: Shard, ref: number): void {
    if (this.records.generation(ref) === shard.generation) return
    this.pass(shard, ref, this.databaseOf.get(shard)!)
  }

  /** Walks on until about `most` records were visited; true when the snapshot is complete. */
  advance(most: number): boolean {
    while (this.next < this.shards.length && most > 0) {
      const { database, shard } = this.shards[this.next]!
      this.position = shard.walk(this.position, Math.min(most, 256), (ref) => {
        most--
        if (this.records.generation(ref) !== shard.generation) this.pass(shard, ref, database)
      })
      most--
      if (this.position < 0) this.leave(shard)
    }
    return this.done
  }

  /** Takes nothing more. The walk has still to be ended with `advance`, so that every mark is turned over. */
  cancel(): void {
    this.cancelled = true
  }

  private pass(shard: Shard, ref: number, database: number): void {
    if (!this.cancelled) this.take(database, ref)
    this.records.setGeneration(ref, shard.generation)
  }

  private leave(shard: Shard): void {
    this.next++
    this.position = 0
    shard.snapshot = null
    this.databaseOf.delete(shard)
    if (shard.dropped) shard.heap.dispose()
  }
}
