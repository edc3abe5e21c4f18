/**
 * A connection over a `net.Socket`, by public interfaces alone. Plain Node.
 *
 * For runtimes that are not the Node versions `handle.ts` is known to work with (Bun, Deno, a Node to come), and for
 * sockets that are more than a handle.
 */
import type { Socket } from "node:net"
import { byteSource } from "../resp/batch.js"
import { CONGESTED_BYTES, type Connection, hostPort, isLoopback, type Receiver } from "./connection.js"
import type { Lingering } from "./lingering.js"

/** The descriptor that runtimes keep where Node does. */
interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null
}

export class StreamConnection implements Connection {
  readonly peer: string
  readonly local: string
  readonly loopback: boolean
  private ended = false
  private ending = false

  /** @param path of the Unix socket that was connected to, "" for TCP */
  constructor(
    private readonly socket: Socket,
    private readonly lingering: Lingering,
    path: string
  ) {
    const { localAddress = "", localPort, remoteAddress = "", remotePort } = socket
    this.peer = path === "" ? hostPort(remoteAddress, remotePort) : `${path}:0`
    this.local = path === "" ? hostPort(localAddress, localPort) : `${path}:0`
    this.loopback = path !== "" || isLoopback(remoteAddress)
    // before anyone owns it, too: an error without a listener would end the process; 'close' follows
    socket.on("error", () => {})
  }

  get descriptor(): number {
    const { _handle: handle } = this.socket as WithHandle
    return handle?.fd ?? -1
  }

  get flushed(): boolean {
    return this.socket.writableLength === 0
  }

  get congested(): boolean {
    return this.unsentBytes > CONGESTED_BYTES
  }

  get unsentBytes(): number {
    return this.socket.writableLength
  }

  start(receiver: Receiver): void {
    const { socket } = this
    socket.on("data", (chunk: Buffer) => {
      if (!this.ending) receiver.data(byteSource(chunk), chunk.length)
    })
    socket.on("drain", () => {
      if (!this.ending) receiver.drained()
    })
    socket.on("end", () => {
      this.ended = true
      if (!this.ending) receiver.ended()
    })
    const closed = (): void => receiver.closed()
    socket.once("close", closed)
    socket.once("finish", () => {
      if (this.ended || socket.destroyed) {
        socket.destroy()
        return
      }
      socket.removeAllListeners()
      this.lingering.add(socket)
      closed()
    })
  }

  keepAlive(seconds: number): void {
    this.socket.setKeepAlive(true, seconds * 1000)
  }

  release(): Socket {
    return this.socket
  }

  send(bytes: Buffer, start: number, end: number): boolean {
    const { socket } = this
    if (!socket.writable) return false
    socket.write(bytes.subarray(start, end))
    return socket.writableLength > 0
  }

  cork(): void {
    this.socket.cork()
  }

  uncork(): void {
    this.socket.uncork()
  }

  end(): void {
    if (this.ending) return
    this.ending = true
    this.socket.end()
    this.resume()
  }

  destroy(): void {
    this.socket.destroy()
  }

  pause(): void {
    if (!this.ending) this.socket.pause()
  }

  resume(): void {
    if (this.socket.isPaused()) this.socket.resume()
  }
}
