#!/usr/bin/env node
// The store's own speed: commands as bytes into an engine in this process, no socket, replies thrown away.
// node test/bench/store.mjs [--trees .,../other] [--keys 1000000] [--seconds 1] [--pairs 3] [--only set,get]
// Nanoseconds a command. With two trees (source directories) their runs alternate, each in a process of its own;
// the last column is the ratio of the best of each: above 1 the first tree is faster.
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { build } from "esbuild"
import { options } from "../support/options.mjs"

const PIPELINE = 64
const MSET_PAIRS = 10
const ROUND_CHUNKS = 512
const SEED = 7

/** The engine that a tree's tests use, as one module. */
async function bundle(tree, outfile) {
  await build({
    entryPoints: [join(tree, "test", "support", "engine.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "warning",
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"
    }
  })
}

const bulk = (text) => `$${text.length}\r\n${text}\r\n`
const command = (...args) => `*${args.length}\r\n${args.map(bulk).join("")}`
const keyOf = (number) => `key:${String(number).padStart(12, "0")}`

/** What each row sends, by its number of a key. */
const ROWS = {
  set: (next) => command("SET", keyOf(next()), "xxxxxxxxxxxxxxxx"),
  get: (next) => command("GET", keyOf(next())),
  incr: (next) => command("INCR", `counter:${next()}`),
  mset: (next) =>
    command("MSET", ...Array.from({ length: MSET_PAIRS }, () => [keyOf(next()), "xxxxxxxxxxxxxxxx"]).flat()),
  setex: (next) => command("SET", `volatile:${next()}`, "xxxxxxxxxxxxxxxx", "EX", "100000"),
  append: (next) => command("APPEND", `log:${next() % 1000}`, "xxxxxxxxxxxxxxxx"),
  churn: (next) => {
    const key = `churn:${next()}`
    return next() % 3 === 0 ? command("DEL", key) : command("SET", key, "x".repeat(next() % 200))
  },
  insert: (_next, at) => command("SET", `fresh:${String(at).padStart(12, "0")}`, "xxxxxxxxxxxxxxxx")
}

async function measure(module, keys, seconds, only) {
  const { makeEngine } = await import(pathToFileURL(module).href)
  const { engine, session } = makeEngine({ seed: SEED })
  // older trees, which newer ones are compared with, have the log in the engine
  const { log } = engine.changes ?? engine
  log.enabled = false
  session.transport.send = () => false
  const feed = (text) => {
    const bytes = Buffer.from(text, "latin1")
    engine.feed(
      session,
      { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) },
      bytes.length
    )
  }
  let state = SEED
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 4294967296) * keys)
  }
  for (let at = 0; at < keys; at += PIPELINE) {
    let text = ""
    for (let i = at; i < Math.min(keys, at + PIPELINE); i++)
      text += command("SET", keyOf(i), "xxxxxxxxxxxxxxxx")
    feed(text)
  }
  const figures = {}
  let fresh = 0
  for (const [name, make] of Object.entries(ROWS)) {
    if (only !== undefined && !only.includes(name)) continue
    const once = name === "insert"
    const chunks = Array.from({ length: once ? Math.ceil(keys / PIPELINE) : 4096 }, () => {
      let text = ""
      for (let i = 0; i < PIPELINE; i++) text += make(next, fresh++)
      const bytes = Buffer.from(text, "latin1")
      return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
    })
    // the best of many short rounds, in processor time: on a shared machine all else says more of the others
    let best = Number.POSITIVE_INFINITY
    let elapsed = 0
    for (let at = 0; elapsed < seconds * 1e6 && (!once || at < chunks.length); ) {
      const begin = process.cpuUsage().user
      const end = Math.min(at + ROUND_CHUNKS, once ? chunks.length : at + ROUND_CHUNKS)
      const count = end - at
      for (; at < end; at++) {
        const chunk = chunks[at % chunks.length]
        engine.feed(session, chunk, chunk.bytes.length)
      }
      const used = process.cpuUsage().user - begin
      elapsed += used
      if (count === ROUND_CHUNKS) best = Math.min(best, (used * 1000) / (count * PIPELINE))
    }
    figures[name] = best
  }
  figures["bytes a key"] = engine.keyspace.segments.usedBytes / engine.keyspace.size(session.database)
  return figures
}

const least = (numbers) => Math.min(...numbers)

async function compare({ keys, only, pairs, seconds, trees }) {
  const dir = mkdtempSync(join(tmpdir(), "effect-kv-store-"))
  try {
    const modules = trees.map((_, i) => join(dir, `${i}.mjs`))
    for (const [i, tree] of trees.entries()) await bundle(resolve(tree), modules[i])
    const runs = trees.map(() => [])
    for (let pair = 0; pair < pairs; pair++) {
      for (let i = 0; i < trees.length; i++) {
        const args = ["--module", modules[i], "--keys", keys, "--seconds", seconds]
        if (only !== undefined) args.push("--only", only)
        const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...args.map(String)])
        runs[i].push(JSON.parse(output))
      }
    }
    for (const name of Object.keys(runs[0][0])) {
      const best = runs.map((figures) => least(figures.map((figure) => figure[name])))
      const cells = best.map((figure) => figure.toFixed(1).padStart(9)).join("")
      const ratio = best.length < 2 ? "" : (best[1] / best[0]).toFixed(3)
      console.log(`${name.padEnd(12)}${cells}  ${ratio}`)
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const given = options(
  { trees: ".", keys: 1_000_000, seconds: 1, pairs: 3, only: "", module: "" },
  "store.mjs [--trees .,../other] [--keys 1000000] [--seconds 1] [--pairs 3] [--only set,get]"
)
const only = given.only === "" ? undefined : given.only
if (given.module !== "")
  console.log(JSON.stringify(await measure(given.module, given.keys, given.seconds, only?.split(","))))
else await compare({ ...given, only, trees: given.trees.split(",") })
