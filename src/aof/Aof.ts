/**
 * The append-only file. Infrastructure tier: the last to stop.
 *
 * Its fiber takes requests from a queue (fsync, switch on or off, end); the bytes themselves are written by `commit`
 * at the end of a turn of the event loop, before the replies of that turn leave: so killing the process never loses
 * an acknowledged write, whatever `appendfsync` says. Under `always` the replies wait for the fiber's fsync as well,
 * and one fsync answers everyone who waits by then (group commit).
 *
 * Shutdown: the finalizer ends the queue, waits for the fiber, writes and syncs what is left, and closes the files.
 */

import * as fs from "node:fs"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { PropagationLog } from "../changes/log.js"
import type { Commit } from "../engine/engine.js"
import { misconfAof } from "../engine/errors.js"
import { turn } from "../machine/EventLoop.js"
import { ServerConfig } from "../ServerConfig.js"
import * as Store from "../store/Store.js"
import { Appender } from "./appender.js"
import { BaseWriter } from "./baseWriter.js"
import { AofDirectory } from "./directory.js"
import { AofLoadError, type Loaded, type LoadTarget, loadFile } from "./loader.js"
import * as Manifest from "./manifest.js"

/**
 * The AOF cannot be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class AofError extends Schema.TaggedError<AofError>()("AofError", {
  reason: Schema.Literal("Damaged", "Unreadable", "Unwritable"),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {}

/** Pauses between attempts to write after a failure, and between fsyncs under `everysec`. */
const INTERVAL_MS = 1000
/** Records of a snapshot that are taken before others get their turn. */
const SNAPSHOT_RECORDS = 2000

type Request =
  | { readonly _tag: "Sync" }
  | { readonly _tag: "End" }
  | {
      readonly _tag: "SwitchOn"
      readonly done: Deferred.Deferred<void, AofError>
    }
  | {
      readonly _tag: "SwitchOff"
      readonly done: Deferred.Deferred<void, AofError>
    }

/** Figures for INFO. */
export interface AofStatus {
  readonly enabled: boolean
  readonly lastWriteOk: boolean
  readonly currentBytes: number
  readonly baseBytes: number
  readonly pendingFsyncs: number
  readonly rewriting: boolean
}

/**
 * The append-only file as a service.
 *
 * @since 0.1.0
 * @category models
 */
export class Aof extends Context.Tag("effect-kv/Aof")<
  Aof,
  {
    /** Where what changed is logged; commands write to it through dispatch. */
    readonly log: PropagationLog
    /** Writes what was logged; null while there is no AOF. */
    readonly commit: () => Commit | null
    /** Why writes must be refused, or null. */
    readonly refusal: () => Uint8Array | null
    /** Called when `commit` or `refusal` has another answer. */
    readonly onChange: (listener: () => void) => void
    /** Loads what is on disk into the target; the commands and values loaded. */
    readonly load: (target: LoadTarget) => Effect.Effect<number, AofError>
    /** Opens for appending, where the settings ask for an AOF. */
    readonly start: Effect.Effect<void, AofError>
    /** Starts an AOF with a snapshot of the store as its base, or ends it. */
    readonly switchTo: (on: boolean) => Effect.Effect<void, AofError>
    /** Loads the files again, everything logged so far included; synchronous. */
    readonly reload: (target: LoadTarget) => Effect.Effect<number, AofError>
    readonly status: () => AofStatus
  }
>() {}

const describe = (cause: unknown): string => {
  if (cause instanceof Error) {
    const system = cause as NodeJS.ErrnoException
    return system.code === "ENOSPC" ? "No space left on device" : cause.message
  }
  return String(cause)
}

const unwritable = (cause: unknown): AofError =>
  new AofError({
    reason: "Unwritable",
    message: `Can't write the append only file: ${describe(cause)}`,
    cause
  })

const toAofError = (cause: unknown): AofError => {
  if (cause instanceof AofLoadError || cause instanceof Manifest.ManifestError) {
    return new AofError({
      reason: "Damaged",
      message: `Bad file format reading the append only file: ${cause.message}`,
      cause
    })
  }
  return new AofError({
    reason: "Unreadable",
    message: `Can't read the append only file: ${describe(cause)}`,
    cause
  })
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Aof["Type"], AofError, ServerConfig | Store.Store | Scope.Scope> =
  Effect.gen(function* () {
    const settings = yield* ServerConfig
    const { keyspace } = yield* Store.Store
    const requests = yield* Queue.unbounded<Request>()
    const logLine = yield* makeLogger

    // ---- state: owned by this closure; the fiber and `commit` run on one thread
    const log = new PropagationLog()
    const directory = new AofDirectory(settings.dir, settings.appenddirname, settings.appendfilename)
    const listeners: Array<() => void> = []
    let appender: Appender | null = null
    let failure: string | null = null
    let refusal: Uint8Array | null = null
    let baseBytes = 0
    let rewriting = false
    let waiting: Array<(failure: Uint8Array | null) => void> = []

    const changed = (): void => {
      for (const listener of listeners) listener()
    }
    const setFailure = (reason: string | null): void => {
      if (reason === failure) return
      failure = reason
      refusal = reason === null ? null : misconfAof(reason)
      if (reason === null) logLine("AOF write error looks solved, the server can write again.")
      else logLine(`Error writing to the AOF file: ${reason}`)
      changed()
    }

    // ---- writing: everything logged goes to the operating system, or the writes that wait are refused
    const write = (file: Appender): Uint8Array | null => {
      const bytes = log.pending()
      if (bytes.length === 0) return failure === null ? null : refusal
      try {
        const written = file.write(bytes)
        log.consume(written)
        setFailure(written === bytes.length ? null : "short write")
      } catch (error) {
        setFailure(describe(error))
      }
      return refusal
    }
    const commit: Commit = (deliver) => {
      const file = appender
      if (file === null) return deliver(null)
      const refused = write(file)
      if (refused !== null || settings.appendfsync !== "always") return deliver(refused)
      waiting.push(deliver)
      if (waiting.length === 1) Queue.unsafeOffer(requests, { _tag: "Sync" })
    }

    // ---- fsync
    const sync = (file: Appender): Effect.Effect<Error | null> =>
      Effect.async<Error | null>((resume) => {
        file.sync((error) => resume(Effect.succeed(error)))
      })
    const syncWaiting = Effect.suspend(() => {
      const group = waiting
      waiting = []
      const file = appender
      if (file === null) {
        for (const deliver of group) deliver(null)
        return Effect.void
      }
      return Effect.map(sync(file), (error) => {
        if (error !== null) setFailure(`fsync: ${describe(error)}`)
        for (const deliver of group) deliver(error === null ? null : refusal)
        if (waiting.length > 0) Queue.unsafeOffer(requests, { _tag: "Sync" })
      })
    })

    // ---- switching on: a new incremental file at once, the base in slices, then the manifest
    const openIncremental = (): Appender => {
      const last = directory.manifest.incremental.at(-1)
      if (last !== undefined) return new Appender(directory.pathOf(last))
      const next = Manifest.nextIncremental(directory.manifest, directory.fileName)
      const file = new Appender(directory.pathOf(next.file))
      directory.write(next.manifest)
      return file
    }
    const enable = (file: Appender): void => {
      appender = file
      log.forgetDatabase()
      log.enabled = true
      changed()
    }
    const writeBase = (base: BaseWriter): Effect.Effect<number> =>
      Effect.gen(function* () {
        while (!base.advance(SNAPSHOT_RECORDS)) yield* turn
        return base.finish()
      })
    const switchOn = Effect.gen(function* () {
      if (appender !== null) return
      directory.open()
      const past = Manifest.incrementalToHistory(directory.manifest, false)
      const incremental = Manifest.nextIncremental(past, directory.fileName)
      const next = Manifest.nextBase(incremental.manifest, directory.fileName, "aof")
      const base = new BaseWriter(directory.pathOf(next.file), keyspace)
      const file = yield* Effect.try(() => new Appender(directory.pathOf(incremental.file))).pipe(
        Effect.onError(() => Effect.sync(() => base.cancel()))
      )
      enable(file)
      rewriting = true
      baseBytes = yield* writeBase(base).pipe(
        Effect.onError(() =>
          Effect.sync(() => {
            base.cancel()
            disable(file)
          })
        ),
        Effect.ensuring(
          Effect.sync(() => {
            rewriting = false
          })
        )
      )
      // the manifest names the new files only when all that they hold is on disk
      file.syncNow()
      directory.write(next.manifest)
      directory.removeHistory()
    }).pipe(
      Effect.catchAll((cause) => Effect.fail(unwritable(cause.error))),
      Effect.catchAllDefect((cause) => Effect.fail(unwritable(cause)))
    )
    const disable = (file: Appender): void => {
      file.close()
      appender = null
      log.enabled = false
      setFailure(null)
      changed()
    }
    const switchOff = Effect.sync(() => {
      const file = appender
      if (file === null) return
      write(file)
      file.syncNow()
      disable(file)
    })

    // ---- loading
    const loadFiles = (target: LoadTarget): number => {
      directory.open()
      const files = directory.files()
      let commands = 0
      files.forEach((file, index) => {
        const path = directory.pathOf(file)
        const loaded = loadFile(path, file.name, target)
        commands += loaded.commands
        if (file.kind === "b") baseBytes = loaded.fileBytes
        if (loaded.validBytes < loaded.fileBytes) cutTail(path, file.name, loaded, index === files.length - 1)
      })
      return commands
    }
    const cutTail = (path: string, name: string, loaded: Loaded, last: boolean): void => {
      if (!last || !settings.aofLoadTruncated) {
        throw new AofLoadError("truncated", name, loaded.validBytes, "Unexpected end of file")
      }
      logLine(`!!! Warning: short read while loading the AOF file ${name}!!!`)
      logLine(`AOF ${name} loaded anyway because aof-load-truncated is enabled`)
      logLine(`Truncating the AOF ${name} at offset ${loaded.validBytes}`)
      fs.truncateSync(path, loaded.validBytes)
    }

    // ---- the fiber
    const handle = (request: Request): Effect.Effect<boolean> => {
      switch (request._tag) {
        case "Sync":
          return Effect.as(syncWaiting, true)
        case "SwitchOn":
          return Effect.as(Effect.intoDeferred(switchOn, request.done), true)
        case "SwitchOff":
          return Effect.as(Effect.intoDeferred(switchOff, request.done), true)
        case "End":
          return Effect.succeed(false)
      }
    }
    const writer = Effect.gen(function* () {
      while (yield* Effect.flatMap(Queue.take(requests), handle)) {
        // until the queue is ended
      }
    })
    const everySecond = Effect.suspend(() => {
      const file = appender
      if (file === null) return Effect.void
      if (failure !== null) write(file)
      if (settings.appendfsync !== "everysec" || file.unsyncedBytes === 0) return Effect.void
      return Effect.map(sync(file), (error) => {
        if (error !== null) setFailure(`fsync: ${describe(error)}`)
      })
    }).pipe(Effect.delay(INTERVAL_MS), Effect.forever)

    const fiber = yield* Effect.forkScoped(writer)
    // the disk is in real time, whatever Clock keys expire by
    yield* Effect.withClock(Effect.forkScoped(everySecond), Clock.make())
    // runs before the fibers are interrupted: drain, then close
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* Queue.offer(requests, { _tag: "End" })
        yield* Fiber.await(fiber)
        yield* syncWaiting
        yield* Effect.ignoreLogged(Effect.try(() => Effect.runSync(switchOff)))
      })
    )

    const load = (target: LoadTarget): Effect.Effect<number, AofError> =>
      Effect.suspend(() => {
        if (!settings.appendonly) return Effect.succeed(0)
        return Effect.try({ try: () => loadFiles(target), catch: toAofError })
      })
    return Aof.of({
      log,
      commit: () => (appender === null ? null : commit),
      refusal: () => refusal,
      onChange: (listener) => {
        listeners.push(listener)
      },
      load,
      start: Effect.suspend(() => {
        if (!settings.appendonly) return Effect.void
        return Effect.try({
          try: () => enable(openIncremental()),
          catch: unwritable
        })
      }),
      switchTo: (on) =>
        Effect.flatMap(Deferred.make<void, AofError>(), (done) =>
          Effect.zipRight(
            Queue.offer(requests, { _tag: on ? "SwitchOn" : "SwitchOff", done }),
            Deferred.await(done)
          )
        ),
      reload: (target) =>
        Effect.suspend(() => {
          if (appender !== null) write(appender)
          log.enabled = false
          return Effect.try({
            try: () => loadFiles(target),
            catch: toAofError
          }).pipe(
            Effect.ensuring(
              Effect.sync(() => {
                log.enabled = appender !== null
                log.forgetDatabase()
              })
            )
          )
        }),
      status: () => ({
        enabled: appender !== null,
        lastWriteOk: failure === null,
        currentBytes: baseBytes + (appender === null ? 0 : appender.bytes),
        baseBytes,
        pendingFsyncs: waiting.length,
        rewriting
      })
    })
  })

/** Writes lines of the AOF's own to the log, from synchronous code. */
const makeLogger: Effect.Effect<(line: string) => void> = Effect.map(
  Effect.runtime(),
  (runtime) => (line: string) => {
    Effect.runFork(Effect.provide(Effect.logWarning(line), runtime))
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Aof, AofError, ServerConfig | Store.Store> = Layer.scoped(Aof, make)
