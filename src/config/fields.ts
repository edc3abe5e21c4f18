/**
 * The values the server reads on its paths, typed: a field for each live directive.
 *
 * Pure. A field always equals its directive's value; only `Settings` assigns them, through `assignField`.
 *
 * @since 0.1.0
 */
import { decodeBytes } from "./parse.js"
import { type OutputBufferLimit, parseOutputBufferLimit } from "./specials.js"

/**
 * One point of `save`: a snapshot after `seconds` when at least `changes` were made.
 *
 * @since 0.1.0
 * @category models
 */
export interface SavePoint {
  readonly seconds: number
  readonly changes: number
}

/**
 * Who may use what is protected: nobody, anybody, or only clients on this machine.
 *
 * @since 0.1.0
 * @category models
 */
export type ProtectedAction = "no" | "yes" | "local"

/**
 * What is written to the log.
 *
 * @since 0.1.0
 * @category models
 */
export type LogLevel = "debug" | "verbose" | "notice" | "warning" | "nothing"

const MB = 1024 * 1024

/**
 * The live directives as fields, at their defaults. Byte counts above 2^53 lose their last digits here, which
 * no comparison with a real size can notice.
 *
 * @since 0.1.0
 * @category models
 */
export class Fields {
  /** `port`; 0 is no TCP. */
  readonly port: number = 6379
  /** `bind`; an address that begins with "-" may fail to bind. No address is no TCP. */
  readonly bind: ReadonlyArray<string> = ["127.0.0.1", "-::1"]
  /** `unixsocket`; "" is none. */
  readonly unixsocket: string = ""
  /** `unixsocketperm`: the mode of that socket's file; 0 leaves what the umask gives. */
  readonly unixsocketMode: number = 0
  readonly maxclients: number = 10000
  /** `timeout`: idle clients are closed after it; 0 is never. */
  readonly timeoutSeconds: number = 0
  /** `tcp-keepalive`; 0 is off. */
  readonly tcpKeepaliveSeconds: number = 300
  readonly tcpBacklog: number = 511
  readonly protectedMode: boolean = true
  /** `proto-max-bulk-len` */
  readonly protoMaxBulkLenBytes: number = 512 * MB
  /** `client-query-buffer-limit` */
  readonly clientQueryBufferBytesMax: number = 1024 * MB
  /** `client-output-buffer-limit` by class of client */
  readonly clientOutputBufferLimit: ReturnType<typeof parseOutputBufferLimit> = {
    normal: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
    replica: { hardBytes: 256 * MB, softBytes: 64 * MB, softSeconds: 60 },
    pubsub: { hardBytes: 32 * MB, softBytes: 8 * MB, softSeconds: 60 }
  }
  readonly databases: number = 16
  /** `dir`: an absolute path that relative paths of data files start from. */
  readonly dir: string = ""
  readonly loglevel: LogLevel = "notice"
  /** `logfile`; "" is standard output. */
  readonly logfile: string = ""
  /** `pidfile`; "" is none. */
  readonly pidfile: string = ""
  readonly supervised: "upstart" | "systemd" | "auto" | "no" = "no"
  readonly hz: number = 10
  /** `shutdown-timeout` */
  readonly shutdownTimeoutSeconds: number = 10
  /** `busy-reply-threshold`; 0 is never. */
  readonly busyReplyThresholdMs: number = 5000
  readonly enableProtectedConfigs: ProtectedAction = "no"
  readonly enableDebugCommand: ProtectedAction = "no"
  readonly propagationErrorBehavior: "ignore" | "panic" | "panic-on-replicas" = "ignore"
  /** `requirepass` as a byte string (latin1, a character a byte); "" is none. */
  readonly requirepass: string = ""
  /** `maxmemory`; 0 is no limit. */
  readonly maxmemoryBytes: number = 0
  readonly lazyfreeLazyEviction: boolean = false
  readonly lazyfreeLazyExpire: boolean = false
  readonly lazyfreeLazyServerDel: boolean = false
  readonly lazyfreeLazyUserDel: boolean = false
  readonly lazyfreeLazyUserFlush: boolean = false
  readonly save: ReadonlyArray<SavePoint> = []
  readonly appendonly: boolean = false
  readonly appendfsync: "always" | "everysec" | "no" = "everysec"
  readonly appendfilename: string = "appendonly.aof"
  readonly appenddirname: string = "appendonlydir"
  readonly aofLoadTruncated: boolean = true
}

export type { OutputBufferLimit }

type Writable = { -readonly [K in keyof Fields]: Fields[K] }

/** Enum values were checked when they were read: only members of the union get here. */
type Assign = (fields: Writable, value: string) => void

const savePoints = (value: string): ReadonlyArray<SavePoint> => {
  const numbers = value === "" ? [] : value.split(" ").map(Number)
  const points: Array<SavePoint> = []
  for (let i = 0; i < numbers.length; i += 2) points.push({ seconds: numbers[i]!, changes: numbers[i + 1]! })
  return points
}

const field =
  <K extends keyof Writable>(key: K, read: (value: string) => Writable[K]): Assign =>
  (fields, value) => {
    fields[key] = read(value)
  }

const isYes = (value: string): boolean => value === "yes"

const assigns: Readonly<Record<string, Assign>> = {
  port: field("port", Number),
  bind: field("bind", (value) => value.split(" ").filter((address) => address !== "")),
  unixsocket: field("unixsocket", decodeBytes),
  unixsocketperm: field("unixsocketMode", (value) => Number.parseInt(value, 8)),
  maxclients: field("maxclients", Number),
  timeout: field("timeoutSeconds", Number),
  "tcp-keepalive": field("tcpKeepaliveSeconds", Number),
  "tcp-backlog": field("tcpBacklog", Number),
  "protected-mode": field("protectedMode", isYes),
  "proto-max-bulk-len": field("protoMaxBulkLenBytes", Number),
  "client-query-buffer-limit": field("clientQueryBufferBytesMax", Number),
  "client-output-buffer-limit": field("clientOutputBufferLimit", parseOutputBufferLimit),
  databases: field("databases", Number),
  dir: field("dir", decodeBytes),
  loglevel: field("loglevel", (value) => value as LogLevel),
  logfile: field("logfile", decodeBytes),
  pidfile: field("pidfile", decodeBytes),
  supervised: field("supervised", (value) => value as Fields["supervised"]),
  hz: field("hz", Number),
  "shutdown-timeout": field("shutdownTimeoutSeconds", Number),
  "busy-reply-threshold": field("busyReplyThresholdMs", Number),
  "enable-protected-configs": field("enableProtectedConfigs", (value) => value as ProtectedAction),
  "enable-debug-command": field("enableDebugCommand", (value) => value as ProtectedAction),
  "propagation-error-behavior": field(
    "propagationErrorBehavior",
    (value) => value as Fields["propagationErrorBehavior"]
  ),
  requirepass: field("requirepass", (value) => value),
  maxmemory: field("maxmemoryBytes", Number),
  "lazyfree-lazy-eviction": field("lazyfreeLazyEviction", isYes),
  "lazyfree-lazy-expire": field("lazyfreeLazyExpire", isYes),
  "lazyfree-lazy-server-del": field("lazyfreeLazyServerDel", isYes),
  "lazyfree-lazy-user-del": field("lazyfreeLazyUserDel", isYes),
  "lazyfree-lazy-user-flush": field("lazyfreeLazyUserFlush", isYes),
  save: field("save", savePoints),
  appendonly: field("appendonly", isYes),
  appendfsync: field("appendfsync", (value) => value as Fields["appendfsync"]),
  appendfilename: field("appendfilename", decodeBytes),
  appenddirname: field("appenddirname", decodeBytes),
  "aof-load-truncated": field("aofLoadTruncated", isYes)
}

/**
 * Brings the field of a directive, where it has one, to the directive's value.
 *
 * @returns whether there is such a field
 * @since 0.1.0
 * @category assigning
 */
export const assignField = (fields: Fields, name: string, value: string): boolean => {
  const assign = assigns[name]
  if (assign === undefined) return false
  assign(fields as Writable, value)
  return true
}
