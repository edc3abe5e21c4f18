// The package as others install it: what comes along, that both ends of the peer range type-check and run, and that the
// examples in the documentation compile. Installs from the registry (npm's cache first), so it needs one.
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import manifest from "../../package.json" with { type: "json" }
import { Client, plain } from "../support/client.mjs"
import { freePort, temporaryDir, until } from "../support/server.mjs"

const run = promisify(execFile)
const root = path.join(import.meta.dirname, "..", "..")
const sources = path.join(root, "src")
const dir = fs.realpathSync(temporaryDir("effect-kv-package"))
const STEP_MS = 120_000

type Peer = keyof typeof manifest.peerDependencies
const peers = Object.keys(manifest.peerDependencies) as ReadonlyArray<Peer>
/** Both ends of the range: its first version, and the one that this repository develops with. */
const ends: Readonly<Record<string, Readonly<Record<Peer, string>>>> = {
  lowest: versionsOf((peer) => /^>=(\S+) <\S+$/.exec(manifest.peerDependencies[peer])![1]!),
  highest: versionsOf((peer) => manifest.devDependencies[peer])
}
function versionsOf(version: (peer: Peer) => string): Readonly<Record<Peer, string>> {
  return {
    effect: version("effect"),
    "@effect/platform": version("@effect/platform"),
    "@effect/platform-node": version("@effect/platform-node")
  }
}

let tarball = ""

const install = (project: string, ...packages: ReadonlyArray<string>) =>
  run(
    "npm",
    // an application states its own dependencies; peers of peers (cluster, rpc, sql) are not needed to serve
    [
      "install",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--prefer-offline",
      "--legacy-peer-deps",
      ...packages
    ],
    { cwd: project, shell: process.platform === "win32" }
  )

const projectOf = (name: string): string => path.join(dir, name)

/** A project with nothing but these packages. */
const create = async (name: string, ...packages: ReadonlyArray<string>): Promise<void> => {
  const project = projectOf(name)
  fs.mkdirSync(project)
  fs.writeFileSync(path.join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  await install(project, ...packages)
}

/** Type-checks files strictly and writes what they compile to, with declarations; what tsc complains about. */
const compile = async (project: string, files: Readonly<Record<string, string>>): Promise<string> => {
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(project, name), text)
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2022"],
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    declaration: true,
    types: ["node"],
    typeRoots: [path.join(root, "node_modules", "@types")],
    // the declarations of others are theirs to check
    skipLibCheck: true
  }
  const config = { compilerOptions, files: Object.keys(files) }
  fs.writeFileSync(path.join(project, "tsconfig.json"), JSON.stringify(config))
  const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc")
  return run(process.execPath, [tsc, "-p", "."], { cwd: project }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout
  )
}

/** What an application exports of its own, every type inferred: each must have a name that it can be written with. */
const EMBEDDED = `
import { Kv, RespDecoder, ServerConfig } from "effect-kv"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

export const store = Kv.layer()
export const durable = Kv.layer({ dir: "./data", appendonly: true, save: [{ seconds: 60, changes: 1 }] })
export const fromEnvironment = Kv.layerConfigured.pipe(Layer.provide(ServerConfig.layerFromEnv()))
export const settings = ServerConfig.make({ port: 0 })
export const config = ServerConfig.layer()
export const decode = RespDecoder.decode()
export const ask = (...args: ReadonlyArray<Kv.Argument>) => Effect.flatMap(Kv.Kv, (kv) => kv.send("ECHO", ...args))
export const askBytes = Effect.flatMap(Kv.Kv, (kv) => kv.sendBytes("ECHO", "a"))
export const failure = Effect.flip(ask("a"))
export const own = Effect.flatMap(Kv.Kv, (kv) => kv.session)
export const all = Effect.map(Kv.Kv, (kv) => ({ kv, unsafe: kv.unsafe, scan: kv.scan() }))
export const startFailure = Effect.flip(Layer.launch(store))
export const handle = Effect.map(Kv.Store, (value) => value)
export const recovered = ask("a").pipe(Effect.catchTag("KvError", ({ reason }) => Effect.succeed(reason)))

const program = Effect.gen(function* () {
  const kv = yield* Kv.Kv
  yield* kv.set("user:1", "Ada", { ttl: "1 hour" })
  const name = Option.getOrThrow(yield* kv.get("user:1"))
  const sum = yield* kv.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", ["n"], [41])
  const error = yield* Effect.flip(kv.incr("user:1"))
  return [name, sum, error.reason, kv.unsafe.get("n")].join(" ")
})
console.log(await Effect.runPromise(Effect.provide(program, store)))
`
const SERVED = `
import * as net from "node:net"
import * as Kv from "effect-kv/Kv"
import * as Server from "effect-kv/Server"
import * as ServerConfig from "effect-kv/ServerConfig"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

export const settings = ServerConfig.make()
export const doors = Server.layer({ port: 0 })
export const served = doors.pipe(Layer.provideMerge(Kv.layer()))
export const addresses = Effect.map(Server.Server, (server) => server.addresses)
export const asked = Effect.flatMap(Server.Server, (server) => server.shutdownRequested)
export const startFailure = Effect.flip(Layer.launch(served))

const ping = (port: number) =>
  Effect.async<string>((resume) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write("GET k\\r\\nQUIT\\r\\n"))
    let text = ""
    socket.on("data", (bytes) => (text += bytes.toString()))
    socket.on("close", () => resume(Effect.succeed(text.split("\\r\\n")[1] ?? "")))
  })
const program = Effect.gen(function* () {
  const kv = yield* Kv.Kv
  yield* kv.set("k", "served")
  const address = (yield* Server.Server).addresses[0]
  return yield* ping(address?._tag === "TcpAddress" ? address.port : 0)
})
console.log(await Effect.runPromise(Effect.provide(program, served)))
`

/** The @example blocks of src/, each as a module named by its place. */
const examples = (): Readonly<Record<string, string>> => {
  const found: Record<string, string> = {}
  for (const name of fs.readdirSync(sources, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue
    const text = fs.readFileSync(path.join(sources, name), "utf8")
    for (const { 1: block, index } of text.matchAll(/^ \* @example\n((?: \*(?: (?!@).*)?\n)+)/gm)) {
      const line = text.slice(0, index).split("\n").length
      const code = block!.replace(/^ \* ?/gm, "")
      found[`example-${name.replaceAll(/[/\\]/g, "-").slice(0, -3)}-${line}.ts`] = `${code}\nexport {}\n`
    }
  }
  return found
}

beforeAll(async () => {
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", dir], {
    cwd: root,
    maxBuffer: 16 * 1024 * 1024,
    shell: process.platform === "win32"
  })
  const [packed] = JSON.parse(stdout) as ReadonlyArray<{ readonly filename: string }>
  tarball = path.join(dir, packed!.filename)
  await Promise.all([
    create("alone", tarball),
    ...Object.entries(ends).map(([end, versions]) =>
      create(end, tarball, ...peers.map((peer) => `${peer}@${versions[peer]}`))
    )
  ])
}, STEP_MS)
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }))

describe("installed alone", () => {
  it("it is one package of about a megabyte, and its executable serves", { timeout: STEP_MS }, async () => {
    expect(fs.statSync(tarball).size).toBeLessThan(1.2 * 1024 * 1024)
    const project = projectOf("alone")
    const installed = fs
      .readdirSync(path.join(project, "node_modules"))
      .filter((name) => !name.startsWith("."))
    expect(installed).toEqual(["effect-kv"])
    const inside = path.join(project, "node_modules", "effect-kv")
    expect(fs.readdirSync(inside, { recursive: true, encoding: "utf8" }).filter(isForeign)).toEqual([])

    const port = await freePort()
    const server = execFile(process.execPath, [path.join(inside, "dist", "bin.js"), "--port", String(port)], {
      cwd: project
    })
    const ended = new Promise<number | null>((resolve) => server.once("exit", resolve))
    let client: Client | undefined
    await until("it answers", async () => {
      client = await Client.connect({ port }).catch(() => undefined)
      return client !== undefined
    })
    expect(plain(await client!.send("EVAL", "return 'run'", "0"))).toBe("run")
    await client!.destroy()
    server.kill("SIGTERM")
    expect(await ended).toBe(0)
  })
})

/** What must not be in the package: native code, reports. */
const isForeign = (name: string): boolean => /\.(node|gyp|log)$|report/.test(name)

describe.each(Object.entries(ends))("with the %s peers that are supported", (end, versions) => {
  const project = projectOf(end)
  const platform = path.join(project, "node_modules", "@effect")

  it("an application embeds a store with effect alone: no sockets, no platform", {
    timeout: STEP_MS
  }, async () => {
    fs.renameSync(platform, `${platform}-away`)
    try {
      expect(await compile(project, { "embedded.ts": EMBEDDED })).toBe("")
      expect(fs.readFileSync(path.join(project, "embedded.d.ts"), "utf8")).not.toMatch(/\bany\b/)
      const { stdout } = await run(process.execPath, ["embedded.js"], { cwd: project })
      expect(stdout.trim().split("\n").at(-1)).toBe("Ada 41 Reply 41")
    } finally {
      fs.renameSync(`${platform}-away`, platform)
    }
  })

  it("serves it beside the platform, and the documentation's examples compile", {
    timeout: STEP_MS
  }, async () => {
    for (const peer of peers) {
      const installed = path.join(project, "node_modules", peer, "package.json")
      expect(JSON.parse(fs.readFileSync(installed, "utf8"))).toMatchObject({ version: versions[peer] })
    }
    const modules = examples()
    expect(Object.keys(modules).length).toBeGreaterThanOrEqual(5)
    expect(await compile(project, { "served.ts": SERVED, ...modules })).toBe("")
    expect(fs.readFileSync(path.join(project, "served.d.ts"), "utf8")).not.toMatch(/\bany\b/)
    const { stdout } = await run(process.execPath, ["served.js"], { cwd: project })
    expect(stdout.trim().split("\n").at(-1)).toBe("served")
  })
})
