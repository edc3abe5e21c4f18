// A smoke run of the concurrent fuzzer, and the proof that it can fail. Longer: `node test/fuzz/concurrent.mjs`.
import { spawn } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { root } from "../support/server.mjs"

const fuzz = (...args: ReadonlyArray<string>): Promise<{ code: number | null; output: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, "test", "fuzz", "concurrent.mjs"), ...args])
    let output = ""
    const keep = (bytes: Buffer): void => {
      output += bytes.toString("utf8")
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    child.on("close", (code) => resolve({ code, output }))
  })

describe("the concurrent fuzzer", () => {
  it("sees each client get its own replies, and find what was acknowledged to it", {
    timeout: 120_000
  }, async () => {
    const { code, output } = await fuzz("--seconds", "8")
    expect(code, output).toBe(0)
    // it did ask, and restart: silence is not success
    expect(output).toMatch(/\d{3,} commands/)
    expect(output).not.toContain(" 0 commands")
  })

  it("notices every fault that a proxy makes on purpose", {
    timeout: 180_000
  }, async () => {
    const { code, output } = await fuzz("--canary", "--seed", "3")
    expect(code, output).toBe(1)
    expect(output).toContain("every canary was noticed")
  })
})
