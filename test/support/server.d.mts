// Types of server.mjs, so that strict TypeScript tests can use it.
import type { ChildProcess } from "node:child_process"

/** The repository's root directory. */
export const root: string
/** Command template of our executable. */
export const ours: string
/** The executable alone, for tests that choose all its arguments. */
export const executable: string
/** Command template of the real redis-server. */
export const reference: string

export interface ServerOptions {
  /** a template with {port} and {dir}; default: ours */
  readonly command?: string
  /** further arguments, as the shell reads them */
  readonly args?: ReadonlyArray<string>
  readonly port?: number
  /** default: a temporary directory, removed by dispose */
  readonly dir?: string
  readonly timeoutMs?: number
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class Server {
  constructor(options: ServerOptions)
  readonly child: ChildProcess
  readonly port: number
  readonly dir: string
  readonly pid: number
  readonly running: boolean
  /** standard output and standard error of the current process */
  readonly output: string
  /** from spawn to the first PONG */
  readonly startMs: number
  readonly exited: Promise<Exit>
  /** Starts the process without waiting for anything. */
  launch(): Promise<void>
  /** Starts it and waits for its PONG. */
  start(timeoutMs?: number): Promise<this>
  /** Sends the signal and waits for the end; SIGKILL follows after `limitMs`. */
  stop(signal?: NodeJS.Signals, limitMs?: number): Promise<Exit & { readonly ms: number }>
  restart(signal?: NodeJS.Signals): Promise<Exit & { readonly ms: number }>
  /** Ends the process whatever it does, and removes the directory if it was made here. */
  dispose(): Promise<void>
  residentBytes(): number
}

export function start(options?: ServerOptions): Promise<Server>
export function freePort(): Promise<number>
export function temporaryDir(label?: string): string
/** Polls until `check` gives something true; fails with `what` when that takes too long. */
export function until<A>(
  what: string,
  check: () => A | Promise<A>,
  timeoutMs?: number,
  everyMs?: number
): Promise<A>
/** One inline PING on a connection of its own: the reply's text, or "" when there is none. */
export function ping(port: number, timeoutMs?: number): Promise<string>
