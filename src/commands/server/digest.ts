/**
 * Digests of data as DEBUG DIGEST has them in Redis: the same keys and values have the same digest there and here,
 * whatever the order or the encoding. Pure.
 */
import { createHash } from "node:crypto"
import type { Keyspace } from "../../store/database.js"
import { NO_DEADLINE, TYPE_STRING } from "../../store/record.js"
import { bytesOf } from "../../values/string.js"

const DIGEST_BYTES = 20
const EXPIRES = Buffer.from("!!expire!!", "latin1")

const sha1 = (bytes: Uint8Array): Buffer => createHash("sha1").update(bytes).digest()

/** Adds bytes to a digest in a way that does not depend on the order. */
const addUnordered = (digest: Buffer, bytes: Uint8Array): void => {
  const added = sha1(bytes)
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i]! ^= added[i]!
}

/** Adds bytes to a digest in a way that does depend on the order. */
const addOrdered = (digest: Buffer, bytes: Uint8Array): void => {
  addUnordered(digest, bytes)
  sha1(digest).copy(digest)
}

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const addValue = (digest: Buffer, keyspace: Keyspace, ref: number): void => {
  const { records } = keyspace
  const type = records.type(ref)
  addOrdered(digest, number(type))
  if (type !== TYPE_STRING) throw new Error(`no digest of values of type ${type}`)
  addOrdered(digest, bytesOf(keyspace, ref))
  if (keyspace.deadlineOf(ref) !== NO_DEADLINE) addUnordered(digest, EXPIRES)
}

/** The digest of what a key holds (0: of nothing, which is zeros). */
export const valueDigest = (keyspace: Keyspace, ref: number): Buffer => {
  const digest = Buffer.alloc(DIGEST_BYTES)
  if (ref !== 0) addValue(digest, keyspace, ref)
  return digest
}

/** The digest of all databases. */
export const keyspaceDigest = (keyspace: Keyspace): Buffer => {
  const { records } = keyspace
  const all = Buffer.alloc(DIGEST_BYTES)
  const addKey = (ref: number): void => {
    const digest = Buffer.alloc(DIGEST_BYTES)
    const start = records.keyStart(ref)
    addOrdered(digest, records.bytes(ref).subarray(start, start + records.keyLength(ref)))
    addValue(digest, keyspace, ref)
    addUnordered(all, digest)
  }
  for (const database of keyspace.databases) {
    if (keyspace.size(database) === 0) continue
    addOrdered(all, number(database.index))
    for (const { current } of database.cells) {
      for (let at = 0; at >= 0; ) at = current.walk(at, Number.MAX_SAFE_INTEGER, addKey)
    }
  }
  return all
}
