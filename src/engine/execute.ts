/**
 * One command: what must hold before its handler runs, and the handler. Pure.
 *
 * The rules, in Redis's order: the command is known, has the right number of arguments, the client has authenticated,
 * no script keeps the server busy, writes are possible, memory is left.
 */
import type { ReplyWriter } from "../resp/writer.js"
import { OutOfMemory } from "../store/memory.js"
import type { Engine } from "./engine.js"
import * as Errors from "./errors.js"
import type { Invocation } from "./invocation.js"
import type { Wait } from "./outcome.js"
import { ALLOW_BUSY, type Command, DENY_OOM, LOADING, NO_AUTH, WRITE } from "./table.js"

/** First words of HTTP requests that Redis closes the connection for. */
const SECURITY_NAMES: ReadonlySet<string> = new Set(["post", "host:"])

/** Executes the command that an invocation points to; what it waits for, or undefined once its reply is written. */
export const execute = (
  engine: Engine,
  invocation: Invocation,
  command: Command | undefined
): Wait | undefined => {
  const { session } = invocation
  engine.stats.commands++
  session.commands++
  if (command === undefined) {
    failUnknown(engine, invocation)
    return undefined
  }
  invocation.command = command
  let target = command
  if (command.subcommands !== undefined && invocation.argc > 1) {
    const sub = command.subcommand(invocation.argument(1))
    if (sub !== undefined) {
      target = sub
      invocation.command = sub
    }
  }
  const { arity } = target
  if (arity > 0 ? invocation.argc !== arity : invocation.argc < -arity) {
    invocation.arityFailed = true
    reject(engine, target, invocation, Errors.wrongArity(target.fullName))
    return undefined
  }
  const { flags } = target
  if (!session.authenticated && (flags & NO_AUTH) === 0)
    return refuse(engine, target, invocation, Errors.NO_AUTH)
  // limits and refusals are for clients: what a file holds is loaded
  if (!invocation.loads && (engine.restricted || engine.gate.busy || engine.memoryBytesMax > 0)) {
    const refusal = refusalOf(engine, invocation, flags)
    if (refusal !== null) return refuse(engine, target, invocation, refusal)
  }
  target.calls++
  session.lastCommand = target.fullName
  if (target.handler === undefined) {
    const name = invocation.argc > 1 ? invocation.text(1) : ""
    reject(engine, target, invocation, Errors.unknownSubcommand(name, command.name.toUpperCase()))
    return undefined
  }
  return runHandler(engine, target, invocation)
}

/** Why a command may not run now, or null. */
const refusalOf = (engine: Engine, invocation: Invocation, flags: number): Uint8Array | null => {
  if (engine.loading && (flags & LOADING) === 0) return Errors.LOADING
  if (engine.gate.busy && !invocation.scripted && (flags & ALLOW_BUSY) === 0) return Errors.BUSY
  if ((flags & WRITE) !== 0 && engine.writesRefused !== null) return engine.writesRefused
  const { memoryBytesMax } = engine
  if ((flags & DENY_OOM) !== 0 && memoryBytesMax > 0 && engine.keyspace.segments.usedBytes > memoryBytesMax)
    return Errors.OUT_OF_MEMORY
  return null
}

/** Runs the command of a client that blocked once more; true where it blocks on. */
export const runAgain = (engine: Engine, invocation: Invocation, command: Command): boolean => {
  invocation.command = command
  return runHandler(engine, command, invocation) !== undefined
}

const runHandler = (engine: Engine, command: Command, invocation: Invocation): Wait | undefined => {
  const { reply } = invocation
  const before = reply.length
  if (invocation.log.enabled) invocation.log.begin()
  try {
    const outcome = command.handler!(invocation)
    if (invocation.failed) {
      command.failed++
      noteError(engine, reply, before)
    }
    if (outcome === undefined) return undefined
    const wait = outcome as Wait
    if (wait._tag !== "Block" || !invocation.scripted) return wait
    // a script does not block: it is told at once what a client is told in the end
    wait.timedOut(reply)
    return undefined
  } catch (cause) {
    // a bug (or memory that ran out): the client is told, and what was written of reply and log is taken back
    invocation.log.rollback()
    reply.length = before
    reply.error(cause instanceof RangeError ? "OOM out of memory" : "ERR internal error")
    noteError(engine, reply, before)
    // memory that has run out is no bug
    if (!(cause instanceof OutOfMemory)) engine.hooks.onDefect(command.fullName, cause)
    return undefined
  }
}

const refuse = (engine: Engine, command: Command, invocation: Invocation, error: Uint8Array): undefined => {
  const before = invocation.reply.length
  command.rejected++
  invocation.fail(error)
  noteError(engine, invocation.reply, before)
}

const reject = (engine: Engine, command: Command, invocation: Invocation, error: string): void => {
  const before = invocation.reply.length
  command.rejected++
  invocation.failText(error)
  noteError(engine, invocation.reply, before)
}

const failUnknown = (engine: Engine, invocation: Invocation): void => {
  const args: Array<string> = []
  for (let i = 1; i < invocation.argc && i < 32; i++) args.push(invocation.text(i))
  const before = invocation.reply.length
  const name = invocation.text(0)
  if (SECURITY_NAMES.has(name.toLowerCase())) {
    // HTTP: somebody makes a browser talk to the server
    const { session } = invocation
    session.closing = true
    engine.server.host.log("warning", `Possible SECURITY ATTACK detected from ${session.address}: ${name}`)
    return
  }
  invocation.failText(Errors.unknownCommand(name, args))
  noteError(engine, invocation.reply, before)
}

/** Counts the error reply that begins at `start`. */
export const noteError = (engine: Engine, reply: ReplyWriter, start: number): void => {
  engine.stats.errorReplies++
  engine.server.noteError(reply.buffer, start, reply.length)
}
