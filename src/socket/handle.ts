/**
 * A connection that drives Node's own handle of a socket, without a `net.Socket`. Plain Node.
 *
 * A `net.Socket` with its two streams costs more than all else that a short connection takes: without it a connection
 * takes 62 microseconds of processor time instead of 150, and 1.3 KB instead of 4.2, as measured on a prototype
 * (test/bench/connections.mjs measures the server). The price is Node's undocumented side, so every bit of it is in
 * this file:
 *
 *   - a listening handle calls `onconnection(status, handle)` for each client;
 *   - `useUserBuffer` has reads go into one buffer that all connections share; `onread` is called after each, and
 *     `bytesRead` tells how many came;
 *   - `writeBuffer(request, bytes)` tries the kernel first; `request.oncomplete` is called for what was left over.
 *
 * `handles` looks whether this runtime has them, and only knows the versions that the tests have been run on; what it
 * refuses is served by `stream.ts`.
 */
import { type Server, Socket, type SocketConstructorOpts } from "node:net"
import { type ByteSource, byteSource } from "../resp/batch.js"
import { CONGESTED_BYTES, type Connection, hostPort, isLoopback, type Receiver } from "./connection.js"
import type { Lingering } from "./lingering.js"

/** The first and the last major version of Node that the tests have been run on. */
const NODE_FIRST = 20
const NODE_LAST = 26
/** Bytes of the buffer that all connections read into; one read brings at most so many. */
export const READ_BYTES_MAX = 64 * 1024

/** Where getpeername and getsockname write. */
interface HandleAddress {
  address?: string
  port?: number
}

/** A socket's handle as Node makes it: a TCP or a Pipe. */
export interface StreamHandle {
  readonly fd: number
  readonly bytesRead: number
  /** Bytes that the kernel has not taken. */
  readonly writeQueueSize: number
  onread: (this: StreamHandle) => void
  readStart(): number
  readStop(): number
  useUserBuffer(bytes: Uint8Array): void
  writeBuffer(request: WriteRequest | null, bytes: Uint8Array): number | WriteRequest
  close(callback: (this: StreamHandle) => void): void
  setNoDelay?(on: boolean): number
  setKeepAlive?(on: boolean, seconds: number): number
  getpeername?(out: HandleAddress): number
  getsockname?(out: HandleAddress): number
  /** Ours: whose handle it is, as Node itself notes it by a symbol. */
  connection?: HandleConnection
}

interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void
  /** Set where the write ended before anyone could listen (Node 26). */
  writeStatus?: number | null
  connection: HandleConnection
  /** The bytes under way: the kernel's copy is made of them later. */
  bytes: Uint8Array
}

/** A server's handle while it listens. */
interface ListeningHandle {
  onconnection: (status: number, handle: StreamHandle | undefined) => void
}

/** Makes requests for writes. Null where the handle makes them itself, as from Node 26 on. */
type RequestFactory = (new () => WriteRequest) | null

/** What this runtime's handles need; null where they are not to be driven. */
export interface Handles {
  readonly requests: RequestFactory
}

/** Shows a socket that looks like a handle one write: what it is given is what this Node's handles are given. */
const probe = (): { readonly request: object | null } | null => {
  let seen: { readonly request: object | null } | null = null
  const handle = {
    getAsyncId: () => 0,
    readStart: () => 0,
    readStop: () => 0,
    close: () => {},
    writeBuffer: (request: object | null) => {
      seen = { request }
      return 0
    }
  }
  try {
    // `handle` is what Node's own accept passes; its type leaves it out
    const socket = new Socket({ handle, manualStart: true } as SocketConstructorOpts)
    socket.on("error", () => {})
    socket.write(Buffer.alloc(1))
    socket.destroy()
  } catch {
    return null
  }
  return seen
}

/** Whether, and how, this runtime lets us drive handles. */
export const handles = (versions: NodeJS.ProcessVersions = process.versions): Handles | null => {
  const major = Number.parseInt(versions.node ?? "", 10)
  if (versions.bun !== undefined || versions.deno !== undefined) return null
  if (!(major >= NODE_FIRST && major <= NODE_LAST)) return null
  const seen = probe()
  if (seen === null) return null
  if (seen.request === null) return { requests: null }
  // what Node's handles are given is the one thing that they take
  const factory = seen.request.constructor
  return factory === Object ? null : { requests: factory as unknown as RequestFactory }
}

const METHODS = ["readStart", "readStop", "useUserBuffer", "writeBuffer", "close"] as const
const FIGURES = ["bytesRead", "writeQueueSize", "fd"] as const

/** Whether a handle has all that is used of it. */
const isWhole = (handle: StreamHandle): boolean =>
  METHODS.every((name) => typeof handle[name] === "function") &&
  FIGURES.every((name) => typeof handle[name] === "number")

/** What the connections of one listener share. */
export class HandleShare {
  readonly source: ByteSource = byteSource(Buffer.allocUnsafeSlow(READ_BYTES_MAX))

  constructor(
    private readonly requests: RequestFactory,
    readonly lingering: Lingering,
    /** The Unix socket's path, "" for TCP. */
    readonly path: string,
    /** The address that is listened on, "" where it is every one: then a connection has to be asked. */
    readonly local: string
  ) {}

  /** Writes; gives a negative errno, 0 where the kernel took all, 1 where the rest follows. */
  write(handle: StreamHandle, bytes: Uint8Array, connection: HandleConnection): number {
    const { requests } = this
    if (requests === null) {
      const result = handle.writeBuffer(null, bytes)
      if (typeof result === "number") return result
      prepare(result, bytes, connection)
      if (typeof result.writeStatus === "number") return Math.min(result.writeStatus, 0)
    } else {
      // not reused: a rest that the kernel takes at once leaves an empty queue, and the request is still in use
      const request = new requests()
      prepare(request, bytes, connection)
      const error = Number(handle.writeBuffer(request, bytes))
      if (error !== 0) return error
    }
    return handle.writeQueueSize === 0 ? 0 : 1
  }
}

const prepare = (request: WriteRequest, bytes: Uint8Array, connection: HandleConnection): void => {
  request.connection = connection
  request.bytes = bytes
  request.oncomplete = onWritten
}

function onWritten(this: WriteRequest, status: number): void {
  this.connection.written(status)
}

function onRead(this: StreamHandle): void {
  this.connection?.received()
}

function onClosed(this: StreamHandle): void {
  this.connection?.gone()
}

export class HandleConnection implements Connection {
  readonly peer: string
  readonly local: string
  readonly loopback: boolean
  private receiver: Receiver | null = null
  private bytesRead = 0
  private reading = false
  /** The client has ended its side. */
  private ended = false
  /** Closes once everything is written. */
  private ending = false
  /** The handle is closed, or another's. */
  private closed = false
  /** What is to be sent together, where that is being collected. */
  private corked: Array<Buffer> | null = null

  constructor(
    private readonly handle: StreamHandle,
    private readonly share: HandleShare
  ) {
    handle.connection = this
    if (share.path !== "") {
      this.peer = this.local = `${share.path}:0`
      this.loopback = true
      return
    }
    const address: HandleAddress = {}
    handle.setNoDelay?.(true)
    handle.getpeername?.(address)
    const { address: host = "", port } = address
    this.peer = hostPort(host, port)
    this.loopback = isLoopback(host)
    if (share.local === "") handle.getsockname?.(address)
    this.local = share.local === "" ? hostPort(address.address ?? "", address.port) : share.local
  }

  get descriptor(): number {
    return this.closed ? -1 : this.handle.fd
  }

  get flushed(): boolean {
    return this.closed || this.handle.writeQueueSize === 0
  }

  get congested(): boolean {
    return this.unsentBytes > CONGESTED_BYTES
  }

  get unsentBytes(): number {
    return this.closed ? 0 : this.handle.writeQueueSize
  }

  start(receiver: Receiver): void {
    this.receiver = receiver
    this.handle.onread = onRead
    this.handle.useUserBuffer(this.share.source.bytes)
    this.resume()
  }

  keepAlive(seconds: number): void {
    this.handle.setKeepAlive?.(true, seconds)
  }

  release(): Socket {
    this.pause()
    this.closed = true
    const { handle, receiver } = this
    const options = { handle, allowHalfOpen: true, manualStart: true }
    // reads of a handle that was started go to the shared buffer for good: a socket of its own must know it
    const onread =
      receiver === null ? {} : { onread: { buffer: this.share.source.bytes, callback: () => true } }
    return new Socket({ ...options, ...onread } as SocketConstructorOpts)
  }

  send(bytes: Buffer, start: number, end: number): boolean {
    if (this.closed || this.ending) return false
    if (this.corked !== null) {
      this.corked.push(bytes.subarray(start, end))
      return true
    }
    const whole = start === 0 && end === bytes.length
    const result = this.share.write(this.handle, whole ? bytes : bytes.subarray(start, end), this)
    if (result < 0) this.destroy()
    return result > 0
  }

  cork(): void {
    this.corked ??= []
  }

  uncork(): void {
    const parts = this.corked ?? []
    this.corked = null
    if (parts.length === 0) return
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    this.send(bytes, 0, bytes.length)
  }

  end(): void {
    this.uncork()
    if (this.closed || this.ending) return
    this.ending = true
    if (this.handle.writeQueueSize === 0) this.finish()
    // to hear of a client that goes away first
    else this.resume()
  }

  destroy(): void {
    if (this.closed) return
    this.closed = true
    this.handle.close(onClosed)
  }

  pause(): void {
    if (this.closed || this.ending || !this.reading) return
    this.reading = false
    this.handle.readStop()
  }

  resume(): void {
    if (this.closed || this.ended || this.reading) return
    this.reading = true
    if (this.handle.readStart() !== 0) this.destroy()
  }

  /** The handle has read; called by it. */
  received(): void {
    if (this.closed) return
    const { handle } = this
    const total = handle.bytesRead
    const count = total - this.bytesRead
    this.bytesRead = total
    if (count === 0) this.receivedNothing()
    else if (!this.ending) this.receiver?.data(this.share.source, count)
  }

  /**
   * The end, a reset, or a read that found nothing: a handle says only by what it allows next. At the end it has
   * stopped by itself and starts again; otherwise it is still reading, and after a reset cannot be started.
   */
  private receivedNothing(): void {
    const { handle } = this
    const ended = handle.readStart() === 0
    handle.readStop()
    if (!ended) {
      if (handle.readStart() !== 0) this.destroy()
      return
    }
    this.ended = true
    this.reading = false
    if (!this.ending) this.receiver?.ended()
  }

  /** A write that had to wait is done; called by its request. */
  written(status: number): void {
    if (this.closed) return
    if (status < 0) this.destroy()
    else if (this.handle.writeQueueSize === 0) {
      if (this.ending) this.finish()
      else this.receiver?.drained()
    }
  }

  /** The handle is closed; called by it. */
  gone(): void {
    this.receiver?.closed()
  }

  private finish(): void {
    if (this.ended) {
      this.destroy()
      return
    }
    if (this.reading) this.handle.readStop()
    this.reading = false
    this.share.lingering.add(this.release())
    queueMicrotask(() => this.receiver?.closed())
  }
}

/**
 * Has a server that listens give its clients as handles. False where it does not let itself be taken over: its
 * 'connection' events go on then.
 */
export const takeOver = (
  server: Server,
  share: HandleShare,
  accept: (connection: HandleConnection) => void,
  refuse: (status: number) => void
): boolean => {
  const { _handle: listening } = server as unknown as { readonly _handle?: ListeningHandle | null }
  if (typeof listening?.onconnection !== "function") return false
  const { onconnection } = listening
  let known = false
  listening.onconnection = function (status, handle) {
    if (status !== 0 || handle === undefined) {
      refuse(status)
      return
    }
    known ||= isWhole(handle)
    if (known) accept(new HandleConnection(handle, share))
    else {
      // not what it seemed: Node's own way from now on
      listening.onconnection = onconnection
      onconnection.call(this, status, handle)
    }
  }
  return true
}
