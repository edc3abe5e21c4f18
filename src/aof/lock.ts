/**
 * One server a directory: a file that says which process has it. Plain TypeScript.
 *
 * The file outlives a process that is killed; whoever comes next sees that nobody of that id and start runs any more,
 * and takes it over. Two stores of one process exclude each other in the same way.
 */
import * as path from "node:path"
import type { Disk } from "../machine/disk.js"
import type { Processes } from "../machine/processes.js"

const NAME = "effect-kv.lock"
/** How often a lock that vanishes while it is looked at is tried again. */
const TRIES = 5

export class DirectoryLock {
  private readonly path: string
  private held = false

  constructor(
    private readonly disk: Disk,
    private readonly processes: Processes,
    directory: string
  ) {
    this.path = path.join(directory, NAME)
  }

  /** Takes the lock; gives the process that has it where that is another, else null. */
  acquire(): string | null {
    if (this.held) return null
    const { disk, processes } = this
    for (let i = 0; i < TRIES; i++) {
      if (disk.create(this.path, `${processes.self}\n`)) {
        this.held = true
        return null
      }
      const holder = this.read(this.path)
      if (holder === null) continue
      if (processes.isAlive(holder)) return holder
      this.removeStale(holder)
    }
    return "unknown"
  }

  /** Lets go of the lock. One that cannot be removed stays held, until this process ends. */
  release(): void {
    if (!this.held) return
    try {
      this.disk.remove(this.path)
      this.held = false
    } catch {
      // whoever comes next from another process finds that nobody has it
    }
  }

  private read(path: string): string | null {
    try {
      return this.disk.readText(path).trim()
    } catch {
      // it has just been removed
      return null
    }
  }

  /**
   * Removes the lock of a process that is gone. One at a time may do so, who looks at it once more: another may have
   * taken it over since. Whoever comes meanwhile tries again.
   */
  private removeStale(holder: string): void {
    const { disk, processes } = this
    const breaking = `${this.path}.break`
    if (!disk.create(breaking, `${processes.self}\n`)) {
      const other = this.read(breaking)
      // it was killed in these few microseconds
      if (other !== null && !processes.isAlive(other)) disk.remove(breaking)
      return
    }
    try {
      if (this.read(this.path) === holder) disk.remove(this.path)
    } finally {
      disk.remove(breaking)
    }
  }
}
