/**
 * The configuration as a service: the `Settings` that everything else reads, live.
 *
 * Infrastructure tier: it is given nothing and is the last to go. The value is a plain mutable object on
 * purpose: CONFIG SET changes it, and hot paths read its fields without an Effect.
 *
 * @since 0.1.0
 */
import * as path from "node:path"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ConfigError } from "./config/ConfigError.js"
import { find, names } from "./config/directives.js"
import { variableOf } from "./config/environment.js"
import type { LogLevel, ProtectedAction, SavePoint } from "./config/fields.js"
import { makeDirectory, nodeHost } from "./config/host.js"
import { type ConfigEntry, encodeBytes } from "./config/parse.js"
import { Settings } from "./config/settings.js"

export { ConfigError } from "./config/ConfigError.js"
export type { LogLevel, ProtectedAction, SavePoint } from "./config/fields.js"
export type { ConfigEntry } from "./config/parse.js"
export type { Settings } from "./config/settings.js"

/**
 * The settings in force.
 *
 * @since 0.1.0
 * @category models
 */
export class ServerConfig extends Context.Tag("effect-kv/ServerConfig")<ServerConfig, Settings>() {}

/**
 * The options a program sets most, typed. Whatever is left out has Redis's default. Amounts of memory are
 * bytes, or text such as "64mb".
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerOptions {
  /** The TCP port; 0 is no TCP. Defaults to 6379. */
  readonly port: number
  /** The addresses to listen on; one that begins with "-" may be missing. Defaults to "127.0.0.1 -::1". */
  readonly bind: string | ReadonlyArray<string>
  /** The path of a Unix socket to listen on. Defaults to none. */
  readonly unixsocket: string
  /** How many clients may be connected at once. Defaults to 10000. */
  readonly maxclients: number
  /** Seconds after which an idle client is closed; 0 is never, the default. */
  readonly timeout: number
  /** Seconds between TCP keep-alive probes. Defaults to 300. */
  readonly tcpKeepalive: number
  /** The queue of connections not accepted yet. Defaults to 511. */
  readonly tcpBacklog: number
  /** Whether a server without a password refuses clients of other machines. Defaults to true. */
  readonly protectedMode: boolean
  /** The password of the default user. Defaults to none. */
  readonly requirepass: string
  /** How many databases SELECT may choose from. Defaults to 16. */
  readonly databases: number
  /** Where data files are; made when it is not there. Defaults to the working directory. */
  readonly dir: string
  /** Whether every write is also appended to a file. Defaults to false. */
  readonly appendonly: boolean
  /** When that file is forced to disk. Defaults to "everysec". */
  readonly appendfsync: "always" | "everysec" | "no"
  /** The directory under `dir` for append-only files. Defaults to "appendonlydir". */
  readonly appenddirname: string
  /** The first part of their names. Defaults to "appendonly.aof". */
  readonly appendfilename: string
  /** Whether a file cut off in the middle of a command is loaded up to there. Defaults to true. */
  readonly aofLoadTruncated: boolean
  /** When to take snapshots: points, or text such as "900 1 60 1000". Defaults to none. */
  readonly save: string | ReadonlyArray<SavePoint>
  /** The memory data may take; 0 is no limit, the default. */
  readonly maxmemory: number | string
  /** The largest argument of a command. Defaults to 512 MB. */
  readonly protoMaxBulkLen: number | string
  /** The most a client's unread command may take. Defaults to 1 GB. */
  readonly clientQueryBufferLimit: number | string
  /** What waiting replies may take: "class hard soft seconds", repeated. */
  readonly clientOutputBufferLimit: string
  /** Milliseconds after which a script makes other clients get BUSY. Defaults to 5000. */
  readonly busyReplyThreshold: number
  /** What is logged. Defaults to "notice". */
  readonly loglevel: LogLevel
  /** The log's file; "" is standard output, the default. */
  readonly logfile: string
  /** A file for the process's id. Defaults to none. */
  readonly pidfile: string
  /** Background passes a second. Defaults to 10. */
  readonly hz: number
  /** Seconds a shutdown waits for replicas. Defaults to 10. */
  readonly shutdownTimeout: number
  /** Who may use DEBUG. Defaults to "no". */
  readonly enableDebugCommand: ProtectedAction
  /** Who may change `dir` and the like by CONFIG SET. Defaults to "no". */
  readonly enableProtectedConfigs: ProtectedAction
  /** Any other directive of redis.conf by its name: `{ "maxmemory-policy": "allkeys-lru" }`. */
  readonly directives: Readonly<Record<string, string>>
}

/**
 * The entries that typed options stand for.
 *
 * @since 0.1.0
 * @category constructors
 */
export const entriesOf = ({
  directives = {},
  ...options
}: Partial<ServerOptions>): ReadonlyArray<ConfigEntry> => {
  const entry = (name: string, args: ReadonlyArray<string>): ConfigEntry => ({
    name,
    args: args.map(encodeBytes),
    file: "the options",
    line: 0,
    text: encodeBytes(find(name)?.sensitive === true ? `${name} …` : `${name} ${args.join(" ")}`)
  })
  const typed = Object.entries(options).flatMap(([option, value]) => {
    if (value === undefined) return []
    const name = option.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase())
    return [entry(name, textsOf(value))]
  })
  return [...typed, ...Object.entries(directives).map(([name, value]) => entry(name.toLowerCase(), [value]))]
}

const textsOf = (
  value: string | number | boolean | ReadonlyArray<string> | ReadonlyArray<SavePoint>
): ReadonlyArray<string> => {
  if (typeof value === "boolean") return [value ? "yes" : "no"]
  if (typeof value !== "object") return [String(value)]
  const texts = value.flatMap((one) =>
    typeof one === "string" ? [one] : [String(one.seconds), String(one.changes)]
  )
  return texts.length === 0 ? [""] : texts
}

const attempt = (make: () => Settings): Effect.Effect<Settings, ConfigError> =>
  Effect.try({
    try: make,
    catch: ConfigError.of
  })

/**
 * Settings from typed options.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Partial<ServerOptions> = {}): Effect.Effect<Settings, ConfigError> =>
  attempt(() => {
    if (options.dir !== undefined) makeDirectory(path.resolve(options.dir))
    return Settings.make(entriesOf(options), nodeHost())
  })

/**
 * The settings of typed options.
 *
 * @example
 * import * as ServerConfig from "effect-kv/ServerConfig"
 *
 * const config = ServerConfig.layer({ dir: "./data", appendonly: true })
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Partial<ServerOptions> = {}): Layer.Layer<ServerConfig, ConfigError> =>
  Layer.effect(ServerConfig, make(options))

/** What the ConfigProvider in force has for each directive. */
const configured: Config.Config<Record<string, string>> = Config.map(
  Config.all(names.map((name) => Config.option(Config.string(variableOf(name))))),
  (values) =>
    Object.fromEntries(
      names.flatMap((name, index) =>
        Option.match(values[index]!, { onNone: () => [], onSome: (value) => [[variableOf(name), value]] })
      )
    )
)

/**
 * The settings of EFFECT_KV_<DIRECTIVE> variables, such as EFFECT_KV_PORT=7000, read through effect's Config: from the
 * environment, or whatever ConfigProvider is in force. Typed options given here are the defaults those override.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFromEnv = (options: Partial<ServerOptions> = {}): Layer.Layer<ServerConfig, ConfigError> =>
  Layer.effect(
    ServerConfig,
    Effect.gen(function* () {
      const settings = yield* make(options)
      const variables = yield* Effect.mapError(configured, ConfigError.of)
      return yield* attempt(() => {
        settings.fromEnvironment(variables)
        return settings
      })
    })
  )

/**
 * Settings that exist already: those the command line made, or those of a test.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSettings = (settings: Settings): Layer.Layer<ServerConfig> =>
  Layer.succeed(ServerConfig, settings)
