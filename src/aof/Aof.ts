/**
 * The append-only file. Infrastructure tier: the last to stop.
 *
 * A state machine: off → writing a base → on → (failing → on) → off. Its fiber takes requests to switch from a queue;
 * another keeps the time of `everysec` and of retries. The bytes themselves are written by the open file, a sink of the
 * log, at the end of a turn of the event loop and before the replies of that turn leave: so killing the process never
 * loses an acknowledged write, whatever `appendfsync` says. Under `always` the replies wait for an fsync as well, and
 * one answers everyone who waits by then. Base and fsyncs do not wait for one another.
 *
 *   off      nothing is logged, replies wait for nothing
 *   base     everything is logged to the new incremental file, which no manifest names yet: a kill, or a failure,
 *            leaves what was in force before; replies wait for nothing
 *   on       the manifest names base and incremental file; replies wait for the system, or the disk
 *   failing  new writes are refused; replies to what was executed wait for the retry (each second), and if none
 *            succeeds for long their connections end, for no answer would be true
 *
 * Shutdown: the finalizer ends the queue, waits for the fiber, writes and syncs what is left, closes the files and lets
 * go of the directory.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { CommandLog } from "../changes/commandLog.js"
import { Propagation } from "../changes/propagation.js"
import { turn } from "../machine/EventLoop.js"
import { Machine } from "../machine/Machine.js"
import { ServerConfig } from "../ServerConfig.js"
import * as Store from "../store/Store.js"
import { AofError, toAofError, unwritable } from "./AofError.js"
import { AppendFile } from "./appendFile.js"
import { BaseWriter } from "./base.js"
import { AofDirectory } from "./directory.js"
import { AofLoadError, type LoadTarget, loadFile } from "./Loader.js"
import { DirectoryLock } from "./lock.js"
import * as Manifest from "./manifest.js"

export { AofError } from "./AofError.js"

/** Pauses between attempts to write after a failure, and between fsyncs under `everysec`. */
const INTERVAL_MS = 1000
/** How long replies wait for a failure to end before their connections do. */
const FAILING_MS_MAX = 10_000
/** How long a base is written before others get their turn. */
const SLICE_MS = 1.5

type Request =
  | { readonly _tag: "End" }
  | { readonly _tag: "Run"; readonly run: Effect.Effect<void> }
  | { readonly _tag: "Switch"; readonly on: boolean; readonly done: Deferred.Deferred<void, AofError> }

/** Figures for INFO; live. */
export interface AofStatus {
  readonly enabled: boolean
  readonly lastWriteOk: boolean
  readonly currentBytes: number
  readonly baseBytes: number
  readonly bufferBytes: number
  readonly pendingFsyncs: number
  delayedFsyncs: number
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
    /** Where what changed is logged, and goes from there. */
    readonly propagation: Propagation
    /** Why writes must be refused, or null. */
    readonly failure: () => string | null
    /** Calls `changed` when `failure` has another answer; `lost` when what waits for the file will not be written. */
    readonly observe: (changed: () => void, lost: () => void) => void
    /** Bytes that `load` will read; takes the directory. 0 where the settings ask for no AOF. */
    readonly open: Effect.Effect<number, AofError>
    /** Loads what is on disk into the target; the commands and values loaded. */
    readonly load: (target: LoadTarget) => Effect.Effect<number, AofError>
    /** Opens for appending, where the settings ask for an AOF. */
    readonly start: Effect.Effect<void, AofError>
    /** Starts an AOF with a snapshot of the store as its base, or ends it. */
    readonly switchTo: (on: boolean) => Effect.Effect<void, AofError>
    /**
     * Loads the files again, everything logged so far included, while nothing else is done with them; `empty` is run
     * first. Fails, with nothing done, unless the AOF is on and can be written.
     */
    readonly reload: (target: LoadTarget, empty: () => void) => Effect.Effect<void, AofError>
    readonly status: AofStatus
  }
>() {}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Aof["Type"], never, ServerConfig | Store.Store | Scope.Scope> = Effect.gen(
  function* () {
    const settings = yield* ServerConfig
    const { keyspace } = yield* Store.Store
    const { disk, processes } = yield* Machine
    const requests = yield* Queue.unbounded<Request>()
    const logLine = yield* makeLogger
    const clock = (): number => performance.now()

    // ---- state: owned by this closure; everything here runs on one thread
    const propagation = new Propagation(new CommandLog())
    const directory = new AofDirectory(disk, settings.dir, settings.appenddirname, settings.appendfilename)
    const lock = new DirectoryLock(disk, processes, directory.directory)
    let mode: "off" | "base" | "on" = "off"
    let file: AppendFile | null = null
    /** What `observe` was told last. */
    let failure: string | null = null
    let failingSince = 0
    let baseBytes = 0
    /** What switches off while a base is written ends that. */
    let wanted = false
    let onChanged: () => void = () => {}
    let onLost: () => void = () => {}

    const isSyncedAlways = (): boolean => settings.appendfsync === "always"
    /** Brings what others see up to date: how far replies may go, and whether writes are refused. */
    const follow = (): void => {
      const open = mode === "on" ? file : null
      const safe = open === null ? Number.POSITIVE_INFINITY : isSyncedAlways() ? open.synced : open.written
      const isLater = safe > propagation.safe
      propagation.safe = safe
      const reason = open === null ? null : open.failure
      if (reason !== failure) {
        if (failure === null) failingSince = clock()
        failure = reason
        if (reason !== null) logLine(`Error writing to the AOF file: ${reason}`)
        else if (open !== null) logLine("AOF write error looks solved, the server can write again.")
        onChanged()
      }
      if (isLater) propagation.onSafe()
    }
    const openFile = (descriptor: number): AppendFile =>
      new AppendFile(disk, descriptor, propagation.log.position, { isSyncedAlways, onChange: follow, clock })
    /** Runs between two scripts: half of one must not be in a base, nor in a file that ends. */
    const betweenScripts = <A, E>(run: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.suspend(() => (propagation.log.inTransaction ? Effect.zipRight(turn, betweenScripts(run)) : run))
    const settled = (opened: AppendFile): Effect.Effect<void> =>
      Effect.async<void>((resume) => opened.whenSettled(() => resume(Effect.void)))

    const acquire = Effect.try({
      try: () => {
        directory.make()
        const holder = lock.acquire()
        if (holder === null) return
        throw new AofError({
          reason: "Locked",
          message: `The append only directory ${directory.directory} is in use by another server (process ${holder.split(" ")[0]})`
        })
      },
      catch: unwritable
    })

    // ---- switching on: incremental file and base first, the manifest that names them last
    const writeSlices = (advance: (until: number) => boolean): Effect.Effect<void> =>
      Effect.gen(function* () {
        while (!advance(clock() + SLICE_MS)) yield* turn
      })
    const syncBase = (base: BaseWriter): Effect.Effect<void, Error> =>
      Effect.async<void, Error>((resume) =>
        base.sync((error) => resume(error === null ? Effect.void : Effect.fail(error)))
      )
    /** Everything of the new files is on disk: only then the manifest names them. */
    const publish = (base: BaseWriter, opened: AppendFile, manifest: Manifest.Manifest) =>
      Effect.gen(function* () {
        yield* syncBase(base)
        // most of what came meanwhile, on a thread; the rest in place
        opened.syncIfDue()
        yield* settled(opened)
        yield* Effect.try(() => {
          propagation.flush()
          if (opened.failure !== null) throw new Error(opened.failure)
          opened.syncNow()
          base.publish()
          baseBytes = base.bytes
          directory.write(manifest)
        })
      })
    const writeBase = (base: BaseWriter, opened: AppendFile): Effect.Effect<void, AofError> =>
      writeSlices((until) => {
        if (!wanted) throw new Error("it was switched off meanwhile")
        if (opened.failure !== null) throw new Error(opened.failure)
        return base.advance(clock, until)
      }).pipe(Effect.catchAllDefect((cause) => Effect.fail(unwritable(cause))))
    const switchOn = Effect.gen(function* () {
      if (mode !== "off") return
      yield* acquire
      const { base, incremental, opened } = yield* betweenScripts(
        Effect.try({ try: begin, catch: unwritable })
      ).pipe(Effect.tapError(() => Effect.sync(() => lock.release())))
      yield* writeBase(base, opened).pipe(
        Effect.zipRight(publish(base, opened, incremental)),
        Effect.mapError((cause) => unwritable(cause instanceof AofError ? cause : causeOf(cause))),
        Effect.onError(() => giveUp(base, opened))
      )
      mode = "on"
      follow()
      // what the old files held is in the new ones; that they stay costs only space
      yield* Effect.ignoreLogged(Effect.try(() => directory.removeHistory()))
    })
    const begin = () => {
      directory.open()
      const past = Manifest.incrementalToHistory(directory.manifest, false)
      const next = Manifest.nextIncremental(past, directory.fileName)
      const named = Manifest.nextBase(next.manifest, directory.fileName, "aof")
      const descriptor = disk.openEmpty(directory.pathOf(next.file))
      const base = closeOnError(
        descriptor,
        () => new BaseWriter(disk, directory.pathOf(named.file), keyspace)
      )
      // from this moment on: what came before is in the base, what comes after in the incremental file
      propagation.flush()
      const opened = openFile(descriptor)
      file = opened
      mode = "base"
      propagation.add(opened)
      return { base, opened, incremental: named.manifest }
    }
    const closeOnError = <A>(descriptor: number, run: () => A): A => {
      try {
        return run()
      } catch (error) {
        disk.close(descriptor)
        throw error
      }
    }
    const giveUp = (base: BaseWriter, opened: AppendFile): Effect.Effect<void> =>
      Effect.gen(function* () {
        yield* betweenScripts(Effect.sync(() => detach(opened)))
        yield* Effect.ignoreLogged(Effect.try(() => base.cancel()))
        yield* writeSlices((until) => base.turnOver(clock, until))
        yield* settled(opened)
        yield* Effect.ignoreLogged(Effect.try(() => opened.close()))
        lock.release()
      })
    const detach = (opened: AppendFile): void => {
      propagation.remove(opened)
      mode = "off"
      file = null
      follow()
      // whoever waited for this file waits for nothing any more
      propagation.onSafe()
    }

    // ---- switching off: what is logged goes to disk, as far as it can
    const switchOff = Effect.gen(function* () {
      const opened = file
      if (opened === null) return
      propagation.flush()
      opened.retry()
      opened.syncIfDue()
      yield* settled(opened)
      const problem = yield* Effect.either(Effect.try(() => opened.syncNow()))
      if (problem._tag === "Left" || opened.failure !== null) {
        logLine("The append only file is switched off while it cannot be written: its end is missing")
      }
      yield* betweenScripts(Effect.sync(() => detach(opened)))
      yield* Effect.ignoreLogged(Effect.try(() => opened.close()))
      lock.release()
    })

    // ---- loading
    const filesOf = Effect.try({
      try: () => {
        directory.open()
        return directory.files()
      },
      catch: toAofError
    })
    const sizeOf = (files: ReadonlyArray<Manifest.FileInfo>): number => {
      let bytes = 0
      for (const one of files) {
        const descriptor = disk.openRead(directory.pathOf(one))
        try {
          bytes += disk.size(descriptor)
        } finally {
          disk.close(descriptor)
        }
      }
      return bytes
    }
    const loadFiles = (target: LoadTarget): Effect.Effect<number, AofError> =>
      Effect.gen(function* () {
        const files = yield* filesOf
        let commands = 0
        for (const one of files) {
          const loaded = yield* loadFile(disk, directory.pathOf(one), one.name, target)
          commands += loaded.commands
          if (one.kind === "b") baseBytes = loaded.fileBytes
          if (loaded.validBytes === loaded.fileBytes) continue
          yield* Effect.try(() =>
            cutTail(one.name, directory.pathOf(one), loaded.validBytes, one === files.at(-1))
          )
        }
        return commands
      }).pipe(Effect.mapError((cause) => toAofError(causeOf(cause))))
    const cutTail = (name: string, path: string, validBytes: number, last: boolean): void => {
      // the file that is open is not cut under its writer
      if (!last || file !== null || !settings.aofLoadTruncated) {
        throw new AofLoadError("truncated", name, validBytes, "Unexpected end of file")
      }
      logLine(`!!! Warning: short read while loading the AOF file ${name}!!!`)
      logLine(`AOF ${name} loaded anyway because aof-load-truncated is enabled`)
      logLine(`Truncating the AOF ${name} at offset ${validBytes}`)
      disk.truncate(path, validBytes)
    }
    const openIncremental = (): AppendFile => {
      const last = directory.manifest.incremental.at(-1)
      if (last !== undefined) return openFile(disk.openAppend(directory.pathOf(last)))
      const next = Manifest.nextIncremental(directory.manifest, directory.fileName)
      // one of that name that no manifest lists is what a kill has left: it counts for nothing
      const descriptor = disk.openEmpty(directory.pathOf(next.file))
      return closeOnError(descriptor, () => {
        directory.write(next.manifest)
        return openFile(descriptor)
      })
    }

    // ---- the fibers
    const handle = (request: Request): Effect.Effect<boolean> => {
      if (request._tag === "End") return Effect.succeed(false)
      if (request._tag === "Run") return Effect.as(request.run, true)
      const change = request.on ? switchOn : switchOff
      return Effect.as(Effect.intoDeferred(change, request.done), true)
    }
    const writer = Effect.gen(function* () {
      while (yield* Effect.flatMap(Queue.take(requests), handle)) {
        // until the queue is ended
      }
    })
    const tick = Effect.sync(() => {
      const opened = mode === "on" ? file : null
      if (opened === null) return
      if (opened.failure !== null) {
        opened.retry()
        follow()
        if (opened.failure !== null && clock() - failingSince > FAILING_MS_MAX) onLost()
      } else if (settings.appendfsync === "everysec") opened.syncIfDue()
    })
    const fiber = yield* Effect.forkScoped(writer)
    // the disk is in real time, whatever Clock keys expire by
    yield* Effect.withClock(Effect.forkScoped(Effect.forever(Effect.delay(tick, INTERVAL_MS))), Clock.make())
    const unsubscribe = settings.onChange("appendfsync", () => {
      follow()
      // what waits for the disk from now on was not asked to be there before
      if (isSyncedAlways()) file?.syncIfDue()
      return null
    })
    // runs before the fibers are interrupted: drain, then close
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        unsubscribe()
        wanted = false
        yield* Queue.offer(requests, { _tag: "End" })
        yield* Fiber.await(fiber)
        yield* switchOff
        onLost()
        lock.release()
      })
    )

    return Aof.of({
      propagation,
      failure: () => failure,
      observe: (changed, lost) => {
        onChanged = changed
        onLost = lost
      },
      open: Effect.suspend(() => {
        if (!settings.appendonly) return Effect.succeed(0)
        return Effect.zipRight(
          acquire,
          Effect.flatMap(filesOf, (files) => Effect.try({ try: () => sizeOf(files), catch: toAofError }))
        )
      }),
      load: (target) => Effect.suspend(() => (settings.appendonly ? loadFiles(target) : Effect.succeed(0))),
      start: Effect.suspend(() => {
        if (!settings.appendonly) return Effect.void
        return Effect.try({
          try: () => {
            const opened = openIncremental()
            file = opened
            mode = "on"
            propagation.add(opened)
            follow()
          },
          catch: unwritable
        })
      }),
      switchTo: (on) =>
        Effect.suspend(() => {
          wanted = on
          return Effect.flatMap(Deferred.make<void, AofError>(), (done) =>
            Effect.zipRight(Queue.offer(requests, { _tag: "Switch", on, done }), Deferred.await(done))
          )
        }),
      reload: (target, empty) =>
        Effect.flatMap(Deferred.make<void, AofError>(), (done) => {
          const load = betweenScripts(
            Effect.suspend(() => {
              if (mode !== "on" || file === null || file.failure !== null) {
                return new AofError({
                  reason: "Unreadable",
                  message: "the append only file is not on, or cannot be written at present"
                })
              }
              propagation.flush()
              empty()
              return Effect.asVoid(loadFiles(target))
            })
          )
          const run = Effect.asVoid(Effect.intoDeferred(load, done))
          return Effect.zipRight(Queue.offer(requests, { _tag: "Run", run }), Deferred.await(done))
        }),
      status: {
        get enabled() {
          return mode !== "off"
        },
        get lastWriteOk() {
          return failure === null
        },
        get currentBytes() {
          return baseBytes + (file === null ? 0 : file.bytes)
        },
        get baseBytes() {
          return baseBytes
        },
        get bufferBytes() {
          return file === null ? 0 : file.waitingBytes
        },
        get pendingFsyncs() {
          return file?.syncing === true ? 1 : 0
        },
        get delayedFsyncs() {
          return file === null ? 0 : file.delayedSyncs
        },
        set delayedFsyncs(count) {
          if (file !== null) file.delayedSyncs = count
        },
        get rewriting() {
          return mode === "base"
        }
      }
    })
  }
)

/** What went wrong, where Effect.try has wrapped it. */
const causeOf = (error: unknown): unknown => (Cause.isUnknownException(error) ? error.error : error)

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
export const layer: Layer.Layer<Aof, never, ServerConfig | Store.Store> = Layer.scoped(Aof, make)
