/**
 * From environment, files and arguments to the settings to start with.
 *
 * Plain TypeScript; what it reads of the machine comes in. Later sources win: defaults, environment, file,
 * standard input, arguments.
 *
 * @since 0.1.0
 */
import * as path from "node:path"
import { type ConfigEntry, type FileAccess, parseConfiguration, readConfiguration } from "../config/parse.js"
import { Settings, type SettingsHost } from "../config/settings.js"
import { redisVersion, version } from "../config/version.js"

/**
 * What start-up needs of the machine.
 *
 * @since 0.1.0
 * @category models
 */
export interface StartupHost {
  readonly files: FileAccess
  readonly settings: SettingsHost
  readonly env: Readonly<Record<string, string | undefined>>
  /** All of standard input, as latin1; read only when the command line says "-". */
  readonly readStandardInput: () => string
}

/**
 * Where the settings to start with come from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sources {
  /** The configuration file, or null for none. */
  readonly configFile: string | null
  /** Whether configuration is also read from standard input, after the file. */
  readonly standardInput: boolean
  /** The options as lines of redis.conf, as a byte string; they come last. */
  readonly options: string
}

/**
 * The options of the command line as lines of redis.conf, in the order they were given.
 *
 * @param given what was given for each directive: what follows it on its lines, one below another
 * @param order the directive of each line
 * @since 0.1.0
 * @category starting
 */
export const linesOf = (given: ReadonlyMap<string, string>, order: ReadonlyArray<string>): string => {
  const waiting = new Map([...given].map(([name, text]) => [name, text.split("\n")]))
  const lines: Array<string> = []
  const take = (name: string): void => {
    const rest = waiting.get(name)?.shift()
    if (rest !== undefined) lines.push(`${name} ${rest}`)
  }
  for (const name of order) take(name)
  // what the wizard asked for is not among the arguments
  for (const [name, left] of waiting) while (left.length > 0) take(name)
  return lines.join("\n")
}

/**
 * The settings of an invocation.
 *
 * @throws ConfigProblem when any source cannot be used
 * @since 0.1.0
 * @category starting
 */
export const settingsOf = ({ configFile, options, standardInput }: Sources, host: StartupHost): Settings => {
  const settings = Settings.make([], host.settings)
  settings.fromEnvironment(host.env)
  const entries: Array<ConfigEntry> = []
  if (configFile !== null) {
    settings.configFile = path.resolve(host.files.cwd, configFile)
    entries.push(...readConfiguration(configFile, host.files))
  }
  if (standardInput) {
    entries.push(...parseConfiguration(host.readStandardInput(), "standard input", host.files))
  }
  entries.push(...parseConfiguration(options, "the command line", host.files))
  settings.load(entries)
  return settings
}

/**
 * The line of `--version`, in redis-server's form.
 *
 * @since 0.1.0
 * @category texts
 */
export const versionLine = (nodeVersion: string): string =>
  `v=${version} (Redis ${redisVersion} compatible) node=${nodeVersion} bits=64`

/**
 * What the log says before the server starts, in order. The pid is in the form that tools written for
 * redis-server wait for.
 *
 * @since 0.1.0
 * @category texts
 */
export const greeting = (
  settings: Settings,
  pid: number,
  exists: (path: string) => boolean
): ReadonlyArray<{
  readonly severity: "notice" | "warning"
  readonly message: string
}> => {
  const lines: Array<{ severity: "notice" | "warning"; message: string }> = [
    {
      severity: "notice",
      message: "oO0OoO0OoO0Oo effect-kv is starting oO0OoO0OoO0Oo"
    },
    {
      severity: "notice",
      message: `version=${version}, Redis version=${redisVersion}, port=${settings.port}, PID: ${pid}`
    },
    settings.configFile === ""
      ? {
          severity: "notice",
          message: "No configuration file: defaults, environment and arguments are in force"
        }
      : {
          severity: "notice",
          message: `Configuration loaded from ${settings.configFile}`
        }
  ]
  const inert = settings.inert()
  if (inert.length > 0) {
    lines.push({
      severity: "warning",
      message: `Accepted, but without effect yet: ${inert.join(", ")}`
    })
  }
  if (settings.evictionAskedFor) {
    lines.push({
      severity: "warning",
      message:
        `maxmemory-policy ${settings.value("maxmemory-policy")}: effect-kv cannot evict keys yet; ` +
        "at maxmemory, writes are refused (noeviction)"
    })
  }
  const unread = unreadDump(settings, exists)
  if (unread !== null) {
    lines.push({
      severity: "warning",
      message: `${unread} is NOT loaded: effect-kv reads no RDB files yet. The server starts without its data`
    })
  }
  if (settings.renamedCommands.length > 0) {
    lines.push({
      severity: "notice",
      message: `Commands renamed: ${settings.renamedCommands.length}`
    })
  }
  return lines
}

/** The RDB file that an operator may believe to be in use, or null. Beside an AOF, redis-server reads none either. */
const unreadDump = (settings: Settings, exists: (path: string) => boolean): string | null => {
  const file = path.join(settings.dir, settings.value("dbfilename"))
  if (settings.value("dbfilename") === "" || !exists(file)) return null
  const aof = [settings.appenddirname, settings.appendfilename].some((name) =>
    exists(path.join(settings.dir, name))
  )
  return settings.appendonly && aof ? null : file
}
