#!/usr/bin/env node
import { replyEnd } from "../support/client.mjs"
// The differential fuzzer: the same random commands go to a real redis-server and to ours, and the replies
// must be equal to the byte; every few hundred commands the whole keyspace is compared as well.
// What is sent: commands.mjs. What counts as equal: compare.mjs. Exit codes:
//   0 equal   1 a difference was found   2 wrong options, or a server did not start   3 a canary went unnoticed
import { freshSeed, options, random } from "../support/options.mjs"
import { ours as oursTemplate, reference } from "../support/server.mjs"
import { generator } from "./commands.mjs"
import { agree, rules } from "./compare.mjs"
import { shrink } from "./shrink.mjs"
import { encodeAll, Side, Silent, sentinel } from "./sides.mjs"

const usage = `differential.mjs [--seed N] [--commands N] [--seconds N] [--protocol 2|3] [--pipeline N]
  [--ours 'node dist/bin.js --port {port} --dir {dir}']  command template of the server under test
  [--reference 'redis-server …']   or REDIS_SERVER in the environment
  [--only SET,GETEX,…]             some families of commands.mjs only
  [--without EVAL,SCRIPT,…]        all families but these
  [--failures N]                   go on after a difference until N distinct ones are found
  [--check-every N]                commands between two comparisons of the keyspace
  [--restart]                      ours keeps an append-only file, is killed at the end of each episode, and
                                   must come back with the keyspace of the reference
  [--canary]                       corrupt the replies of ours on purpose: must end with exit code 1
Without --protocol episodes alternate between RESP2 and RESP3. The default length is 20 seconds.`

const given = options(
  {
    seed: freshSeed(),
    commands: 0,
    seconds: 0,
    protocol: 0,
    pipeline: 250,
    ours: oursTemplate,
    reference,
    only: "",
    without: "",
    failures: 1,
    "check-every": 500,
    restart: false,
    canary: false
  },
  usage
)
if (given.commands === 0 && given.seconds === 0) given.seconds = given.canary ? 5 : 20
const list = (text) => (text === "" ? undefined : text.toUpperCase().split(","))
const only = list(given.only)
const without = list(given.without)
// a failure's history is at most one episode: each begins with empty servers and new connections
const episodeCommands = 5000
const databases = ["0", "1", "2", "15"]

const show = (text) => {
  const cut = text.length > 160 ? `${text.slice(0, 120)}…(${text.length} bytes)…${text.slice(-20)}` : text
  return JSON.stringify(cut).replace(/[\u007f-\u00ff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`)
}
const showBytes = (bytes) => (bytes === undefined ? "(no reply)" : show(bytes.toString("latin1")))
function showStep(step) {
  if (step.raw !== undefined) return `own connection, raw bytes: ${show(step.raw)}`
  if (step.scan !== undefined) return `SCAN, whole iteration, ${step.scan.map(show).join(" ")}`
  if (step.restart) return "SIGKILL, restart, comparison of the keyspace"
  if (step.keyspace) return "comparison of the keyspace"
  return step.commands.map(({ args }) => args.map(show).join(" ")).join("\n    ")
}

/** Ways to corrupt the replies of ours: the fuzzer must notice each of them. */
const canaries = {
  "an integer off by one": (name, reply) =>
    name === "STRLEN" && reply[0] === 58 ? Buffer.from(`:${Number(reply.subarray(1)) + 1}\r\n`) : reply,
  "a null spelled otherwise": (name, reply) =>
    name === "GET" && /^(\$-1|_)\r/.test(reply.toString("latin1")) ? Buffer.from("*-1\r\n") : reply,
  "a missing reply": (name, reply) => (name === "APPEND" ? Buffer.alloc(0) : reply),
  "a reply too many": (name, reply) => (name === "TTL" ? Buffer.concat([reply, reply]) : reply),
  "a status as a bulk string": (name, reply) =>
    name === "TYPE" && reply.toString() === "+string\r\n" ? Buffer.from("$6\r\nstring\r\n") : reply,
  "an error text in other words": (name, reply) =>
    name === "EVAL" && reply[0] === 45
      ? Buffer.from(reply.toString("latin1").replace(/e/, "E"), "latin1")
      : reply,
  "a deadline an hour late": (name, reply) =>
    name === "PEXPIRETIME" && Number(reply.subarray(1)) > 0
      ? Buffer.from(`:${BigInt(reply.subarray(1, -2).toString()) + 3_600_000n}\r\n`)
      : reply,
  "a key that KEYS does not show": (name, reply) =>
    name === "KEYS" && reply[0] === 42 && reply[1] !== 48 ? Buffer.from("*0\r\n") : reply
}

/** The replies of a batch, one Buffer each; stops at what is no reply. */
function split(bytes) {
  const list = []
  let at = 0
  try {
    while (at < bytes.length) {
      const end = replyEnd(bytes, at)
      if (end < 0) break
      list.push(bytes.subarray(at, end))
      at = end
    }
  } catch {
    // the rest is not the protocol: shown as one piece
  }
  if (at < bytes.length) list.push(bytes.subarray(at))
  return list
}

const corrupt = (canary, commands, bytes) =>
  Buffer.concat(split(bytes).map((reply, i) => canary(commands[i]?.args[0].toUpperCase(), reply)))

/** The first disagreement of two batches of replies, or undefined. */
function disagreement(commands, left, right) {
  if (left.equals(right)) return undefined
  const mine = split(left)
  const theirs = split(right)
  for (let i = 0; i < commands.length; i++) {
    if (mine[i] === undefined || theirs[i] === undefined || !agree(commands[i], mine[i], theirs[i])) {
      return {
        index: i,
        command: commands[i],
        ours: mine[i],
        reference: theirs[i]
      }
    }
  }
  if (mine.length === theirs.length) return undefined
  const index = commands.length - 1
  return {
    index,
    command: commands[index],
    ours: Buffer.from(`${mine.length} replies in the batch`),
    reference: Buffer.from(`${theirs.length} replies in the batch`)
  }
}

class Run {
  compared = 0
  keyspaces = 0
  canary = undefined

  constructor() {
    this.ours = new Side("ours", given.ours, given.restart ? "yes" : "no")
    this.reference = new Side("reference", given.reference, "no")
  }

  async reset(protocol) {
    await Promise.all([this.ours.reset(protocol), this.reference.reset(protocol)])
  }

  async #exchange(commands, cuts) {
    const end = sentinel()
    const bytes = Buffer.concat([encodeAll(commands), end.bytes])
    const [left, right] = await Promise.allSettled([
      this.ours.batch(bytes, end, cuts),
      this.reference.batch(bytes, end, [])
    ])
    if (right.status === "rejected") throw right.reason
    const silent = left.status === "rejected" ? left.reason : undefined
    if (silent !== undefined && !(silent instanceof Silent)) throw silent
    const received = silent === undefined ? left.value : silent.received
    const mine = this.canary === undefined ? received : corrupt(this.canary, commands, received)
    const found = disagreement(commands, mine, right.value)
    if (silent === undefined) return found
    await this.ours.kill()
    return {
      ...(found ?? { index: commands.length - 1, command: commands.at(-1) }),
      silent: silent.message
    }
  }

  /** Consecutive ordinary steps in one pipeline. Gives the failing step's index and what differed. */
  async batch(steps, cuts) {
    const commands = []
    const owner = []
    steps.forEach((step, i) => {
      for (const command of step.commands) {
        commands.push(command)
        owner.push(i)
      }
    })
    const found = await this.#exchange(commands, cuts)
    this.compared += commands.length
    return found === undefined ? undefined : { ...found, step: owner[found.index] }
  }

  /** The steps that are not part of a pipeline. */
  async barrier(step) {
    try {
      if (step.raw !== undefined) return await this.#raw(step)
      if (step.scan !== undefined) return await this.#scan(step)
      if (step.restart) await Promise.all([this.ours.restart(), this.reference.reconnect()])
      // a loaded value may be held in another encoding than the one that grew by APPEND
      return await this.#keyspace(!step.restart)
    } catch (error) {
      if (!(error instanceof Silent)) throw error
      await this.ours.kill()
      return { silent: error.message, ours: error.received }
    }
  }

  async #raw(step) {
    const bytes = Buffer.from(step.raw, "latin1")
    const [mine, theirs] = await Promise.all([this.ours.raw(bytes), this.reference.raw(bytes)])
    this.compared++
    // the only reply among them that may differ is HELLO's
    return mine.equals(theirs) || rules.hello(mine, theirs) ? undefined : { ours: mine, reference: theirs }
  }

  async #scan(step) {
    const iterate = async (side) => {
      const seen = new Set()
      let cursor = "0"
      for (let calls = 0; calls < 10_000; calls++) {
        const reply = await side.value(["SCAN", cursor, ...step.scan])
        if (reply.type !== "array") return `${reply.type}: ${reply.value}`
        for (const key of reply.value[1].value) seen.add(key.value.toString("latin1"))
        cursor = reply.value[0].value.toString("latin1")
        if (cursor === "0") return [...seen].sort().join("\n")
      }
      return "the iteration does not end"
    }
    const [mine, theirs] = await Promise.all([iterate(this.ours), iterate(this.reference)])
    this.compared++
    return mine === theirs
      ? undefined
      : {
          ours: Buffer.from(mine, "latin1"),
          reference: Buffer.from(theirs, "latin1")
        }
  }

  /** Every database: the keys, and of each the value, type, encoding and deadline. */
  async #keyspace(encodings) {
    this.keyspaces++
    const listed = databases.flatMap((db) => [
      { args: ["SELECT", db] },
      { args: ["KEYS", "*"], norm: "sorted" },
      { args: ["DBSIZE"] }
    ])
    const found = await this.#exchange(listed)
    if (found !== undefined) return found
    const commands = []
    for (const db of databases) {
      await Promise.all([this.ours.ask(["SELECT", db]), this.reference.ask(["SELECT", db])])
      const keys = await this.reference.value(["KEYS", "*"])
      commands.push({ args: ["SELECT", db] })
      for (const { value } of keys.value) {
        const key = value.toString("latin1")
        commands.push({ args: ["GET", key] }, { args: ["PEXPIRETIME", key], norm: "deadline" })
        commands.push({ args: ["TYPE", key] })
        if (encodings) commands.push({ args: ["OBJECT", "ENCODING", key] })
      }
    }
    return this.#exchange(commands)
  }

  async dispose() {
    await Promise.all([this.ours.dispose(), this.reference.dispose()])
  }
}

// cuts for a failure that only comes when commands arrive in pieces: all over the first half megabyte
const everywhere = Array.from({ length: 4000 }, (_, i) => (i < 3000 ? i * 13 : 39_000 + (i - 3000) * 500))

/** The whole of `steps` on fresh servers, for the shrinker: what differs first, or undefined. */
async function replay(run, protocol, steps, inPieces) {
  await run.reset(protocol)
  let pending = []
  const flush = async () => {
    const found = pending.length === 0 ? undefined : await run.batch(pending, inPieces ? everywhere : [])
    pending = []
    return found
  }
  for (const step of steps) {
    let found
    if (step.commands !== undefined) {
      pending.push(step)
      if (pending.length >= given.pipeline) found = await flush()
    } else {
      found = (await flush()) ?? (await run.barrier(step))
    }
    if (found !== undefined) return found
  }
  return flush()
}

const isRaw = (step) => step.raw !== undefined

/** One seed's worth of random steps. Gives undefined, or the failure with all the steps up to it. */
async function episode(run, seed, protocol, deadline, commandsMax) {
  const numbers = random(seed)
  const next = generator(numbers, { only, without })
  const done = []
  let count = 0
  let sinceCheck = 0
  await run.reset(protocol)
  const fails = (found, steps) => (found === undefined ? undefined : { ...found, history: steps })
  while (count < commandsMax && Date.now() < deadline) {
    const size = numbers.oneIn(10) ? numbers.between(1, 20) : given.pipeline
    const steps = []
    // what is not part of a pipeline follows it
    const barriers = []
    for (let commands = 0; commands < size; ) {
      const step = next()
      if (step.commands === undefined) barriers.push(step)
      else steps.push(step)
      commands += step.commands?.length ?? 1
    }
    const before = run.compared
    if (steps.length > 0) {
      // now and then ours gets the batch in pieces, cut anywhere
      const cuts = numbers.oneIn(12)
        ? Array.from({ length: 12 }, () => numbers.below(steps.length * 30)).sort((a, b) => a - b)
        : []
      const found = await run.batch(steps, cuts)
      // a batch that ended in silence may have ended at any of its commands
      const until = found?.silent === undefined ? (found?.step ?? 0) + 1 : steps.length
      if (found !== undefined) return fails(found, [...done, ...steps.slice(0, until)])
      done.push(...steps)
    }
    // connections of their own use keys of their own: all at once
    for (const group of [
      barriers.filter(isRaw),
      ...barriers.filter((step) => !isRaw(step)).map((step) => [step])
    ]) {
      const results = await Promise.all(group.map((step) => run.barrier(step)))
      const first = results.findIndex((found) => found !== undefined)
      done.push(...(first < 0 ? group : group.slice(0, first + 1)))
      if (first >= 0) return fails(results[first], done)
    }
    count += run.compared - before
    sinceCheck += run.compared - before
    if (sinceCheck >= given["check-every"]) {
      sinceCheck = 0
      const check = { keyspace: true }
      const found = await run.barrier(check)
      done.push(check)
      if (found !== undefined) return fails(found, done)
      // the comparison left the connection in its last database
      done.push({ commands: [{ args: ["SELECT", "0"] }] })
      await run.batch([done.at(-1)])
    }
  }
  if (!given.restart) return undefined
  done.push({ restart: true })
  return fails(await run.barrier(done.at(-1)), done)
}

const nameOf = (found) => (found.silent === undefined ? found.command?.args[0].toUpperCase() : "silence")

async function report(run, failure, seed, protocol) {
  const name = failure.command === undefined ? "" : `${failure.command.args[0]} `
  console.log(`\nDIFFERENCE ${name}after ${failure.history.length} steps, seed ${seed}, RESP${protocol}`)
  if (failure.silent) console.log(`  ${failure.silent}; its last output:\n${run.ours.output.slice(-1500)}`)
  run.ours.timeoutMs = run.reference.timeoutMs = 2000
  let last
  const fails = async (steps) => {
    const found = await replay(run, protocol, steps, inPieces)
    // the same command must differ: a sequence that fails elsewhere is another failure
    if (found === undefined || nameOf(found) !== nameOf(failure)) return false
    last = found
    return true
  }
  let shown = failure
  let steps = failure.history.slice(-10)
  let inPieces = false
  let came = await fails(failure.history)
  if (!came) {
    inPieces = true
    came = await fails(failure.history)
  }
  if (came) {
    const short = await shrink(failure.history, fails, {
      runs: 600,
      ms: 30_000
    })
    steps = short.steps
    await fails(steps)
    shown = last
    const how = inPieces ? ", sent in pieces" : ""
    console.log(`  shrunk to ${steps.length} steps in ${short.runs} runs${how}:`)
  } else {
    console.log("  did not come again when replayed; the last steps were:")
  }
  run.ours.timeoutMs = run.reference.timeoutMs = 20_000
  for (const step of steps) console.log(`    ${showStep(step)}`)
  if (shown.command !== undefined) console.log(`  differs at  ${showStep({ commands: [shown.command] })}`)
  console.log(`  ours:       ${shown.silent ?? showBytes(shown.ours)}`)
  console.log(`  reference:  ${showBytes(shown.reference)}`)
  const again = [`--seed ${seed} --protocol ${protocol} --pipeline ${given.pipeline}`]
  if (given.restart) again.push("--restart")
  if (only !== undefined) again.push(`--only ${only}`)
  if (without !== undefined) again.push(`--without ${without}`)
  console.log(`  again:      ${again.join(" ")}`)
  return { length: steps.length, signature: signature(shown) }
}

/** Two failures of the same kind are reported once: the same command, and the same beginning of our reply. */
function signature(found) {
  const kind = found.ours?.toString("latin1").replace(/\d+/g, "N").slice(0, 30)
  return [nameOf(found), found.silent === undefined ? kind : ""].join("|")
}

async function main(run) {
  const startedAt = Date.now()
  const deadline = given.seconds > 0 ? startedAt + given.seconds * 1000 : Infinity
  const seen = new Set()
  let episodes = 0
  let repeats = 0
  while (Date.now() < deadline && (given.commands === 0 || run.compared < given.commands)) {
    const seed = given.seed + episodes
    const protocol = given.protocol || 2 + (seed % 2)
    const left = given.commands === 0 ? episodeCommands : given.commands - run.compared
    const failure = await episode(run, seed, protocol, deadline, Math.min(episodeCommands, left))
    episodes++
    if (failure === undefined) continue
    if (seen.has(signature(failure))) {
      if (++repeats > 200) break
      continue
    }
    seen.add(signature(failure))
    seen.add((await report(run, failure, seed, protocol)).signature)
    if (seen.size >= 2 * given.failures || given.failures === 1) break
  }
  const seconds = (Date.now() - startedAt) / 1000
  console.log(
    `seed ${given.seed}: ${run.compared} commands in ${episodes} episodes, ${run.keyspaces} keyspaces, ` +
      `${Math.round(run.compared / seconds)}/s: ${seen.size === 0 ? "equal" : "DIFFERENT"}`
  )
  return seen.size === 0 ? 0 : 1
}

async function canary(run) {
  let missed = 0
  for (const [name, corruption] of Object.entries(canaries)) {
    run.canary = corruption
    let noticed
    for (let i = 0; i < 4 && noticed === undefined; i++) {
      const protocol = given.protocol || 2 + (i % 2)
      const failure = await episode(run, given.seed + i, protocol, Infinity, episodeCommands)
      if (failure !== undefined) noticed = await report(run, failure, given.seed + i, protocol)
    }
    if (noticed === undefined) missed++
    console.log(`canary, ${name}: ${noticed === undefined ? "MISSED" : `noticed, ${noticed.length} steps`}`)
  }
  console.log(missed === 0 ? "every canary was noticed (exit code 1)" : `${missed} canaries went unnoticed`)
  return missed === 0 ? 1 : 3
}

const run = new Run()
let code = 2
try {
  code = given.canary ? await canary(run) : await main(run)
} catch (error) {
  console.error(error)
} finally {
  await run.dispose()
}
process.exit(code)
