#!/usr/bin/env node
// In-process speed: the Kv client on a store of its own, no socket, beside lmdb (the usual embedded store of Node; its
// values on disk and mapped, written without an fsync) and a plain Map, each over all keys and over a few hot ones.
// `run({ keys })` gives rows for bench.mjs; alone: node test/bench/embedded.mjs [--keys 1000000] [--seconds 1]
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
/** Keys that stay in the processor's cache. */
const HOT_KEYS = 1000
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

/** The same keys in every run: a multiplicative generator's upper bits, no allocation. */
const randomIndex = (count) => {
  let state = 1
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) % count
  }
}

/** Calls `step` for a time with random indexes; calls a second. */
const measure = (count, seconds, step) => {
  const next = randomIndex(count)
  for (let i = 0; i < 50_000; i++) step(next())
  let calls = 0
  let ms = 0
  for (const startedAt = performance.now(); ms < seconds * 1000; ms = performance.now() - startedAt) {
    for (let i = 0; i < BATCH; i++) step(next())
    calls += BATCH
  }
  return (calls / ms) * 1000
}

/** What others do with the same keys. */
async function others(names, value, measured) {
  const map = new Map(names.map((name) => [name, value]))
  measured("Map get", (i) => map.get(names[i]))
  measured("Map set", (i) => map.set(names[i], value))
  const { open } = await import("lmdb")
  const dir = mkdtempSync(join(tmpdir(), "effect-kv-lmdb-"))
  const db = open({ path: join(dir, "data"), encoding: "string", noSync: true })
  try {
    db.transactionSync(() => {
      for (const name of names) db.putSync(name, value)
    })
    measured("lmdb get", (i) => db.get(names[i]))
    // a transaction of its own for each write costs far more: this is what lmdb can do in one
    db.transactionSync(() => measured("lmdb put, in one transaction", (i) => db.putSync(names[i], value)))
  } finally {
    await db.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

export async function run({ keys = 1_000_000, seconds = 1 } = {}) {
  const { Effect, Kv } = await load()
  const names = Array.from({ length: keys }, (_, i) => `key:${String(i).padStart(12, "0")}`)
  const value = "v".repeat(16)
  const rows = []
  const sizes = keys > HOT_KEYS ? [HOT_KEYS, keys] : [keys]
  const report = (name, count, perSecond) =>
    rows.push({ name: `${name} (${count} keys)`, value: perSecond, unit: "keys/s" })
  const measured = (name, step) => {
    for (const count of sizes) report(name, count, measure(count, seconds, step))
  }

  /** Repeats an Effect that does `each` commands for a time. */
  const measureEffect = (name, each, step) =>
    Effect.gen(function* () {
      for (const count of sizes) {
        const next = randomIndex(count)
        for (let i = 0; i < 20_000 / each; i++) yield* step(next)
        let done = 0
        let ms = 0
        for (const startedAt = performance.now(); ms < seconds * 1000; ms = performance.now() - startedAt) {
          for (let i = 0; i < 5000 / each; i++) yield* step(next)
          done += Math.ceil(5000 / each) * each
        }
        report(name, count, (done / ms) * 1000)
      }
    })

  const program = Effect.gen(function* () {
    const kv = yield* Kv.Kv
    const startedAt = performance.now()
    for (let i = 0; i < keys; i += FILL_KEYS) {
      yield* kv.mset(names.slice(i, i + FILL_KEYS).map((key) => [key, value]))
    }
    report(`kv.mset of ${FILL_KEYS}`, keys, (keys / (performance.now() - startedAt)) * 1000)
    // the synchronous path, without an Effect around each command
    measured("kv.unsafe.get", (i) => kv.unsafe.get(names[i]))
    measured("kv.unsafe.set", (i) => kv.unsafe.set(names[i], value))
    measured("kv.unsafe.send GET", (i) => kv.unsafe.send("GET", names[i]))
    measured("kv.unsafe.send SET", (i) => kv.unsafe.send("SET", names[i], value))
    yield* measureEffect("kv.get", 1, (next) => kv.get(names[next()]))
    yield* measureEffect("kv.set", 1, (next) => kv.set(names[next()], value))
    yield* measureEffect(`kv.mget of ${MGET_KEYS}`, MGET_KEYS, (next) => {
      const some = new Array(MGET_KEYS)
      for (let i = 0; i < MGET_KEYS; i++) some[i] = names[next()]
      return kv.mget(some)
    })
  })
  await Effect.runPromise(Effect.provide(program, Kv.layer()))
  await others(names, value, measured)
  return rows
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const given = options({ keys: 1_000_000, seconds: 1 }, "embedded.mjs [--keys 1000000] [--seconds 1]")
  for (const { name, value, unit } of await run(given))
    console.log(`${name.padEnd(44)} ${Math.round(value)} ${unit}`)
}
