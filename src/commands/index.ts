/**
 * Every command there is. Pure.
 */

import type { CommandRecord } from "../engine/record.js"
import { connectionCommands } from "./connection/connection.js"
import { databaseCommands } from "./keys/databases.js"
import { expireCommands } from "./keys/expire.js"
import { genericCommands } from "./keys/generic.js"
import { scriptingCommands } from "./scripting/scripting.js"
import { commandCommands } from "./server/command.js"
import { serverCommands } from "./server/server.js"
import { stringNumberCommands } from "./strings/number.js"
import { stringRangeCommands } from "./strings/range.js"
import { stringCommands } from "./strings/string.js"

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
