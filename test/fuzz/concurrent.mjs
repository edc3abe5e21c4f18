#!/usr/bin/env node
// The concurrent fuzzer: several clients over several sockets of one server, each knowing what it may see, while the
// configuration changes, connections come and go, and the process is killed and started again on its files.
// What is asked: concurrentRequests.mjs. What is known: concurrentModel.mjs. A run: concurrentLife.mjs.
// Decisions come from the seed; the moments at which they meet in the server do not, so a failure may need a few
// replays to come again. Exit codes:
//   0 nothing wrong   1 something was   2 wrong options, or a server did not start   3 a canary went unnoticed
import { rmSync } from "node:fs"
import { freshSeed, options, random } from "../support/options.mjs"
import { freePort, ours, Server, temporaryDir } from "../support/server.mjs"
import { FaultyProxy, faults } from "./concurrentCanary.mjs"
import { Violation } from "./concurrentConnection.mjs"
import { Life, World } from "./concurrentLife.mjs"

const usage = `concurrent.mjs [--seed N] [--seconds 20] [--clients 6]
  [--as 'node dist/bin.js']    the server under test; --port and --dir are added
  [--lives 4]                  at most so many starts on one directory; 1: never started again
  [--signal SIGKILL|SIGTERM]   default: by turns
  [--without toggle,reload,…]  leaves out: toggle fsync memory reload sleep resetstat info scripts mute kill long
  [--memory 600]               MB that the server may hold
  [--canary]                   a proxy spoils replies on purpose: must end with exit code 1`

const given = options(
  {
    seed: freshSeed(),
    seconds: 20,
    clients: 6,
    as: ours.split(" --")[0],
    lives: 4,
    signal: "",
    without: "",
    memory: 600,
    canary: false
  },
  usage
)
const command = `${given.as} --port {port} --dir {dir}`
const lifeMs = 700

const stats = { commands: 0, replies: 0, errors: {}, kills: 0, lives: 0, restarts: 0, residentBytesMax: 0 }

/** The server's part of a life: started with or without its AOF. */
async function startServer(dir, port, appendonly, fsync) {
  const args = [
    `--appendonly ${appendonly ? "yes" : "no"}`,
    `--appendfsync ${fsync}`,
    '--save ""',
    "--enable-debug-command yes",
    "--busy-reply-threshold 30"
  ]
  const server = new Server({ command, args, dir, port })
  await server.start()
  stats.lives++
  return server
}

/**
 * What a life leaves for the next: with the AOF on, all that was acknowledged; else something whole; and nothing at all
 * where the next one starts without its AOF.
 */
const leaves = (aof, nextOn) => (nextOn ? (aof === "on" ? "all" : "whole") : "nothing")

/** Several lives on one directory. Gives the violation, or undefined. `fault`: what a canary does. */
async function episode(seed, fault) {
  const rng = random(seed)
  const dir = temporaryDir("concurrent")
  const port = await freePort()
  const proxy = fault === undefined ? undefined : await new FaultyProxy(port, random(seed + 1)).listen()
  const world = new World(stats)
  const without = given.without.split(",")
  let server
  try {
    let appendonly = rng.oneIn(2)
    const lives = fault === undefined ? rng.between(1, given.lives) : 2
    if (fault !== undefined) appendonly = true
    server = await startServer(dir, port, appendonly, rng.pick(["always", "everysec", "no"]))
    for (let index = 1; index <= lives; index++) {
      if (proxy !== undefined) proxy.fault = fault
      const life = new Life(world, {
        seed: seed * 7 + index,
        port: proxy?.port ?? port,
        directPort: port,
        server,
        clients: given.clients,
        ms: lifeMs,
        // a canary's fault is to be found, not one of the server's own
        without:
          fault === undefined
            ? without
            : [...without, "toggle", "reload", "scripts", "long", "fsync", "mute"],
        appendonly,
        memoryBytesMax: given.memory * 1e6
      })
      const last = index === lives
      const quiet = last || rng.oneIn(3)
      const signal = given.signal || rng.pick(["SIGKILL", "SIGTERM"])
      await life.act(quiet ? undefined : signal)
      if (world.violation !== undefined) return world.violation
      if (quiet) {
        const auditor = await life.auditor()
        await judge(life, "all", auditor, "in the running server")
        await life.settle(auditor, false)
        if (last) return undefined
        await server.stop(signal)
      }
      const nextOn = fault !== undefined || rng.oneIn(3) || life.aof === "on"
      appendonly = nextOn
      server = await startServer(dir, port, nextOn, rng.pick(["always", "everysec", "no"]))
      stats.restarts++
      await proxy?.restarted()
      const knows = leaves(life.aof, nextOn)
      const auditor = await life.auditor()
      await judge(life, knows, auditor, `after ${signal} and a restart, AOF ${life.aof}`)
      await life.settle(auditor, knows !== "all")
    }
    return undefined
  } catch (error) {
    if (!(error instanceof Violation)) error.message += `\n${server?.output.slice(-1500) ?? ""}`
    return world.violation ?? error
  } finally {
    proxy?.close()
    for (const connection of world.connections) connection.reset()
    await server?.dispose()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function judge(life, knows, auditor, when) {
  const problems = await life.audit(knows, auditor)
  if (problems.length === 0) return
  const failure = new Violation(`${when}: ${problems.slice(0, 5).join("; ")}`)
  failure.report = auditor.describe()
  throw failure
}

function summary(startedAt, episodes) {
  const errors = Object.entries(stats.errors).map(([kind, count]) => `${kind} ${count}`)
  const seconds = Math.round((Date.now() - startedAt) / 100) / 10
  return (
    `${episodes} episodes in ${seconds} s: ${stats.commands} commands, errors: ${errors.join(", ") || "none"}; ` +
    `${stats.lives} starts, ${stats.restarts} restarts, ${stats.kills} kills, ` +
    `${Math.round(stats.residentBytesMax / 1e6)} MB resident at most`
  )
}

function report(violation, seed) {
  console.log(`\nVIOLATION, seed ${seed}: ${violation.message}`)
  if (violation.report) console.log(violation.report)
  if (!(violation instanceof Violation)) console.log(violation.stack)
  console.log(
    `  again: concurrent.mjs --seed ${seed}${given.without === "" ? "" : ` --without ${given.without}`}`
  )
}

async function main() {
  console.log(`seed ${given.seed}`)
  const startedAt = Date.now()
  const deadline = startedAt + given.seconds * 1000
  let episodes = 0
  let violation
  while (violation === undefined && Date.now() < deadline) {
    violation = await episode(given.seed + episodes)
    if (violation !== undefined) report(violation, given.seed + episodes)
    episodes++
  }
  console.log(`${summary(startedAt, episodes)}: ${violation === undefined ? "nothing wrong" : "WRONG"}`)
  return violation === undefined ? 0 : 1
}

async function canary() {
  let missed = 0
  for (const [name, fault] of Object.entries(faults)) {
    const startedAt = Date.now()
    let found
    for (let i = 0; i < 5 && found === undefined; i++) found = await episode(given.seed + i, fault)
    const seconds = Math.round((Date.now() - startedAt) / 100) / 10
    if (found === undefined) missed++
    const how =
      found === undefined
        ? "MISSED"
        : `noticed in ${seconds} s: ${found.message.split("\n")[0].slice(0, 150)}`
    console.log(`canary, ${name}: ${how}`)
  }
  console.log(missed === 0 ? "every canary was noticed (exit code 1)" : `${missed} canaries went unnoticed`)
  return missed === 0 ? 1 : 3
}

let code = 2
try {
  code = given.canary ? await canary() : await main()
} catch (error) {
  console.error(error)
}
process.exit(code)
