/**
 * What a keyspace is made with. Pure.
 */
import type { ShardCell } from "./database.js"
import type { HashKey } from "./hash.js"
import type { Memory } from "./memory.js"
import type { Shard } from "./shard.js"

export interface KeyspaceOptions {
  readonly databases: number
  readonly hashKey: HashKey
  /** Whether keys lie by slot of a cluster, at the cost of computing it (hash.ts); false where it is not given. */
  readonly slots?: boolean
  readonly makeCell: (shard: Shard) => ShardCell
  /** The Unix ms at the start. */
  readonly now: number
  /** Gives unsigned 32-bit integers. */
  readonly random: () => number
  /** Where memory comes from, and segments of a slab, where tests want others than usual. */
  readonly memory?: Memory
  readonly slabSegments?: number
}
