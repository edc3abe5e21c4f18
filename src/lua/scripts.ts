/**
 * The cache of scripts' sources. Pure.
 *
 * Scripts that EVAL brought are evicted, the longest unused first; those of SCRIPT LOAD stay. A task that runs carries
 * its text with it, so that nothing which happens to the cache meanwhile matters to it.
 */
import { createHash } from "node:crypto"
import type { ScriptCache } from "../engine/context.js"
import type { Script } from "../engine/outcome.js"

/** Scripts of EVAL's beyond which one is evicted. */
const EVAL_SCRIPTS_MAX = 500
/** What a script takes besides its text: its SHA1, its objects, its place in the cache (measured with 20,000). */
const ENTRY_BYTES = 276

interface CachedScript extends Script {
  /** Came by SCRIPT LOAD. */
  loaded: boolean
}

/** The SHA1 of a script's bytes, in hex. */
export const scriptSha = (source: Uint8Array): string => createHash("sha1").update(source).digest("hex")

export class Scripts implements ScriptCache {
  /** Called with the scripts that are gone, so that compiled forms go with them; null is all. */
  onForget: (sha: string | null) => void = () => {}
  /** In order of use, for those of EVAL's. */
  private readonly cache = new Map<string, CachedScript>()
  private evalCount = 0

  /** Written by who makes the VM. */
  vmBytes = 0

  get bytes(): number {
    let bytes = 0
    for (const { source } of this.cache.values()) bytes += source.length + ENTRY_BYTES
    return bytes
  }

  get size(): number {
    return this.cache.size
  }

  use(source: Uint8Array): Script {
    const sha = scriptSha(source)
    const known = this.find(sha)
    if (known !== undefined) return known
    const script = { sha, source: Buffer.from(source), loaded: false }
    this.cache.set(sha, script)
    if (++this.evalCount > EVAL_SCRIPTS_MAX) this.evict()
    return script
  }

  find(sha: string): Script | undefined {
    const script = this.cache.get(sha)
    if (script !== undefined && !script.loaded) {
      this.cache.delete(sha)
      this.cache.set(sha, script)
    }
    return script
  }

  has(sha: string): boolean {
    return this.cache.has(sha)
  }

  /** Keeps a script that SCRIPT LOAD has brought and that was found to be Lua. */
  load({ sha, source }: Script): void {
    const known = this.cache.get(sha)
    if (known !== undefined && !known.loaded) this.evalCount--
    this.cache.set(sha, { sha, source, loaded: true })
  }

  /** Forgets a script: it was found to be no Lua. */
  remove(sha: string): void {
    const script = this.cache.get(sha)
    if (script === undefined) return
    this.cache.delete(sha)
    if (!script.loaded) this.evalCount--
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
