/**
 * An engine in memory with every command, several clients, settings, and a host whose files and log can be read.
 *
 * Replies are taken apart: simple strings, errors ("-…"), bulk strings, numbers, arrays; maps are Maps, sets Sets.
 */

import { Changes } from "../../src/changes/changes.js"
import { CommandLog } from "../../src/changes/commandLog.js"
import { Propagation } from "../../src/changes/propagation.js"
import { commandRecords } from "../../src/commands/index.js"
import { Settings } from "../../src/config/settings.js"
import { Engine } from "../../src/engine/engine.js"
import { ScriptGate } from "../../src/engine/gate.js"
import type { Wait } from "../../src/engine/outcome.js"
import type { CommandRecord } from "../../src/engine/record.js"
import { ServerState } from "../../src/engine/server.js"
import { Session } from "../../src/engine/session.js"
import { CommandTable } from "../../src/engine/table.js"
import { Scripts } from "../../src/lua/scripts.js"
import type { ServerHost } from "../../src/machine/host.js"
import { byteSource, encodeCommand } from "../../src/resp/batch.js"
import { makeKeyspace, START_MS, seeded } from "./engine.js"

export type Reply =
  | null
  | number
  | boolean
  | string
  | ReadonlyArray<Reply>
  | ReadonlySet<Reply>
  | ReadonlyMap<Reply, Reply>

/** Reads one reply; gives it and the offset after it. */
const readReply = (text: string, from: number): readonly [reply: Reply, end: number] => {
  const lineEnd = text.indexOf("\r\n", from)
  const line = text.slice(from + 1, lineEnd)
  const start = lineEnd + 2
  const several = (count: number): readonly [Array<Reply>, number] => {
    const found: Array<Reply> = []
    let at = start
    for (let i = 0; i < count; i++) {
      const [reply, end] = readReply(text, at)
      found.push(reply)
      at = end
    }
    return [found, at]
  }
  switch (text[from]) {
    case "-":
      return [`-${line}`, start]
    case ":":
      return [Number(line), start]
    case "_":
      return [null, start]
    case "#":
      return [line === "t", start]
    case "$":
      return line === "-1"
        ? [null, start]
        : [text.slice(start, start + Number(line)), start + Number(line) + 2]
    case "=":
      return [text.slice(start + 4, start + Number(line)), start + Number(line) + 2]
    case "*":
      return line === "-1" ? [null, start] : several(Number(line))
    case "~": {
      const [found, end] = several(Number(line))
      return [new Set(found), end]
    }
    case "%": {
      const [found, end] = several(Number(line) * 2)
      return [
        new Map(Array.from({ length: found.length / 2 }, (_, i) => [found[2 * i]!, found[2 * i + 1]!])),
        end
      ]
    }
    default:
      return [line, start]
  }
}

/** The replies in bytes that were sent. */
export const readReplies = (text: string): ReadonlyArray<Reply> => {
  const found: Array<Reply> = []
  for (let at = 0; at < text.length; ) {
    const [reply, end] = readReply(text, at)
    found.push(reply)
    at = end
  }
  return found
}

export interface TestClient {
  readonly session: Session
  /** Sends bytes as they are (latin1); what is replied to them. */
  readonly feed: (bytes: string) => string
  /** Executes one command; its raw reply, a byte a character ("" where there is none). */
  readonly raw: (...args: ReadonlyArray<string>) => string
  /** Executes one command; its reply (undefined where there is none). */
  readonly call: (...args: ReadonlyArray<string>) => Reply | undefined
  /** The replies that have come by themselves since the last call, or the last command. */
  readonly received: () => ReadonlyArray<Reply>
  /** Executes commands that arrive in one read. */
  readonly pipeline: (...commands: ReadonlyArray<ReadonlyArray<string>>) => ReadonlyArray<Reply>
  /** Whether the server has closed the connection: after its replies, or at once. */
  ended: boolean
  destroyed: boolean
}

export interface ServerEngine extends TestClient {
  readonly engine: Engine
  readonly scripts: Scripts
  readonly settings: Settings
  readonly connect: (address?: string) => TestClient
  /** What commands have asked to wait for. */
  readonly waits: Array<Wait>
  readonly logged: Array<string>
  readonly files: Map<string, string>
  /** Unix ms. */
  readonly clock: { now: number }
}

/** Makes an engine with settings of a configuration file's words, and one client. */
export const makeServerEngine = (
  directives: Readonly<Record<string, string>> = {},
  commands: ReadonlyArray<CommandRecord> = []
): ServerEngine => {
  const random = seeded(1)
  const keyspace = makeKeyspace(random)
  const settings = Settings.make(
    Object.entries(directives).map(([name, value]) => ({
      name,
      args: [value],
      file: "",
      line: 0,
      text: ""
    }))
  )
  const logged: Array<string> = []
  const files = new Map<string, string>()
  const waits: Array<Wait> = []
  const clock = { now: START_MS }
  const host: ServerHost = {
    processId: 4242,
    executable: "/opt/effect-kv",
    operatingSystem: "Linux 6.1 x86_64",
    nodeVersion: "20.0.0",
    memory: () => ({
      rssBytes: 64 * 1024 * 1024,
      heapUsedBytes: 9 * 1024 * 1024,
      heapTotalBytes: 12 * 1024 * 1024,
      externalBytes: 1024 * 1024 + keyspace.segments.reservedBytes,
      systemBytes: 8 * 1024 ** 3
    }),
    allocatedBytes: () => 10 * 1024 * 1024 + keyspace.segments.reservedBytes,
    cpu: () => ({ userMicroseconds: 1_500_000, systemMicroseconds: 250_000 }),
    unixMicroseconds: () => clock.now * 1000 + 7,
    randomHex: (digits) => Array.from({ length: digits }, () => (random() & 15).toString(16)).join(""),
    log: (severity, message) => logged.push(`${severity}: ${message}`),
    replaceFile: (file, change) => {
      if (file.startsWith("/read-only/")) return "Permission denied"
      files.set(file, change(files.get(file) ?? ""))
      return null
    }
  }
  const log = new CommandLog()
  const scripts = new Scripts()
  const engine = new Engine({
    keyspace,
    table: new CommandTable([...commandRecords, ...commands]),
    scripts,
    gate: new ScriptGate(),
    server: new ServerState(settings, host, START_MS),
    changes: new Changes(log),
    propagation: new Propagation(log),
    hooks: {
      now: () => clock.now,
      onWait: (_session, wait) => waits.push(wait),
      onFlushDue: () => {},
      onDefect: (command, cause) => {
        throw new Error(`'${command}' failed`, { cause })
      }
    }
  })
  engine.server.startupBytes = host.allocatedBytes()
  const connect = (address = "127.0.0.1:50000"): TestClient => {
    let sent: Array<Buffer> = []
    const session = new Session(
      engine.newSessionId(),
      keyspace.databases[0]!,
      settings.requirepass === "",
      clock.now,
      address,
      "127.0.0.1:6379",
      {
        send: (bytes, start, end) => {
          sent.push(Buffer.from(bytes.subarray(start, end)))
          return false
        },
        end: () => {
          client.ended = true
        },
        destroy: () => {
          client.destroyed = true
        },
        cork: () => {},
        uncork: () => {},
        pause: () => {},
        resume: () => {},
        congested: false,
        unsentBytes: 0
      }
    )
    engine.sessions.set(session.id, session)
    const feed = (bytes: Buffer): string => {
      sent = []
      engine.feed(session, byteSource(bytes), bytes.length)
      const text = Buffer.concat(sent).toString("latin1")
      sent = []
      return text
    }
    const raw = (...args: ReadonlyArray<string>): string =>
      feed(encodeCommand(args.map((arg) => Buffer.from(arg, "latin1"))))
    const client: TestClient = {
      received: () => {
        const text = Buffer.concat(sent).toString("latin1")
        sent = []
        return readReplies(text)
      },
      session,
      feed: (bytes) => feed(Buffer.from(bytes, "latin1")),
      raw,
      call: (...args) => readReplies(raw(...args))[0],
      pipeline: (...commands) =>
        readReplies(feed(Buffer.concat(commands.map((args) => encodeCommand(args))))),
      ended: false,
      destroyed: false
    }
    return client
  }
  return Object.assign(connect(), {
    engine,
    scripts,
    settings,
    connect,
    waits,
    logged,
    files,
    clock
  })
}
