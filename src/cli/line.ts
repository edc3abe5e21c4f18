/**
 * Log lines in Redis's form: `PID:M 22 Nov 2026 15:04:05.123 * message`.
 *
 * Pure: time and process come in as arguments; the time zone is the process's, as in Redis.
 *
 * @since 0.1.0
 */
import type { LogLevel } from "../config/fields.js"

/**
 * What a message can be; `nothing` is only a filter.
 *
 * @since 0.1.0
 * @category models
 */
export type Severity = Exclude<LogLevel, "nothing">

const severities: ReadonlyArray<LogLevel> = ["debug", "verbose", "notice", "warning", "nothing"]

const marks: Readonly<Record<Severity, string>> = {
  debug: ".",
  verbose: "-",
  notice: "*",
  warning: "#"
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/**
 * Whether a message of this severity is to be logged under this `loglevel`.
 *
 * @since 0.1.0
 * @category lines
 */
export const isLogged = (severity: Severity, loglevel: LogLevel): boolean =>
  severities.indexOf(severity) >= severities.indexOf(loglevel)

const padded = (number: number, digits: number): string => String(number).padStart(digits, "0")

/**
 * One line, with its line end.
 *
 * @param role "M" for a master, "S" for a replica
 * @since 0.1.0
 * @category lines
 */
export const formatLine = (
  severity: Severity,
  message: string,
  date: Date,
  pid: number,
  role: "M" | "S"
): string => {
  const day = `${padded(date.getDate(), 2)} ${months[date.getMonth()]} ${date.getFullYear()}`
  const time = `${padded(date.getHours(), 2)}:${padded(date.getMinutes(), 2)}:${padded(date.getSeconds(), 2)}`
  return `${pid}:${role} ${day} ${time}.${padded(date.getMilliseconds(), 3)} ${marks[severity]} ${message}\n`
}
