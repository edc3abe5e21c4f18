/**
 * Sends one command at a time to the engine, for a client in the same process. App tier.
 *
 * Most commands are answered synchronously, within the Effect that sends them; what waits suspends it.
 */
import * as Effect from "effect/Effect"
import type { Dispatch } from "../Dispatch.js"
import { Invocation } from "../engine/invocation.js"
import type { Wait } from "../engine/outcome.js"
import { NO_TRANSPORT, Session } from "../engine/session.js"
import type { Command } from "../engine/table.js"
import { turn } from "../machine/EventLoop.js"
import { type Argument, CommandEncoder } from "../resp/encoder.js"
import { type Reply, ReplyError, ReplyReader } from "../resp/reply.js"
import { ReplyWriter } from "../resp/writer.js"
import type { Database } from "../store/database.js"
import { committed, handOver } from "./Committed.js"
import { closedError, type KvError, replyError, sessionError, waitError } from "./KvError.js"
import { changesSession, mayChangeSession } from "./sessionCommands.js"
import { decode } from "./text.js"

export interface Caller {
  readonly session: Session
  readonly call: <Text>(
    command: string,
    args: ReadonlyArray<Argument>,
    reader: ReplyReader<Text>
  ) => Effect.Effect<Reply<Text>, KvError>
  /** The synchronous path: throws KvError. */
  readonly callNow: <Text>(
    command: string,
    args: ReadonlyArray<Argument>,
    reader: ReplyReader<Text>
  ) => Reply<Text>
  readonly text: ReplyReader<string>
  readonly bytes: ReplyReader<Buffer>
}

const copy = (bytes: Buffer, start: number, end: number): Buffer => Buffer.from(bytes.subarray(start, end))

/** Copies of a command's arguments, for when it waits. */
const argumentsOf = (invocation: Invocation): ReadonlyArray<Buffer> =>
  Array.from({ length: invocation.argc }, (_, i) => Buffer.from(invocation.argument(i)))

/** A session that is no connection, on a database. */
export const makeSession = ({ engine }: Dispatch["Type"], database: Database): Session => {
  const session = new Session(engine.newSessionId(), database, true, engine.hooks.now(), "", "", NO_TRANSPORT)
  session.protocol = 3
  session.bulkBytesMax = engine.server.settings.protoMaxBulkLenBytes
  return session
}

const asksForShutdown = (wait: Wait): boolean => wait._tag === "Later" && wait.request._tag === "Shutdown"

/** `exclusive`: the session is one user's own, who may change it. */
export const makeCaller = (
  { engine, settle }: Dispatch["Type"],
  session: Session,
  exclusive: boolean
): Caller => {
  const encoder = new CommandEncoder()
  const reply = new ReplyWriter()
  const invocation = new Invocation(engine, reply, engine.changes, "client")
  /** The command of the latest call: the next is most often the same. */
  let latestName = ""
  let latest: Command | undefined
  /** Whether it may have to be refused. */
  let suspect = false

  const refusal = (command: string, args: ReadonlyArray<Argument>): KvError | undefined => {
    if (session.closed) return closedError(command)
    if (command !== latestName) {
      latestName = command
      latest = engine.table.byName(command)
      suspect = !exclusive && mayChangeSession(command)
    }
    return suspect && changesSession(command, args[0]) ? sessionError(command) : undefined
  }
  const start = (command: string, args: ReadonlyArray<Argument>): Wait | undefined => {
    engine.refreshTime()
    reply.reset()
    // whatever HELLO or RESET made of the session: a reply is read as RESP3
    reply.protocol = session.protocol = 3
    const wait = engine.call(invocation, encoder.encode(command, args), 0, session, latest)
    engine.afterCommand()
    return wait
  }
  /** The reply to the command that was started, as a value. */
  const read = <Text>(reader: ReplyReader<Text>): Reply<Text> => {
    if (session.closing) session.closed = true
    // CLIENT REPLY answers nothing
    if (reply.length === 0) return null
    reader.reset(reply.buffer, 0)
    return reader.read()
  }
  const answered = <Text>(
    command: string,
    reader: ReplyReader<Text>,
    before: number
  ): Effect.Effect<Reply<Text>, KvError> => {
    const value = read(reader)
    const outcome =
      value instanceof ReplyError ? Effect.fail(replyError(command, value)) : Effect.succeed(value)
    return committed(engine, outcome, command, before)
  }

  const call: Caller["call"] = (command, args, reader) =>
    Effect.suspend(() => {
      const refused = refusal(command, args)
      if (refused !== undefined) return Effect.fail(refused)
      // a script is indivisible: nothing runs beside it
      if (engine.gate.running && !engine.gate.busy) return Effect.zipRight(turn, call(command, args, reader))
      const before = engine.ground
      const wait = start(command, args)
      if (wait === undefined) return answered(command, reader, before)
      const blocked = { command: invocation.command, args: argumentsOf(invocation) }
      return Effect.flatMap(settle(session, wait, blocked), (write) => {
        if (asksForShutdown(wait)) {
          return Effect.fail(closedError(command, "shutdown was requested; the store closes with its scope"))
        }
        reply.reset()
        write(reply)
        return answered(command, reader, before)
      })
    })
  const callNow: Caller["callNow"] = (command, args, reader) => {
    const refused = refusal(command, args)
    if (refused !== undefined) throw refused
    if (engine.gate.running) throw waitError(command)
    if (start(command, args) !== undefined) throw waitError(command)
    handOver(engine)
    const value = read(reader)
    if (value instanceof ReplyError) throw replyError(command, value)
    return value
  }
  return {
    session,
    call,
    callNow,
    text: new ReplyReader(reply.buffer, decode),
    bytes: new ReplyReader(reply.buffer, copy)
  }
}
