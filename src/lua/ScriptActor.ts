/**
 * The script actor. Tasks tier.
 *
 * Scripts are offered to its queue as tasks with a Deferred each; one fiber takes them in batches and runs them one
 * after another, and the Lua VM belongs to that fiber alone. A script is indivisible: `redis.call` runs the same
 * handlers on the same shards, and while it runs (it is suspended every few milliseconds, so that the event loop
 * lives) the engine executes nothing for other clients, who get BUSY after busy-reply-threshold.
 *
 * Shutdown: the finalizer lets queued scripts run for a bounded time, then makes the running one fail; every Deferred
 * is completed. It runs after the app tier has stopped and before the AOF does, so a script's writes are kept.
 */
import * as v8 from "node:v8"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { RequestEngine } from "../engine/RequestEngine.js"
import { turn } from "../machine/EventLoop.js"
import type { ReplyWriter } from "../resp/writer.js"
import { ServerConfig } from "../ServerConfig.js"
import type { Database } from "../store/database.js"
import { makeScriptRunner, type ScriptRunner } from "./runner.js"

/** Writes the one reply of a task. */
export type WriteReply = (reply: ReplyWriter) => void

/** What a script runs for. */
export interface ScriptContext {
  readonly database: Database
  readonly protocol: 2 | 3
  readonly readOnly: boolean
}

/**
 * A script to run (or, where `source` is given, to compile and keep).
 *
 * @since 0.1.0
 * @category models
 */
export interface ScriptTask {
  readonly sha: string
  readonly keys: ReadonlyArray<Buffer>
  readonly args: ReadonlyArray<Buffer>
  readonly context: ScriptContext
  readonly compileOnly: boolean
  readonly reply: Deferred.Deferred<WriteReply>
  /** Called as soon as the reply is there: a connection needs no fiber of its own to wait for it. */
  readonly onReply?: (write: WriteReply) => void
}

/** Scripts taken from the queue at a time. */
const BATCH_MAX = 64
/** Tasks that may wait; more are refused. */
const TASKS_MAX = 100_000
/** A script runs for so long before the event loop gets its turn. */
const SLICE_MS = 5
/** How long queued scripts may still run when the actor stops. */
const GRACE_MS = 1000

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
    readonly run: (task: Omit<ScriptTask, "reply" | "onReply">) => Effect.Effect<WriteReply>
  }
>() {}

const complete = (task: ScriptTask, reply: WriteReply): void => {
  Deferred.unsafeDone(task.reply, Effect.succeed(reply))
  if (task.onReply !== undefined) task.onReply(reply)
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<ScriptActor["Type"], never, ServerConfig | RequestEngine | Scope.Scope> =
  Effect.gen(function* () {
    const settings = yield* ServerConfig
    const { engine } = yield* RequestEngine
    const queue = yield* Queue.dropping<ScriptTask>(TASKS_MAX)
    const runtime = yield* Effect.runtime()
    const { scripts } = engine
    const state: { runner: ScriptRunner | null; stopsAt: number } = {
      runner: null,
      stopsAt: Number.POSITIVE_INFINITY
    }

    // ---- the VM: loaded with the first script, for it takes longer to load than the server to start
    const loadRunner = Effect.suspend(() => {
      if (state.runner !== null) return Effect.succeed(state.runner)
      return Effect.map(
        Effect.promise(() => import("./vm.js")),
        ({ LuaVm }) => {
          // scripts make garbage that dies young: V8's default, which the executable holds down until here
          v8.setFlagsFromString("--semi-space-growth-factor=2")
          const runner = makeScriptRunner(engine, LuaVm, (level, message) => {
            const log = level >= 3 ? Effect.logWarning : level === 2 ? Effect.logInfo : Effect.logDebug
            Effect.runFork(Effect.provide(log(message), runtime))
          })
          state.runner = runner
          scripts.onForget = (sha) => runner.forget(sha)
          return runner
        }
      )
    })

    // ---- one script, in slices
    const finish = (runner: ScriptRunner): WriteReply => {
      const reply = runner.finish()
      scripts.running = scripts.busy = false
      return reply
    }
    const runOn = (runner: ScriptRunner): Effect.Effect<WriteReply> =>
      Effect.gen(function* () {
        const startedAt = performance.now()
        for (;;) {
          // others get BUSY from here on, and SCRIPT KILL is heard
          const ranMs = performance.now() - startedAt
          if (!scripts.busy && ranMs > settings.busyReplyThresholdMs) {
            scripts.busy = true
            engine.resumeHeld()
          }
          yield* turn
          if (performance.now() > state.stopsAt)
            scripts.killed = "ERR Error running script: the server is shutting down"
          if (runner.resume(SLICE_MS) === "done") return finish(runner)
        }
      })
    const runTask = (runner: ScriptRunner, task: ScriptTask): WriteReply | Effect.Effect<WriteReply> => {
      if (task.compileOnly) return runner.load(task.sha)
      scripts.running = true
      scripts.wrote = false
      scripts.killed = null
      const end = runner.start(task, SLICE_MS)
      if (end === "refused" || end === "done") return finish(runner)
      return runOn(runner)
    }
    const handle = (task: ScriptTask): Effect.Effect<void> =>
      Effect.flatMap(loadRunner, (runner) => {
        const outcome = runTask(runner, task)
        if (!Effect.isEffect(outcome)) {
          complete(task, outcome)
          return Effect.void
        }
        return Effect.map(outcome, (reply) => complete(task, reply))
      }).pipe(
        Effect.catchAllCause((cause) =>
          Effect.zipRight(
            Effect.logError("a script failed by a bug; please report it", cause),
            Effect.sync(() => {
              scripts.running = scripts.busy = false
              complete(task, (reply) => reply.error("ERR internal error"))
            })
          )
        )
      )

    const loop = Effect.gen(function* () {
      for (;;) {
        const tasks = yield* Queue.takeBetween(queue, 1, BATCH_MAX)
        for (const task of tasks) yield* handle(task)
        engine.resumeHeld()
      }
    })

    const fiber = yield* Effect.forkScoped(loop)
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        state.stopsAt = performance.now() + GRACE_MS
        while (scripts.running || (yield* Queue.size(queue)) > 0) yield* turn
        yield* Fiber.interrupt(fiber)
        yield* Queue.shutdown(queue)
        engine.flush()
      })
    )

    const unsafeOffer = (task: ScriptTask): boolean => Queue.unsafeOffer(queue, task)
    return ScriptActor.of({
      unsafeOffer,
      run: (task) =>
        Effect.flatMap(Deferred.make<WriteReply>(), (reply) => {
          if (unsafeOffer({ ...task, reply })) return Deferred.await(reply)
          return Effect.succeed((writer: ReplyWriter) => writer.error("ERR too many scripts wait"))
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
