/**
 * A disk whose operations fail when a test says so, in front of the real one.
 */
import { type Disk, nodeDisk } from "../../src/machine/disk.js"

/** What happens at the operation that was chosen. */
export type Fault =
  /** It fails, once. */
  | "once"
  /** It fails, and so do all of its kind from then on: a disk that is full stays full. */
  | "always"
  /** The process is killed before it: it and all that follow do not happen. */
  | "kill before"
  /** The process is killed after it. */
  | "kill after"
  /** A write is cut in half by a kill. */
  | "kill within"

export class FaultyDisk {
  /** Operations so far, by name. */
  readonly operations: Array<string> = []
  /** The process is dead: nothing that it does matters any more. */
  dead = false
  private broken: string | null = null
  private die: () => void = () => {}
  /** Completes when the process is dead. */
  readonly died = new Promise<void>((resolve) => {
    this.die = () => {
      this.dead = true
      resolve()
    }
  })

  constructor(
    /** The number of the operation that the fault befalls; -1 for none. */
    private readonly at: number,
    private readonly fault: Fault
  ) {}

  private refuse(name: string): never {
    throw Object.assign(new Error(`ENOSPC: no space left on device, ${name}`), { code: "ENOSPC" })
  }

  /** Counts an operation and lets it fail, or not. */
  private run<A>(name: string, operate: () => A, half?: () => void): A {
    if (this.dead) this.refuse(name)
    const index = this.operations.push(name) - 1
    if (this.broken === name) this.refuse(name)
    if (index !== this.at) return operate()
    switch (this.fault) {
      case "always":
        this.broken = name
        return this.refuse(name)
      case "once":
        return this.refuse(name)
      case "kill before":
        this.die()
        return this.refuse(name)
      case "kill within":
        if (half !== undefined) half()
        this.die()
        return this.refuse(name)
      case "kill after": {
        const result = operate()
        this.die()
        return result
      }
    }
  }

  readonly disk: Disk = {
    openAppend: (path) => this.run("openAppend", () => nodeDisk.openAppend(path)),
    openEmpty: (path) => this.run("openEmpty", () => nodeDisk.openEmpty(path)),
    openRead: (path) => this.run("openRead", () => nodeDisk.openRead(path)),
    // a descriptor is closed whatever happens, or the test would run out of them
    close: (file) => nodeDisk.close(file),
    size: (file) => this.run("size", () => nodeDisk.size(file)),
    write: (file, bytes, start, end) =>
      this.run(
        "write",
        () => nodeDisk.write(file, bytes, start, end),
        () => nodeDisk.write(file, bytes, start, start + ((end - start) >> 1))
      ),
    read: (file, into, length, offset) => this.run("read", () => nodeDisk.read(file, into, length, offset)),
    truncate: (path, bytes) => this.run("truncate", () => nodeDisk.truncate(path, bytes)),
    syncNow: (file) => this.run("syncNow", () => nodeDisk.syncNow(file)),
    sync: (file, done) => {
      try {
        this.run("sync", () => nodeDisk.sync(file, done))
      } catch (error) {
        setImmediate(() => done(error instanceof Error ? error : new Error(String(error))))
      }
    },
    syncDirectory: (path) => this.run("syncDirectory", () => nodeDisk.syncDirectory(path)),
    rename: (from, to) => this.run("rename", () => nodeDisk.rename(from, to)),
    remove: (path) => this.run("remove", () => nodeDisk.remove(path)),
    makeDirectory: (path) => this.run("makeDirectory", () => nodeDisk.makeDirectory(path)),
    isFile: (path) => this.run("isFile", () => nodeDisk.isFile(path)),
    readText: (path) => this.run("readText", () => nodeDisk.readText(path)),
    create: (path, text) => this.run("create", () => nodeDisk.create(path, text))
  }
}
