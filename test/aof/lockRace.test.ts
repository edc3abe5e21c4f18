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
  // the second is held up twice: when it has read the stale lock, and when it has moved away what it takes for it
  const second = lockOf("3 b", {
    ...nodeDisk,
    rename: (from, to) => {
      if (winners.length === 0) tryOf("first", first)
      nodeDisk.rename(from, to)
      if (winners.length === 1) tryOf("third", third)
    }
  })
  tryOf("second", second)
  expect(winners).toEqual(["first"])
})
