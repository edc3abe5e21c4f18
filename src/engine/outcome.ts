/**
 * What a handler may ask for besides replying: waiting is data, and only the shell turns it into Effects. Pure.
 */

/** Run a script: the actor completes the command later, with the reply it gives. */
export interface RunScript {
  readonly _tag: "RunScript"
  /** The script's SHA1 in hex. */
  readonly sha: string
  readonly keys: ReadonlyArray<Buffer>
  readonly args: ReadonlyArray<Buffer>
  /** EVAL_RO and EVALSHA_RO: writes are refused. */
  readonly readOnly: boolean
}

/** An Effect of the shell's: something that takes time and gives the bytes of the reply. */
export interface Later {
  readonly _tag: "Later"
  /** What to do. */
  readonly request: LaterRequest
}

/** Compile a script and keep it: the actor replies with its SHA1, or with why it is no Lua. */
export interface LoadScript {
  readonly _tag: "LoadScript"
  readonly source: Buffer
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

export type Wait = RunScript | LoadScript | Later

/** Nothing: the reply has been written. */
// biome-ignore lint/suspicious/noConfusingVoidType: most handlers return nothing, and should not have to say so
export type Outcome = Wait | undefined | void
