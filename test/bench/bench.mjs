#!/usr/bin/env node
// The benchmark: our server beside a peer, in turn and in one run, through redis-benchmark. Each ratio is the
// median of the pairs' own ratios, so that it holds on a machine whose speed drifts; above 1 ours is ahead
// (bytes and milliseconds too: the peer's figure divided by ours). Without a peer our figures stand alone.
// Sections: throughput, memory, aof, start, embedded (test/bench/embedded.mjs: in-process, no socket).
import { execFile, execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Client, encode } from "../support/client.mjs"
import { options } from "../support/options.mjs"
import { ours as oursTemplate, Server, until } from "../support/server.mjs"

const here = dirname(fileURLToPath(import.meta.url))
const usage = `bench.mjs [--sections throughput,memory,aof,start,embedded] [--pairs 3] [--pipelines 1,16,64]
  [--tests set,get,incr,mset] [--keys 1000000] [--clients 50] [--requests 0]   requests: 0 chooses by the pipeline
  [--ours 'node dist/bin.js --port {port} --dir {dir}'] [--peer 'valkey-server --port {port} --dir {dir}']
  [--json]   the rows as JSON on the last line`

const given = options(
  {
    sections: "throughput,memory,aof,start,embedded",
    pairs: 3,
    pipelines: "1,16,64",
    tests: "set,get,incr,mset",
    keys: 1_000_000,
    clients: 50,
    requests: 0,
    ours: oursTemplate,
    peer: "",
    json: false
  },
  usage
)
const sections = given.sections.split(",")
const noFiles = ['--save ""', "--appendonly no"]
const everysec = ['--save ""', "--appendonly yes", "--appendfsync everysec"]

const installed = (name) => {
  try {
    execFileSync("bash", ["-c", `command -v ${name}`], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}
const peerCommand =
  given.peer || (installed("redis-server") ? "redis-server --port {port} --dir {dir}" : undefined)

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const rows = []
const columns = (texts) => texts.map((text, i) => (i === 0 ? text.padEnd(30) : text.padStart(12))).join("")

function title(name, unit) {
  const names = peerCommand === undefined ? [unit] : [`ours ${unit}`, `peer ${unit}`, "ratio", "low", "high"]
  console.log(`\n${columns([name, ...names])}`)
}

/** @param better "more" or "less": which figure is ahead */
function row(name, mine, theirs, better, digits = 0) {
  const texts = [name, median(mine).toFixed(digits)]
  const result = { name, ours: median(mine) }
  if (theirs.length > 0) {
    const ratios = mine.map((value, i) => (better === "more" ? value / theirs[i] : theirs[i] / value))
    texts.push(median(theirs).toFixed(digits))
    texts.push(...[median(ratios), Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2)))
    Object.assign(result, { peer: median(theirs), ratio: median(ratios) })
  }
  rows.push(result)
  console.log(columns(texts))
}

const server = (command, args) => new Server({ command, args }).start()

/** `measure` on ours and the peer by turns, the order changing from pair to pair. */
async function pairs(count, measureOurs, measurePeer) {
  const mine = []
  const theirs = []
  for (let i = 0; i < count; i++) {
    const both = [async () => mine.push(await measureOurs())]
    if (peerCommand !== undefined) both.push(async () => theirs.push(await measurePeer()))
    if (i % 2 === 1) both.reverse()
    for (const measure of both) await measure()
  }
  return [mine, theirs]
}

/** Requests a second, by redis-benchmark's own count. */
function throughput(port, test, pipeline) {
  const divisor = test === "mset" && pipeline > 1 ? 5 : 1
  const chosen = pipeline === 1 ? 100_000 : pipeline < 32 ? 800_000 : 1_500_000
  const requests = Math.round((given.requests || chosen) / divisor)
  const args = ["-p", port, "-c", given.clients, "-n", requests, "-P", pipeline, "-r", given.keys, "-d", 16]
  return new Promise((resolve, reject) => {
    execFile("redis-benchmark", [...args.map(String), "-t", test, "--csv"], (error, output) => {
      if (error) reject(error)
      else resolve(Number(output.trim().split("\n").at(-1).split('","')[1].replaceAll('"', "")))
    })
  })
}

async function throughputSection() {
  title("throughput", "/s")
  const mine = await server(given.ours, noFiles)
  const peer = peerCommand === undefined ? undefined : await server(peerCommand, noFiles)
  for (const pipeline of given.pipelines.split(",").map(Number)) {
    for (const test of given.tests.split(",")) {
      const figures = await pairs(
        given.pairs,
        () => throughput(mine.port, test, pipeline),
        () => throughput(peer.port, test, pipeline)
      )
      row(`${test} P=${pipeline}`, ...figures, "more")
    }
  }
  await mine.dispose()
  await peer?.dispose()
}

/** Writes `count` keys of 16 bytes with values of 16, in batches, each answered before the next. */
async function fill(port, count) {
  const client = await Client.connect({ port })
  const batch = 10_000
  for (let at = 0; at < count; at += batch) {
    const parts = []
    for (let i = at; i < Math.min(at + batch, count); i++) {
      parts.push(encode(["SET", `key:${String(i).padStart(12, "0")}`, "v".repeat(16)]))
    }
    const bytes = Buffer.concat([...parts, encode(["PING"])])
    const replies = parts.map(() => client.read())
    const pong = client.read()
    client.socket.write(bytes)
    await Promise.all([...replies, pong])
  }
  await client.destroy()
}

/** Resident bytes a key of a fresh process, once they no longer move. */
async function bytesPerKey(command) {
  const one = await server(command, noFiles)
  const before = one.residentBytes()
  await fill(one.port, given.keys)
  let last = one.residentBytes()
  let calm = 0
  await until(
    "steady memory",
    () => {
      const now = one.residentBytes()
      calm = Math.abs(now - last) < 1 << 20 ? calm + 1 : 0
      last = now
      return calm >= 4
    },
    20_000,
    250
  )
  await one.dispose()
  return (last - before) / given.keys
}

async function memorySection() {
  title("memory", "B/key")
  const figures = await pairs(
    1,
    () => bytesPerKey(given.ours),
    () => bytesPerKey(peerCommand)
  )
  row(`${given.keys} strings of 16 bytes`, ...figures, "less", 1)
}

/** What the append-only file costs: each server against itself without it, as a share of its throughput. */
async function aofSection() {
  title("AOF everysec against none", "share")
  const commands = peerCommand === undefined ? [given.ours] : [given.ours, peerCommand]
  const servers = []
  for (const command of commands)
    servers.push([await server(command, noFiles), await server(command, everysec)])
  for (const pipeline of given.pipelines.split(",").map(Number)) {
    const share = async ([without, withAof]) => {
      const bare = await throughput(without.port, "set", pipeline)
      return (await throughput(withAof.port, "set", pipeline)) / bare
    }
    const figures = await pairs(
      given.pairs,
      () => share(servers[0]),
      () => share(servers[1])
    )
    row(`set P=${pipeline}`, ...figures, "more", 2)
  }
  for (const one of servers.flat()) await one.dispose()
}

async function startSection() {
  title("start to first PONG", "ms")
  const startMs = async (command) => {
    const one = await server(command, noFiles)
    await one.dispose()
    return one.startMs
  }
  const figures = await pairs(
    Math.max(5, given.pairs),
    () => startMs(given.ours),
    () => startMs(peerCommand)
  )
  row("empty directory", ...figures, "less", 0)
}

// ---------------------------------------------------------------------------------------------------------
// Embedded: the same engine without a socket. embedded.mjs exports `run({ keys }) => Promise<rows>`, each row
// `{ name, value, unit }`; it has no peer.
// ---------------------------------------------------------------------------------------------------------
async function embeddedSection() {
  const file = join(here, "embedded.mjs")
  if (!existsSync(file)) {
    console.log("\nembedded: test/bench/embedded.mjs is not there, skipped")
    return
  }
  const embedded = await import(file)
  console.log(`\n${columns(["embedded, in-process", "figure"])}`)
  for (const { name, value, unit } of await embedded.run({
    keys: given.keys
  })) {
    rows.push({ name: `embedded ${name}`, ours: value, unit })
    console.log(columns([name, String(Math.round(value * 100) / 100)]) + ` ${unit}`)
  }
}

const all = {
  throughput: throughputSection,
  memory: memorySection,
  aof: aofSection,
  start: startSection,
  embedded: embeddedSection
}
console.log(`ours: ${given.ours}\npeer: ${peerCommand ?? "none installed"}`)
for (const section of sections) {
  if (!(section in all)) {
    console.error(`no section '${section}'\n${usage}`)
    process.exit(2)
  }
  await all[section]()
}
if (given.json) console.log(JSON.stringify(rows))
