/**
 * The script actor. Tasks tier.
 *
 * Scripts are offered to its queue as tasks; one fiber takes them in batches and runs them one after another, and the
 * Lua VM belongs to that fiber alone. Each task carries its text and how it is completed: a connection's reply goes to
 * the engine, who awaits an Effect has a Deferred. A script is indivisible: `redis.call` runs the same handlers on the
 * same shards, and while it runs (it is suspended every few milliseconds, so that the event loop lives) the engine
 * executes nothing for other clients, who get BUSY after busy-reply-threshold, and time stands still.
 *
 * Shutdown: the finalizer lets queued scripts run for a bounded time, then makes the running one fail, and forgets what
 * it has logged: on disk its writes are all there or none. Every task is completed. It runs after the app tier has
 * stopped and before the AOF does, so a script's writes are kept.
 */
import * as v8 from "node:v8"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { WriteReply } from "../engine/blocking.js"
import * as Errors from "../engine/errors.js"
import type { Script } from "../engine/outcome.js"
import { turn } from "../machine/EventLoop.js"
import { RequestEngine } from "../RequestEngine.js"
import { ServerConfig } from "../ServerConfig.js"
import type { Database } from "../store/database.js"
import { makeScriptRunner, type ScriptRunner } from "./runner.js"

/** What a script runs for. */
export interface ScriptContext {
  readonly database: Database
  readonly protocol: 2 | 3
  readonly readOnly: boolean
}

/**
 * A script to run, or to compile and keep.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScriptTask {
  readonly script: Script
  readonly keys: ReadonlyArray<Buffer>
  readonly args: ReadonlyArray<Buffer>
  readonly context: ScriptContext
  readonly compileOnly: boolean
  /** Called once, with the reply. */
  readonly complete: (write: WriteReply) => void
}

/** Scripts taken from the queue at a time. */
const BATCH_MAX = 64
/** Tasks that may wait; more are refused. */
const TASKS_MAX = 100_000
/** Scripts run for so long before the event loop gets its turn. */
const SLICE_MS = 5
/** What a VM holds at least, its code apart (measured): a collection while it is made hides the rest. */
const VM_BYTES_MIN = 128 * 1024
/** How long queued scripts may still run when the actor stops. */
const GRACE_MS = 1000
/** What a script ends with that runs on when the server stops. */
const STOPPED = "ERR Error running script: the server is shutting down"

/**
 * @since 0.1.0
 * @category models
 */
export class ScriptActor extends Context.Tag("effect-kv/ScriptActor")<
  ScriptActor,
  {
    /** Offers a task; false where too many wait already. Synchronous: the queue's fiber runs it later. */
    readonly unsafeOffer: (task: ScriptTask) => boolean
    /** Runs a script and gives its reply. */
    readonly run: (task: Omit<ScriptTask, "complete">) => Effect.Effect<WriteReply>
  }
>() {}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<ScriptActor["Type"], never, ServerConfig | RequestEngine | Scope.Scope> =
  Effect.gen(function* () {
    const settings = yield* ServerConfig
    const { engine, scripts } = yield* RequestEngine
    const queue = yield* Queue.dropping<ScriptTask>(TASKS_MAX)
    const runtime = yield* Effect.runtime()
    const { gate } = engine
    let runner: ScriptRunner | null = null
    let stopsAt = Number.POSITIVE_INFINITY
    let sliceEndsAt = 0
    /** Tasks that were offered and are not completed. */
    let waiting = 0

    // ---- the VM: loaded with the first script, for it takes longer to load than the server to start
    const { host } = engine.server
    let beforeVm = 0
    const importVm = Effect.tryPromise(() => {
      beforeVm = host.allocatedBytes()
      return import("./vm.js")
    })
    const makeRunner = Effect.map(importVm, ({ LuaVm }) => {
      // scripts make garbage that dies young: V8's default, which the executable holds down until here
      v8.setFlagsFromString("--semi-space-growth-factor=2")
      const made = makeScriptRunner(engine, scripts, LuaVm, (level, message) => {
        const log = level >= 3 ? Effect.logWarning : level === 2 ? Effect.logInfo : Effect.logDebug
        Effect.runFork(Effect.provide(log(message), runtime))
      })
      runner = made
      // no part of V8's heap is the VM's own: what has come since it was asked for
      scripts.vmBytes = Math.max(VM_BYTES_MIN, host.allocatedBytes() - beforeVm)
      scripts.onForget = (sha) => made.forget(sha)
      return made
    })

    const complete = (task: ScriptTask, reply: WriteReply): void => {
      waiting--
      task.complete(reply)
    }

    // ---- one script, in slices
    const begin = (): void => {
      gate.running = true
      gate.startedAtMicroseconds = engine.server.host.unixMicroseconds()
      gate.wrote = false
      gate.killed = null
    }
    const end = (): void => {
      gate.running = gate.busy = false
      engine.afterCommand()
    }
    const finish = (vm: ScriptRunner): WriteReply => {
      const reply = vm.finish()
      end()
      return reply
    }
    const runOn = (vm: ScriptRunner): Effect.Effect<WriteReply> =>
      Effect.gen(function* () {
        const startedAt = performance.now()
        for (;;) {
          // others get BUSY from here on, and SCRIPT KILL is heard
          const ranMs = performance.now() - startedAt
          if (!gate.busy && ranMs > settings.busyReplyThresholdMs) {
            gate.busy = true
            engine.resumeHeld()
          }
          yield* turn
          if (performance.now() > stopsAt) {
            gate.killed = STOPPED
            vm.abandon()
          }
          if (vm.resume(SLICE_MS) === "done") return finish(vm)
        }
      })
    const runTask = (vm: ScriptRunner, task: ScriptTask): WriteReply | Effect.Effect<WriteReply> => {
      if (task.compileOnly) return vm.load(task.script)
      begin()
      const outcome = vm.start(task, SLICE_MS)
      if (outcome === "refused" || outcome === "done") return finish(vm)
      return runOn(vm)
    }
    /** Runs a task on a VM that is there already, with no Effect where it ends within its slice. */
    const handleOn = (vm: ScriptRunner, task: ScriptTask): Effect.Effect<void> => {
      const outcome = runTask(vm, task)
      if (Effect.isEffect(outcome)) return Effect.map(outcome, (reply) => complete(task, reply))
      complete(task, outcome)
      return Effect.void
    }
    const handle = (task: ScriptTask): Effect.Effect<void> =>
      Effect.suspend(() =>
        runner !== null
          ? handleOn(runner, task)
          : // a VM that could not be loaded (no file descriptor left) is tried again with the next script
            Effect.matchEffect(makeRunner, {
              onFailure: (cause) =>
                Effect.zipRight(
                  Effect.logError("the Lua VM cannot be loaded", cause),
                  Effect.sync(() => complete(task, (reply) => reply.constant(Errors.NO_LUA)))
                ),
              onSuccess: (vm) => handleOn(vm, task)
            })
      ).pipe(
        Effect.catchAllCause((cause) =>
          Effect.zipRight(
            Effect.logError("a script failed by a bug; please report it", cause),
            Effect.sync(() => {
              runner?.drop()
              end()
              complete(task, (reply) => reply.error("ERR internal error"))
            })
          )
        )
      )

    const loop = Effect.gen(function* () {
      for (;;) {
        const tasks = yield* Queue.takeBetween(queue, 1, BATCH_MAX)
        for (const task of tasks) {
          // DEBUG LOADAOF has emptied the store: scripts find it whole again
          while (engine.loading && performance.now() < stopsAt) yield* turn
          if (performance.now() < stopsAt) yield* handle(task)
          else complete(task, (reply) => reply.error(STOPPED))
          if (performance.now() < sliceEndsAt) continue
          yield* turn
          sliceEndsAt = performance.now() + SLICE_MS
        }
        engine.resumeHeld()
      }
    })

    const fiber = yield* Effect.forkScoped(loop)
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        stopsAt = performance.now() + GRACE_MS
        // what the loop has taken already is none of the queue's any more
        while (waiting > 0) yield* turn
        yield* Fiber.interrupt(fiber)
        yield* Queue.shutdown(queue)
        engine.flush()
      })
    )

    const unsafeOffer = (task: ScriptTask): boolean => {
      if (!Queue.unsafeOffer(queue, task)) return false
      waiting++
      return true
    }
    return ScriptActor.of({
      unsafeOffer,
      run: (task) =>
        Effect.flatMap(Deferred.make<WriteReply>(), (reply) => {
          const complete = (write: WriteReply): void => Deferred.unsafeDone(reply, Effect.succeed(write))
          if (unsafeOffer({ ...task, complete })) return Deferred.await(reply)
          return Effect.succeed((writer) => writer.constant(Errors.TOO_MANY_SCRIPTS))
        })
    })
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<ScriptActor, never, ServerConfig | RequestEngine> = Layer.scoped(
  ScriptActor,
  make
)
