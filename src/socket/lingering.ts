/**
 * Sockets that have been answered for the last time. Plain Node.
 *
 * A socket that is closed while bytes of its client are unread resets the connection, and the last reply can be lost on
 * its way. So our side is ended first, and what still comes is read and dropped until the client ends too, for a
 * bounded time. These sockets belong to no session; a shutdown does not wait for them.
 */
import type { Socket } from "node:net"

/** How long a client may take to end its side. */
const LINGER_MS = 1000

export class Lingering {
  private readonly sockets = new Set<Socket>()
  /** Called whenever the last one is gone. */
  onEmpty: () => void = () => {}

  get size(): number {
    return this.sockets.size
  }

  /** Ends our side of a socket that nobody reads or writes any more, and sees to its close. */
  add(socket: Socket): void {
    this.sockets.add(socket)
    const destroy = (): void => {
      socket.destroy()
    }
    const timer = setTimeout(destroy, LINGER_MS)
    socket.on("error", () => {})
    socket.once("end", destroy)
    socket.once("close", () => {
      clearTimeout(timer)
      this.sockets.delete(socket)
      if (this.sockets.size === 0) this.onEmpty()
    })
    socket.end()
    socket.resume()
  }

  /** Closes all of them at once. */
  destroy(): void {
    for (const socket of this.sockets) socket.destroy()
  }
}
