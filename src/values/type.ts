/**
 * What a type of value is to everything that handles keys without knowing what they hold. Pure.
 *
 * A type has one entry in `types` (types.ts). A value that is inside its record is bytes, which whoever holds the
 * record may copy and free; of one that is OUTSIDE the record has a handle, and `outside` says what is behind it.
 *
 * What comes with the first value of many blocks, and where it goes:
 * - `ValueHandles.free` unlinks such a value and hands its blocks to the heap's list of what is to be freed in slices;
 * - a snapshot takes a record as a whole before it changes; nodes of a large value carry the same mark
 *   (FLAG_GENERATION) and are taken one by one: an entry that Snapshot.pass asks for, beside `write`, which writes
 *   them in parts;
 * - loading: an RDB file says its types by events of its own (rdb/reader.ts, Visitor), which aof/target.ts turns into
 *   the commands that `write` would log; a type that can be read faster gets an entry for its event.
 */
import type { CommandLog } from "../changes/commandLog.js"
import type { Keyspace } from "../store/database.js"
import type { Heap } from "../store/heap.js"
import type { Segments } from "../store/segments.js"
import type { Digest } from "./digest.js"

/** What is behind the handles of values that are outside their records. */
export interface ValueHandles {
  /** Frees it. */
  readonly free: (heap: Heap, handle: number) => void
  /** It goes from one shard's heap to another's as it lies. */
  readonly move: (from: Heap, to: Heap, handle: number) => void
  /** The handle of a copy in `heap`; `length` is what the record says of the value. Throws where there is no memory. */
  readonly copy: (heap: Heap, handle: number, length: number) => number
  /** Bytes that it takes. */
  readonly bytes: (segments: Segments, handle: number) => number
}

/** A type of value. */
export interface ValueType {
  /** What TYPE says, and SCAN's TYPE asks for. */
  readonly name: string
  readonly outside: ValueHandles
  /** What OBJECT ENCODING says. */
  readonly encoding: (keyspace: Keyspace, ref: number) => string
  /** What OBJECT REFCOUNT says. */
  readonly references: (keyspace: Keyspace, ref: number) => number
  /** Bytes that the value takes in an RDB file, uncompressed: for DEBUG OBJECT. */
  readonly serializedBytes: (keyspace: Keyspace, ref: number) => number
  /** Adds the value to a digest as Redis does for DEBUG DIGEST. */
  readonly digest: (keyspace: Keyspace, ref: number, digest: Digest) => void
  /** Logs the commands that make the key as it is, its deadline too: for the base of an AOF. */
  readonly write: (keyspace: Keyspace, ref: number, database: number, log: CommandLog) => void
}
