// A few rounds of kill.mjs for each policy and signal. The long run is `node test/durability/kill.mjs`.
import { spawn } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { root } from "../support/server.mjs"

const rounds = (...args: ReadonlyArray<string>): Promise<{ code: number | null; output: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, "test", "durability", "kill.mjs"), ...args])
    let output = ""
    child.stdout.on("data", (bytes) => {
      output += bytes
    })
    child.on("close", (code) => resolve({ code, output }))
  })

describe("what was acknowledged", () => {
  it.each(["everysec", "always", "no"])(
    "outlives SIGKILL, appendfsync %s",
    { timeout: 60_000 },
    async (fsync) => {
      const { code, output } = await rounds("--rounds", "3", "--fsync", fsync)
      expect(code, output).toBe(0)
    }
  )

  it("outlives SIGTERM, which ends with code 0 in time", {
    timeout: 60_000
  }, async () => {
    const { code, output } = await rounds("--rounds", "3", "--signal", "SIGTERM")
    expect(code, output).toBe(0)
  })
})
