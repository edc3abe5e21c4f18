/**
 * What server commands need beyond the engine: the settings, and figures of the process and its files. Pure: plain data
 * and callbacks. Each field says who writes it; commands only read, but where it says so.
 */
import type { Settings } from "../config/settings.js"
import type { ServerHost } from "../machine/host.js"
import type { Session } from "./session.js"

/** Kinds of errors that are counted one by one; beyond them errors count in total only. */
const ERROR_KINDS_MAX = 128

const SPACE = 32
/** What an error reply begins with. */
const ERROR_REPLY = 45

/** Figures of the append-only file, as the AOF keeps them. */
export interface AofFigures {
  readonly enabled: boolean
  readonly lastWriteOk: boolean
  readonly baseBytes: number
  readonly currentBytes: number
  /** Bytes that were propagated and could not be written yet. */
  readonly bufferBytes: number
  readonly pendingFsyncs: number
  /** fsyncs that the next one had to wait for. */
  delayedFsyncs: number
  readonly rewriting: boolean
}

const NO_AOF: AofFigures = {
  enabled: false,
  lastWriteOk: true,
  baseBytes: 0,
  currentBytes: 0,
  bufferBytes: 0,
  pendingFsyncs: 0,
  delayedFsyncs: 0,
  rewriting: false
}

/** How far loading is; written by the loader. */
export interface LoadingFigures {
  /** Unix seconds. */
  startedAt: number
  totalBytes: number
  loadedBytes: number
}

export class ServerState {
  private runIdMade: string | null = null
  private replicationIdMade: string | null = null
  /** The port that is listened on, 0 for none: written by the listener, as `port 0` may have it chosen. */
  tcpPort: number
  /** Of the AOF: set once, by whoever puts the engine together. */
  aof: AofFigures = NO_AOF
  /** Written by the loader; null while nothing is loaded. */
  loading: LoadingFigures | null = null
  /** Unix seconds of the last save; written at the start, later by snapshots. */
  lastSaveAt: number
  /** `log.changes` at the last save: INFO gives the difference. */
  changesAtLastSave = 0
  /** Rates of the last moments; written by the sampler. */
  opsPerSecond = 0
  inputBytesPerSecond = 0
  outputBytesPerSecond = 0
  /** The most memory that was used; written by the sampler, and by INFO. */
  peakBytes = 0
  /** What the process had taken besides the store when it was ready; written by the sampler as it starts. */
  startupBytes = 0
  /** Keys go away by themselves when their time comes: read by the expiry task, set by DEBUG. */
  activeExpire = true
  /** Error replies by their first word, for INFO errorstats; the engine calls `noteError`. */
  readonly errors = new Map<string, number>()

  constructor(
    readonly settings: Settings,
    readonly host: ServerHost,
    /** Unix ms at the start. */
    readonly startedAt: number
  ) {
    this.tcpPort = settings.port
    this.lastSaveAt = Math.floor(startedAt / 1000)
  }

  /** Made when it is first asked for, as is the other: what makes them takes Node long to load. */
  get runId(): string {
    this.runIdMade ??= this.host.randomHex(40)
    return this.runIdMade
  }

  get replicationId(): string {
    this.replicationIdMade ??= this.host.randomHex(40)
    return this.replicationIdMade
  }

  /** DEBUG CHANGE-REPL-ID. */
  changeReplicationId(): void {
    this.replicationIdMade = this.host.randomHex(40)
  }

  /** Counts an error reply that lies at [start, end) of `bytes`, from its "-" on. */
  noteError(bytes: Uint8Array, start: number, end: number): void {
    // part of a reply may stand before the error
    if (bytes[start] !== ERROR_REPLY) return
    let word = ""
    for (let at = start + 1; at < end && word.length < 64; at++) {
      const byte = bytes[at]!
      if (byte <= SPACE) break
      word += String.fromCharCode(byte)
    }
    const count = this.errors.get(word)
    if (count === undefined && this.errors.size >= ERROR_KINDS_MAX) return
    this.errors.set(word, (count ?? 0) + 1)
  }

  /** The most memory used so far, with what is used now. */
  notePeak(usedBytes: number): number {
    if (usedBytes > this.peakBytes) this.peakBytes = usedBytes
    return this.peakBytes
  }
}

/** Whether a client is on this machine: `local` in enable-protected-configs and enable-debug-command lets it in. */
export const isLocal = ({ address }: Session): boolean =>
  address === "" || /^(\/|127\.0\.0\.1:|::1:|\[::1\]:|\[?::ffff:127\.0\.0\.1\]?:)/.test(address)
