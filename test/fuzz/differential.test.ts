// A smoke run of the differential fuzzer, and the proof that it can fail. The long runs are `npm run fuzz`.
import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { root } from "../support/server.mjs"

const reference = process.env.REDIS_SERVER ?? "redis-server"
const missing = spawnSync("bash", ["-c", `command -v ${reference}`]).status !== 0

const fuzz = (...args: ReadonlyArray<string>): Promise<{ code: number | null; output: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, "test", "fuzz", "differential.mjs"), ...args])
    let output = ""
    child.stdout.on("data", (bytes) => {
      output += bytes
    })
    child.stderr.on("data", (bytes) => {
      output += bytes
    })
    child.on("close", (code) => resolve({ code, output }))
  })

describe.skipIf(missing)("the differential fuzzer", () => {
  it("finds no difference in 30,000 commands", {
    timeout: 60_000
  }, async () => {
    const { code, output } = await fuzz("--commands", "30000")
    expect(code, output).toBe(0)
  })

  it("notices every way in which replies are corrupted on purpose", {
    timeout: 120_000
  }, async () => {
    const { code, output } = await fuzz("--canary", "--seed", "7")
    expect(code, output).toBe(1)
    expect(output).toContain("every canary was noticed")
  })
})
