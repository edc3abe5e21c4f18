/**
 * The command table: records compiled for dispatch, found by the bytes of a name. Pure.
 */
import type { CommandFlag, CommandRecord, Handler } from "./record.js"

export const WRITE = 1
export const NO_AUTH = 2
export const NO_SCRIPT = 4
export const ALLOW_BUSY = 8
export const DENY_OOM = 16
export const LOADING = 32
export const ADMIN = 64
export const READONLY = 128

const BITS: Partial<Record<CommandFlag, number>> = {
  write: WRITE,
  no_auth: NO_AUTH,
  noscript: NO_SCRIPT,
  allow_busy: ALLOW_BUSY,
  denyoom: DENY_OOM,
  loading: LOADING,
  admin: ADMIN,
  readonly: READONLY
}

/** A record as dispatch uses it. */
export class Command {
  readonly name: string
  /** `config|set` for a subcommand. */
  readonly fullName: string
  readonly arity: number
  readonly flags: number
  readonly handler: Handler | undefined
  /** The argument of the first key, or 0: what a batch loads before it executes. */
  readonly firstKey: number
  readonly subcommands: ReadonlyMap<string, Command> | undefined
  /** For COMMAND STATS. */
  calls = 0
  rejected = 0
  failed = 0
  /** Time that it took, estimated: that of one batch in sixteen, shared out among its commands. */
  microseconds = 0

  constructor(
    readonly record: CommandRecord,
    parent?: CommandRecord
  ) {
    this.name = record.name
    this.fullName = parent === undefined ? record.name : `${parent.name}|${record.name}`
    this.arity = record.arity
    this.flags = record.flags.reduce((bits, flag) => bits | (BITS[flag] ?? 0), 0)
    this.handler = record.handler
    const begin = record.keys[0]?.begin
    this.firstKey =
      begin !== undefined &&
      "index" in begin &&
      record.keys[0]!.find !== null &&
      "lastKey" in record.keys[0]!.find
        ? begin.index
        : 0
    this.subcommands =
      record.subcommands === undefined
        ? undefined
        : new Map(record.subcommands.map((sub) => [sub.name, new Command(sub, record)]))
  }

  /** The subcommand of a name, whatever its case. */
  subcommand(name: Buffer): Command | undefined {
    return this.subcommands?.get(name.toString("latin1").toLowerCase())
  }
}

const SLOTS = 1024

/** Finds commands by name, whatever the case, without making a string. */
export class CommandTable {
  readonly all: ReadonlyArray<Command>
  private readonly slots: Array<Command | undefined> = new Array<Command | undefined>(SLOTS).fill(undefined)

  constructor(records: ReadonlyArray<CommandRecord>) {
    this.all = records.map((record) => new Command(record))
    for (const command of this.all) {
      const name = Buffer.from(command.name, "latin1")
      if (this.find(name, 0, name.length) !== undefined)
        throw new Error(`command '${command.name}' has two records`)
      let slot = hashName(name, 0, name.length)
      while (this.slots[slot] !== undefined) slot = (slot + 1) & (SLOTS - 1)
      this.slots[slot] = command
    }
  }

  find(bytes: Uint8Array, start: number, length: number): Command | undefined {
    for (let slot = hashName(bytes, start, length); ; slot = (slot + 1) & (SLOTS - 1)) {
      const command = this.slots[slot]
      if (command === undefined || sameName(command.name, bytes, start, length)) return command
    }
  }

  byName(name: string): Command | undefined {
    const bytes = Buffer.from(name, "latin1")
    return this.find(bytes, 0, bytes.length)
  }
}

const hashName = (bytes: Uint8Array, start: number, length: number): number => {
  let hash = length
  const end = start + length
  for (let at = start; at < end; at++) hash = (hash * 31 + (bytes[at]! | 32)) | 0
  return (hash ^ (hash >>> 10)) & (SLOTS - 1)
}

/** Whether bytes are a name in lower case, whatever their own case. */
export const sameName = (name: string, bytes: Uint8Array, start: number, length: number): boolean => {
  if (name.length !== length) return false
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i]!
    const lower = byte >= 65 && byte <= 90 ? byte + 32 : byte
    if (lower !== name.charCodeAt(i)) return false
  }
  return true
}
