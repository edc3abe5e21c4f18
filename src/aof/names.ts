/**
 * Commands that an AOF's loader knows by itself. Pure.
 */
import type { CommandBatch } from "../resp/batch.js"

/** Whether a command is a name (in lower case) alone, whatever its own case. */
export const isNamed = (batch: CommandBatch, command: number, name: string): boolean => {
  const first = batch.first[command]!
  if (batch.argc[command] !== 1 || batch.argLength[first] !== name.length) return false
  const start = batch.argStart[first]!
  for (let i = 0; i < name.length; i++) {
    if ((batch.source.bytes[start + i]! | 32) !== name.charCodeAt(i)) return false
  }
  return true
}
