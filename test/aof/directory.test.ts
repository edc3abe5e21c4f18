// An append-only file of one file, as Redis 6 wrote it, becomes the base of a directory.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { AofDirectory } from "../../src/aof/directory.js"
import { nodeDisk } from "../../src/machine/disk.js"

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "effect-kv-directory-"))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const open = (disk = nodeDisk): AofDirectory => {
  const directory = new AofDirectory(disk, dir, "appendonlydir", "appendonly.aof")
  directory.make()
  directory.open()
  return directory
}
const MANIFEST = join("appendonlydir", "appendonly.aof.manifest")

describe("a single append-only file", () => {
  it("is moved in as the base", () => {
    writeFileSync(join(dir, "appendonly.aof"), "data")
    expect(open().files()).toEqual([{ name: "appendonly.aof", sequence: 1, kind: "b" }])
    expect(readFileSync(join(dir, "appendonlydir", "appendonly.aof"), "utf8")).toBe("data")
    expect(existsSync(join(dir, "appendonly.aof"))).toBe(false)
  })

  it("is moved in at the next start where a kill came between the manifest and the move", () => {
    writeFileSync(join(dir, "appendonly.aof"), "data")
    const killed = {
      ...nodeDisk,
      rename: (from: string, to: string): void => {
        if (from.endsWith("appendonly.aof")) throw new Error("killed")
        nodeDisk.rename(from, to)
      }
    }
    expect(() => open(killed)).toThrow("killed")
    expect(existsSync(join(dir, MANIFEST))).toBe(true)
    expect(open().files()).toHaveLength(1)
    expect(readFileSync(join(dir, "appendonlydir", "appendonly.aof"), "utf8")).toBe("data")
  })

  it("is left alone where the directory has files of its own", () => {
    mkdirSync(join(dir, "appendonlydir"))
    writeFileSync(join(dir, "appendonly.aof"), "old")
    writeFileSync(join(dir, MANIFEST), "file appendonly.aof.1.incr.aof seq 1 type i\n")
    expect(open().files()).toEqual([{ name: "appendonly.aof.1.incr.aof", sequence: 1, kind: "i" }])
    expect(readFileSync(join(dir, "appendonly.aof"), "utf8")).toBe("old")
  })
})
