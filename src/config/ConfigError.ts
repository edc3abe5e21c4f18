/**
 * A configuration that cannot be used, as Effects fail with it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ConfigProblem, configReasons, systemErrorText } from "./parse.js"

/**
 * `message` is one line; `report` is what Redis prints: a block that shows the line, or one line.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConfigError extends Schema.TaggedError<ConfigError>()("ConfigError", {
  reason: Schema.Literal(...configReasons),
  message: Schema.String,
  report: Schema.String,
  /** Where: a path or words such as "the environment"; null when no line is to blame. */
  file: Schema.NullOr(Schema.String),
  /** The line there, from 1; 0 where there are no lines. */
  line: Schema.Number
}) {
  /** The error of what plain code threw; what the machine refused (a directory, a file) is unreadable. */
  static of(thrown: unknown): ConfigError {
    if (thrown instanceof ConfigProblem) {
      const { file, line, message, reason, report } = thrown
      return new ConfigError({ reason, message, report, file, line })
    }
    const message = systemErrorText(thrown)
    return new ConfigError({ reason: "Unreadable", message, report: `${message}\n`, file: null, line: 0 })
  }
}
