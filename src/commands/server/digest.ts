/**
 * Digests of data as DEBUG DIGEST has them in Redis: the same keys and values have the same digest there and here,
 * whatever the order or the encoding. Pure.
 */
import type { Keyspace } from "../../store/database.js"
import { NO_DEADLINE } from "../../store/record.js"
import { Digest } from "../../values/digest.js"
import { typeOf } from "../../values/types.js"

const EXPIRES = Buffer.from("!!expire!!", "latin1")

const addValue = (digest: Digest, keyspace: Keyspace, ref: number): void => {
  digest.addNumber(keyspace.records.type(ref))
  typeOf(keyspace, ref).digest(keyspace, ref, digest)
  if (keyspace.deadlineOf(ref) !== NO_DEADLINE) digest.addUnordered(EXPIRES)
}

/** The digest of what a key holds (0: of nothing, which is zeros). */
export const valueDigest = (keyspace: Keyspace, ref: number): Buffer => {
  const digest = new Digest()
  if (ref !== 0) addValue(digest, keyspace, ref)
  return digest.bytes
}

/** The digest of all databases. */
export const keyspaceDigest = (keyspace: Keyspace): Buffer => {
  const { records } = keyspace
  const all = new Digest()
  const addKey = (ref: number): void => {
    const digest = new Digest()
    const start = records.keyStart(ref)
    digest.addOrdered(records.bytes(ref).subarray(start, start + records.keyLength(ref)))
    addValue(digest, keyspace, ref)
    all.addUnordered(digest.bytes)
  }
  for (const database of keyspace.databases) {
    if (keyspace.size(database) === 0) continue
    all.addNumber(database.index)
    for (const { current } of database.cells) {
      for (let at = 0; at >= 0; ) at = current.walk(at, Number.MAX_SAFE_INTEGER, addKey)
    }
  }
  return all.bytes
}
