/**
 * Runs scripts on a Lua VM: compiles, wraps what they change in a transaction, and makes their
 * commands calls of the engine. Plain synchronous TypeScript; used by the script actor's fiber alone.
 */
import type { WriteReply } from "../engine/blocking.js"
import type { Engine } from "../engine/engine.js"
import { Invocation } from "../engine/invocation.js"
import type { Script } from "../engine/outcome.js"
import { NO_TRANSPORT, Session } from "../engine/session.js"
import { NO_SCRIPT, WRITE } from "../engine/table.js"
import type { CommandBatch } from "../resp/batch.js"
import { CommandEncoder } from "../resp/encoder.js"
import { ReplyWriter } from "../resp/writer.js"
import type { ScriptTask } from "./ScriptActor.js"
import type { Scripts } from "./scripts.js"
import type { LuaVm, ScriptHost, SliceEnd } from "./vm.js"

export interface ScriptRunner {
  /** Compiles a script and keeps it in the cache; replies with its SHA1 or with the error. */
  readonly load: (script: Script) => WriteReply
  /** Starts a task; "refused" where the reply is there already. */
  readonly start: (task: ScriptTask, sliceMs: number) => SliceEnd | "refused"
  readonly resume: (sliceMs: number) => SliceEnd
  /** What the running task has changed will not be kept: the server stops. */
  readonly abandon: () => void
  /** Lets go of a task that a bug has ended; what it had changed is in force, and is kept. */
  readonly drop: () => void
  /** The reply of the task that has ended. */
  readonly finish: () => WriteReply
  readonly forget: (sha: string | null) => void
}

/** Makes a runner of an engine and the VM's class (which is loaded late). */
export const makeScriptRunner = (
  engine: Engine,
  scripts: Scripts,
  Vm: typeof LuaVm,
  log: (level: number, message: string) => void
): ScriptRunner => {
  const { changes, gate, keyspace } = engine
  const reply = new ReplyWriter()
  const output = new ReplyWriter()
  const invocation = new Invocation(engine, reply, changes, "script")
  const session = new Session(0, keyspace.databases[0]!, true, 0, "", "", NO_TRANSPORT)
  const encoder = new CommandEncoder()
  let readOnly = false
  let abandoned = false
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
      if ((command.flags & WRITE) !== 0) gate.wrote = true
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
    load: (script) => {
      const error = vm.compile(script.sha, script.source)
      if (error !== null) return compileError(error)
      scripts.load(script)
      return (writer) => writer.bulkText(script.sha)
    },
    start: (task, sliceMs) => {
      const { sha, source } = task.script
      const error = vm.compile(sha, source)
      if (error !== null) {
        scripts.remove(sha)
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
      abandoned = false
      changes.log.beginTransaction()
      return vm.start(sha, task.keys, task.args, sliceMs)
    },
    resume: (sliceMs) => {
      if (gate.killed !== null) vm.kill(gate.killed)
      return vm.resume(sliceMs)
    },
    finish: () => {
      if (refused !== null) return refused
      if (abandoned) changes.log.abortTransaction()
      else changes.log.endTransaction()
      output.reset()
      vm.finish(output, session.protocol)
      const bytes = Buffer.from(output.buffer.subarray(0, output.length))
      return (writer) => writer.constant(bytes)
    },
    abandon: () => {
      abandoned = true
    },
    drop: () => {
      vm.release()
      changes.log.endTransaction()
    },
    forget: (sha) => vm.forget(sha)
  }
}
