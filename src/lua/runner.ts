/**
 * Runs scripts of the engine's cache on a Lua VM: compiles, wraps what they change in a transaction, and makes their
 * commands calls of the engine. Plain synchronous TypeScript; used by the script actor's fiber alone.
 */
import type { Engine } from "../engine/engine.js"
import * as Errors from "../engine/errors.js"
import { Invocation } from "../engine/invocation.js"
import { NO_TRANSPORT, Session } from "../engine/session.js"
import { NO_SCRIPT, WRITE } from "../engine/table.js"
import type { CommandBatch } from "../resp/batch.js"
import { CommandEncoder } from "../resp/encoder.js"
import { ReplyWriter } from "../resp/writer.js"
import type { ScriptTask, WriteReply } from "./ScriptActor.js"
import type { LuaVm, ScriptHost, SliceEnd } from "./vm.js"

export interface ScriptRunner {
  /** Compiles a script of the cache; replies with its SHA1 or with the error. */
  readonly load: (sha: string) => WriteReply
  /** Starts a task; "refused" where the reply is there already. */
  readonly start: (task: ScriptTask, sliceMs: number) => SliceEnd | "refused"
  readonly resume: (sliceMs: number) => SliceEnd
  /** The reply of the task that has ended. */
  readonly finish: () => WriteReply
  readonly forget: (sha: string | null) => void
}

/** Makes a runner of an engine and the VM's class (which is loaded late). */
export const makeScriptRunner = (
  engine: Engine,
  Vm: typeof LuaVm,
  log: (level: number, message: string) => void
): ScriptRunner => {
  const { scripts, keyspace } = engine
  const reply = new ReplyWriter()
  const output = new ReplyWriter()
  const invocation = new Invocation(engine, reply, engine.log, true)
  const session = new Session(0, keyspace.databases[0]!, true, 0, "", "", NO_TRANSPORT)
  const encoder = new CommandEncoder()
  let readOnly = false
  let refused: WriteReply | null = null

  const encode = (args: ReadonlyArray<Uint8Array>): CommandBatch => {
    encoder.begin()
    for (const arg of args) encoder.add(arg)
    return encoder.end()
  }
  const call: ScriptHost["call"] = (args) => {
    reply.reset()
    reply.protocol = session.protocol
    const name = args[0]!
    const container = engine.table.find(name, 0, name.length)
    // what may run in a script is said of each subcommand by itself
    const command = (args.length > 1 && container?.subcommand(Buffer.from(args[1]!))) || container
    if (command === undefined) reply.error("ERR Unknown Redis command called from script")
    else if ((command.flags & NO_SCRIPT) !== 0)
      reply.error("ERR This Redis command is not allowed from script")
    else if ((command.flags & WRITE) !== 0 && readOnly) {
      reply.error("ERR Write commands are not allowed from read-only scripts.")
    } else {
      if ((command.flags & WRITE) !== 0) scripts.wrote = true
      const wait = engine.call(invocation, encode(args), 0, session, container)
      if (wait !== undefined) reply.error("ERR This Redis command is not allowed from script")
      else if (invocation.arityFailed) {
        reply.reset()
        reply.error("ERR Wrong number of args calling Redis command from script")
      }
    }
    return { bytes: reply.buffer, end: reply.length }
  }
  const vm = new Vm({
    call,
    clock: () => performance.now(),
    log,
    setProtocol: (protocol) => {
      session.protocol = protocol
    }
  })

  const compileError =
    (error: string): WriteReply =>
    (writer) =>
      writer.error(`ERR Error compiling script (new function): ${error}`)
  return {
    load: (sha) => {
      const source = scripts.source(sha)
      const error = source === undefined ? "script is gone" : vm.compile(sha, source)
      if (error === null) return (writer) => writer.bulkText(sha)
      scripts.remove(sha)
      return compileError(error)
    },
    start: (task, sliceMs) => {
      const source = scripts.source(task.sha)
      if (source === undefined) {
        refused = (writer) => writer.constant(Errors.NO_SCRIPT)
        return "refused"
      }
      const error = vm.compile(task.sha, source)
      if (error !== null) {
        scripts.remove(task.sha)
        refused = compileError(error)
        return "refused"
      }
      refused = null
      readOnly = task.context.readOnly
      session.database = task.context.database
      session.protocol = 2
      output.protocol = task.context.protocol
      // time stands still in a script
      keyspace.setTime(engine.hooks.now())
      engine.log.beginTransaction()
      return vm.start(task.sha, task.keys, task.args, sliceMs)
    },
    resume: (sliceMs) => {
      if (scripts.killed !== null) vm.kill(scripts.killed)
      return vm.resume(sliceMs)
    },
    finish: () => {
      if (refused !== null) return refused
      engine.log.endTransaction()
      output.reset()
      vm.finish(output, session.protocol)
      const bytes = Buffer.from(output.buffer.subarray(0, output.length))
      return (writer) => writer.constant(bytes)
    },
    forget: (sha) => vm.forget(sha)
  }
}
