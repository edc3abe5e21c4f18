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
      const holder = this.read()
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

  private read(): string | null {
    try {
      return this.disk.readText(this.path).trim()
    } catch {
      // it has just been removed
      return null
    }
  }

  /** Removes the lock of a process that is gone, unless another has just taken it over. */
  private removeStale(holder: string): void {
    const aside = `${this.path}.${this.processes.self.replaceAll(" ", "-")}`
    try {
      this.disk.rename(this.path, aside)
    } catch {
      return
    }
    if (this.disk.readText(aside).trim() !== holder) {
      // it was another's, made between the two looks: it goes back
      this.disk.rename(aside, this.path)
    } else this.disk.remove(aside)
  }
}
