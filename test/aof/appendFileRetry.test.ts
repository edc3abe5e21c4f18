// An append file that fails and comes back, while more is logged.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { AppendFile } from "../../src/aof/appendFile.js"
import { type Disk, nodeDisk, type Synced } from "../../src/machine/disk.js"

const dir = mkdtempSync(join(tmpdir(), "effect-kv-retry-"))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

it("is fine again after one retry, also when a key expires while the retry's fsync is under way", () => {
  const path = join(dir, "file.aof")
  const syncs: Array<Synced> = []
  const disk: Disk = { ...nodeDisk, sync: (_file, done) => void syncs.push(done) }
  const file = new AppendFile(disk, nodeDisk.openEmpty(path), 0, {
    isSyncedAlways: () => true,
    onChange: () => {},
    clock: () => 0
  })
  file.take(Buffer.from("first"))
  syncs.shift()!(new Error("i/o error"))
  expect(file.failure).not.toBe(null)
  file.retry()
  // a DEL of a key whose time has come is logged whether or not writes are refused
  file.take(Buffer.from("second"))
  // the disk answers everything that it is asked from now on
  while (syncs.length > 0) syncs.shift()!(null)
  expect(file.failure).toBe(null)
  expect(readFileSync(path, "latin1")).toBe("firstsecond")
  file.close()
})
