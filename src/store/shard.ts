/**
 * One shard of a database: an index from key to record, the records, and which of them expire. Pure.
 *
 * Pages and records are blocks of the shard's heap, so that dropping the shard drops all. Whatever needs memory is
 * allocated before anything is changed: a write that throws (memory.ts) leaves the shard as it was.
 */
import { types } from "../values/types.js"
import { Heap } from "./heap.js"
import type { ByteSlice } from "./key.js"
import { type IndexContext, KeyIndex } from "./keyIndex.js"
import { FLAG_OUTSIDE, shapeOf, unitsFor } from "./record.js"
import type { Snapshot } from "./snapshot.js"
import { Wheel } from "./wheel.js"

export class Shard extends KeyIndex {
  /** Made with the first key that expires. */
  wheel: Wheel | null = null
  /** The snapshot that has not passed this shard yet, if one runs. */
  snapshot: Snapshot | null = null
  /** The mark of records that a running snapshot need not look at: FLAG_GENERATION or 0. */
  generation = 0
  /** Replaced in its Ref: its memory goes as soon as no snapshot needs it. */
  dropped = false

  constructor(context: IndexContext) {
    super(context, new Heap(context.segments))
  }

  /** Keys with a deadline. */
  get volatileCount(): number {
    return this.wheel === null ? 0 : this.wheel.size
  }

  /** Bytes taken by records and index. */
  get usedBytes(): number {
    return this.heap.used + this.tableBytes
  }

  /**
   * A fresh record with this key's bytes and room for the value; not in the index yet.
   * `flags` may hold FLAG_EXPIRES; the rest of its shape follows from the lengths.
   */
  createRecord(
    typeAndEncoding: number,
    clock: number,
    flags: number,
    key: ByteSlice,
    valueLength: number
  ): number {
    const shape = shapeOf(flags, key.length, valueLength)
    if (shape & FLAG_OUTSIDE) return this.createWithBlob(typeAndEncoding, clock, shape, key, valueLength)
    const ref = this.heap.allocate(unitsFor(shape, key.length, valueLength))
    this.records.write(ref, typeAndEncoding, clock, shape | this.generation, key, valueLength)
    return ref
  }

  private createWithBlob(
    typeAndEncoding: number,
    clock: number,
    shape: number,
    key: ByteSlice,
    valueLength: number
  ): number {
    const blob = this.heap.takeBlob(valueLength)
    try {
      return this.createOutside(typeAndEncoding, clock, shape, key, valueLength, blob)
    } catch (cause) {
      this.heap.releaseBlob(blob)
      throw cause
    }
  }

  /** `createRecord` for a value that is outside already; `flags` holds FLAG_OUTSIDE. */
  createOutside(
    typeAndEncoding: number,
    clock: number,
    flags: number,
    key: ByteSlice,
    valueLength: number,
    handle: number
  ): number {
    const shape = shapeOf(flags, key.length, valueLength)
    const ref = this.heap.allocate(unitsFor(shape, key.length, valueLength))
    this.records.write(ref, typeAndEncoding, clock, shape | this.generation, key, valueLength)
    this.records.setOutside(ref, handle)
    return ref
  }

  /** As KeyIndex does it; where the index cannot grow, the record is freed. */
  protected override insertGrowing(hash: number, ref: number, page: number): number {
    try {
      return super.insertGrowing(hash, ref, page)
    } catch (cause) {
      this.release(ref)
      throw cause
    }
  }

  /** Frees the block of a record that is in no index, and takes it out of the expiry index. */
  free(ref: number): void {
    if (this.records.hasDeadline(ref)) this.wheel!.remove(ref)
    this.release(ref)
  }

  /** Frees the blocks of a record that is in no index at all. */
  private release(ref: number): void {
    const { records } = this
    if (records.isOutside(ref)) {
      const handle = records.outside(ref)
      if (handle !== 0) types[records.type(ref)]!.outside.free(this.heap, handle)
    }
    this.heap.release(ref, this.records.units(ref))
  }

  /** The shard has left its Ref: all its memory is given back, at the latest when a running snapshot has passed. */
  drop(): void {
    this.dropped = true
    if (this.snapshot === null) this.heap.dispose()
  }

  /** Unlinks and frees a record. */
  remove(ref: number): void {
    this.seek(ref)
    if (this.snapshot !== null) this.snapshot.beforeChange(this, ref)
    this.unlink()
    this.free(ref)
  }

  /** Makes the expiry index where there is none yet, before a record that needs it is made; `now` in Unix ms. */
  openWheel(now: number): void {
    if (this.wheel === null) this.wheel = new Wheel(this.records, now, this.context.alarm)
  }
}
