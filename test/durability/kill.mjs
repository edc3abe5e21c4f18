#!/usr/bin/env node
// Nothing acknowledged is lost when the process is killed: several pipelined connections write, the process
// gets its signal at a random moment, starts again on the same directory, and must know every increment and
// every key that it has acknowledged (and no increment that was never sent). Exit codes: 0 all rounds
// passed, 1 a round failed, 2 wrong options.
// Redis itself does not promise this under everysec: while an fsync runs in the background it holds written
// bytes back for up to two seconds, and on a slow disk a round fails now and then (--ours 'redis-server …').
// Ours hands the bytes to the operating system before it answers, whatever the policy.
import { rmSync } from "node:fs"
import { connect } from "node:net"
import { Client, replyEnd } from "../support/client.mjs"
import { freshSeed, options, random } from "../support/options.mjs"
import { freePort, ours as oursTemplate, Server, temporaryDir } from "../support/server.mjs"

const usage = `kill.mjs [--rounds 20] [--seed N] [--fsync everysec|always|no] [--connections 4] [--pipeline 64]
  [--signal SIGKILL|SIGTERM]   SIGTERM: must also end with code 0 within two seconds
  [--rounds-per-dir 5]         rounds that go on with the same files
  [--ours 'node dist/bin.js --port {port} --dir {dir}']`

const given = options(
  {
    rounds: 20,
    seed: freshSeed(),
    fsync: "everysec",
    connections: 4,
    pipeline: 64,
    signal: "SIGKILL",
    "rounds-per-dir": 5,
    ours: oursTemplate
  },
  usage
)
const numbers = random(given.seed)
const graceMs = 2000
const ageSampleMax = 2000

/**
 * One connection that keeps `pipeline` commands in flight: by turns INCR of its own counter and SET of a key
 * that is written once. Replies come in order, so counts of what was sent and what was acknowledged say it all.
 */
class Writer {
  #socket
  #rest = Buffer.alloc(0)
  #sent = 0
  /** what is in flight, oldest first from `#oldest`: the number of a key, or -1 for an increment */
  #flying = []
  #oldest = 0
  /** over the life of the directory */
  incrementsSent = 0
  incrementsAcked = 0
  keysSent = 0
  /** numbers of the keys that were acknowledged */
  keysAcked = []
  error = undefined

  constructor(name) {
    this.name = name
  }

  counter() {
    return `counter:${this.name}`
  }

  key(number) {
    return `unique:${this.name}:${number}`
  }

  start(port) {
    this.#rest = Buffer.alloc(0)
    this.#flying = []
    this.#oldest = 0
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true })
      this.#socket = socket
      socket.once("connect", () => {
        this.#fill()
        resolve()
      })
      socket.once("error", reject)
      socket.on("error", () => {}) // the kill
      socket.on("data", (bytes) => this.#replies(bytes))
      this.closed = new Promise((done) => socket.once("close", done))
    })
  }

  #inFlight() {
    return this.#flying.length - this.#oldest
  }

  #fill() {
    let text = ""
    while (this.#inFlight() < given.pipeline) {
      if (this.#sent++ % 2 === 0) {
        this.incrementsSent++
        this.#flying.push(-1)
        text += this.#command(["INCR", this.counter()])
      } else {
        const number = this.keysSent++
        this.#flying.push(number)
        text += this.#command(["SET", this.key(number), `value:${number}`])
      }
    }
    this.#socket.write(text)
  }

  #command(args) {
    return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`
  }

  #replies(bytes) {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    let at = 0
    for (;;) {
      const end = replyEnd(all, at)
      if (end < 0) break
      const number = this.#flying[this.#oldest++]
      if (all[at] === 45) this.error ??= all.toString("latin1", at, end).trim()
      else if (number < 0) this.incrementsAcked++
      else this.keysAcked.push(number)
      at = end
    }
    this.#rest = all.subarray(at)
    // half a window at a time: the writes are batches, as a pipelining client's are
    if (this.#inFlight() <= given.pipeline / 2 && !this.#socket.destroyed) {
      this.#flying = this.#flying.slice(this.#oldest)
      this.#oldest = 0
      this.#fill()
    }
  }

  /** What the counter holds after a restart is the new truth: some of the unacknowledged went in as well. */
  rebase(value) {
    this.incrementsAcked = value
    this.incrementsSent = value
  }
}

async function check(client, writer, recent) {
  const reply = await client.send("GET", writer.counter())
  const value = reply.type === "bulk" ? Number(reply.value.toString()) : 0
  const problems = []
  if (value < writer.incrementsAcked) {
    problems.push(`${writer.counter()} is ${value}, ${writer.incrementsAcked} were acknowledged`)
  }
  if (value > writer.incrementsSent) {
    problems.push(`${writer.counter()} is ${value}, only ${writer.incrementsSent} were sent`)
  }
  // every key of this round, and a sample of those that earlier rounds have checked already
  const older = writer.keysAcked.length - recent
  const wanted = writer.keysAcked.slice(older)
  for (let i = 0; i < Math.min(older, ageSampleMax); i++) wanted.push(writer.keysAcked[numbers.below(older)])
  let lost = 0
  for (let at = 0; at < wanted.length; at += 1000) {
    const part = wanted.slice(at, at + 1000)
    const values = await client.send("MGET", ...part.map((number) => writer.key(number)))
    part.forEach((number, i) => {
      if (values.value[i].value?.toString() !== `value:${number}`) lost++
    })
  }
  if (lost > 0) problems.push(`${lost} of ${wanted.length} acknowledged keys of ${writer.name} are lost`)
  writer.rebase(value)
  return problems
}

async function round(index, server, writers) {
  const ackedBefore = writers.map((writer) => writer.keysAcked.length)
  await Promise.all(writers.map((writer) => writer.start(server.port)))
  const afterMs = numbers.between(20, 600)
  // not synchronisation: the moment of the signal is what is random here
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  const problems = writers.filter((w) => w.error).map((w) => `${w.name} got ${w.error}`)
  const end = await server.stop(given.signal, 10_000)
  // what the server had sent before it ended is acknowledged, and still has to be read
  await Promise.all(writers.map((writer) => writer.closed))
  if (given.signal === "SIGTERM") {
    if (end.code !== 0) problems.push(`exit code ${end.code}, signal ${end.signal}`)
    if (end.ms > graceMs) problems.push(`took ${Math.round(end.ms)} ms to end`)
  }
  await server.start()
  const client = await Client.connect({ port: server.port })
  let keys = 0
  for (const [i, writer] of writers.entries()) {
    const recent = writer.keysAcked.length - ackedBefore[i]
    keys += recent
    problems.push(...(await check(client, writer, recent)))
  }
  await client.destroy()
  const outcome = problems.length === 0 ? "passed" : `FAILED: ${problems.join("; ")}`
  console.log(
    `round ${index}: ${given.signal} after ${afterMs} ms (ended in ${Math.round(end.ms)} ms), ${keys} keys ` +
      `acknowledged, restart in ${Math.round(server.startMs)} ms: ${outcome}`
  )
  if (problems.length > 0 && server.output !== "") console.log(server.output.slice(-1000))
  return problems.length === 0
}

console.log(`seed ${given.seed}`)
let passed = 0
let failed = 0
let server
let writers = []
for (let index = 1; index <= given.rounds; index++) {
  try {
    if (server === undefined) {
      const args = ["--appendonly yes", `--appendfsync ${given.fsync}`]
      server = new Server({
        command: given.ours,
        args,
        dir: temporaryDir("kill"),
        port: await freePort()
      })
      await server.start()
      writers = Array.from({ length: given.connections }, (_, i) => new Writer(`w${i}`))
    }
    if (await round(index, server, writers)) passed++
    else failed++
  } catch (error) {
    failed++
    console.log(`round ${index}: FAILED: ${error.stack}`)
  }
  if (index % given["rounds-per-dir"] === 0 || index === given.rounds || failed > 0) {
    await server.dispose()
    rmSync(server.dir, { recursive: true, force: true })
    server = undefined
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
