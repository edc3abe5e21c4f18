/**
 * The in-process client: commands on the store without a socket in between.
 *
 * Every command goes through the same dispatch as a connection's. Most are answered synchronously, within the Effect
 * that sends them; scripts and the few that wait suspend it. With an AOF, an Effect that wrote completes when its bytes
 * are with the operating system (on disk, under `appendfsync always`).
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Aof from "./aof/Aof.js"
import * as Core from "./Core.js"
import type { ConfigError } from "./config/ConfigError.js"
import { Dispatch } from "./Dispatch.js"
import { Invocation } from "./engine/invocation.js"
import type { Wait } from "./engine/outcome.js"
import { NO_TRANSPORT, Session } from "./engine/session.js"
import type { Command } from "./engine/table.js"
import { turn } from "./machine/EventLoop.js"
import { type Argument, CommandEncoder } from "./resp/encoder.js"
import { type Reply, ReplyError, ReplyReader } from "./resp/reply.js"
import { ReplyWriter } from "./resp/writer.js"
import * as ServerConfig from "./ServerConfig.js"

/**
 * A command was answered with an error: `code` is its first word (`WRONGTYPE`, `ERR`, `NOSCRIPT`, …), `message` is
 * Redis's whole text.
 *
 * @since 0.1.0
 * @category errors
 */
export class KvError extends Schema.TaggedError<KvError>()("KvError", {
  code: Schema.String,
  command: Schema.String,
  message: Schema.String
}) {}

/**
 * When a key expires.
 *
 * @since 0.1.0
 * @category models
 */
export interface SetOptions {
  /** Time from now, as in "1 hour". */
  readonly ttl?: Duration.DurationInput
  /** Keeps the deadline that the key has. */
  readonly keepTtl?: boolean
  /** Sets the key only if it is there ("exists"), or only if it is not ("missing"). */
  readonly when?: "exists" | "missing"
}

/**
 * The commands of the in-process client. Keys and values are text (UTF-8) or bytes; each method is the Redis command
 * of its name.
 *
 * @since 0.1.0
 * @category models
 */
export interface KvService {
  /** Sends any command; the reply as a value, strings as text. */
  readonly send: (command: string, ...args: ReadonlyArray<Argument>) => Effect.Effect<Reply, KvError>
  /**
   * Sends a command that is answered on the spot, without an Effect around it: the fastest way there is. Throws
   * KvError, with code WAIT for a command that would have to wait (a script, or any while one runs). Under
   * `appendfsync always` it returns before the fsync.
   */
  readonly unsafeSend: (command: string, ...args: ReadonlyArray<Argument>) => Reply
  /** Sends any command; strings in the reply as bytes. */
  readonly sendBytes: (
    command: string,
    ...args: ReadonlyArray<Argument>
  ) => Effect.Effect<Reply<Buffer>, KvError>
  readonly get: (key: Argument) => Effect.Effect<Option.Option<string>, KvError>
  readonly getBytes: (key: Argument) => Effect.Effect<Option.Option<Buffer>, KvError>
  /** Whether the key was set: always, unless `when` says otherwise. */
  readonly set: (key: Argument, value: Argument, options?: SetOptions) => Effect.Effect<boolean, KvError>
  readonly getDel: (key: Argument) => Effect.Effect<Option.Option<string>, KvError>
  readonly mget: (keys: ReadonlyArray<Argument>) => Effect.Effect<ReadonlyArray<string | null>, KvError>
  readonly mset: (entries: Iterable<readonly [Argument, Argument]>) => Effect.Effect<void, KvError>
  readonly append: (key: Argument, value: Argument) => Effect.Effect<number, KvError>
  readonly strlen: (key: Argument) => Effect.Effect<number, KvError>
  readonly incr: (key: Argument) => Effect.Effect<number | bigint, KvError>
  readonly incrBy: (key: Argument, by: number | bigint) => Effect.Effect<number | bigint, KvError>
  readonly decr: (key: Argument) => Effect.Effect<number | bigint, KvError>
  readonly incrByFloat: (key: Argument, by: number) => Effect.Effect<number, KvError>
  /** How many of the keys were there and are gone. */
  readonly del: (...keys: ReadonlyArray<Argument>) => Effect.Effect<number, KvError>
  readonly exists: (...keys: ReadonlyArray<Argument>) => Effect.Effect<number, KvError>
  readonly rename: (from: Argument, to: Argument) => Effect.Effect<void, KvError>
  /** Whether the key was there, and so will expire. */
  readonly expire: (key: Argument, ttl: Duration.DurationInput) => Effect.Effect<boolean, KvError>
  readonly persist: (key: Argument) => Effect.Effect<boolean, KvError>
  /** The time left; none where the key has no deadline or is not there. */
  readonly ttl: (key: Argument) => Effect.Effect<Option.Option<Duration.Duration>, KvError>
  /** All keys, as SCAN finds them: each that is there all the while at least once. */
  readonly scan: (options?: {
    readonly match?: string
    readonly count?: number
  }) => Stream.Stream<string, KvError>
  readonly dbSize: Effect.Effect<number, KvError>
  readonly flushDb: Effect.Effect<void, KvError>
  readonly eval: (
    script: string,
    keys?: ReadonlyArray<Argument>,
    args?: ReadonlyArray<Argument>
  ) => Effect.Effect<Reply, KvError>
  /** The same client on another database. */
  readonly database: (index: number) => Effect.Effect<KvService, KvError>
}

/**
 * The in-process client.
 *
 * @since 0.1.0
 * @category tags
 */
export class Kv extends Context.Tag("effect-kv/Kv")<Kv, KvService>() {}

const asText = (bytes: Buffer, start: number, end: number): string => bytes.toString("utf8", start, end)
const asBytes = (bytes: Buffer, start: number, end: number): Buffer => Buffer.from(bytes.subarray(start, end))

const toError = (command: string, error: ReplyError): KvError =>
  new KvError({ code: error.code, command, message: error.message })

const milliseconds = (duration: Duration.DurationInput): number =>
  Math.max(1, Math.ceil(Duration.toMillis(duration)))

/** What the calls of a client share: one command is encoded, executed and answered at a time. */
interface Caller {
  readonly call: <Text>(
    command: string,
    args: ReadonlyArray<Argument>,
    reader: ReplyReader<Text>
  ) => Effect.Effect<Reply<Text>, KvError>
  /** The synchronous path: throws KvError. */
  readonly callNow: <Text>(
    command: string,
    args: ReadonlyArray<Argument>,
    reader: ReplyReader<Text>
  ) => Reply<Text>
  readonly text: ReplyReader<string>
  readonly bytes: ReplyReader<Buffer>
}

const closedError = (command: string): KvError =>
  new KvError({ code: "CLOSED", command, message: "CLOSED the store has been closed" })
const waitError = (command: string): KvError =>
  new KvError({ code: "WAIT", command, message: "WAIT this command cannot be answered synchronously now" })

const makeCaller = ({ engine, settle }: Dispatch["Type"], session: Session): Caller => {
  const encoder = new CommandEncoder()
  const reply = new ReplyWriter()
  const invocation = new Invocation(engine, reply, engine.log, false)
  /** The command of the latest call: the next is most often the same. */
  let latestName = ""
  let latest: Command | undefined

  const read = <Text>(command: string, reader: ReplyReader<Text>): Effect.Effect<Reply<Text>, KvError> => {
    // CLIENT REPLY answers nothing
    if (reply.length === 0) return Effect.succeed(null)
    reader.reset(reply.buffer, 0)
    const value = reader.read()
    return value instanceof ReplyError ? Effect.fail(toError(command, value)) : Effect.succeed(value)
  }
  /** Gives the value when what has changed since `changes` is as safe as the policy asks. */
  const committed = <A>(
    value: Effect.Effect<A, KvError>,
    command: string,
    changes: number
  ): Effect.Effect<A, KvError> => {
    const { commit } = engine
    if (commit === null || engine.log.changes === changes) return value
    return Effect.async<A, KvError>((resume) => {
      commit((failure) => {
        if (failure === null) resume(value)
        else
          resume(
            Effect.fail(toError(command, new ReplyError(Buffer.from(failure).toString("utf8", 1).trim())))
          )
      })
    })
  }
  const start = (command: string, args: ReadonlyArray<Argument>): Wait | undefined => {
    engine.keyspace.setTime(engine.hooks.now())
    reply.reset()
    reply.protocol = 3
    if (command !== latestName) {
      latestName = command
      latest = engine.table.byName(command)
    }
    return engine.call(invocation, encoder.encode(command, args), 0, session, latest)
  }
  const call: Caller["call"] = (command, args, reader) =>
    Effect.suspend(() => {
      if (session.closed) return Effect.fail(closedError(command))
      // a script is indivisible: nothing runs beside it
      if (engine.scripts.running && !engine.scripts.busy)
        return Effect.zipRight(turn, call(command, args, reader))
      const { changes } = engine.log
      const wait = start(command, args)
      if (wait === undefined) return committed(read(command, reader), command, changes)
      return Effect.flatMap(settle(session, wait), (write) => {
        reply.reset()
        write(reply)
        return committed(read(command, reader), command, changes)
      })
    })
  const callNow: Caller["callNow"] = (command, args, reader) => {
    if (session.closed) throw closedError(command)
    if (engine.scripts.running) throw waitError(command)
    if (start(command, args) !== undefined) throw waitError(command)
    if (engine.commit !== null && engine.log.length > 0) engine.commit(() => {})
    if (reply.length === 0) return null
    reader.reset(reply.buffer, 0)
    const value = reader.read()
    if (value instanceof ReplyError) throw toError(command, value)
    return value
  }
  return {
    call,
    callNow,
    text: new ReplyReader(reply.buffer, asText),
    bytes: new ReplyReader(reply.buffer, asBytes)
  }
}

/** The typed commands over a caller. The casts are what Redis replies to each command with. */
const fromCaller = (caller: Caller, dispatch: Dispatch["Type"]): KvService => {
  const send = (command: string, args: ReadonlyArray<Argument>): Effect.Effect<Reply, KvError> =>
    caller.call(command, args, caller.text)
  const number = (command: string, args: ReadonlyArray<Argument>): Effect.Effect<number, KvError> =>
    Effect.map(send(command, args), Number)
  const integer = (command: string, args: ReadonlyArray<Argument>): Effect.Effect<number | bigint, KvError> =>
    Effect.map(send(command, args), (value) => value as number | bigint)
  const text = (
    command: string,
    args: ReadonlyArray<Argument>
  ): Effect.Effect<Option.Option<string>, KvError> =>
    Effect.map(send(command, args), (value) => Option.fromNullable(value as string | null))
  const done = (command: string, args: ReadonlyArray<Argument>): Effect.Effect<void, KvError> =>
    Effect.asVoid(send(command, args))

  const set = (key: Argument, value: Argument, options?: SetOptions): Effect.Effect<boolean, KvError> => {
    const args = [key, value]
    if (options?.ttl !== undefined) args.push("PX", milliseconds(options.ttl))
    if (options?.keepTtl === true) args.push("KEEPTTL")
    if (options?.when !== undefined) args.push(options.when === "exists" ? "XX" : "NX")
    return Effect.map(send("SET", args), (reply) => reply !== null)
  }
  const scan: KvService["scan"] = (options) => {
    const args: Array<Argument> = []
    if (options?.match !== undefined) args.push("MATCH", options.match)
    args.push("COUNT", options?.count ?? 100)
    return Stream.paginateChunkEffect("0", (cursor: string) =>
      Effect.map(send("SCAN", [cursor, ...args]), (reply) => {
        const [next, keys] = reply as readonly [string, ReadonlyArray<string>]
        return [Chunk.fromIterable(keys), next === "0" ? Option.none() : Option.some(next)]
      })
    )
  }
  return {
    send: (command, ...args) => send(command, args),
    unsafeSend: (command, ...args) => caller.callNow(command, args, caller.text),
    sendBytes: (command, ...args) => caller.call(command, args, caller.bytes),
    get: (key) => text("GET", [key]),
    getBytes: (key) =>
      Effect.map(caller.call("GET", [key], caller.bytes), (value) =>
        Option.fromNullable(value as Buffer | null)
      ),
    set,
    getDel: (key) => text("GETDEL", [key]),
    mget: (keys) => Effect.map(send("MGET", keys), (values) => values as ReadonlyArray<string | null>),
    mset: (entries) => done("MSET", [...entries].flat()),
    append: (key, value) => number("APPEND", [key, value]),
    strlen: (key) => number("STRLEN", [key]),
    incr: (key) => integer("INCR", [key]),
    incrBy: (key, by) => integer("INCRBY", [key, by]),
    decr: (key) => integer("DECR", [key]),
    incrByFloat: (key, by) => number("INCRBYFLOAT", [key, by]),
    del: (...keys) => number("DEL", keys),
    exists: (...keys) => number("EXISTS", keys),
    rename: (from, to) => done("RENAME", [from, to]),
    expire: (key, ttl) => Effect.map(number("PEXPIRE", [key, milliseconds(ttl)]), (count) => count === 1),
    persist: (key) => Effect.map(number("PERSIST", [key]), (count) => count === 1),
    ttl: (key) =>
      Effect.map(number("PTTL", [key]), (left) =>
        left < 0 ? Option.none() : Option.some(Duration.millis(left))
      ),
    scan,
    dbSize: number("DBSIZE", []),
    flushDb: done("FLUSHDB", []),
    eval: (script, keys = [], args = []) => send("EVAL", [script, keys.length, ...keys, ...args]),
    database: (index) =>
      Effect.suspend(() => {
        const other = fromCaller(makeCaller(dispatch, newSession(dispatch)), dispatch)
        return Effect.as(other.send("SELECT", index), other)
      })
  }
}

const newSession = ({ engine }: Dispatch["Type"]): Session => {
  const session = new Session(
    engine.newSessionId(),
    engine.keyspace.databases[0]!,
    true,
    engine.hooks.now(),
    "",
    "",
    NO_TRANSPORT
  )
  session.protocol = 3
  session.bulkBytesMax = engine.server.settings.protoMaxBulkLenBytes
  return session
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<KvService, never, Dispatch | Scope.Scope> = Effect.gen(function* () {
  const dispatch = yield* Dispatch
  const session = newSession(dispatch)
  // what is sent later would be neither kept nor refused
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      session.closed = true
    })
  )
  return fromCaller(makeCaller(dispatch, session), dispatch)
})

/**
 * The client on a store that a Layer below provides.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerClient: Layer.Layer<Kv, never, Dispatch> = Layer.scoped(Kv, make)

/**
 * A store in this process and its client. Provide `Server.layer` with it to serve the same data to others.
 *
 * @example
 * import { Kv } from "effect-kv"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const kv = yield* Kv.Kv
 *   yield* kv.set("user:1", "Ada", { ttl: "1 hour" })
 *   return yield* kv.get("user:1")
 * }).pipe(Effect.provide(Kv.layer({ dir: "./data", appendonly: true })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Partial<ServerConfig.ServerOptions> = {}
): Layer.Layer<Kv | Core.Core, Aof.AofError | ConfigError> =>
  layerClient.pipe(Layer.provideMerge(Core.layer), Layer.provideMerge(ServerConfig.layer(options)))
