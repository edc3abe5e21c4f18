/**
 * What command handlers may reach of the engine. Pure.
 */
import type { Changes } from "../changes/changes.js"
import type { Keyspace } from "../store/database.js"
import type { Blocking } from "./blocking.js"
import type { ScriptGate } from "./gate.js"
import type { Script } from "./outcome.js"
import type { ServerState } from "./server.js"
import type { Session } from "./session.js"
import type { CommandTable } from "./table.js"

/** Figures of the engine, for INFO. */
export class EngineStats {
  commands = 0
  connections = 0
  rejectedConnections = 0
  netInputBytes = 0
  netOutputBytes = 0
  errorReplies = 0
}

/** The cache of scripts, as commands use it. */
export interface ScriptCache {
  readonly size: number
  /** Bytes of the scripts and their names. */
  readonly bytes: number
  /** Bytes that the Lua VM took when it was made, as measured; 0 until there is one. */
  readonly vmBytes: number
  /** Keeps a script of EVAL's, or marks its use. */
  readonly use: (source: Uint8Array) => Script
  /** The script of a SHA1, which counts as a use, or undefined. */
  readonly find: (sha: string) => Script | undefined
  readonly has: (sha: string) => boolean
  /** Forgets all. */
  readonly flush: () => void
}

export interface CommandContext {
  readonly keyspace: Keyspace
  readonly table: CommandTable
  readonly changes: Changes
  readonly server: ServerState
  readonly stats: EngineStats
  readonly gate: ScriptGate
  readonly scripts: ScriptCache
  readonly blocking: Blocking
  /** Everyone who is connected, by id. */
  readonly sessions: ReadonlyMap<number, Session>
  /** Data are being loaded from files. */
  readonly loading: boolean
  /** The look-ups that were made ahead for the rest of the batch hold no more. */
  readonly forgetPrefetch: () => void
}
