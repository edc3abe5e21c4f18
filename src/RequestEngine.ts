/**
 * The engine as a service: commands on the store, with what they change handed to the AOF. Infrastructure tier.
 *
 * Files are loaded by a fiber of its own, so that clients that come meanwhile are told LOADING; `loaded` completes when
 * all is there. Shutdown: the scope interrupts the loading; what the engine propagates is in the AOF's hands, which
 * stops after it.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Aof from "./aof/Aof.js"
import { makeLoadTarget } from "./aof/target.js"
import { Changes } from "./changes/changes.js"
import { Notifications } from "./changes/notifications.js"
import { Engine } from "./engine/engine.js"
import { misconfAof } from "./engine/errors.js"
import { ScriptGate } from "./engine/gate.js"
import type { CommandRecord } from "./engine/record.js"
import { ServerState } from "./engine/server.js"
import { CommandTable } from "./engine/table.js"
import { Scripts } from "./lua/scripts.js"
import { Machine } from "./machine/Machine.js"
import { ServerConfig } from "./ServerConfig.js"
import * as Store from "./store/Store.js"

/**
 * @since 0.1.0
 * @category models
 */
export class RequestEngine extends Context.Tag("effect-kv/RequestEngine")<
  RequestEngine,
  {
    readonly engine: Engine
    readonly scripts: Scripts
    /** Where keyspace notifications go, once somebody subscribes. */
    readonly notifications: Notifications
    /** Completes when the files are loaded: before, commands on data are refused with LOADING. */
    readonly loaded: Effect.Effect<void, Aof.AofError>
    /** Empties the store and loads the AOF again: DEBUG LOADAOF. */
    readonly reload: Effect.Effect<void, Aof.AofError>
  }
>() {}

/** How often the log says how far loading is. */
const PROGRESS_MS = 5000

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  records: ReadonlyArray<CommandRecord>
): Effect.Effect<RequestEngine["Type"], never, ServerConfig | Store.Store | Aof.Aof | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* ServerConfig
    const { keyspace, now } = yield* Store.Store
    const aof = yield* Aof.Aof
    const machine = yield* Machine
    const runtime = yield* Effect.runtime()
    const logError = (message: string, cause: unknown): void => {
      Effect.runFork(Effect.provide(Effect.logError(message, cause), runtime))
    }
    const logLine = (severity: "notice" | "warning", message: string): void => {
      const log = severity === "warning" ? Effect.logWarning(message) : Effect.logInfo(message)
      Effect.runFork(Effect.provide(log, runtime))
    }

    // ---- the engine and its parts
    const server = new ServerState(settings, machine.host(logLine), now())
    server.aof = aof.status
    const { propagation } = aof
    const changes = new Changes(propagation.log)
    const scripts = new Scripts()
    const engine: Engine = new Engine({
      keyspace,
      table: new CommandTable(records),
      scripts,
      gate: new ScriptGate(),
      server,
      changes,
      propagation,
      hooks: {
        now,
        onWait: (session) =>
          engine.complete(session, (reply) => reply.error("ERR nothing here runs this command")),
        onFlushDue: () => {
          setImmediate(() => engine.flush())
        },
        onDefect: (command, cause) => logError(`'${command}' failed by a bug; please report it`, cause)
      }
    })
    const notifications = new Notifications(changes)

    // ---- what it follows: the AOF's state, and settings
    aof.observe(
      () => {
        const failure = aof.failure()
        engine.writesRefused = failure === null ? null : misconfAof(failure)
        if (failure === null) engine.requestFlush()
      },
      () => engine.outbox.abandon()
    )
    const followSetting = (name: string, follow: () => void): Effect.Effect<void, never, Scope.Scope> => {
      follow()
      const changed = (): null => {
        follow()
        return null
      }
      return Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => settings.onChange(name, changed)),
          (unsubscribe) => Effect.sync(unsubscribe)
        )
      )
    }
    yield* followSetting("maxmemory", () => {
      engine.memoryBytesMax = settings.maxmemoryBytes
    })
    yield* followSetting("notify-keyspace-events", () => {
      notifications.chooseClasses(settings.value("notify-keyspace-events"))
    })

    // ---- loading
    const target = makeLoadTarget(engine)
    const beginLoading = (totalBytes: number): void => {
      server.loading = { startedAt: Math.floor(now() / 1000), totalBytes, loadedBytes: 0 }
      engine.loading = true
      keyspace.expires = false
    }
    const endLoading = (): void => {
      server.loading = null
      engine.loading = false
      keyspace.expires = true
      engine.refreshTime()
    }
    const whileLoading = <A, E>(totalBytes: number, load: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.acquireUseRelease(
        Effect.sync(() => beginLoading(totalBytes)),
        () => Effect.raceFirst(load, progress),
        () => Effect.sync(endLoading)
      )
    const progress: Effect.Effect<never> = Effect.suspend(() => {
      const { loading } = server
      if (loading === null || loading.totalBytes === 0) return Effect.void
      const part = ((loading.loadedBytes / loading.totalBytes) * 100).toFixed(0)
      return Effect.logInfo(`Loading the append only file: ${part}% of ${loading.totalBytes} bytes`)
    }).pipe(Effect.delay(PROGRESS_MS), Effect.forever)

    const loaded = yield* Deferred.make<void, Aof.AofError>()
    const load = Effect.gen(function* () {
      const startedAt = performance.now()
      const bytes = yield* aof.open
      if (bytes > 0) {
        yield* whileLoading(bytes, aof.load(target))
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(3)
        yield* Effect.logInfo(`DB loaded from append only file: ${seconds} seconds`)
      }
      yield* aof.start
      engine.loading = false
    })
    // whoever comes before the files are looked at is told so as well
    engine.loading = settings.appendonly
    yield* Effect.forkScoped(Effect.intoDeferred(load, loaded))

    return RequestEngine.of({
      engine,
      scripts,
      notifications,
      loaded: Deferred.await(loaded),
      reload: Effect.suspend(() => {
        let begun = false
        const empty = (): void => {
          begun = true
          beginLoading(0)
          for (const database of keyspace.databases) keyspace.flush(database)
        }
        const end = Effect.sync(() => {
          if (begun) endLoading()
        })
        return Effect.ensuring(aof.reload(target, empty), end)
      })
    })
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  records: ReadonlyArray<CommandRecord>
): Layer.Layer<RequestEngine, never, ServerConfig | Store.Store | Aof.Aof> =>
  Layer.scoped(RequestEngine, make(records))
