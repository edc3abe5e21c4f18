/**
 * The typed commands of the in-process client. App tier: a client and all that were opened from it end with its scope.
 */
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Dispatch } from "../Dispatch.js"
import type { Session } from "../engine/session.js"
import type { Argument } from "../resp/encoder.js"
import type { Reply, ReplyReader } from "../resp/reply.js"
import { type Caller, makeCaller, makeSession } from "./Caller.js"
import { committed, handOver } from "./Committed.js"
import { Direct } from "./direct.js"
import { closedError, type KvError } from "./KvError.js"
import type { KvService, KvUnsafe, ScanOptions, SetOptions } from "./service.js"

/** Whole milliseconds, parts of one counting as one. */
const milliseconds = (duration: Duration.Duration): number => Math.ceil(Duration.toMillis(duration))

const setArguments = (key: Argument, value: Argument, options: SetOptions): ReadonlyArray<Argument> => {
  const args: Array<Argument> = [key, value]
  const ttl = options.ttl === undefined ? Duration.infinity : Duration.decode(options.ttl)
  if (Duration.isFinite(ttl)) args.push("PX", milliseconds(ttl))
  if (options.keepTtl === true) args.push("KEEPTTL")
  if (options.when !== undefined) args.push(options.when === "exists" ? "XX" : "NX")
  return args
}

/** Opens clients; `closed` once the store is about to close. */
interface Opener {
  readonly dispatch: Dispatch["Type"]
  readonly sessions: Set<Session>
  closed: boolean
}

/** A client on a session of its own, which ends with the scope. The command opens the session, or fails. */
const open = (
  opener: Opener,
  from: Session,
  exclusive: boolean,
  database: number | undefined
): Effect.Effect<KvService, KvError, Scope.Scope> =>
  Effect.gen(function* () {
    const { dispatch, sessions } = opener
    if (opener.closed || from.closed) return yield* Effect.fail(closedError("SELECT"))
    const session = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const made = makeSession(dispatch, from.database)
        sessions.add(made)
        return made
      }),
      (made) =>
        Effect.sync(() => {
          made.closed = true
          sessions.delete(made)
        })
    )
    if (database !== undefined) {
      const caller = makeCaller(dispatch, session, true)
      yield* caller.call("SELECT", [database], caller.text)
    }
    return fromCaller(opener, makeCaller(dispatch, session, exclusive))
  })

/** The synchronous methods: straight to the store where that is possible. */
const unsafeOf = ({ engine }: Dispatch["Type"], caller: Caller, direct: Direct): KvUnsafe => ({
  send: (command, ...args) => caller.callNow(command, args, caller.text),
  get: (key) => {
    const value = direct.get(key)
    return value === undefined ? (caller.callNow("GET", [key], caller.text) as string | null) : value
  },
  getBytes: (key) => {
    const value = direct.getBytes(key)
    return value === undefined ? (caller.callNow("GET", [key], caller.bytes) as Buffer | null) : value
  },
  set: (key, value, options) => {
    if (options === undefined && direct.set(key, value)) {
      handOver(engine)
      return true
    }
    return caller.callNow("SET", setArguments(key, value, options ?? {}), caller.text) !== null
  }
})

/** The typed commands over a caller. The casts are what Redis replies to each command with. */
const fromCaller = (opener: Opener, caller: Caller): KvService => {
  const { engine } = opener.dispatch
  const direct = new Direct(engine, caller.session)
  const done = Effect.succeed(true)
  const send = (command: string, args: ReadonlyArray<Argument>): Effect.Effect<Reply, KvError> =>
    caller.call(command, args, caller.text)
  const sendBytes = (command: string, args: ReadonlyArray<Argument>): Effect.Effect<Reply<Buffer>, KvError> =>
    caller.call(command, args, caller.bytes)
  const number = (command: string, args: ReadonlyArray<Argument>): Effect.Effect<number, KvError> =>
    Effect.map(send(command, args), Number)
  const integer = (command: string, args: ReadonlyArray<Argument>): Effect.Effect<number | bigint, KvError> =>
    Effect.map(send(command, args), (value) => value as number | bigint)
  const optional = (
    command: string,
    args: ReadonlyArray<Argument>
  ): Effect.Effect<Option.Option<string>, KvError> =>
    Effect.map(send(command, args), (value) => Option.fromNullable(value as string | null))

  const get: KvService["get"] = (key) =>
    Effect.suspend(() => {
      const value = direct.get(key)
      return value === undefined ? optional("GET", [key]) : Effect.succeed(Option.fromNullable(value))
    })
  const set: KvService["set"] = (key, value, options) =>
    Effect.suspend(() => {
      const before = engine.ground
      if (options === undefined && direct.set(key, value)) return committed(engine, done, "SET", before)
      return Effect.map(send("SET", setArguments(key, value, options ?? {})), (reply) => reply !== null)
    })
  const expire: KvService["expire"] = (key, input) => {
    const ttl = Duration.decode(input)
    if (Duration.isFinite(ttl))
      return Effect.map(number("PEXPIRE", [key, milliseconds(ttl)]), (count) => count === 1)
    // PERSIST says no for a key without a deadline as well
    return Effect.zipWith(number("PERSIST", [key]), number("EXISTS", [key]), (had, is) => had + is > 0)
  }
  const ttl: KvService["ttl"] = (key) =>
    Effect.map(number("PTTL", [key]), (left) => {
      if (left === -2) return Option.none()
      return Option.some(left === -1 ? Duration.infinity : Duration.millis(left))
    })
  const scan = <Text>(reader: ReplyReader<Text>, options: ScanOptions = {}): Stream.Stream<Text, KvError> => {
    const args: Array<Argument> = []
    if (options.match !== undefined) args.push("MATCH", options.match)
    args.push("COUNT", options.count ?? 100)
    return Stream.paginateChunkEffect("0", (cursor: string) =>
      Effect.map(caller.call("SCAN", [cursor, ...args], reader), (reply) => {
        const [position, keys] = reply as readonly [Text, ReadonlyArray<Text>]
        const next = String(position)
        return [Chunk.fromIterable(keys), next === "0" ? Option.none() : Option.some(next)]
      })
    )
  }
  return {
    send: (command, ...args) => send(command, args),
    sendBytes: (command, ...args) => sendBytes(command, args),
    unsafe: unsafeOf(opener.dispatch, caller, direct),
    get,
    getBytes: (key) =>
      Effect.map(sendBytes("GET", [key]), (value) => Option.fromNullable(value as Buffer | null)),
    set,
    getDel: (key) => optional("GETDEL", [key]),
    mget: (keys) => Effect.map(send("MGET", keys), (values) => values as ReadonlyArray<string | null>),
    mgetBytes: (keys) =>
      Effect.map(sendBytes("MGET", keys), (values) => values as ReadonlyArray<Buffer | null>),
    mset: (entries) => Effect.asVoid(send("MSET", [...entries].flat())),
    append: (key, value) => number("APPEND", [key, value]),
    strlen: (key) => number("STRLEN", [key]),
    incr: (key) => integer("INCR", [key]),
    incrBy: (key, by) => integer("INCRBY", [key, by]),
    decr: (key) => integer("DECR", [key]),
    incrByFloat: (key, by) => number("INCRBYFLOAT", [key, by]),
    del: (...keys) => number("DEL", keys),
    exists: (...keys) => number("EXISTS", keys),
    rename: (from, to) => Effect.asVoid(send("RENAME", [from, to])),
    expire,
    persist: (key) => Effect.map(number("PERSIST", [key]), (count) => count === 1),
    ttl,
    scan: (options) => scan(caller.text, options),
    scanBytes: (options) => scan(caller.bytes, options),
    dbSize: number("DBSIZE", []),
    flushDb: Effect.asVoid(send("FLUSHDB", [])),
    eval: (script, keys = [], args = []) => send("EVAL", [script, keys.length, ...keys, ...args]),
    database: (index) => open(opener, caller.session, false, index),
    session: open(opener, caller.session, true, undefined)
  }
}

/**
 * The client of a store. Its scope is the store's: whatever was opened from it is closed then, for what is sent later
 * would be neither kept nor refused.
 */
export const make: Effect.Effect<KvService, never, Dispatch | Scope.Scope> = Effect.gen(function* () {
  const dispatch = yield* Dispatch
  const session = makeSession(dispatch, dispatch.engine.keyspace.databases[0]!)
  const opener: Opener = { dispatch, sessions: new Set([session]), closed: false }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      opener.closed = true
      for (const open of opener.sessions) open.closed = true
    })
  )
  return fromCaller(opener, makeCaller(dispatch, session, false))
})
