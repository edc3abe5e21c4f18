/**
 * Where a store's memory comes from, and how it goes back. Pure.
 *
 * Memory is taken in slabs above 32 MiB: the C library maps those by themselves whatever it has learned, so that
 * discarding one gives its pages back to the system at once (measured: of ArrayBuffers of 256 KiB that were freed
 * one by one, 309 of 347 MB stayed resident for good). Pages that were never touched take no memory.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads"

/** Memory, or a number that refers to memory, has run out. Commands reply with "OOM …". */
export class OutOfMemory extends RangeError {
  override readonly name = "OutOfMemory"
}

/** Gives memory; tests make it fail. */
export interface Memory {
  /** Bytes that hold anything. Throws RangeError where there are none left. */
  readonly allocate: (bytes: number) => ArrayBuffer
  /** Gives memory back at once; the buffer and all views of it have no bytes after. */
  readonly discard: (buffer: ArrayBuffer) => void
}

/** A slab has this many bytes, and what is set up beside them. */
export const SLAB_BYTES = 32 * 1024 * 1024
/** A mapped block begins 16 bytes behind the start of a page: from here on a slab is aligned to pages. */
export const SLAB_START = 4096 - 16

/** Memory that counts what was taken of it and has not been given back. */
export class CountedMemory implements Memory {
  takenBytes = 0

  constructor(private readonly memory: Memory) {}

  allocate(bytes: number): ArrayBuffer {
    const buffer = this.memory.allocate(bytes)
    this.takenBytes += buffer.byteLength
    return buffer
  }

  discard(buffer: ArrayBuffer): void {
    this.takenBytes -= buffer.byteLength
    this.memory.discard(buffer)
  }
}

interface Transferable {
  readonly transfer?: (bytes: number) => ArrayBuffer
}

let closed: MessagePort | null = null

/** What is posted to a closed port goes at once; without that, only a major collection would free it. */
const closedPort = (): MessagePort => {
  if (closed === null) {
    const { port1, port2 } = new MessageChannel()
    port2.close()
    port1.close()
    closed = port1
  }
  return closed
}

/** The process's memory. */
export const processMemory: Memory = {
  // not zeroed, unlike `new ArrayBuffer`
  allocate: (bytes) => {
    const { buffer } = Buffer.allocUnsafeSlow(bytes)
    return buffer
  },
  discard: (buffer) => {
    const { transfer } = buffer as Transferable
    if (transfer !== undefined) transfer.call(buffer, 0)
    else closedPort().postMessage(null, [buffer])
  }
}
