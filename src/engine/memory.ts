/**
 * How much memory is used, and for what: the account that INFO, MEMORY and CLIENT LIST show. Pure.
 *
 *   used      = dataset + overhead      (used_memory: what V8 and the store hold; the peak is the peak of this)
 *   overhead  = startup + index + clients + AOF buffer + scripts + what else V8 has come to hold, garbage included
 *   allocated = used; active: what V8's heap, its buffers and the store have taken; resident: no more than rss
 *   limited   = what maxmemory is compared with: records, values and index, which is exact, and which a client can
 *               answer for. The rest of `used` is mem_not_counted_for_evict, as in Redis its own buffers are.
 *
 * The store's slabs are counted by what is in use of them, though V8 counts them whole. What the process had taken
 * when it was ready counts as taken for good, and little more as none: what V8's collector frees or has yet to free
 * would look like data that went or came, and who compares two figures (Redis's own tests do) means data.
 */
import type { Database } from "../store/database.js"
import type { CommandContext } from "./context.js"
import type { Session } from "./session.js"

/** Bytes that a session takes besides what its buffers hold (measured: test/bench/connections.mjs). */
const SESSION_BYTES = 1400

/** Bytes that a client takes: its state, what it has sent in part, and what it has yet to read. */
export const clientBytes = ({ decoder, queuedBytes, transport }: Session): number =>
  SESSION_BYTES + decoder.roomBytes + queuedBytes + transport.unsentBytes

/** V8's heap changes by so much for no reason that anybody could name (measured: by up to 1.5 MB in an idle server). */
const GARBAGE_BYTES = 2 * 1024 * 1024

/** What is taken besides the store, where V8 has allocated so much in all. */
const processBytes = ({ keyspace: { segments }, server }: CommandContext, allocatedBytes: number): number =>
  Math.max(allocatedBytes - segments.reservedBytes - GARBAGE_BYTES, server.startupBytes)

/** used_memory: cheap enough to be sampled. */
export const usedBytes = (context: CommandContext): number =>
  processBytes(context, context.server.host.allocatedBytes()) + context.keyspace.segments.usedBytes

/** Bytes of a database's index. */
export const indexBytes = ({ cells }: Database): number =>
  cells.reduce((sum, { current }) => sum + (current.size === 0 ? 0 : current.pageBytes), 0)

/** Bytes, but where it says otherwise. */
export interface MemoryAccount {
  readonly used: number
  readonly peak: number
  readonly startup: number
  readonly overhead: number
  readonly dataset: number
  /** The data's share of what is used beyond the start, from 0 to 100. */
  readonly datasetPercent: number
  readonly limited: number
  readonly clients: number
  readonly aofBuffer: number
  readonly scripts: number
  readonly vm: number
  readonly heapUsed: number
  readonly active: number
  readonly resident: number
  readonly rss: number
  readonly system: number
}

/** Takes the account. Its time goes with the clients, the scripts and the index's pages, not with the keys. */
export const memoryAccount = (context: CommandContext): MemoryAccount => {
  const { changes, keyspace, scripts, server, sessions } = context
  const { segments } = keyspace
  const figures = server.host.memory()
  const { heapUsedBytes, rssBytes } = figures
  const limited = segments.usedBytes
  const used = processBytes(context, heapUsedBytes + figures.externalBytes) + limited
  const dataset = limited - keyspace.databases.reduce((sum, database) => sum + indexBytes(database), 0)
  const active = Math.max(used, figures.heapTotalBytes + figures.externalBytes - segments.idleBytes)
  let clients = 0
  for (const session of sessions.values()) clients += clientBytes(session)
  const sinceStart = Math.max(used - server.startupBytes, 1)
  return {
    used,
    peak: server.notePeak(used),
    startup: server.startupBytes,
    overhead: used - dataset,
    dataset,
    datasetPercent: (dataset / sinceStart) * 100,
    limited,
    clients,
    aofBuffer: changes.log.length + server.aof.bufferBytes,
    scripts: scripts.bytes,
    vm: scripts.vmBytes,
    heapUsed: heapUsedBytes,
    active,
    resident: Math.min(active, rssBytes),
    rss: rssBytes,
    system: figures.systemBytes
  }
}
