// Several processes on one directory: whatever moment each is at, one of them has it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { DirectoryLock } from "../../src/aof/lock.js"
import { type Disk, nodeDisk } from "../../src/machine/disk.js"

const dir = mkdtempSync(join(tmpdir(), "effect-kv-lock-"))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

it("of three that find the lock of a process that is gone, one gets it", () => {
  writeFileSync(join(dir, "effect-kv.lock"), "1 gone\n")
  const isAlive = (other: string): boolean => other !== "1 gone"
  const lockOf = (self: string, disk: Disk = nodeDisk) => new DirectoryLock(disk, { self, isAlive }, dir)
  const [first, third] = [lockOf("2 a"), lockOf("4 c")]
  const winners: Array<string> = []
  const tryOf = (name: string, lock: DirectoryLock): void => {
    if (lock.acquire() === null) winners.push(name)
  }
  // the second is held up twice: when it has read the stale lock, and when it is about to remove it
  const second = lockOf("3 b", {
    ...nodeDisk,
    readText: (path) => {
      const text = nodeDisk.readText(path)
      if (text === "1 gone\n") tryOf("first", first)
      return text
    },
    create: (path, text) => {
      const created = nodeDisk.create(path, text)
      if (created && path.endsWith(".break")) tryOf("third", third)
      return created
    }
  })
  tryOf("second", second)
  tryOf("third", third)
  expect(winners).toEqual(["first"])
})

it("the lock of a process that is gone is taken over, also where one was killed while it did so", () => {
  rmSync(join(dir, "effect-kv.lock"))
  writeFileSync(join(dir, "effect-kv.lock"), "1 gone\n")
  writeFileSync(join(dir, "effect-kv.lock.break"), "1 gone\n")
  const lock = new DirectoryLock(nodeDisk, { self: "2 a", isAlive: (other) => other !== "1 gone" }, dir)
  expect(lock.acquire()).toBeNull()
})
