// The example of embedding does what it says: bundled as an application would be, and run as a program of its own.
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { build } from "esbuild"
import { expect, it } from "vitest"
import { temporaryDir } from "../support/server.mjs"

it("writes and reads through both doors, and finds everything again", { timeout: 30_000 }, async () => {
  const dir = temporaryDir("effect-kv-example")
  try {
    const outfile = path.join(fs.realpathSync(dir), "embedded.mjs")
    const entry = path.join(import.meta.dirname, "..", "..", "scratchpad", "embedded.ts")
    const require = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);"
    await build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "warning",
      banner: { js: require }
    })
    const printed = execFileSync(process.execPath, [outfile], { encoding: "utf8", timeout: 20_000 })
    expect(printed.split("\n").filter((line) => !line.startsWith("timestamp="))).toEqual([
      "in-process: 42 visits",
      "over the socket: user:1 is Ada",
      "in-process: user:3 is Edsger",
      "opened again: user:1, user:2, user:3",
      "an error is a value: ERR, ERR value is not an integer or out of range",
      ""
    ])
  } finally {
    fs.rmSync(dir, { recursive: true, force: true })
  }
})
