/**
 * What a handler may ask for besides replying: waiting is data, and only the shell turns it into Effects. Pure.
 */
import type { ReplyWriter } from "../resp/writer.js"

/** A script's text and its SHA1 in hex: a task carries what it runs, whatever becomes of the cache. */
export interface Script {
  readonly sha: string
  readonly source: Buffer
}

/** Run a script: the actor completes the command later, with the reply it gives. */
export interface RunScript {
  readonly _tag: "RunScript"
  readonly script: Script
  readonly keys: ReadonlyArray<Buffer>
  readonly args: ReadonlyArray<Buffer>
  /** EVAL_RO and EVALSHA_RO: writes are refused. */
  readonly readOnly: boolean
}

/** Compile a script and keep it: the actor replies with its SHA1, or with why it is no Lua. */
export interface LoadScript {
  readonly _tag: "LoadScript"
  readonly script: Script
}

/** An Effect of the shell's: something that takes time and gives the bytes of the reply. */
export interface Later {
  readonly _tag: "Later"
  /** What to do. */
  readonly request: LaterRequest
}

export type LaterRequest =
  | { readonly _tag: "Sleep"; readonly milliseconds: number }
  | {
      readonly _tag: "Shutdown"
      readonly save: boolean | undefined
      readonly now: boolean
      readonly force: boolean
    }
  | { readonly _tag: "ReloadAof" }
  | { readonly _tag: "SwitchAof"; readonly on: boolean }

/**
 * Block until one of the keys may serve the command: it is run again then, and blocks on if it cannot be served yet.
 * Within a script it does not block: the reply is that of a timeout at once.
 */
export interface Block {
  readonly _tag: "Block"
  readonly keys: ReadonlyArray<Buffer>
  /** 0 is for ever. */
  readonly timeoutMs: number
  /** Writes the reply to a client that has waited for so long. */
  readonly timedOut: (reply: ReplyWriter) => void
  /** Runs the command also when a key has gone away (XREADGROUP, whose group may be gone with it). */
  readonly onDeletion: boolean
  /** The command to run again, where it is another than the one that came (XREAD's `$` is an ID by then). */
  readonly command?: ReadonlyArray<Buffer>
}

export type Wait = RunScript | LoadScript | Later | Block

/** Nothing: the reply has been written. */
// biome-ignore lint/suspicious/noConfusingVoidType: most handlers return nothing, and should not have to say so
export type Outcome = Wait | undefined | void
