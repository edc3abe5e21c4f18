/**
 * One client: what its connection tells goes to the engine, for its session. Plain TypeScript.
 */
import type { Settings } from "../config/settings.js"
import type { Engine } from "../engine/engine.js"
import * as Errors from "../engine/errors.js"
import { Session } from "../engine/session.js"
import type { ByteSource } from "../resp/batch.js"
import type { Connection, Receiver } from "./connection.js"

/** Bytes that are taken of one client before others get their turn: some two milliseconds of small commands. */
const BURST_BYTES_MAX = 128 * 1024

/** The clients of one listener. */
export interface Clients {
  readonly engine: Engine
  readonly open: Set<Client>
  /** No more bytes are taken. */
  stopping: boolean
  /** Called whenever one is closed while stopping. */
  onClosed: () => void
}

export class Client implements Receiver {
  /** It has sent bytes that were not taken any more. */
  ignored = false
  private burstBytes = 0

  constructor(
    private readonly clients: Clients,
    readonly connection: Connection,
    readonly session: Session
  ) {}

  data(source: ByteSource, count: number): void {
    const { clients, session } = this
    if (clients.stopping) {
      this.ignored = true
      return
    }
    clients.engine.feed(session, source, count)
    // the time of this batch: `feed` only knows that of the one before
    session.lastActiveAt = clients.engine.keyspace.now
    this.burstBytes += count
    if (this.burstBytes > BURST_BYTES_MAX) this.giveWay()
  }

  /** The event loop reads a socket as long as it has bytes: others get their turn. */
  private giveWay(): void {
    this.connection.pause()
    setImmediate(() => {
      this.burstBytes = 0
      // one that is held is resumed when it goes on
      if (!this.session.held && !this.session.waiting) this.connection.resume()
    })
  }

  ended(): void {
    this.clients.engine.endInput(this.session)
  }

  drained(): void {
    this.clients.engine.resume(this.session)
  }

  closed(): void {
    const { clients } = this
    clients.engine.close(this.session)
    clients.open.delete(this)
    if (clients.stopping) clients.onClosed()
  }
}

/** Why a new connection is not taken, or null. `others` are connections that count beside sessions. */
export const refusal = (
  engine: Engine,
  settings: Settings,
  connection: Connection,
  others: number
): Uint8Array | null => {
  if (engine.sessions.size + others >= settings.maxclients) return Errors.MAX_CLIENTS
  if (settings.protectedMode && settings.requirepass === "" && !connection.loopback)
    return Errors.PROTECTED_MODE
  return null
}

/** Makes a connection a client: from now on it is read. */
export const admit = (clients: Clients, settings: Settings, connection: Connection): void => {
  const { engine } = clients
  if (settings.tcpKeepaliveSeconds > 0) connection.keepAlive(settings.tcpKeepaliveSeconds)
  const session = new Session(
    engine.newSessionId(),
    engine.keyspace.databases[0]!,
    settings.requirepass === "",
    engine.hooks.now(),
    connection.peer,
    connection.local,
    connection
  )
  session.bulkBytesMax = settings.protoMaxBulkLenBytes
  session.descriptor = connection.descriptor
  engine.open(session)
  const client = new Client(clients, connection, session)
  clients.open.add(client)
  connection.start(client)
}
