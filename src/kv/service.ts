/**
 * What the in-process client can do: its methods, as types. Pure.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Argument } from "../resp/encoder.js"
import type { Reply } from "../resp/reply.js"
import type { KvError } from "./KvError.js"

/**
 * How a key is set.
 *
 * @since 0.1.0
 * @category models
 */
export interface SetOptions {
  /**
   * When the key expires, from now: "1 hour". `Duration.infinity` is never, as without it. Parts of a millisecond
   * count as a whole one; zero (Effect makes negative durations zero) is refused, in Redis's words for PX 0.
   */
  readonly ttl?: Duration.DurationInput
  /** Keeps the deadline that the key has. */
  readonly keepTtl?: boolean
  /** Sets the key only if it is there ("exists"), or only if it is not ("missing"). */
  readonly when?: "exists" | "missing"
}

/**
 * Which keys a scan gives.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScanOptions {
  /** A pattern as KEYS has it: "user:*". */
  readonly match?: string | Uint8Array
  /** About how many keys are looked at in a step; 100 unless told. */
  readonly count?: number
}

/**
 * The synchronous path: no Effect around a command. It throws `KvError`, with the reason "Wait" for what would have to
 * wait (a script, or anything while one runs). Under `appendfsync always` it returns before the fsync.
 *
 * @since 0.1.0
 * @category models
 */
export interface KvUnsafe {
  /** The value as text; null where there is none. */
  readonly get: (key: Argument) => string | null
  /** The value as bytes of the caller's own; null where there is none. */
  readonly getBytes: (key: Argument) => Buffer | null
  /** Whether the key was set: always, unless `when` says otherwise. */
  readonly set: (key: Argument, value: Argument, options?: SetOptions) => boolean
  /** Sends any command that is answered on the spot. */
  readonly send: (command: string, ...args: ReadonlyArray<Argument>) => Reply
}

/**
 * The commands of the in-process client. Keys and values are text (UTF-8) or bytes; each method is the Redis command
 * of its name.
 *
 * A client may be shared by all of a program. Commands that change a session (SELECT, CLIENT SETNAME, …) would change
 * it for everyone who shares it, and are refused; `database` and `session` give clients of their own.
 *
 * @since 0.1.0
 * @category models
 */
export interface KvService {
  /** Sends any command; the reply as a value, strings as text. */
  readonly send: (command: string, ...args: ReadonlyArray<Argument>) => Effect.Effect<Reply, KvError>
  /** Sends any command; strings in the reply as bytes. */
  readonly sendBytes: (
    command: string,
    ...args: ReadonlyArray<Argument>
  ) => Effect.Effect<Reply<Buffer>, KvError>
  /** The synchronous path. */
  readonly unsafe: KvUnsafe
  readonly get: (key: Argument) => Effect.Effect<Option.Option<string>, KvError>
  readonly getBytes: (key: Argument) => Effect.Effect<Option.Option<Buffer>, KvError>
  /** Whether the key was set: always, unless `when` says otherwise. */
  readonly set: (key: Argument, value: Argument, options?: SetOptions) => Effect.Effect<boolean, KvError>
  readonly getDel: (key: Argument) => Effect.Effect<Option.Option<string>, KvError>
  readonly mget: (keys: ReadonlyArray<Argument>) => Effect.Effect<ReadonlyArray<string | null>, KvError>
  readonly mgetBytes: (keys: ReadonlyArray<Argument>) => Effect.Effect<ReadonlyArray<Buffer | null>, KvError>
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
  /**
   * Gives the key a deadline; whether the key was there. Zero (Effect makes negative durations zero) deletes it at
   * once, as PEXPIRE does; `Duration.infinity` takes its deadline away.
   */
  readonly expire: (key: Argument, ttl: Duration.DurationInput) => Effect.Effect<boolean, KvError>
  /** Takes the key's deadline away; whether it had one. */
  readonly persist: (key: Argument) => Effect.Effect<boolean, KvError>
  /** The time left: none where the key is not there, `Duration.infinity` where it has no deadline. */
  readonly ttl: (key: Argument) => Effect.Effect<Option.Option<Duration.Duration>, KvError>
  /** All keys, as SCAN finds them: each that is there all the while at least once. */
  readonly scan: (options?: ScanOptions) => Stream.Stream<string, KvError>
  /** `scan` for keys that are no text. */
  readonly scanBytes: (options?: ScanOptions) => Stream.Stream<Buffer, KvError>
  readonly dbSize: Effect.Effect<number, KvError>
  readonly flushDb: Effect.Effect<void, KvError>
  readonly eval: (
    script: string,
    keys?: ReadonlyArray<Argument>,
    args?: ReadonlyArray<Argument>
  ) => Effect.Effect<Reply, KvError>
  /** The same client on another database, until the scope closes. */
  readonly database: (index: number) => Effect.Effect<KvService, KvError, Scope.Scope>
  /** A client for one user, on this client's database, that may change its session; until the scope closes. */
  readonly session: Effect.Effect<KvService, KvError, Scope.Scope>
}
