/**
 * Keys of a batch, or of one command, that are looked up together. Pure.
 */
import type { Database } from "./database.js"

/** Keys that are brought into the cache together: their hashes, and the records that were come across. */
export class Prefetch {
  hashes = new Int32Array(256)
  /** 0 where none was. */
  refs = new Int32Array(256)
  /** Where they were looked for. */
  database: Database | null = null
  /** What `IndexContext.structure` was then. */
  structure = -1

  reserve(count: number): void {
    if (count <= this.hashes.length) return
    this.hashes = new Int32Array(count * 2)
    this.refs = new Int32Array(count * 2)
  }
}
