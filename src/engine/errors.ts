/**
 * Every error text that clients are sent, as Redis words it. Pure.
 */
import { constantReply } from "../resp/writer.js"

const error = (text: string): Buffer => constantReply(`-${text}\r\n`)

export const SYNTAX = error("ERR syntax error")
export const WRONG_TYPE = error("WRONGTYPE Operation against a key holding the wrong kind of value")
export const NOT_INTEGER = error("ERR value is not an integer or out of range")
export const NOT_FLOAT = error("ERR value is not a valid float")
export const OFFSET_OUT_OF_RANGE = error("ERR offset is out of range")
export const NO_SUCH_KEY = error("ERR no such key")
export const SAME_OBJECT = error("ERR source and destination objects are the same")
export const INCREMENT_OVERFLOW = error("ERR increment or decrement would overflow")
export const DECREMENT_OVERFLOW = error("ERR decrement would overflow")
export const NAN_OR_INFINITY = error("ERR increment would produce NaN or Infinity")
export const STRING_TOO_LONG = error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
export const INVALID_CURSOR = error("ERR invalid cursor")
export const DB_OUT_OF_RANGE = error("ERR DB index is out of range")
export const INVALID_FIRST_DB = error("ERR invalid first DB index")
export const INVALID_SECOND_DB = error("ERR invalid second DB index")
export const NO_AUTH = error("NOAUTH Authentication required.")
export const WRONG_PASS = error("WRONGPASS invalid username-password pair or user is disabled.")
export const NO_PASSWORD_SET = error(
  "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
)
export const NO_PROTO = error("NOPROTO unsupported protocol version")
export const HELLO_NO_AUTH = error(
  "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)
export const PROTOCOL_NOT_INTEGER = error("ERR Protocol version is not an integer or out of range")
export const NO_INT = error("ERR value is out of range, value must between -2147483648 and 2147483647")
export const INVALID_CLIENT_NAME = error(
  "ERR Client names cannot contain spaces, newlines or special characters."
)
export const INVALID_CLIENT_ID = error("ERR Invalid client ID")
export const CLIENT_ID_NOT_POSITIVE = error("ERR client-id should be greater than 0")
export const MAXAGE_NOT_INTEGER = error("ERR maxage is not an integer or out of range")
export const MAXAGE_NOT_POSITIVE = error("ERR maxage should be greater than 0")
export const NO_SUCH_CLIENT = error("ERR No such client")
export const NO_SCRIPT = error("NOSCRIPT No matching script. Please use EVAL.")
export const NEGATIVE_KEY_COUNT = error("ERR Number of keys can't be negative")
export const TOO_MANY_KEYS = error("ERR Number of keys can't be greater than number of args")
export const SCRIPT_FLUSH_OPTION = error("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
export const SCRIPT_DEBUG_MODE = error("ERR Use SCRIPT DEBUG YES/SYNC/NO")
export const NO_LUA_DEBUGGER = error("ERR effect-kv has no Lua debugger")
export const NO_CONFIG_FILE = error("ERR The server is running without a config file")
export const NOT_BUSY = error("NOTBUSY No scripts in execution right now.")
export const UNKILLABLE = error(
  "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)
export const BUSY = error(
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
)
export const LOADING = error("LOADING Redis is loading the dataset in memory")
export const NO_ACTIVE_SHUTDOWN = error("ERR No shutdown in progress.")
export const DEBUG_NOT_ALLOWED = error(
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.'
)
export const DEBUG_RELOAD_OPTIONS = error(
  "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
)
export const NOTHING_TO_RELOAD = error(
  "ERR there is no file to reload from: effect-kv reloads its append-only file, and appendonly is off"
)
export const DEBUG_PROTOCOL_TYPE = error(
  "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
)
export const NOT_IN_RESP2 = error("ERR RESP2 is not supported by this command")
export const PACKED_THRESHOLD = error(
  "ERR argument must be a memory value bigger than 1 and smaller than 4gb"
)
export const NOT_POSITIVE = error("ERR value is out of range, must be positive")
export const INVALID_COMMAND = error("ERR Invalid command specified")
export const COMMAND_WITHOUT_KEYS = error("ERR The command has no key arguments")
export const INVALID_COMMAND_ARITY = error("ERR Invalid number of arguments specified for command")
export const INVALID_COMMAND_ARGUMENTS = error("ERR Invalid arguments specified for command")
export const OUT_OF_MEMORY = error("OOM command not allowed when used memory > 'maxmemory'.")
export const MAX_CLIENTS = error("ERR max number of clients reached")
export const NX_AND_OTHERS = error("ERR NX and XX, GT or LT options at the same time are not compatible")
export const GT_AND_LT = error("ERR GT and LT options at the same time are not compatible")
export const LCS_SYNTAX = error("ERR If you want both the length and indexes, please just use IDX.")
export const LCS_TYPES = error("ERR The specified keys must contain string values")

export const LCS_MEMORY = error(
  "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
)
export const NO_LFU_POLICY = error(
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
)

/** A write cannot be made durable: the AOF could not be written. */
export const misconfAof = (reason: string): Buffer =>
  error(`MISCONF Errors writing to the AOF file: ${reason}`)

export const wrongArity = (command: string): string =>
  `ERR wrong number of arguments for '${command}' command`

export const invalidExpire = (command: string): string => `ERR invalid expire time in '${command}' command`

export const unsupportedOption = (option: string): string => `ERR Unsupported option ${printable(option)}`

/** An integer of 64 bits that is outside what a parameter may be. */
export const outsideRange = (least: number, most: number): string =>
  `ERR value is out of range, value must between ${least} and ${most}`

/** What C prints of a string with %.128s: up to its first NUL. */
export const printable = (text: string): string => {
  const end = text.indexOf("\0")
  return text.slice(0, Math.min(end < 0 ? text.length : end, 128))
}

export const unknownSubcommand = (name: string, command: string): string =>
  `ERR unknown subcommand '${printable(name)}'. Try ${command} HELP.`

/** The reply to a name that is no command, with the start of its arguments, as Redis gives it. */
export const unknownCommand = (name: string, args: ReadonlyArray<string>): string => {
  let shown = ""
  for (const arg of args) {
    if (shown.length >= 128) break
    shown += `'${printable(arg).slice(0, 128 - shown.length)}' `
  }
  return `ERR unknown command '${printable(name)}', with args beginning with: ${shown}`
}

export const NO_SNAPSHOTS = error(
  "ERR effect-kv cannot write RDB files yet: switch the append-only file on (CONFIG SET appendonly yes) to keep the data"
)
export const UNBLOCK_REASON = error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
export const UNBLOCKED = error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
export const UNBLOCKED_BY_SHUTDOWN = error("UNBLOCKED the server is shutting down")
export const NO_LUA = error("ERR the Lua interpreter cannot be loaded at present; see the log")
export const TOO_MANY_SCRIPTS = error("ERR too many scripts wait to be run")
export const PROTECTED_MODE = error(
  "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside."
)
