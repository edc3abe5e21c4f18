/**
 * Turns what commands wait for into Effects. App tier.
 *
 * The engine answers most commands during the read that brought them; a handler that has to wait returns an Outcome,
 * and this service sees to it: scripts go to the actor's queue, clients that wait for keys have a deadline, and the
 * rest are Effects of their own.
 * Shutdown: its fibers end with its scope, after the connections above it are done.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Aof from "./aof/Aof.js"
import type { WriteReply } from "./engine/blocking.js"
import type { Engine } from "./engine/engine.js"
import * as Errors from "./engine/errors.js"
import type { Block, LaterRequest, LoadScript, RunScript, Wait } from "./engine/outcome.js"
import type { Session } from "./engine/session.js"
import type { Command } from "./engine/table.js"
import { ScriptActor, type ScriptTask } from "./lua/ScriptActor.js"
import { RequestEngine } from "./RequestEngine.js"
import type { ReplyWriter } from "./resp/writer.js"
import { ServerConfig } from "./ServerConfig.js"

/** What SHUTDOWN asked for. */
export interface ShutdownRequest {
  readonly save: boolean | undefined
  readonly now: boolean
  readonly force: boolean
}

/** A command that waits for keys, with its arguments. */
export interface BlockedCommand {
  readonly command: Command
  readonly args: ReadonlyArray<Uint8Array>
}

/**
 * @since 0.1.0
 * @category models
 */
export class Dispatch extends Context.Tag("effect-kv/Dispatch")<
  Dispatch,
  {
    readonly engine: Engine
    /** Completes when the files are loaded. */
    readonly loaded: Effect.Effect<void, Aof.AofError>
    /** Completes when a client has sent SHUTDOWN: whoever runs the server then ends its scope. */
    readonly shutdownRequested: Effect.Effect<ShutdownRequest>
    /** Sees to a command that waits, for a caller that is no connection; interrupted, it waits no more. */
    readonly settle: (session: Session, wait: Wait, blocked: BlockedCommand) => Effect.Effect<WriteReply>
  }
>() {}

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
  const { engine, loaded, reload } = yield* RequestEngine
  const actor = yield* ScriptActor
  const aof = yield* Aof.Aof
  const shutdown = yield* Deferred.make<ShutdownRequest>()
  const fork = yield* FiberSet.makeRuntime<never>()

  // ---- scripts
  const taskOf = (session: Session, wait: RunScript | LoadScript): Omit<ScriptTask, "complete"> => ({
    script: wait.script,
    keys: wait._tag === "RunScript" ? wait.keys : [],
    args: wait._tag === "RunScript" ? wait.args : [],
    compileOnly: wait._tag === "LoadScript",
    context: {
      database: session.database,
      protocol: session.protocol,
      readOnly: wait._tag === "RunScript" && wait.readOnly
    }
  })

  // ---- what takes time
  let switches = 0
  /** After the last of several switches the setting says what is in force. */
  const switchAof = (on: boolean): Effect.Effect<void, Aof.AofError> =>
    Effect.suspend(() => {
      switches++
      return Effect.ensuring(
        aof.switchTo(on),
        Effect.sync(() => {
          if (--switches > 0 || settings.appendonly === aof.status.enabled) return
          settings.set([["appendonly", aof.status.enabled ? "yes" : "no"]])
        })
      )
    })
  const replied = (effect: Effect.Effect<void, Aof.AofError>): Effect.Effect<WriteReply> =>
    Effect.match(effect, {
      onSuccess: () => ok,
      onFailure: (cause) => (writer: ReplyWriter) => writer.error(`ERR ${cause.message}`)
    })
  const later = (request: LaterRequest): Effect.Effect<WriteReply> => {
    switch (request._tag) {
      case "Sleep":
        return Effect.as(Effect.sleep(request.milliseconds), ok)
      case "ReloadAof":
        return replied(reload)
      case "SwitchAof":
        return replied(switchAof(request.on))
      case "Shutdown":
        return Effect.zipRight(Deferred.succeed(shutdown, request), Effect.never)
    }
  }

  // ---- clients that wait for keys: one fiber sleeps until the earliest deadline
  const { blocking } = engine
  const earlier = yield* Effect.makeLatch()
  blocking.onDeadline = () => earlier.unsafeOpen()
  const untilDeadline = Effect.suspend(() => {
    const next = blocking.nextDeadline
    if (next === Number.POSITIVE_INFINITY) return Effect.never
    return Effect.sleep(Math.max(0, next - engine.hooks.now()))
  })
  yield* Effect.suspend(() => {
    earlier.unsafeClose()
    return Effect.zipRight(
      Effect.raceFirst(untilDeadline, earlier.await),
      Effect.sync(() => blocking.expire(engine.hooks.now()))
    )
  }).pipe(Effect.forever, Effect.forkScoped)
  // a caller in this process is told; connections are gone by then
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => blocking.finishAll((reply) => reply.constant(Errors.UNBLOCKED_BY_SHUTDOWN)))
  )
  const block = (
    session: Session,
    wait: Block,
    { command, args }: BlockedCommand
  ): Effect.Effect<WriteReply> =>
    Effect.async<WriteReply>((resume) => {
      const blocked = blocking.block(session, command, wait, args, (write) => resume(Effect.succeed(write)))
      return Effect.sync(() => blocking.cancel(blocked))
    })

  engine.hooks.onWait = (session, wait) => {
    if (wait._tag === "Later") {
      fork(Effect.map(later(wait.request), (write) => engine.complete(session, write)))
      return
    }
    // offered at once, during the read: scripts run in the order in which they came
    const task = {
      ...taskOf(session, wait),
      complete: (write: WriteReply) => engine.complete(session, write)
    }
    if (!actor.unsafeOffer(task)) task.complete((writer) => writer.constant(Errors.TOO_MANY_SCRIPTS))
  }

  return Dispatch.of({
    engine,
    loaded,
    shutdownRequested: Deferred.await(shutdown),
    settle: (session, wait, blocked) => {
      // a connection ends with the server and gets no reply; a caller in this process goes on
      if (wait._tag === "Later" && wait.request._tag === "Shutdown")
        return Effect.as(Deferred.succeed(shutdown, wait.request), ok)
      if (wait._tag === "Later") return later(wait.request)
      if (wait._tag === "Block") return block(session, wait, blocked)
      return actor.run(taskOf(session, wait))
    }
  })
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Dispatch, never, RequestEngine | ScriptActor | Aof.Aof | ServerConfig> =
  Layer.scoped(Dispatch, make)
