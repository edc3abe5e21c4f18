/**
 * Turns what commands wait for into Effects. App tier.
 *
 * The engine answers most commands during the read that brought them; a handler that has to wait returns an Outcome,
 * and this service sees to it: scripts go to the actor's queue, the rest are Effects of their own.
 * Shutdown: its fibers end with its scope, after the connections above it are done.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Aof from "./aof/Aof.js"
import type { Engine } from "./engine/engine.js"
import * as Errors from "./engine/errors.js"
import type { LaterRequest, LoadScript, RunScript, Wait } from "./engine/outcome.js"
import { RequestEngine } from "./engine/RequestEngine.js"
import type { Session } from "./engine/session.js"
import { ScriptActor, type ScriptTask, type WriteReply } from "./lua/ScriptActor.js"
import type { ReplyWriter } from "./resp/writer.js"
import { ServerConfig } from "./ServerConfig.js"

/** What SHUTDOWN asked for. */
export interface ShutdownRequest {
  readonly save: boolean | undefined
  readonly now: boolean
  readonly force: boolean
}

/**
 * @since 0.1.0
 * @category models
 */
export class Dispatch extends Context.Tag("effect-kv/Dispatch")<
  Dispatch,
  {
    readonly engine: Engine
    /** Completes when a client has sent SHUTDOWN: whoever runs the server then ends its scope. */
    readonly shutdownRequested: Effect.Effect<ShutdownRequest>
    /** Sees to a command that waits, for a caller that is no connection. */
    readonly settle: (session: Session, wait: Wait) => Effect.Effect<WriteReply>
  }
>() {}

const error =
  (reply: Uint8Array): WriteReply =>
  (writer) =>
    writer.constant(reply)
const ok: WriteReply = (writer) => writer.ok()

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  Dispatch["Type"],
  never,
  RequestEngine | ScriptActor | Aof.Aof | ServerConfig | Scope.Scope
> = Effect.gen(function* () {
  const settings = yield* ServerConfig
  const { engine, reload } = yield* RequestEngine
  const actor = yield* ScriptActor
  const aof = yield* Aof.Aof
  const shutdown = yield* Deferred.make<ShutdownRequest>()
  const fork = yield* FiberSet.makeRuntime<never>()

  const taskOf = (session: Session, wait: RunScript | LoadScript): Omit<ScriptTask, "reply"> => ({
    sha: wait._tag === "RunScript" ? wait.sha : engine.scripts.add(wait.source, true),
    keys: wait._tag === "RunScript" ? wait.keys : [],
    args: wait._tag === "RunScript" ? wait.args : [],
    compileOnly: wait._tag === "LoadScript",
    context: {
      database: session.database,
      protocol: session.protocol,
      readOnly: wait._tag === "RunScript" && wait.readOnly
    }
  })

  const later = (request: LaterRequest): Effect.Effect<WriteReply> => {
    switch (request._tag) {
      case "Sleep":
        return Effect.as(Effect.sleep(request.milliseconds), ok)
      case "ReloadAof":
        return reload.pipe(
          Effect.as(ok),
          Effect.catchAll((cause) =>
            Effect.succeed((writer: ReplyWriter) => writer.error(`ERR ${cause.message}`))
          )
        )
      case "SwitchAof":
        return aof.switchTo(request.on).pipe(
          Effect.as(ok),
          Effect.catchAll((cause) =>
            Effect.sync(() => {
              settings.set([["appendonly", request.on ? "no" : "yes"]])
              return (writer: ReplyWriter) => writer.error(`ERR ${cause.message}`)
            })
          )
        )
      case "Shutdown":
        return Effect.zipRight(Deferred.succeed(shutdown, request), Effect.never)
    }
  }

  const settle = (session: Session, wait: Wait): Effect.Effect<WriteReply> => {
    if (wait._tag !== "Later") return actor.run(taskOf(session, wait))
    // a connection ends with the server and gets no reply; a caller in this process goes on
    if (wait.request._tag === "Shutdown") return Effect.as(Deferred.succeed(shutdown, wait.request), ok)
    return later(wait.request)
  }

  engine.hooks.onWait = (session, wait) => {
    if (wait._tag === "Later") {
      fork(Effect.map(later(wait.request), (write) => engine.complete(session, write)))
      return
    }
    // offered at once, during the read: scripts run in the order in which they came
    const task: ScriptTask = {
      ...taskOf(session, wait),
      reply: Deferred.unsafeMake<WriteReply>(fiberId),
      onReply: (write) => engine.complete(session, write)
    }
    if (actor.unsafeOffer(task)) return
    fork(Effect.sync(() => engine.complete(session, error(Errors.TOO_MANY_SCRIPTS))))
  }
  const fiberId = yield* Effect.fiberId

  return Dispatch.of({
    engine,
    shutdownRequested: Deferred.await(shutdown),
    settle
  })
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Dispatch, never, RequestEngine | ScriptActor | Aof.Aof | ServerConfig> =
  Layer.scoped(Dispatch, make)
