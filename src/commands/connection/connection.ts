/**
 * The connection commands, but for CLIENT (client.ts): PING, ECHO, SELECT, AUTH, HELLO, RESET, QUIT. Pure.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import { redisVersion } from "../../config/version.js"
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import type { CommandRecord } from "../../engine/record.js"
import { client, isValidAttribute } from "./client.js"

const INT_MAX = 2147483647

const ping = (c: Invocation): void => {
  if (c.argc > 2) c.failArity()
  else if (c.argc === 1) c.reply.simple("PONG")
  else echo(c)
}

const echo = (c: Invocation): void => c.reply.bulk(c.bytes, c.start(1), c.length(1))

/** Moves a session to a database, also for the commands of its batch that follow. */
const useDatabase = (c: Invocation, index: number): void => {
  c.session.database = c.keyspace.databases[index]!
  // what the batch has prefetched are records of the database before
  c.context.forgetPrefetch()
}

const select = (c: Invocation): void => {
  const index = c.integerOrFail(1)
  if (index === undefined) return
  if (index < -INT_MAX - 1 || index > INT_MAX) c.fail(Errors.NO_INT)
  else if (index < 0 || index >= c.keyspace.databases.length) c.fail(Errors.DB_OUT_OF_RANGE)
  else {
    useDatabase(c, Number(index))
    c.reply.ok()
  }
}

const digest = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest()

/** Whether a name and a password are right; the time it takes says nothing of the password. */
const isRightPassword = (c: Invocation, user: string, password: Uint8Array): boolean => {
  const { requirepass } = c.context.server.settings
  const same = timingSafeEqual(digest(Buffer.from(requirepass, "latin1")), digest(password))
  return (same || requirepass === "") && user === "default"
}

const auth = (c: Invocation): void => {
  if (c.argc > 3) {
    c.fail(Errors.SYNTAX)
    return
  }
  if (c.argc === 2 && c.context.server.settings.requirepass === "") {
    c.fail(Errors.NO_PASSWORD_SET)
    return
  }
  if (!isRightPassword(c, c.argc === 2 ? "default" : c.text(1), c.argument(c.argc - 1))) {
    c.fail(Errors.WRONG_PASS)
    return
  }
  c.session.authenticated = true
  c.reply.ok()
}

const hello = (c: Invocation): void => {
  let protocol: 2 | 3 | undefined
  let user = -1
  let name = -1
  if (c.argc > 1) {
    const wanted = c.integerOrFail(1, Errors.PROTOCOL_NOT_INTEGER)
    if (wanted === undefined) return
    if (wanted !== 2 && wanted !== 3) {
      c.fail(Errors.NO_PROTO)
      return
    }
    protocol = wanted
  }
  for (let i = 2; i < c.argc; i++) {
    if (c.isWord(i, "AUTH") && i + 2 < c.argc) {
      user = i + 1
      i += 2
    } else if (c.isWord(i, "SETNAME") && i + 1 < c.argc) {
      name = ++i
      if (!isValidAttribute(c.text(name))) {
        c.fail(Errors.INVALID_CLIENT_NAME)
        return
      }
    } else {
      c.failText(`ERR Syntax error in HELLO option '${Errors.printable(c.text(i))}'`)
      return
    }
  }
  const { session } = c
  if (user > 0) {
    if (!isRightPassword(c, c.text(user), c.argument(user + 1))) {
      c.fail(Errors.WRONG_PASS)
      return
    }
    session.authenticated = true
  }
  if (!session.authenticated) {
    c.fail(Errors.HELLO_NO_AUTH)
    return
  }
  if (name > 0) session.name = c.text(name)
  if (protocol !== undefined) session.protocol = c.reply.protocol = protocol
  replyHello(c)
}

const replyHello = ({ reply, session }: Invocation): void => {
  reply.map(7)
  reply.bulkText("server")
  reply.bulkText("redis")
  reply.bulkText("version")
  reply.bulkText(redisVersion)
  reply.bulkText("proto")
  reply.integer(session.protocol)
  reply.bulkText("id")
  reply.integer(session.id)
  reply.bulkText("mode")
  reply.bulkText("standalone")
  reply.bulkText("role")
  reply.bulkText("master")
  reply.bulkText("modules")
  reply.array(0)
}

const quit = (c: Invocation): void => {
  c.session.closing = true
  c.reply.ok()
}

/** Makes the session what it was when it connected; its library's name stays. */
const reset = (c: Invocation): void => {
  const { session } = c
  useDatabase(c, 0)
  session.protocol = c.reply.protocol = 2
  session.name = ""
  session.replies = "on"
  session.noEvict = session.noTouch = false
  session.authenticated = c.context.server.settings.requirepass === ""
  c.reply.simple("RESET")
}

const connection = {
  group: "connection",
  categories: ["connection"],
  keys: [],
  since: "1.0.0",
  complexity: "O(1)"
} as const

export const connectionCommands: ReadonlyArray<CommandRecord> = [
  {
    ...connection,
    name: "ping",
    arity: -1,
    flags: ["fast"],
    summary: "Returns the server's liveliness response.",
    synopsis: "[message]",
    tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
    handler: ping
  },
  {
    ...connection,
    name: "echo",
    arity: 2,
    flags: ["loading", "stale", "fast"],
    summary: "Returns the given string.",
    synopsis: "message",
    handler: echo
  },
  {
    ...connection,
    name: "select",
    arity: 2,
    flags: ["loading", "stale", "fast"],
    summary: "Changes the selected database.",
    synopsis: "index",
    handler: select
  },
  {
    ...connection,
    name: "auth",
    arity: -2,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    summary: "Authenticates the connection.",
    complexity: "O(N) where N is the number of passwords defined for the user",
    synopsis: "[username] password",
    handler: auth
  },
  {
    ...connection,
    name: "hello",
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    since: "6.0.0",
    summary: "Handshakes with the Redis server.",
    synopsis: "[protover [AUTH username password] [SETNAME clientname]]",
    handler: hello
  },
  {
    ...connection,
    name: "reset",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    since: "6.2.0",
    summary: "Resets the connection.",
    handler: reset
  },
  {
    ...connection,
    name: "quit",
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    summary: "Closes the connection.",
    deprecated: { since: "7.2.0", replacedBy: "just closing the connection" },
    handler: quit
  },
  client
]
