/**
 * Every command there is. Pure.
 */
import { commandCommands } from "./command.js"
import { connectionCommands } from "./connection.js"
import { databaseCommands } from "./databases.js"
import { expireCommands } from "./expire.js"
import { genericCommands } from "./generic.js"
import type { CommandRecord } from "./record.js"
import { scriptingCommands } from "./scripting.js"
import { serverCommands } from "./server.js"
import { stringCommands } from "./string.js"
import { stringNumberCommands } from "./stringNumber.js"
import { stringRangeCommands } from "./stringRange.js"

export const commandRecords: ReadonlyArray<CommandRecord> = [
  ...stringCommands,
  ...stringNumberCommands,
  ...stringRangeCommands,
  ...genericCommands,
  ...databaseCommands,
  ...expireCommands,
  ...connectionCommands,
  ...serverCommands,
  ...commandCommands,
  ...scriptingCommands
]
