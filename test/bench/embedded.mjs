#!/usr/bin/env node
// In-process speed: the Kv client on a store of its own, no socket. What one fiber does in a loop of Effects.
// `run({ keys })` gives rows for bench.mjs; alone: node test/bench/embedded.mjs [--keys 1000000] [--seconds 2]
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { build } from "esbuild"
import { options } from "../support/options.mjs"
import { root } from "../support/server.mjs"

/** The library and Effect in one bundle, so that both are the same Effect, as in an application. */
const ENTRY = `
export { Kv } from ${JSON.stringify(join(root, "src", "index.js"))}
export * as Effect from "effect/Effect"
`
const BANNER =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"
const MGET_KEYS = 100
const BATCH = 1000
const FILL_KEYS = 1000

async function load() {
  const dir = mkdtempSync(join(tmpdir(), "effect-kv-bench-"))
  try {
    const outfile = join(dir, "library.mjs")
    await build({
      stdin: { contents: ENTRY, resolveDir: root, loader: "ts" },
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "warning",
      banner: { js: BANNER }
    })
    return await import(pathToFileURL(outfile).href)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The same keys in every run: a multiplicative generator, no allocation. */
const randomIndex = (count) => {
  let state = 1
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % count
  }
}

export async function run({ keys = 1_000_000, seconds = 2 } = {}) {
  const { Effect, Kv } = await load()
  const names = Array.from({ length: keys }, (_, i) => `key:${String(i).padStart(12, "0")}`)
  const value = "v".repeat(16)
  const rows = []

  /** Repeats `step` (an Effect that does `each` commands) for a time; commands a second. */
  const measure = (name, each, step) =>
    Effect.gen(function* () {
      const next = randomIndex(keys)
      for (let i = 0; i < 20_000 / each; i++) yield* step(next)
      let count = 0
      const startedAt = performance.now()
      let ms = 0
      while (ms < seconds * 1000) {
        for (let i = 0; i < 5000 / each; i++) yield* step(next)
        count += Math.ceil(5000 / each) * each
        ms = performance.now() - startedAt
      }
      rows.push({ name, value: (count / ms) * 1000, unit: "keys/s" })
    })

  const program = Effect.gen(function* () {
    const kv = yield* Kv.Kv
    const startedAt = performance.now()
    for (let i = 0; i < keys; i += FILL_KEYS) {
      yield* kv.mset(names.slice(i, i + FILL_KEYS).map((key) => [key, value]))
    }
    rows.push({
      name: `mset of ${FILL_KEYS}`,
      value: (keys / (performance.now() - startedAt)) * 1000,
      unit: "keys/s"
    })
    yield* measure("get", 1, (next) => kv.get(names[next()]))
    yield* measure("set", 1, (next) => kv.set(names[next()], value))
    // the synchronous path, without an Effect around each command
    const now = (name, send) =>
      measure(name, BATCH, (next) =>
        Effect.sync(() => {
          for (let i = 0; i < BATCH; i++) send(names[next()])
        })
      )
    yield* now("unsafeSend GET", (key) => kv.unsafeSend("GET", key))
    yield* now("unsafeSend SET", (key) => kv.unsafeSend("SET", key, value))
    yield* measure(`mget of ${MGET_KEYS}`, MGET_KEYS, (next) => {
      const some = new Array(MGET_KEYS)
      for (let i = 0; i < MGET_KEYS; i++) some[i] = names[next()]
      return kv.mget(some)
    })
  })
  await Effect.runPromise(Effect.provide(program, Kv.layer()))
  return rows
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const given = options({ keys: 1_000_000, seconds: 2 }, "embedded.mjs [--keys 1000000] [--seconds 2]")
  for (const { name, value, unit } of await run(given))
    console.log(`${name.padEnd(14)} ${Math.round(value)} ${unit}`)
}
