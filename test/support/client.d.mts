// Types of client.mjs, so that strict TypeScript tests can use it.
import type { Socket } from "node:net"

export type Arg = string | Buffer | number | bigint

export type Reply =
  | { readonly type: "simple"; readonly value: string }
  | { readonly type: "error"; readonly value: string }
  | { readonly type: "integer"; readonly value: number | bigint }
  | { readonly type: "bulk"; readonly value: Buffer }
  | {
      readonly type: "verbatim"
      readonly format: string
      readonly value: Buffer
    }
  | {
      readonly type: "null"
      readonly value: null
      readonly wire: "$-1" | "*-1" | "_"
    }
  | {
      readonly type: "array" | "set" | "push"
      readonly value: ReadonlyArray<Reply>
    }
  | {
      readonly type: "map"
      readonly value: ReadonlyArray<readonly [Reply, Reply]>
    }
  | { readonly type: "double"; readonly value: number; readonly text: string }
  | { readonly type: "boolean"; readonly value: boolean }
  | { readonly type: "bignum"; readonly value: bigint }

export type Plain =
  | string
  | number
  | bigint
  | boolean
  | null
  | { readonly error: string }
  | ReadonlyArray<Plain>

/** One command as the array of bulk strings that a client sends. */
export function encode(args: ReadonlyArray<Arg>): Buffer
/** Where the reply at `at` ends, or -1 while bytes are missing. */
export function replyEnd(bytes: Buffer, at?: number, end?: number): number
/** The (complete) reply at `at`. */
export function parseReply(bytes: Buffer, at?: number): { readonly reply: Reply; readonly end: number }
/** The reply as plain JavaScript for short assertions: strings, numbers, null, arrays, { error }. */
export function plain(reply: Reply): Plain

export interface ConnectOptions {
  readonly port: number
  readonly host?: string
  /** default true: `end()` closes the write side only */
  readonly allowHalfOpen?: boolean
}

/** One connection. Replies arrive in order; pushes (RESP3 `>`) are kept apart in `pushes`. */
export class Client {
  static connect(options: ConnectOptions): Promise<Client>
  readonly socket: Socket
  /** settled when the connection is closed, by whomever */
  readonly closed: Promise<void>
  readonly pushes: Array<Reply>
  /** bytes that have come and belong to no delivered reply yet */
  readonly unread: number
  /** Bytes as they are. Resolves when the kernel has taken them. */
  write(bytes: Arg): Promise<void>
  /** The next reply that nobody waits for yet. */
  read(): Promise<Reply>
  send(...args: ReadonlyArray<Arg>): Promise<Reply>
  /** All commands in one write, then their replies. */
  pipeline(commands: ReadonlyArray<ReadonlyArray<Arg>>): Promise<Array<Reply>>
  /** From now on bytes are kept as they are: all of them, once the server has closed. */
  rawUntilClosed(timeoutMs?: number): Promise<Buffer>
  /** Settled once `count` bytes in all are waiting unread, or the connection has closed. */
  unreadAtLeast(count: number): Promise<void>
  /** Half-close: nothing more will be written, reading goes on. */
  end(): void
  destroy(): Promise<void>
}

export function connect(options: ConnectOptions): Promise<Client>
