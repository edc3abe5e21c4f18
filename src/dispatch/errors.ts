/**
 * Every error text that clients are sent, as Redis words it. Pure.
 */
import { constantReply } from "../resp/writer.js"

const error = (text: string): Buffer => constantReply(`-${text}\r\n`)

export const SYNTAX = error("ERR syntax error")
export const WRONG_TYPE = error("WRONGTYPE Operation against a key holding the wrong kind of value")
export const NOT_INTEGER = error("ERR value is not an integer or out of range")
export const NOT_FLOAT = error("ERR value is not a valid float")
export const OUT_OF_RANGE = error("ERR value is out of range")
export const OFFSET_OUT_OF_RANGE = error("ERR offset is out of range")
export const NO_SUCH_KEY = error("ERR no such key")
export const SAME_OBJECT = error("ERR source and destination objects are the same")
export const INCREMENT_OVERFLOW = error("ERR increment or decrement would overflow")
export const DECREMENT_OVERFLOW = error("ERR decrement would overflow")
export const NAN_OR_INFINITY = error("ERR increment would produce NaN or Infinity")
export const STRING_TOO_LONG = error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
export const INVALID_CURSOR = error("ERR invalid cursor")
export const INVALID_DB_INDEX = error("ERR invalid DB index")
export const DB_OUT_OF_RANGE = error("ERR DB index is out of range")
export const INVALID_FIRST_DB = error("ERR invalid first DB index")
export const INVALID_SECOND_DB = error("ERR invalid second DB index")
export const NO_AUTH = error("NOAUTH Authentication required.")
export const WRONG_PASS = error("WRONGPASS invalid username-password pair or user is disabled.")
export const NO_PASSWORD_SET = error(
  "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
)
export const NO_PROTO = error("NOPROTO unsupported protocol version")
export const NO_SCRIPT = error("NOSCRIPT No matching script. Please use EVAL.")
export const NEGATIVE_KEY_COUNT = error("ERR Number of keys can't be negative")
export const TOO_MANY_KEYS = error("ERR Number of keys can't be greater than number of args")
export const NOT_BUSY = error("NOTBUSY No scripts in execution right now.")
export const UNKILLABLE = error(
  "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)
export const BUSY = error(
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
)
export const LOADING = error("LOADING Redis is loading the dataset in memory")
export const SHUTDOWN_FAILED = error("ERR Errors trying to SHUTDOWN. Check logs.")
export const UNBLOCKED_BY_SHUTDOWN = error("ERR The server is shutting down")
export const NO_ACTIVE_SHUTDOWN = error("ERR No shutdown in progress.")
export const DEBUG_NOT_ALLOWED = error(
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.'
)
export const OUT_OF_MEMORY = error("OOM command not allowed when used memory > 'maxmemory'.")
export const MAX_CLIENTS = error("ERR max number of clients reached")
export const NX_AND_OTHERS = error("ERR NX and XX, GT or LT options at the same time are not compatible")
export const GT_AND_LT = error("ERR GT and LT options at the same time are not compatible")
export const LCS_SYNTAX = error("ERR If you want both the length and indexes, please just use IDX.")
export const LCS_TYPES = error("ERR The specified keys must contain string values")

/** A write cannot be made durable: the AOF could not be written. */
export const misconfAof = (reason: string): Buffer =>
  error(`MISCONF Errors writing to the AOF file: ${reason}`)

export const wrongArity = (command: string): string =>
  `ERR wrong number of arguments for '${command}' command`

export const invalidExpire = (command: string): string => `ERR invalid expire time in '${command}' command`

export const unknownSubcommand = (name: string, command: string): string =>
  `ERR unknown subcommand '${name.slice(0, 128)}'. Try ${command} HELP.`

/** The reply to a name that is no command, with the start of its arguments, as Redis gives it. */
export const unknownCommand = (name: string, args: ReadonlyArray<string>): string => {
  let shown = ""
  for (const arg of args) {
    if (shown.length >= 128) break
    shown += `'${arg.slice(0, 128 - shown.length)}' `
  }
  return `ERR unknown command '${name.slice(0, 128)}', with args beginning with: ${shown}`
}
