/**
 * The state of one client: a connection, the in-process client, a script's caller or the AOF loader. Pure.
 */
import { RequestDecoder } from "../resp/decoder.js"
import type { Database } from "../store/database.js"
import type { Blocked } from "./blocking.js"

/** Where a client is reached; made by the shell. */
export interface Transport {
  /** Sends [start, end) of a buffer; true where the bytes are still needed after the call, so must not be reused. */
  send(bytes: Buffer, start: number, end: number): boolean
  /** Sends what is under way, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
  /** Between these, what is sent goes out together. */
  cork(): void
  uncork(): void
  /** Stops and resumes reading. */
  pause(): void
  resume(): void
  /** Whether what was sent has piled up, so that nothing more should be executed for it. */
  readonly congested: boolean
  /** Bytes that were sent and that the kernel has not taken yet. */
  readonly unsentBytes: number
}

/** The transport of sessions that are not reached over a socket: their replies are read from the writer. */
export const NO_TRANSPORT: Transport = {
  send: () => false,
  end: () => {},
  destroy: () => {},
  cork: () => {},
  uncork: () => {},
  pause: () => {},
  resume: () => {},
  congested: false,
  unsentBytes: 0
}

export class Session {
  readonly decoder = new RequestDecoder()
  protocol: 2 | 3 = 2
  name = ""
  libraryName = ""
  libraryVersion = ""
  /** CLIENT NO-EVICT, NO-TOUCH */
  noEvict = false
  noTouch = false
  /** CLIENT REPLY: on, off, skip the next reply. */
  replies: "on" | "off" | "skip-next" | "skipping" = "on"
  /** The command that runs waits for something: nothing more is decoded until it has been answered. */
  waiting = false
  /** What it waits for where that are keys. */
  blocked: Blocked | null = null
  /** The position of the log behind its own latest write. */
  wroteAt = 0
  /** Entries of the outbox that wait to be sent to it, and their bytes. */
  queued = 0
  queuedBytes = 0
  /** Closes as soon as the replies so far are sent. */
  closing = false
  closed = false
  /** The client has closed its side; it gets the replies that are due, then the connection ends. */
  inputEnded = false
  /** CLIENT KILL has destroyed its transport; `closed` follows. */
  killed = false
  /** Why nothing is read: bytes are held back until this is over. */
  held = false
  /** The socket's file descriptor, for CLIENT LIST; -1 where it has none. Written by the shell. */
  descriptor = -1
  commands = 0
  lastCommand = ""
  lastActiveAt: number
  /** Bytes of the limits that DecoderLimits asks for. */
  bulkBytesMax = 512 * 1024 * 1024

  constructor(
    readonly id: number,
    public database: Database,
    public authenticated: boolean,
    readonly createdAt: number,
    readonly address: string,
    readonly localAddress: string,
    readonly transport: Transport
  ) {
    this.lastActiveAt = createdAt
  }
}
