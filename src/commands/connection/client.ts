/**
 * CLIENT: what a client may say and ask of connections, its own and others'. Pure.
 */
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import { clientBytes } from "../../engine/memory.js"
import type { CommandFlag, CommandRecord } from "../../engine/record.js"
import type { Session } from "../../engine/session.js"
import { decimalLength } from "../../values/integer.js"
import { helpRecord } from "../help.js"

/** Whether CLIENT LIST can show a name without breaking its format. */
export const isValidAttribute = (text: string): boolean => /^[!-~]*$/.test(text)

const seconds = (milliseconds: number): number => Math.max(0, Math.floor(milliseconds / 1000))

/** The types that clients are of; so far all are normal. */
const TYPES: Readonly<Record<string, string>> = {
  normal: "normal",
  slave: "replica",
  replica: "replica",
  pubsub: "pubsub",
  master: "master"
}

const typeOf = (_session: Session): string => "normal"

/** Whether a session still counts as connected: one that was killed does not, though its socket may be open yet. */
const isConnected = (session: Session): boolean => !session.closed && !session.killed

const flagsOf = (session: Session): string => {
  let flags = ""
  if (session.waiting) flags += "b"
  if (session.closing) flags += "c"
  if (session.address.startsWith("/")) flags += "U"
  if (session.noEvict) flags += "e"
  if (session.noTouch) flags += "T"
  return flags === "" ? "N" : flags
}

/** Bytes of a command's arguments, and of the command as a client sends it. */
const commandBytes = (c: Invocation): { readonly argumentBytes: number; readonly queryBytes: number } => {
  let argumentBytes = 0
  let queryBytes = decimalLength(c.argc) + 3
  for (let i = 0; i < c.argc; i++) {
    argumentBytes += c.length(i)
    queryBytes += decimalLength(c.length(i)) + c.length(i) + 5
  }
  return { argumentBytes, queryBytes }
}

/** A client as CLIENT LIST shows it. */
const describe = (session: Session, c: Invocation): string => {
  const { now } = c
  const running = session === c.session ? commandBytes(c) : { argumentBytes: 0, queryBytes: 0 }
  const { heldBytes, roomBytes } = session.decoder
  // what came in one piece lies in the buffer that all clients are read into, and is its client's while that runs;
  // a command that came in pieces lies in the client's own
  const own = session === c.session && heldBytes > 0 ? 0 : running.queryBytes
  const queryBytes = heldBytes + own
  const unsent = session.transport.unsentBytes
  const waiting = session.queued + (unsent > 0 ? 1 : 0)
  const total = clientBytes(session) + own + running.argumentBytes
  return (
    `id=${session.id} addr=${session.address} laddr=${session.localAddress} fd=${session.descriptor}` +
    ` name=${session.name} age=${seconds(now - session.createdAt)} idle=${seconds(now - session.lastActiveAt)}` +
    ` flags=${flagsOf(session)} db=${session.database.index} sub=0 psub=0 ssub=0 multi=-1` +
    ` qbuf=${queryBytes} qbuf-free=${roomBytes - heldBytes} argv-mem=${running.argumentBytes} multi-mem=0` +
    ` rbs=0 rbp=0 obl=0 oll=${waiting} omem=${session.queuedBytes + unsent} tot-mem=${total}` +
    ` events=${unsent > 0 ? "rw" : "r"} cmd=${session.lastCommand === "" ? "NULL" : session.lastCommand}` +
    ` user=default redir=-1 resp=${session.protocol} lib-name=${session.libraryName} lib-ver=${session.libraryVersion}\n`
  )
}

const id = (c: Invocation): void => c.reply.integer(c.session.id)

const getname = (c: Invocation): void => {
  if (c.session.name === "") c.reply.null()
  else c.reply.bulkText(c.session.name)
}

const setname = (c: Invocation): void => {
  const name = c.text(2)
  if (!isValidAttribute(name)) {
    c.fail(Errors.INVALID_CLIENT_NAME)
    return
  }
  c.session.name = name
  c.reply.ok()
}

const setinfo = (c: Invocation): void => {
  const option = c.text(2)
  const value = c.text(3)
  const isName = c.isWord(2, "LIB-NAME")
  if (!isName && !c.isWord(2, "LIB-VER")) {
    c.failText(`ERR Unrecognized option '${option}'`)
    return
  }
  if (!isValidAttribute(value)) {
    c.failText(`ERR ${option} cannot contain spaces, newlines or special characters.`)
    return
  }
  if (isName) c.session.libraryName = value
  else c.session.libraryVersion = value
  c.reply.ok()
}

const info = (c: Invocation): void => c.reply.verbatim("txt", describe(c.session, c))

const failType = (c: Invocation, index: number): undefined =>
  c.failText(`ERR Unknown client type '${c.text(index)}'`)

const list = (c: Invocation): void => {
  const { sessions } = c.context
  let text = ""
  if (c.argc === 4 && c.isWord(2, "TYPE")) {
    const type = TYPES[c.text(3).toLowerCase()]
    if (type === undefined) {
      failType(c, 3)
      return
    }
    for (const session of sessions.values()) {
      if (isConnected(session) && typeOf(session) === type) text += describe(session, c)
    }
  } else if (c.argc > 3 && c.isWord(2, "ID")) {
    for (let i = 3; i < c.argc; i++) {
      const wanted = c.integerOrFail(i, Errors.INVALID_CLIENT_ID)
      if (wanted === undefined) return
      const session = sessions.get(Number(wanted))
      if (session !== undefined && isConnected(session)) text += describe(session, c)
    }
  } else if (c.argc !== 2) {
    c.fail(Errors.SYNTAX)
    return
  } else {
    for (const session of sessions.values()) if (isConnected(session)) text += describe(session, c)
  }
  c.reply.verbatim("txt", text)
}

/** Whom CLIENT KILL means. */
interface KillFilter {
  address?: string
  localAddress?: string
  type?: string
  id?: number
  ageSecondsMin?: number
  skipMe: boolean
}

const parseKill = (c: Invocation): KillFilter | undefined => {
  const filter: KillFilter = { skipMe: true }
  for (let i = 2; i < c.argc; i += 2) {
    const value = i + 1
    if (value >= c.argc) return c.fail(Errors.SYNTAX)
    if (c.isWord(i, "ID")) {
      const wanted = c.integer(value)
      if (wanted === undefined || wanted < 1) return c.fail(Errors.CLIENT_ID_NOT_POSITIVE)
      filter.id = Number(wanted)
    } else if (c.isWord(i, "TYPE")) {
      const type = TYPES[c.text(value).toLowerCase()]
      if (type === undefined) return failType(c, value)
      filter.type = type
    } else if (c.isWord(i, "ADDR")) filter.address = c.text(value)
    else if (c.isWord(i, "LADDR")) filter.localAddress = c.text(value)
    else if (c.isWord(i, "USER")) {
      // every client is the user "default"
      if (c.text(value) !== "default") return c.failText(`ERR No such user '${c.text(value)}'`)
    } else if (c.isWord(i, "MAXAGE")) {
      const age = c.integerOrFail(value, Errors.MAXAGE_NOT_INTEGER)
      if (age === undefined) return undefined
      if (age < 1) return c.fail(Errors.MAXAGE_NOT_POSITIVE)
      filter.ageSecondsMin = Number(age)
    } else if (c.isWord(i, "SKIPME") && (c.isWord(value, "YES") || c.isWord(value, "NO"))) {
      filter.skipMe = c.isWord(value, "YES")
    } else return c.fail(Errors.SYNTAX)
  }
  return filter
}

const isMeant = (session: Session, filter: KillFilter, c: Invocation): boolean =>
  isConnected(session) &&
  (filter.address === undefined || session.address === filter.address) &&
  (filter.localAddress === undefined || session.localAddress === filter.localAddress) &&
  (filter.type === undefined || typeOf(session) === filter.type) &&
  (filter.id === undefined || session.id === filter.id) &&
  (filter.ageSecondsMin === undefined || seconds(c.now - session.createdAt) >= filter.ageSecondsMin) &&
  !(session === c.session && filter.skipMe)

const kill = (c: Invocation): void => {
  // the old form: an address alone, which may be one's own
  const old = c.argc === 3
  const filter: KillFilter | undefined = old ? { address: c.text(2), skipMe: false } : parseKill(c)
  if (filter === undefined) return
  let killed = 0
  for (const session of [...c.context.sessions.values()]) {
    if (!isMeant(session, filter, c)) continue
    killed++
    // one's own connection closes once the reply is sent
    if (session === c.session) session.closing = true
    else {
      session.killed = true
      session.transport.destroy()
    }
  }
  if (!old) c.reply.integer(killed)
  else if (killed === 0) c.fail(Errors.NO_SUCH_CLIENT)
  else c.reply.ok()
}

const unblock = (c: Invocation): void => {
  const wanted = c.integerOrFail(2)
  if (wanted === undefined) return
  const isError = c.argc === 4 && c.isWord(3, "ERROR")
  if (c.argc > 4 || (c.argc === 4 && !isError && !c.isWord(3, "TIMEOUT"))) {
    c.fail(Errors.UNBLOCK_REASON)
    return
  }
  const { blocking, sessions } = c.context
  const blocked = sessions.get(Number(wanted))?.blocked ?? null
  c.reply.integer(blocked === null ? 0 : 1)
  if (blocked === null) return
  blocking.finish(blocked, isError ? (reply) => reply.constant(Errors.UNBLOCKED) : blocked.block.timedOut)
}

const replies = (c: Invocation): void => {
  const { session } = c
  if (c.isWord(2, "ON")) {
    session.replies = "on"
    c.reply.ok()
  } else if (c.isWord(2, "OFF")) session.replies = "off"
  else if (c.isWord(2, "SKIP")) {
    if (session.replies !== "off") session.replies = "skip-next"
  } else c.fail(Errors.SYNTAX)
}

/** ON or OFF as a boolean; replies with an error where it is neither. */
const onOrOff = (c: Invocation, index: number): boolean | undefined => {
  if (c.isWord(index, "ON")) return true
  return c.isWord(index, "OFF") ? false : c.fail(Errors.SYNTAX)
}

const noEvict = (c: Invocation): void => {
  const on = onOrOff(c, 2)
  if (on === undefined) return
  c.session.noEvict = on
  c.reply.ok()
}

const noTouch = (c: Invocation): void => {
  const on = onOrOff(c, 2)
  if (on === undefined) return
  c.session.noTouch = on
  c.reply.ok()
}

const getredir = (c: Invocation): void => c.reply.integer(-1)

const trackinginfo = ({ reply }: Invocation): void => {
  reply.map(3)
  reply.bulkText("flags")
  reply.set(1)
  reply.bulkText("off")
  reply.bulkText("redirect")
  reply.integer(-1)
  reply.bulkText("prefixes")
  reply.array(0)
}

const HELP = [
  "GETREDIR",
  "    Return the client ID we are redirecting to when tracking is enabled.",
  "GETNAME",
  "    Return the name of the current connection.",
  "ID",
  "    Return the ID of the current connection.",
  "INFO",
  "    Return information about the current client connection.",
  "KILL <ip:port>",
  "    Kill connection made from <ip:port>.",
  "KILL <option> <value> [<option> <value> [...]]",
  "    Kill connections. Options are:",
  "    * ADDR (<ip:port>|<unixsocket>:0)",
  "      Kill connections made from the specified address",
  "    * LADDR (<ip:port>|<unixsocket>:0)",
  "      Kill connections made to specified local address",
  "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
  "      Kill connections by type.",
  "    * USER <username>",
  "      Kill connections authenticated by <username>.",
  "    * SKIPME (YES|NO)",
  "      Skip killing current connection (default: yes).",
  "    * ID <client-id>",
  "      Kill connections by client id.",
  "    * MAXAGE <maxage>",
  "      Kill connections older than the specified age.",
  "LIST [options ...]",
  "    Return information about client connections. Options:",
  "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
  "      Return clients of specified type.",
  "    * ID <client-id> [<client-id> ...]",
  "      Return clients of specified IDs only.",
  "REPLY (ON|OFF|SKIP)",
  "    Control the replies sent to the current connection.",
  "SETNAME <name>",
  "    Assign the name <name> to the current connection.",
  "SETINFO <option> <value>",
  "    Set client meta attr. Options are:",
  "    * LIB-NAME: the client lib name.",
  "    * LIB-VER: the client lib version.",
  "UNBLOCK <clientid> [TIMEOUT|ERROR]",
  "    Unblock the specified blocked client.",
  "TRACKINGINFO",
  "    Report tracking status for the current connection.",
  "NO-EVICT (ON|OFF)",
  "    Protect current client connection from eviction.",
  "NO-TOUCH (ON|OFF)",
  "    Will not touch LRU/LFU stats when this mode is on."
]

const container = {
  name: "client",
  group: "connection",
  categories: ["connection"]
} as const

const FLAGS: ReadonlyArray<CommandFlag> = ["noscript", "loading", "stale"]
const ADMIN_FLAGS: ReadonlyArray<CommandFlag> = ["admin", ...FLAGS]

const sub = {
  group: container.group,
  categories: container.categories,
  keys: [],
  flags: FLAGS,
  complexity: "O(1)"
} as const

export const client: CommandRecord = {
  name: "client",
  arity: -2,
  flags: [],
  categories: [],
  keys: [],
  group: "connection",
  since: "2.4.0",
  summary: "A container for client connection commands.",
  complexity: "Depends on subcommand.",
  subcommands: [
    {
      ...sub,
      name: "id",
      arity: 2,
      since: "5.0.0",
      summary: "Returns the unique client ID of the connection.",
      handler: id
    },
    {
      ...sub,
      name: "getname",
      arity: 2,
      since: "2.6.9",
      summary: "Returns the name of the connection.",
      handler: getname
    },
    {
      ...sub,
      name: "setname",
      arity: 3,
      since: "2.6.9",
      summary: "Sets the connection name.",
      synopsis: "connection-name",
      tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
      handler: setname
    },
    {
      ...sub,
      name: "setinfo",
      arity: 4,
      since: "7.2.0",
      summary: "Sets information specific to the client or connection.",
      synopsis: "<LIB-NAME libname | LIB-VER libver>",
      tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
      handler: setinfo
    },
    {
      ...sub,
      name: "info",
      arity: 2,
      since: "6.2.0",
      summary: "Returns information about the connection.",
      tips: ["nondeterministic_output"],
      handler: info
    },
    {
      ...sub,
      name: "list",
      arity: -2,
      flags: ADMIN_FLAGS,
      since: "2.4.0",
      summary: "Lists open connections.",
      complexity: "O(N) where N is the number of client connections",
      synopsis: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
      tips: ["nondeterministic_output"],
      handler: list
    },
    {
      ...sub,
      name: "kill",
      arity: -3,
      flags: ADMIN_FLAGS,
      since: "2.4.0",
      summary: "Terminates open connections.",
      complexity: "O(N) where N is the number of client connections",
      synopsis:
        "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | " +
        "[ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | [MAXAGE maxage] ...>>",
      handler: kill
    },
    {
      ...sub,
      name: "reply",
      arity: 3,
      since: "3.2.0",
      summary: "Instructs the server whether to reply to commands.",
      synopsis: "<ON | OFF | SKIP>",
      handler: replies
    },
    {
      ...sub,
      name: "no-evict",
      arity: 3,
      flags: ADMIN_FLAGS,
      since: "7.0.0",
      summary: "Sets the client eviction mode of the connection.",
      synopsis: "<ON | OFF>",
      handler: noEvict
    },
    {
      ...sub,
      name: "no-touch",
      arity: 3,
      since: "7.2.0",
      summary: "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
      synopsis: "<ON | OFF>",
      handler: noTouch
    },
    {
      ...sub,
      name: "getredir",
      arity: 2,
      since: "6.0.0",
      summary: "Returns the client ID to which the connection's tracking notifications are redirected.",
      handler: getredir
    },
    {
      ...sub,
      name: "trackinginfo",
      arity: 2,
      since: "6.2.0",
      summary: "Returns information about server-assisted client-side caching for the connection.",
      handler: trackinginfo
    },
    {
      ...sub,
      name: "unblock",
      arity: -3,
      flags: ["admin", "noscript", "loading", "stale"],
      since: "5.0.0",
      summary: "Unblocks a client blocked by a blocking command from a different connection.",
      complexity: "O(log N) where N is the number of client connections",
      synopsis: "client-id [TIMEOUT | ERROR]",
      handler: unblock
    },
    helpRecord(container, "5.0.0", HELP)
  ]
}
