// Builds the executable: one bundle that is the program, the small script that loads it (src/bin.ts), and V8's code
// cache of the bundle for the Node that builds. Without the cache everything works and starts slower.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as esbuild from "esbuild"

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const dist = join(root, "dist")
const cacheTimeoutMs = 20_000

/** Has the Lua VM's code in the cache, so that a server's first script need not compile it. */
const script = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])"

/** Modules of Node that a start can do without: each takes a millisecond or several to load. */
const lateModules = ["child_process", "crypto", "os", "readline", "v8", "worker_threads", "zlib"]

/** Has them loaded by the first use of what they export, in our code and in that of the packages. */
const loadLate = {
  name: "load-late",
  setup(build) {
    build.onResolve({ filter: new RegExp(`^(node:)?(${lateModules.join("|")})$`) }, ({ namespace, path }) =>
      namespace === "late"
        ? { path, external: true }
        : { path: path.replace(/^node:/, ""), namespace: "late" }
    )
    build.onLoad({ filter: /.*/, namespace: "late" }, ({ path }) => {
      const names = Object.keys(createRequire(import.meta.url)(`node:${path}`))
      return {
        contents: `let loaded
          const late = {}
          for (const name of ${JSON.stringify(names)})
            Object.defineProperty(late, name, {
              enumerable: true,
              get: () => (loaded ??= require("node:${path}"))[name]
            })
          module.exports = late`
      }
    })
  }
}

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  minify: true,
  legalComments: "none",
  plugins: [loadLate],
  logLevel: "warning"
}

/** The bundle under a name with its hash: a loader can only load what it was built with. */
async function buildProgram() {
  const { outputFiles } = await esbuild.build({ ...common, entryPoints: ["src/cli/Launch.ts"], write: false })
  const code = outputFiles[0].contents
  const name = `effect-kv-${createHash("sha256").update(code).digest("hex").slice(0, 16)}.cjs`
  fs.writeFileSync(join(dist, name), code)
  return name
}

/** The executable is CommonJS: Node's loader of modules takes a tenth of a start. The library beside it is not. */
async function buildLoader(bundle) {
  await esbuild.build({
    ...common,
    entryPoints: ["src/bin.ts"],
    outfile: join(dist, "bin.js"),
    define: { BUNDLE: JSON.stringify(bundle) }
  })
  fs.chmodSync(join(dist, "bin.js"), 0o755)
  const { sideEffects } = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8"))
  const ofLibrary = sideEffects
    .filter((pattern) => pattern.startsWith("./dist/lib/"))
    .map((pattern) => pattern.replace("./dist/lib/", "./"))
  fs.mkdirSync(join(dist, "lib"), { recursive: true })
  fs.writeFileSync(join(dist, "package.json"), '{ "type": "commonjs" }\n')
  fs.writeFileSync(
    join(dist, "lib", "package.json"),
    `${JSON.stringify({ type: "module", sideEffects: ofLibrary })}\n`
  )
}

/** Runs the script by a server that listens on this Unix socket. */
async function runScript(path) {
  const words = ["EVAL", script, "1", "key", "value"]
  const request = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")
  await new Promise((resolve) => {
    const socket = connect(path, () => socket.write(`*${words.length}\r\n${request}`))
    socket.once("data", () => socket.destroy())
    socket.on("error", () => {})
    socket.once("close", resolve)
  })
}

/** Starts the server with an empty cache directory, and takes what it writes there. */
async function buildCache() {
  const directory = fs.mkdtempSync(join(tmpdir(), "effect-kv-build-"))
  const caches = join(directory, "effect-kv")
  const { NODE_OPTIONS: _, NODE_DISABLE_COMPILE_CACHE: __, ...env } = process.env
  const words = ["--port", "0", "--unixsocket", "socket", "--dir", directory]
  const server = spawn(process.execPath, [join(dist, "bin.js"), ...words], {
    cwd: directory,
    env: { ...env, XDG_CACHE_HOME: directory },
    stdio: "ignore"
  })
  const ended = new Promise((resolve) => server.once("exit", resolve))
  const written = () =>
    (fs.existsSync(caches) ? fs.readdirSync(caches) : []).find((name) => name.endsWith(".cache"))
  const deadline = Date.now() + cacheTimeoutMs
  const socket = join(directory, "socket")
  while (!fs.existsSync(socket) && server.exitCode === null && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await runScript(socket)
  while (written() === undefined && server.exitCode === null && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const name = written()
  server.kill("SIGTERM")
  await ended
  if (name === undefined) console.warn("no code cache: the executable starts slower")
  else fs.copyFileSync(join(caches, name), join(dist, name))
  fs.rmSync(directory, { recursive: true, force: true })
}

fs.mkdirSync(dist, { recursive: true })
for (const name of fs.readdirSync(dist)) {
  if (name === "chunks" || name.startsWith("effect-kv-")) fs.rmSync(join(dist, name), { recursive: true })
}
await buildLoader(await buildProgram())
await buildCache()
