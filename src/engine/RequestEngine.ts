/**
 * The engine as a service: commands on the store, with what they change handed to the AOF. Infrastructure tier.
 *
 * The AOF is loaded here, before anything above can run a command. Shutdown: nothing of its own; what it propagates is
 * in the AOF's hands, which stops after it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Aof from "../aof/Aof.js"
import type { LoadTarget } from "../aof/loader.js"
import { PropagationLog } from "../changes/log.js"
import { ScriptState } from "../lua/scripts.js"
import { nodeServerHost } from "../machine/host.js"
import { byteSource, CommandBatch, encodeCommand } from "../resp/batch.js"
import { RequestDecoder } from "../resp/decoder.js"
import { ReplyWriter } from "../resp/writer.js"
import { ServerConfig } from "../ServerConfig.js"
import { NO_DEADLINE } from "../store/record.js"
import * as Store from "../store/Store.js"
import { Engine } from "./engine.js"
import { Invocation } from "./invocation.js"
import type { CommandRecord } from "./record.js"
import { ServerState } from "./server.js"
import { NO_TRANSPORT, Session } from "./session.js"
import { CommandTable } from "./table.js"

/**
 * @since 0.1.0
 * @category models
 */
export class RequestEngine extends Context.Tag("effect-kv/RequestEngine")<
  RequestEngine,
  {
    readonly engine: Engine
    /** Empties the store and loads the AOF again: DEBUG LOADAOF. */
    readonly reload: Effect.Effect<void, Aof.AofError>
  }
>() {}

/** Runs commands of an AOF on the engine, with nothing propagated. */
const makeLoadTarget = (engine: Engine): LoadTarget => {
  const reply = new ReplyWriter()
  const invocation = new Invocation(engine, reply, new PropagationLog(), false)
  const session = new Session(0, engine.keyspace.databases[0]!, true, 0, "", "", NO_TRANSPORT)
  const limits = { bulkBytesMax: session.bulkBytesMax, authenticated: true }
  const batch = new CommandBatch()
  const execute = (source: CommandBatch, index: number): string | null => {
    reply.reset()
    const wait = engine.call(invocation, source, index, session)
    if (wait !== undefined) return "a command that cannot be loaded"
    return reply.buffer[0] === 45 ? reply.buffer.toString("latin1", 1, reply.length - 2) : null
  }
  let database = 0
  return {
    execute,
    rdb: {
      selectDb: (index) => {
        database = index
      },
      string: (key, value, expireAtMs) => {
        const args: Array<Uint8Array | string> = ["SET", key, value]
        if (expireAtMs !== BigInt(NO_DEADLINE)) args.push("PXAT", String(expireAtMs))
        const bytes = Buffer.concat([encodeCommand(["SELECT", String(database)]), encodeCommand(args)])
        new RequestDecoder().decode(byteSource(bytes), 0, bytes.length, batch, limits)
        execute(batch, 0)
        execute(batch, 1)
      },
      functionLibrary: () => {}
    }
  }
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  records: ReadonlyArray<CommandRecord>
): Effect.Effect<RequestEngine["Type"], Aof.AofError, ServerConfig | Store.Store | Aof.Aof | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* ServerConfig
    const { keyspace, now } = yield* Store.Store
    const aof = yield* Aof.Aof
    const runtime = yield* Effect.runtime()
    const logError = (message: string, cause: unknown): void => {
      Effect.runFork(Effect.provide(Effect.logError(message, cause), runtime))
    }
    const logLine = (severity: "notice" | "warning", message: string): void => {
      const log = severity === "warning" ? Effect.logWarning(message) : Effect.logInfo(message)
      Effect.runFork(Effect.provide(log, runtime))
    }
    const server = new ServerState(settings, nodeServerHost(logLine), now())
    const engine: Engine = new Engine(
      keyspace,
      new CommandTable(records),
      new ScriptState(),
      server,
      aof.log,
      {
        now,
        onWait: (session) =>
          engine.complete(session, (reply) => reply.error("ERR nothing here runs this command")),
        onFlushDue: () => setImmediate(() => engine.flush()),
        onDefect: (command, cause) => logError(`'${command}' failed by a bug; please report it`, cause)
      }
    )

    const follow = (): void => {
      engine.commit = aof.commit()
      engine.writesRefused = aof.refusal()
      server.aof.enabled = engine.commit !== null
      server.aof.lastWriteOk = engine.writesRefused === null
    }
    aof.onChange(follow)
    const followMemory = (): null => {
      engine.memoryBytesMax = settings.maxmemoryBytes
      return null
    }
    followMemory()
    yield* Effect.acquireRelease(
      Effect.sync(() => settings.onChange("maxmemory", followMemory)),
      (unsubscribe) => Effect.sync(unsubscribe)
    )

    const target = makeLoadTarget(engine)
    const loading = <A, E>(load: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          engine.loading = true
          keyspace.expires = false
        }),
        () => load,
        () =>
          Effect.sync(() => {
            engine.loading = false
            keyspace.expires = true
            keyspace.setTime(now())
          })
      )
    const startedAt = now()
    const commands = yield* loading(aof.load(target))
    if (commands > 0) {
      const seconds = ((now() - startedAt) / 1000).toFixed(3)
      yield* Effect.logInfo(`DB loaded from append only file: ${seconds} seconds`)
    }
    yield* aof.start
    follow()

    return RequestEngine.of({
      engine,
      reload: Effect.suspend(() => {
        for (const database of keyspace.databases) keyspace.flush(database)
        return Effect.asVoid(loading(aof.reload(target)))
      })
    })
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  records: ReadonlyArray<CommandRecord>
): Layer.Layer<RequestEngine, Aof.AofError, ServerConfig | Store.Store | Aof.Aof> =>
  Layer.scoped(RequestEngine, make(records))
