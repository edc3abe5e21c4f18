/**
 * Why the append-only file cannot be read or written. No tier: a value.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { describeError } from "../machine/disk.js"
import { AofLoadError } from "./Loader.js"
import * as Manifest from "./manifest.js"

/**
 * The AOF cannot be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class AofError extends Schema.TaggedError<AofError>()("AofError", {
  reason: Schema.Literal("Damaged", "Unreadable", "Unwritable", "Locked"),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {}

/** The error of a file that cannot be written. */
export const unwritable = (cause: unknown): AofError =>
  cause instanceof AofError
    ? cause
    : new AofError({
        reason: "Unwritable",
        message: `Can't write the append only file: ${describeError(cause)}`,
        cause
      })

/** The error of files that cannot be loaded. */
export const toAofError = (cause: unknown): AofError => {
  if (cause instanceof AofError) return cause
  const unreadable = cause instanceof AofLoadError && cause.reason === "io"
  if (!unreadable && (cause instanceof AofLoadError || cause instanceof Manifest.ManifestError)) {
    return new AofError({
      reason: "Damaged",
      message: `Bad file format reading the append only file: ${cause.message}`,
      cause
    })
  }
  return new AofError({
    reason: "Unreadable",
    message: `Can't read the append only file: ${describeError(cause)}`,
    cause
  })
}
