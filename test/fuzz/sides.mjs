// The two servers of a differential run, as the fuzzer sees them: one connection each that takes a batch of
// bytes and gives back everything up to the batch's sentinel. A side that died or hangs is started anew.
import { mkdirSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { encode, parseReply, replyEnd } from "../support/client.mjs"
import { Server } from "../support/server.mjs"

const fuzzArgs = ['--save ""', "--enable-debug-command yes"]

/** A command as bytes; arguments are latin1 text. */
export function encodeAll(commands) {
  let text = ""
  for (const { args } of commands) {
    text += `*${args.length}\r\n`
    for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`
  }
  return Buffer.from(text, "latin1")
}

let batches = 0

/** The command that ends a batch, and the reply that must be the last thing to come back. */
export function sentinel() {
  const name = `end-of-batch-${++batches}`
  return {
    bytes: encode(["ECHO", name]),
    reply: Buffer.from(`$${name.length}\r\n${name}\r\n`)
  }
}

/** Nothing more to expect from this side: it closed the connection, or says nothing. */
export class Silent extends Error {
  constructor(text, received) {
    super(text)
    this.received = received
  }
}

export class Side {
  #socket
  #take = () => {}
  #gone = () => {}
  #server
  timeoutMs = 20_000

  constructor(label, template, appendonly) {
    this.label = label
    this.#server = new Server({
      command: template,
      args: [...fuzzArgs, `--appendonly ${appendonly}`]
    })
  }

  /** A fresh connection to an empty server; starts it where it does not run. */
  async reset(protocol) {
    this.#socket?.destroy()
    if (!this.#server.running) await this.#server.start()
    await this.#connect()
    await this.ask(["FLUSHALL"])
    await this.ask(["SCRIPT", "FLUSH"])
    if (protocol === 3) await this.ask(["HELLO", "3"])
  }

  /** A fresh connection (RESP2, database 0) to what is there. */
  async reconnect() {
    this.#socket.destroy()
    await this.#connect()
  }

  /** The process is killed, and another takes over its files. */
  async restart() {
    this.#gone = () => {}
    try {
      await this.#server.restart("SIGKILL")
    } catch (error) {
      // files that it cannot read again are a finding; the next start is on an empty directory
      rmSync(this.#server.dir, { recursive: true, force: true })
      mkdirSync(this.#server.dir)
      throw new Silent(`${this.label} did not start again: ${error.message}`, Buffer.alloc(0))
    }
    await this.#connect()
  }

  #connect() {
    return new Promise((resolve, reject) => {
      const socket = connect({
        port: this.#server.port,
        host: "127.0.0.1",
        noDelay: true
      })
      this.#socket = socket
      socket.once("connect", resolve)
      socket.on("error", reject)
      socket.on("data", (bytes) => this.#take(bytes))
      socket.on("close", () => {
        if (this.#socket === socket) this.#gone()
      })
    })
  }

  /**
   * Writes the bytes, in pieces at `cuts`, and resolves with all that comes back when `complete` says so of
   * the latest chunk and the list of all.
   */
  #exchange(bytes, cuts, complete) {
    return new Promise((resolve, reject) => {
      const chunks = []
      const fail = (text) => {
        clearTimeout(timer)
        reject(new Silent(`${this.label} ${text}`, Buffer.concat(chunks)))
      }
      const timer = setTimeout(() => fail(`did not answer within ${this.timeoutMs} ms`), this.timeoutMs)
      this.#gone = async () => {
        // the end of a process is told a little later than the end of its sockets
        const late = new Promise((done) => setTimeout(done, 200, undefined))
        const exit = await Promise.race([this.#server.exited, late])
        const how = exit === undefined ? "" : `exit code ${exit.code}, signal ${exit.signal}`
        fail(exit === undefined ? "closed the connection" : `ended: ${how}`)
      }
      this.#take = (chunk) => {
        chunks.push(chunk)
        if (!complete(chunk, chunks)) return
        clearTimeout(timer)
        this.#gone = () => {}
        resolve(chunks.length === 1 ? chunk : Buffer.concat(chunks))
      }
      let from = 0
      const write = (index) => {
        const to = cuts[index] ?? bytes.length
        this.#socket.write(bytes.subarray(from, to))
        from = to
        if (to < bytes.length) setImmediate(write, index + 1)
      }
      write(0)
    })
  }

  /** A batch; gives the replies without the sentinel's. */
  async batch(bytes, end, cuts = []) {
    const size = end.reply.length
    const all = await this.#exchange(bytes, cuts, (chunk, chunks) => {
      const tail = chunk.length >= size ? chunk : Buffer.concat(chunks)
      return tail.length >= size && tail.subarray(tail.length - size).equals(end.reply)
    })
    return all.subarray(0, all.length - size)
  }

  /** One command, one reply as bytes. */
  ask(args) {
    const bytes = encodeAll([{ args }])
    return this.#exchange(bytes, [], (_, chunks) => replyEnd(Buffer.concat(chunks)) >= 0)
  }

  async value(args) {
    return parseReply(await this.ask(args)).reply
  }

  /** A connection of its own: the bytes, a half-close, and everything until the server closes. */
  raw(bytes) {
    return new Promise((resolve) => {
      const socket = connect({
        port: this.#server.port,
        host: "127.0.0.1",
        allowHalfOpen: true
      })
      const chunks = []
      let note = ""
      socket.setTimeout(this.timeoutMs, () => {
        note = "(connection not closed)"
        socket.destroy()
      })
      socket.on("connect", () => socket.end(bytes))
      socket.on("data", (chunk) => chunks.push(chunk))
      socket.on("error", () => {}) // a reset: what had come counts
      socket.on("close", () => resolve(Buffer.concat([...chunks, Buffer.from(note)])))
    })
  }

  /** After silence: the process goes, the next reset starts another. */
  async kill() {
    await this.#server.stop("SIGKILL")
  }

  get output() {
    return this.#server.output
  }

  dispose() {
    this.#socket?.destroy()
    return this.#server.dispose()
  }
}
