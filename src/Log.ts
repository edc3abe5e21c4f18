/**
 * The server's log: Effect's log calls, and those of plain code, as Redis prints them, to standard output or
 * `logfile`.
 *
 * Infrastructure tier: it needs the settings only, and nothing else may be logging when it goes. `loglevel`
 * is read at every message, so CONFIG SET loglevel acts at once. A message is one write of one line; a write
 * that fails is dropped, for a log must not take the server down.
 *
 * @since 0.1.0
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { formatLine, isLogged, type Severity } from "./cli/line.js"
import { ConfigError } from "./config/ConfigError.js"
import { ConfigProblem, systemErrorText } from "./config/parse.js"
import { ServerConfig } from "./ServerConfig.js"

/**
 * The log, for code that is not an Effect.
 *
 * @since 0.1.0
 * @category models
 */
export class Log extends Context.Tag("effect-kv/Log")<
  Log,
  {
    /** Logs a message now, if `loglevel` lets it through. */
    readonly write: (severity: Severity, message: string) => void
    /** Writes text as it is, under the same filter as a notice: the banner at start. */
    readonly raw: (text: string) => void
    /** Whether a message of this severity would be logged. */
    readonly isLogged: (severity: Severity) => boolean
  }
>() {}

/**
 * The Redis severity of an Effect log level: Trace is debug, Debug verbose, Info notice, the rest warning.
 *
 * @since 0.1.0
 * @category conversions
 */
export const severityOf = (level: LogLevel.LogLevel): Severity => {
  if (level.ordinal >= LogLevel.Warning.ordinal) return "warning"
  if (level.ordinal >= LogLevel.Info.ordinal) return "notice"
  return level.ordinal >= LogLevel.Debug.ordinal ? "verbose" : "debug"
}

/**
 * The log of the settings in force; Effect's own log calls go to it too.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Log, ConfigError, ServerConfig> = Layer.unwrapEffect(
  Effect.map(make(), ({ log, logger }) =>
    Layer.mergeAll(
      Layer.succeed(Log, log),
      Logger.replace(Logger.defaultLogger, logger),
      // The filter is `loglevel`, live; Effect's own would hide Debug and Trace before it is asked.
      Logger.minimumLogLevel(LogLevel.All)
    )
  )
)

// ---------------------------------------------------------------------------------------------------------

type Sink = (text: string) => void

/** Listens once for errors of standard output: a reader that went away (EPIPE) must not end the server. */
const listenForErrors = (() => {
  let listening = false
  return () => {
    if (listening) return
    listening = true
    process.stdout.on("error", () => {})
  }
})()

const standardOutput = (): Sink => {
  listenForErrors()
  return (text) => {
    process.stdout.write(text)
  }
}

/** Opened for every line, as Redis does, so that a rotated file is simply made anew. */
const fileSink =
  (file: string): Sink =>
  (text) => {
    try {
      fs.appendFileSync(file, text)
    } catch {
      // A full disk or a vanished directory: the server goes on without its log.
    }
  }

const openSink = (dir: string, logfile: string): Effect.Effect<Sink, ConfigError> => {
  if (logfile === "") return Effect.sync(standardOutput)
  const file = path.resolve(dir, logfile)
  return Effect.try({
    try: () => {
      fs.closeSync(fs.openSync(file, "a"))
      return fileSink(file)
    },
    catch: (error) =>
      ConfigError.of(
        new ConfigProblem("Unreadable", `Can't open the log file: ${systemErrorText(error)} (${file})`)
      )
  })
}

/** A message of Effect's on one line: its parts, its annotations, its cause. */
const messageOf = (options: Logger.Logger.Options<unknown>): string => {
  const parts = Array.isArray(options.message) ? options.message : [options.message]
  const texts = parts.map((part) => (typeof part === "string" ? part : Inspectable.toStringUnknown(part, 0)))
  for (const [key, value] of HashMap.entries(options.annotations)) {
    texts.push(`${key}=${Inspectable.toStringUnknown(value, 0)}`)
  }
  if (!Cause.isEmpty(options.cause)) texts.push(Cause.pretty(options.cause, { renderErrorCause: true }))
  return texts.join(" ").replace(/\s*\n\s*/g, " | ")
}

function make() {
  return Effect.gen(function* () {
    const settings = yield* ServerConfig
    const sink = yield* openSink(settings.dir, settings.logfile)
    const enabled = (severity: Severity): boolean => isLogged(severity, settings.loglevel)
    const print = (severity: Severity, message: string, date: Date): void =>
      sink(formatLine(severity, message, date, process.pid, settings.value("replicaof") === "" ? "M" : "S"))
    const log: Context.Tag.Service<Log> = {
      isLogged: enabled,
      raw: (text) => {
        if (enabled("notice")) sink(text)
      },
      write: (severity, message) => {
        if (enabled(severity)) print(severity, message, new Date())
      }
    }
    const logger = Logger.make((options) => {
      const severity = severityOf(options.logLevel)
      if (enabled(severity)) print(severity, messageOf(options), options.date)
    })
    return { log, logger }
  })
}
