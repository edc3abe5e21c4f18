/**
 * A digest as DEBUG DIGEST has them in Redis: of what is added in order and of what is added in any order. Pure.
 */
import { createHash } from "node:crypto"

const DIGEST_BYTES = 20

const sha1 = (bytes: Uint8Array): Buffer => createHash("sha1").update(bytes).digest()

export class Digest {
  /** Zeros while nothing was added. */
  readonly bytes = Buffer.alloc(DIGEST_BYTES)

  /** Adds bytes in a way that does not depend on the order. */
  addUnordered(bytes: Uint8Array): void {
    const added = sha1(bytes)
    for (let i = 0; i < DIGEST_BYTES; i++) this.bytes[i]! ^= added[i]!
  }

  /** Adds bytes in a way that does depend on the order. */
  addOrdered(bytes: Uint8Array): void {
    this.addUnordered(bytes)
    sha1(this.bytes).copy(this.bytes)
  }

  /** Adds a number as Redis does, in 32 bits. */
  addNumber(value: number): void {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    this.addOrdered(bytes)
  }
}
