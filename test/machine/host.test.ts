/**
 * The machine as server commands see it: the real one.
 */

import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { nodeServerHost } from "../../src/machine/host.js"

const host = nodeServerHost(() => {})

const inDirectory = (use: (directory: string) => void): void => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "effect-kv-host-"))
  try {
    use(directory)
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}

describe("the host", () => {
  it("puts a new text in a file's place, and leaves nothing beside it", () =>
    inDirectory((directory) => {
      const file = path.join(directory, "redis.conf")
      expect(host.replaceFile(file, (text) => `${text}one`)).toBeNull()
      fs.chmodSync(file, 0o600)
      expect(host.replaceFile(file, (text) => `${text} two \xe9`)).toBeNull()
      expect(fs.readFileSync(file, "latin1")).toBe("one two \xe9")
      expect(fs.statSync(file).mode & 0o777).toBe(0o600)
      expect(fs.readdirSync(directory)).toEqual(["redis.conf"])
    }))

  it("says what went wrong where it cannot", () =>
    inDirectory((directory) => {
      const file = path.join(directory, "missing", "redis.conf")
      expect(host.replaceFile(file, () => "")).toBe("No such file or directory")
    }))

  it("tells the memory that V8 holds in its heap and outside of it, cheaply and in full", () => {
    const figures = host.memory()
    expect(figures.rssBytes).toBeGreaterThan(figures.heapUsedBytes)
    expect(figures.heapTotalBytes).toBeGreaterThan(figures.heapUsedBytes)
    const before = host.allocatedBytes()
    const full = figures.heapUsedBytes + figures.externalBytes
    expect(Math.abs(before - full)).toBeLessThan(full / 4)
    // nothing this test allocates otherwise comes near
    const buffer = Buffer.allocUnsafeSlow(256 * 1024 * 1024)
    expect(host.allocatedBytes() - before).toBeGreaterThan(buffer.length / 2)
    expect(host.memory().externalBytes - figures.externalBytes).toBeGreaterThan(buffer.length / 2)
  })

  it("has a clock of microseconds that keeps to the wall clock", () => {
    const before = Date.now() * 1000
    const now = host.unixMicroseconds()
    expect(Number.isSafeInteger(now)).toBe(true)
    expect(Math.abs(now - before)).toBeLessThan(1_000_000)
  })

  it("makes as many hex digits as it is asked for", () => {
    expect(host.randomHex(40)).toMatch(/^[0-9a-f]{40}$/)
    expect(host.randomHex(7)).toMatch(/^[0-9a-f]{7}$/)
  })
})
