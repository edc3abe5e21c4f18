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
import type { Invocation } from "./arguments.js"

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
 * The settings of an invocation.
 *
 * @throws ConfigError when any source cannot be used
 * @since 0.1.0
 * @category starting
 */
export const settingsOf = (
  { configFile, options, standardInput }: Extract<Invocation, { readonly task: "run" }>,
  host: StartupHost
): Settings => {
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
 * The line of `--version`.
 *
 * @since 0.1.0
 * @category texts
 */
export const versionLine = (nodeVersion: string): string =>
  `effect-kv v=${version} (Redis ${redisVersion} compatible) node=${nodeVersion} bits=64`

/**
 * What the log says before the server starts, in order. The pid is in the form that tools written for
 * redis-server wait for.
 *
 * @since 0.1.0
 * @category texts
 */
export const greeting = (
  settings: Settings,
  pid: number
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
  if (settings.renamedCommands.length > 0) {
    lines.push({
      severity: "notice",
      message: `Commands renamed: ${settings.renamedCommands.length}`
    })
  }
  return lines
}
