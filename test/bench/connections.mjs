#!/usr/bin/env node
// Connections: how fast they come and go, and what an idle one takes: ours beside a bare Node `net` server and a peer,
// by turns and in one run; ratios are medians of the rounds' own. Above 1 ours is ahead.
//   storm: connect, PING, close, 50 at once (redis-benchmark -k 0); the processor's time per connection beside it,
//   for it holds on a machine where others work. idle: many connections, each answered one PING, all kept open.
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { fileURLToPath } from "node:url"
import { options } from "../support/options.mjs"
import { ours, Server } from "../support/server.mjs"

const self = fileURLToPath(import.meta.url)
const usage = `connections.mjs [--rounds 3] [--idle 10000] [--storm 10000]
  [--ours 'node dist/bin.js --port {port} --dir {dir}'] [--peer 'valkey-server --port {port} --dir {dir} --save ""']`
const given = options({ rounds: 3, idle: 10_000, storm: 10_000, ours, peer: "", bare: 0 }, usage)

/** A server that answers PING, by Node's public interfaces: what there is to hold ours against. */
async function bareServer(port) {
  const { createServer } = await import("node:net")
  const pong = Buffer.from("+PONG\r\n")
  createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {})
    socket.on("data", () => socket.write(pong))
  }).listen(port, "127.0.0.1", 511)
}

const statusBytes = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))[1]) * 1024
/** User and system time of a process, in ms (a clock tick is 10). */
const cpuMs = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ")
  return 10 * (Number(fields[11]) + Number(fields[12]))
}

/** Opens connections, 500 at a time, each with one PING answered: the ms, and the bytes that each left resident. */
async function idle({ pid, port }, count) {
  const before = statusBytes(pid)
  const startedAt = performance.now()
  const sockets = []
  await new Promise((resolve, reject) => {
    let answered = 0
    const open = () => {
      if (sockets.length === count) return
      const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"))
      sockets.push(socket)
      socket.once("error", reject)
      socket.once("data", () => {
        if (++answered === count) resolve()
        else open()
      })
    }
    for (let i = 0; i < 500; i++) open()
  })
  const ms = performance.now() - startedAt
  const bytes = (statusBytes(pid) - before) / count
  for (const socket of sockets) socket.destroy()
  return { ms, bytes }
}

/** Connections a second, and the server's processor time for each in microseconds. */
async function storm({ pid, port }, count) {
  const before = cpuMs(pid)
  const args = ["-p", port, "-k", "0", "-c", "50", "-n", count, "-t", "ping_mbulk", "--csv"].map(String)
  const output = await new Promise((resolve, reject) =>
    execFile("redis-benchmark", args, { timeout: 60_000 }, (error, text) =>
      error ? reject(error) : resolve(text)
    )
  )
  const rate = Number(output.trim().split("\n").at(-1).split('","')[1])
  return { rate, cpu: (1000 * (cpuMs(pid) - before)) / count }
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

async function run() {
  const commands = { ours: given.ours, bare: `node ${self} --bare {port}` }
  if (given.peer !== "") commands.peer = given.peer
  const names = Object.keys(commands)
  const rounds = []
  for (let round = 0; round < given.rounds; round++) {
    const figures = {}
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const server = await new Server({ command: commands[name] }).start()
      // the first one also brings the code to speed
      await storm(server, given.storm / 5)
      figures[name] = { ...(await storm(server, given.storm)), ...(await idle(server, given.idle)) }
      await server.dispose()
    }
    rounds.push(figures)
  }
  const others = names.slice(1)
  const columns = (texts) =>
    console.log(texts.map((text, i) => (i === 0 ? text.padEnd(34) : text.padStart(14))).join(""))
  columns(["", ...names, ...others.map((name) => `ratio ${name}`)])
  const row = (title, key, better) => {
    const values = names.map((name) => median(rounds.map((figures) => figures[name][key])))
    const ratios = others.map((name) =>
      median(
        rounds.map(({ ours: mine, [name]: theirs }) =>
          better === "more" ? mine[key] / theirs[key] : theirs[key] / mine[key]
        )
      )
    )
    columns([title, ...values.map((value) => value.toFixed(0)), ...ratios.map((ratio) => ratio.toFixed(2))])
  }
  row("storm, connections/s", "rate", "more")
  row("storm, processor us/connection", "cpu", "less")
  row(`${given.idle} connections, ms`, "ms", "less")
  row("resident bytes an idle connection", "bytes", "less")
}

if (given.bare > 0) await bareServer(given.bare)
else await run()
