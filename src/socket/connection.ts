/**
 * A client's socket as the engine sees it. Pure.
 *
 * Bytes are written straight to the socket, and the kernel takes nearly all of them during the call; where it does
 * not, the stream holds the rest, and the client is congested until it has read enough of it: nothing more is
 * executed for it until then, so what a client does not read stays bounded by what a batch can reply.
 */
import type { Socket } from "node:net"
import type { Transport } from "../engine/session.js"

/** Bytes that may wait in a socket before its client's commands are held. */
const CONGESTED_BYTES = 1024 * 1024

export class Connection implements Transport {
  constructor(private readonly socket: Socket) {}

  get congested(): boolean {
    return this.socket.writableLength > CONGESTED_BYTES
  }

  send(bytes: Buffer, start: number, end: number): boolean {
    const { socket } = this
    if (!socket.writable) return false
    socket.write(bytes.subarray(start, end))
    return socket.writableLength > 0
  }

  end(): void {
    // not a half-close: the client may go on writing, and nobody would read it
    this.socket.destroySoon()
  }

  destroy(): void {
    this.socket.destroy()
  }

  cork(): void {
    this.socket.cork()
  }

  uncork(): void {
    this.socket.uncork()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    if (this.socket.isPaused()) this.socket.resume()
  }
}
