// Starts any executable that takes redis-server's arguments and stands in for it in the black-box tests:
// waits for its PONG, stops it by a signal, starts it again on the same directory. Types: server.d.mts.
// The command is a template: {port} and {dir} are replaced. Directories are temporary and go with the server.
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Our executable: OURS in the environment, or the bundle of this repository. */
export const ours = process.env.OURS ?? `node ${join(root, "dist", "bin.js")} --port {port} --dir {dir}`

/** The reference: REDIS_SERVER in the environment, or redis-server on PATH. */
export const reference = `${process.env.REDIS_SERVER ?? "redis-server"} --port {port} --dir {dir}`

/** The executable alone, for tests that choose all its arguments. */
export const executable = ours.split(" --")[0]

const outputCharsMax = 1 << 20

// a test that fails must not leave a server behind
const children = new Set()
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL")
})

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

export const temporaryDir = (label = "effect-kv") => mkdtempSync(join(tmpdir(), `${label}-`))

/** Polls until `check` gives something true; fails with `what` when that takes too long. */
export async function until(what, check, timeoutMs = 10_000, everyMs = 5) {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** One inline PING on a connection of its own: the reply's text, or "" when there is none. */
export function ping(port, timeoutMs = 2000) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    let text = ""
    const done = () => {
      socket.destroy()
      resolve(text)
    }
    socket.setTimeout(timeoutMs, done)
    socket.on("connect", () => socket.write("PING\r\n"))
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1")
      if (text.includes("\r\n")) done()
    })
    socket.on("error", done)
    socket.on("close", done)
  })
}

export class Server {
  #template
  #args
  #ownDir
  #exit = Promise.resolve({ code: 0, signal: null })
  child
  port
  dir
  output = ""
  startMs = 0

  constructor({ command = ours, args = [], port, dir }) {
    this.#template = command
    this.#args = args
    this.port = port
    this.#ownDir = dir === undefined
    this.dir = dir ?? temporaryDir()
  }

  get pid() {
    return this.child.pid
  }

  /** `{ code, signal }` once the process has ended. */
  get exited() {
    return this.#exit
  }

  get running() {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  /** Starts the process without waiting for anything: for tests of how it fails to start. */
  async launch() {
    this.port ??= await freePort()
    const line = [this.#template, ...this.#args]
      .join(" ")
      .replaceAll("{port}", String(this.port))
      .replaceAll("{dir}", this.dir)
    this.output = ""
    // `exec`: the process is the server itself, so that signals and its pid are
    const child = spawn("bash", ["-c", `exec ${line}`], {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: root
    })
    this.child = child
    children.add(child)
    const keep = (bytes) => {
      this.output = (this.output + bytes.toString("utf8")).slice(-outputCharsMax)
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    this.#exit = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        children.delete(child)
        resolve({ code, signal })
      })
    })
  }

  async start(timeoutMs = 30_000) {
    const startedAt = performance.now()
    await this.launch()
    try {
      await until(
        "the server's PONG",
        async () => {
          if (!this.running) throw new Error("ended at once")
          return (await ping(this.port)).startsWith("+PONG")
        },
        timeoutMs,
        3
      )
    } catch (error) {
      this.child.kill("SIGKILL")
      throw new Error(`${error.message}: ${this.child.spawnargs[2]}\n${this.output}`)
    }
    this.startMs = performance.now() - startedAt
    return this
  }

  /** Sends the signal and waits for the end: `{ code, signal, ms }`; SIGKILL follows after `limitMs`. */
  async stop(signal = "SIGTERM", limitMs = 10_000) {
    const startedAt = performance.now()
    if (this.running) this.child.kill(signal)
    const timer = setTimeout(() => this.child.kill("SIGKILL"), limitMs)
    const end = await this.#exit
    clearTimeout(timer)
    return { ...end, ms: performance.now() - startedAt }
  }

  async restart(signal = "SIGTERM") {
    const end = await this.stop(signal)
    await this.start()
    return end
  }

  /** Ends the process whatever it does, and removes the directory if it was made here. */
  async dispose() {
    if (this.child !== undefined) await this.stop("SIGKILL")
    if (this.#ownDir) rmSync(this.dir, { recursive: true, force: true })
  }

  /** Resident memory in bytes (Linux). */
  residentBytes() {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8")
    return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024
  }
}

export const start = (options = {}) => new Server(options).start(options.timeoutMs)
