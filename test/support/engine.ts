/**
 * An engine in memory, without sockets or files: commands go in as a client sends them, replies come out as bytes.
 *
 * Time stands still until a test sets it; randomness comes from a seed; what is propagated can be read.
 */

import { makeLoadTarget } from "../../src/aof/target.js"
import { Changes } from "../../src/changes/changes.js"
import { CommandLog } from "../../src/changes/commandLog.js"
import { Propagation } from "../../src/changes/propagation.js"
import { databaseCommands } from "../../src/commands/keys/databases.js"
import { expireCommands } from "../../src/commands/keys/expire.js"
import { genericCommands } from "../../src/commands/keys/generic.js"
import { stringNumberCommands } from "../../src/commands/strings/number.js"
import { stringRangeCommands } from "../../src/commands/strings/range.js"
import { stringCommands } from "../../src/commands/strings/string.js"
import { Settings } from "../../src/config/settings.js"
import { Engine } from "../../src/engine/engine.js"
import { ScriptGate } from "../../src/engine/gate.js"
import type { CommandRecord } from "../../src/engine/record.js"
import { ServerState } from "../../src/engine/server.js"
import { NO_TRANSPORT, Session, type Transport } from "../../src/engine/session.js"
import { CommandTable } from "../../src/engine/table.js"
import { Scripts } from "../../src/lua/scripts.js"
import type { ServerHost } from "../../src/machine/host.js"
import { byteSource, CommandBatch, encodeCommand } from "../../src/resp/batch.js"
import { RequestDecoder } from "../../src/resp/decoder.js"
import { Keyspace } from "../../src/store/database.js"
import { makeHashKey } from "../../src/store/hash.js"
import { ShardRef } from "../../src/store/ShardRef.js"

/** 32-bit integers from a seed (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = state
    value = Math.imul(value ^ (value >>> 15), value | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return (value ^ (value >>> 14)) >>> 0
  }
}

/** A seed that a failing test can be run again with: EFFECT_KV_SEED=… */
export const testSeed = (): number => {
  const given = process.env.EFFECT_KV_SEED
  return given === undefined ? (Date.now() ^ (process.pid << 16)) >>> 0 : Number(given) >>> 0
}

/** 2033-05-18, a round number. */
export const START_MS = 2_000_000_000_000

/** A keyspace of 16 databases whose time is set by hand. */
export const makeKeyspace = (random: () => number): Keyspace =>
  new Keyspace({
    databases: 16,
    hashKey: makeHashKey(random(), random()),
    makeCell: (shard) => new ShardRef(shard),
    now: START_MS,
    random
  })

const host = (random: () => number): ServerHost => ({
  processId: 1,
  executable: "effect-kv",
  operatingSystem: "Linux",
  nodeVersion: "20.0.0",
  memory: () => ({ rssBytes: 0, heapUsedBytes: 0, heapTotalBytes: 0, externalBytes: 0, systemBytes: 0 }),
  allocatedBytes: () => 0,
  cpu: () => ({ userMicroseconds: 0, systemMicroseconds: 0 }),
  unixMicroseconds: () => START_MS * 1000,
  randomHex: (digits) => Array.from({ length: digits }, () => (random() & 15).toString(16)).join(""),
  log: () => {},
  replaceFile: () => null
})

const table = (extra: ReadonlyArray<CommandRecord>): CommandTable =>
  new CommandTable([
    ...stringCommands,
    ...stringNumberCommands,
    ...stringRangeCommands,
    ...genericCommands,
    ...databaseCommands,
    ...expireCommands,
    ...extra
  ])

export type Argument = string | number | Uint8Array

const encode = (args: ReadonlyArray<Argument>): Buffer =>
  encodeCommand(args.map((arg) => (typeof arg === "number" ? String(arg) : arg)))

/** Splits RESP commands into their arguments, a byte a character. */
export const parseCommands = (bytes: Buffer): Array<Array<string>> => {
  const text = bytes.toString("latin1")
  const commands: Array<Array<string>> = []
  let at = 0
  const line = (): string => {
    const end = text.indexOf("\r\n", at)
    const found = text.slice(at + 1, end)
    at = end + 2
    return found
  }
  while (at < text.length) {
    const args: Array<string> = []
    for (let left = Number(line()); left > 0; left--) {
      const length = Number(line())
      args.push(text.slice(at, at + length))
      at += length + 2
    }
    commands.push(args)
  }
  return commands
}

export interface TestEngine {
  readonly engine: Engine
  readonly keyspace: Keyspace
  readonly session: Session
  /** Executes one command; the raw reply in RESP2, a byte a character. */
  readonly call: (...args: ReadonlyArray<Argument>) => string
  /** The same in RESP3. */
  readonly callResp3: (...args: ReadonlyArray<Argument>) => string
  /** Executes commands that arrive in one read, so that their look-ups are grouped; the replies one after another. */
  readonly pipeline: (commands: ReadonlyArray<ReadonlyArray<Argument>>) => string
  /** The value of a bulk reply, or null. */
  readonly bulk: (...args: ReadonlyArray<Argument>) => string | null
  /** The number of an integer reply. */
  readonly integer: (...args: ReadonlyArray<Argument>) => number
  /** Executes a command as the loader of a file does; its error, or null. */
  readonly load: (...args: ReadonlyArray<Argument>) => string | null
  /** What SELECT does. */
  readonly select: (database: number) => void
  /** What was propagated since the last call, without the SELECT of database 0. */
  readonly propagated: () => Array<Array<string>>
  /** Unix ms. */
  now: number
}

/** Makes an engine; `seed` is for hashing and RANDOMKEY. */
export const makeEngine = (
  options: { readonly seed?: number; readonly commands?: ReadonlyArray<CommandRecord> } = {}
): TestEngine => {
  const random = seeded(options.seed ?? 1)
  const keyspace = makeKeyspace(random)
  let sent: Array<Buffer> = []
  const transport: Transport = {
    ...NO_TRANSPORT,
    send: (bytes, start, end) => {
      sent.push(Buffer.from(bytes.subarray(start, end)))
      return false
    }
  }
  const log = new CommandLog()
  log.enabled = true
  const server = new ServerState(Settings.make(), host(random), START_MS)
  const engine = new Engine({
    keyspace,
    table: table(options.commands ?? []),
    scripts: new Scripts(),
    gate: new ScriptGate(),
    server,
    changes: new Changes(log),
    propagation: new Propagation(log),
    hooks: {
      now: () => self.now,
      onWait: () => {},
      onFlushDue: () => {},
      onDefect: (command, cause) => {
        throw new Error(`'${command}' failed`, { cause })
      }
    }
  })
  const session = new Session(1, keyspace.databases[0]!, true, START_MS, "test:1", "test:2", transport)
  engine.sessions.set(1, session)
  const target = makeLoadTarget(engine)
  const feed = (bytes: Buffer): string => {
    sent = []
    // in a buffer of its own, and not at its start: as a socket's reads are
    const memory = Buffer.alloc(bytes.length + 3)
    bytes.copy(memory, 3)
    engine.feed(session, byteSource(memory.subarray(3)), bytes.length)
    return Buffer.concat(sent).toString("latin1")
  }
  const call = (...args: ReadonlyArray<Argument>): string => feed(encode(args))
  const self: TestEngine = {
    engine,
    keyspace,
    session,
    call,
    callResp3: (...args) => {
      session.protocol = 3
      const reply = call(...args)
      session.protocol = 2
      return reply
    },
    pipeline: (commands) => feed(Buffer.concat(commands.map(encode))),
    bulk: (...args) => {
      const reply = call(...args)
      if (reply === "$-1\r\n") return null
      if (!reply.startsWith("$")) throw new Error(`no bulk reply: ${reply}`)
      return reply.slice(reply.indexOf("\n") + 1, -2)
    },
    integer: (...args) => {
      const reply = call(...args)
      if (!reply.startsWith(":")) throw new Error(`no integer reply: ${reply}`)
      return Number(reply.slice(1))
    },
    load: (...args) => {
      const bytes = encode(args)
      const batch = new CommandBatch()
      new RequestDecoder().decode(byteSource(bytes), 0, bytes.length, batch, session)
      return target.execute(batch, 0)
    },
    select: (database) => {
      session.database = keyspace.databases[database]!
    },
    propagated: () => {
      const bytes = log.pending()
      const commands = parseCommands(bytes)
      log.consume(bytes.length)
      return commands.filter((args) => args[0] !== "SELECT" || args[1] !== "0")
    },
    now: START_MS
  }
  return self
}
