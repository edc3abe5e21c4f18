/**
 * What dispatch knows of scripts: the cache of their sources, and whether one is running. Pure.
 *
 * The VM itself belongs to the actor's fiber alone (lua/ScriptActor.ts).
 */
import { createHash } from "node:crypto"

/** Scripts that EVAL brought are evicted beyond this many, the longest unused first; SCRIPT LOAD's stay. */
const EVAL_SCRIPTS_MAX = 500

interface CachedScript {
  readonly source: Buffer
  /** Came by SCRIPT LOAD. */
  loaded: boolean
}

/** The SHA1 of a script's bytes, in hex. */
export const scriptSha = (source: Uint8Array): string => createHash("sha1").update(source).digest("hex")

export class ScriptState {
  /** A script has been started and has not ended: other clients' commands wait. */
  running = false
  /** It runs for longer than busy-reply-threshold: other clients get BUSY. */
  busy = false
  /** It has written, so it cannot be killed. */
  wrote = false
  /** Asks the running script to end, with this as its error. */
  killed: string | null = null
  /** Called with the scripts that are gone, so that compiled forms go with them; null is all. */
  onForget: (sha: string | null) => void = () => {}
  private readonly cache = new Map<string, CachedScript>()
  private evalCount = 0

  get size(): number {
    return this.cache.size
  }

  /** Keeps a script; gives its SHA1. */
  add(source: Uint8Array, loaded: boolean): string {
    const sha = scriptSha(source)
    const known = this.cache.get(sha)
    if (known === undefined) {
      this.cache.set(sha, { source: Buffer.from(source), loaded })
      if (!loaded && ++this.evalCount > EVAL_SCRIPTS_MAX) this.evict()
    } else if (loaded && !known.loaded) {
      known.loaded = true
      this.evalCount--
    }
    return sha
  }

  /** The source of a script, which counts as a use. */
  source(sha: string): Buffer | undefined {
    const script = this.cache.get(sha)
    return script?.source
  }

  has(sha: string): boolean {
    return this.cache.has(sha)
  }

  /** Forgets a script: it was found to be no Lua. */
  remove(sha: string): void {
    const script = this.cache.get(sha)
    if (script === undefined) return
    this.cache.delete(sha)
    if (!script.loaded) this.evalCount--
  }

  /** Marks a use: the order of the map is the order of use. */
  touch(sha: string): void {
    const script = this.cache.get(sha)
    if (script === undefined || script.loaded) return
    this.cache.delete(sha)
    this.cache.set(sha, script)
  }

  flush(): void {
    this.cache.clear()
    this.evalCount = 0
    this.onForget(null)
  }

  private evict(): void {
    for (const [sha, script] of this.cache) {
      if (script.loaded) continue
      this.cache.delete(sha)
      this.evalCount--
      this.onForget(sha)
      return
    }
  }
}
