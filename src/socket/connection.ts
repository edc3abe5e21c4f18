/**
 * One accepted client, however its socket is driven. Plain types and the one rule both drivers share.
 *
 * `handle.ts` drives Node's handle itself, `stream.ts` a `net.Socket`; the listener chooses, nobody above can tell.
 * Bytes are written straight to the socket, and the kernel takes nearly all of them during the call; where it does
 * not, the client is congested until it has read enough: nothing more is executed for it until then, so what a client
 * does not read stays bounded by what a batch can reply.
 */
import type { Socket } from "node:net"
import type { Transport } from "../engine/session.js"
import type { ByteSource } from "../resp/batch.js"

/** Bytes that may wait in a socket before its client's commands are held. */
export const CONGESTED_BYTES = 1024 * 1024

/** Who takes what happens on a connection. None of these is called during a call of the connection's methods. */
export interface Receiver {
  /** Bytes came: [0, count) of the source, valid during the call only. */
  data(source: ByteSource, count: number): void
  /** The client sends nothing more; it may still read. */
  ended(): void
  /** What had piled up has been taken. */
  drained(): void
  /** The last call: nothing is sent or received any more. */
  closed(): void
}

export interface Connection extends Transport {
  /** The client's address and the one it came to, as Redis prints them: host:port, or path:0. */
  readonly peer: string
  readonly local: string
  /** Whether the client is on this machine. */
  readonly loopback: boolean
  /** The socket's file descriptor; -1 where there is none. */
  readonly descriptor: number
  /** Whether all that was sent is in the kernel's hands. */
  readonly flushed: boolean
  /** Begins to read. Until then nothing is received. */
  start(receiver: Receiver): void
  /** TCP keep-alive probes after so many idle seconds. */
  keepAlive(seconds: number): void
  /** Gives the socket to another owner, in the place of `start`. */
  release(): Socket
}

/** As Redis prints an address. */
export const hostPort = (host: string, port: number | undefined): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** Whether an address is this machine's own. */
export const isLoopback = (host: string): boolean =>
  host === "::1" || host.startsWith("127.") || host.startsWith("::ffff:127.")
