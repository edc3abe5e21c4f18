/**
 * Several keys are set, or none: records that were replaced stay until all are. Pure.
 *
 * For a command that sets many keys and may run out of memory at any of them. Neither `keep` nor `undo` needs memory
 * outside V8's heap, so that what is undone is as it was.
 */
import type { Shard } from "./shard.js"

export class Undo {
  private readonly shards: Array<Shard> = []
  private readonly olds: Array<number> = []
  private readonly refs: Array<number> = []

  /** `ref` is in the index of its shard in place of `old` (0: of nothing), which is not freed yet. */
  keep(shard: Shard, old: number, ref: number): void {
    this.shards.push(shard)
    this.olds.push(old)
    this.refs.push(ref)
  }

  /** What was replaced is not needed any more. */
  commit(): void {
    for (let i = 0; i < this.shards.length; i++) if (this.olds[i] !== 0) this.shards[i]!.free(this.olds[i]!)
    this.clear()
  }

  /** Puts back what was replaced, the latest first: a key may have been set twice. */
  undo(): void {
    for (let i = this.shards.length - 1; i >= 0; i--) {
      const shard = this.shards[i]!
      const ref = this.refs[i]!
      if (this.olds[i] === 0) shard.remove(ref)
      else {
        shard.seek(ref)
        shard.replace(this.olds[i]!)
        shard.free(ref)
      }
    }
    this.clear()
  }

  private clear(): void {
    this.shards.length = this.olds.length = this.refs.length = 0
  }
}
