// One connection of the concurrent fuzzer: requests in order, replies as they come, each given to the check of the
// request it must belong to. It keeps the last ones for the report.
import { connect } from "node:net"
import { encode, parseReply, plain, replyEnd } from "../support/client.mjs"

const historyMax = 40
const replyBytesMax = 64e6
/** Refusals: nothing happened, and the client may try again. What may be refused so is the request's to say. */
const refusals = /^(BUSY|LOADING|OOM|MISCONF|NOSCRIPT) /

export class Violation extends Error {}

const cut = (value) => {
  const text =
    typeof value === "string" ? value : JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}` : v))
  return text.length > 90 ? `${text.slice(0, 70)}…(${text.length})` : text
}
const showArgs = (args) =>
  args.map((arg) => cut(Buffer.isBuffer(arg) ? arg.toString("latin1") : String(arg))).join(" ")

/** The kind of error by which statistics count it. */
export const kindOf = (text) => (/^[A-Z]+/.exec(text)?.[0] ?? "?").slice(0, 12)
export const isRefusal = (text) => refusals.test(text)

export class Connection {
  #socket
  /** what has come of the reply that is not whole yet: its bytes, their count, and how many it takes */
  #chunks = []
  #held = 0
  #needed = 0
  #queue = []
  #ended = false
  #wake = () => {}
  history = []
  protocol = 2
  /** why the server may close it: "" while it may not */
  closeReason = ""
  /** sent, and answered by nobody since the connection is gone */
  closed = false
  id = 0

  /** `onViolation(text, connection)`, `stats` counts what came. */
  constructor({ name, port, stats, onViolation }) {
    this.name = name
    this.stats = stats
    this.onViolation = onViolation
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true })
    this.opened = new Promise((resolve) => {
      this.#socket.once("connect", () => resolve(true))
      this.#socket.once("close", () => resolve(false))
    })
    this.gone = new Promise((resolve) => this.#socket.once("close", resolve))
    this.#socket.on("error", () => {})
    this.#socket.on("data", (bytes) => this.#replies(bytes))
    this.#socket.on("end", () => this.#socket.end())
    this.#socket.once("close", () => this.#close())
  }

  get pending() {
    return this.#queue.length
  }

  /**
   * Sends requests in one write: `{ args, check(reply, request), lost() }`. `check` says what is wrong, or nothing;
   * `lost` is called for a request that is never answered. A silent one expects no reply.
   */
  send(requests) {
    if (this.closed || this.#ended) {
      for (const request of requests) request.lost?.()
      return
    }
    const sentAt = Date.now()
    for (const request of requests) request.sentAt = sentAt
    this.stats.commands += requests.length
    this.#queue.push(...requests)
    this.write(requests.flatMap(({ args, commands }) => commands ?? [args]))
  }

  /** Commands whose replies a request in the queue takes. */
  write(commands) {
    if (!this.closed && !this.#ended) this.#socket.write(Buffer.concat(commands.map((args) => encode(args))))
  }

  /** One request; resolves with its reply, or undefined when the connection closes before. */
  ask(...args) {
    return new Promise((resolve) => {
      this.send([
        {
          args,
          check: (reply) => resolve(reply),
          lost: () => resolve(undefined)
        }
      ])
    })
  }

  pause() {
    this.#socket.pause()
  }

  resume() {
    this.#socket.resume()
  }

  /** Says that nothing follows; what was sent is still to be answered. */
  end() {
    this.closeReason ||= "half-closed"
    this.#ended = true
    this.#socket.end()
  }

  /** Goes away at once, without reading what is due. */
  reset() {
    this.closeReason ||= "reset"
    this.#socket.resetAndDestroy()
  }

  /** Resolves when at most `count` replies are due, or the connection is gone. */
  async until(count) {
    while (this.#queue.length > count && !this.closed) {
      await new Promise((resolve) => {
        this.#wake = resolve
      })
    }
  }

  violation(text) {
    this.onViolation(text, this)
  }

  #note(request, reply) {
    this.history.push({ request, reply })
    if (this.history.length > historyMax) this.history.shift()
  }

  #replies(bytes) {
    this.#chunks.push(bytes)
    this.#held += bytes.length
    // a large reply is put together once, not with every chunk of it
    if (this.#held < this.#needed) return
    const all = this.#chunks.length === 1 ? bytes : Buffer.concat(this.#chunks)
    let at = 0
    try {
      while (at < all.length) {
        const end = replyEnd(all, at)
        if (end < 0) break
        const { reply } = parseReply(all, at)
        at = end
        this.#reply(reply)
      }
    } catch (error) {
      this.violation(`not a reply: ${error.message} in ${cut(all.toString("latin1", at, at + 200))}`)
      this.#socket.destroy()
    }
    this.#chunks = at === all.length ? [] : [all.subarray(at)]
    this.#held = all.length - at
    const length = /^\$(\d+)\r\n/.exec(all.toString("latin1", at, at + 20))
    this.#needed = length === null ? 0 : length[0].length + Number(length[1]) + 2
    if (this.#needed > replyBytesMax) this.violation(`a reply of ${this.#needed} bytes`)
    this.#wake()
  }

  #reply(reply) {
    const request = this.#queue[0]
    if (request === undefined) {
      this.#note({ args: ["(nothing was asked)"] }, reply)
      this.violation(`a reply that belongs to no request: ${cut(plain(reply))}`)
      return
    }
    // a group whose replies are muted takes what comes, until its mark
    if (request.takes !== undefined) {
      const taken = request.takes(reply)
      this.#note(request, reply)
      if (taken === "done") this.#queue.shift()
      else if (taken !== "more") this.violation(taken)
      return
    }
    this.#queue.shift()
    this.#note(request, reply)
    if (reply.type === "error") {
      const kind = kindOf(reply.value)
      this.stats.errors[kind] = (this.stats.errors[kind] ?? 0) + 1
    } else this.stats.replies++
    const wrong = request.check(reply, request)
    if (wrong) this.violation(`${showArgs(request.args)}: ${wrong}`)
  }

  #close() {
    this.closed = true
    const due = this.#queue.splice(0)
    for (const request of due) request.lost?.()
    // a half-closed one gets all that is due before it is closed
    if (this.closeReason === "") this.violation(`closed by the server, ${due.length} replies due`)
    else if (this.closeReason === "half-closed" && due.length > 0) {
      this.history.push(...due.slice(0, 5).map((request) => ({ request, reply: undefined })))
      this.violation(`half-closed, and ${due.length} replies never came`)
    }
    this.#wake()
  }

  /** The last requests and replies, and the first that are due. */
  describe(count = 20) {
    const lines = this.history
      .slice(-count)
      .map(
        ({ request, reply }) =>
          `    ${showArgs(request.args)}  ->  ${reply === undefined ? "(none)" : cut(plain(reply))}`
      )
    const due = this.#queue.slice(0, 5).map(({ args }) => `    due: ${showArgs(args)}`)
    return [`  ${this.name} (id ${this.id}, ${this.#queue.length} due):`, ...lines, ...due].join("\n")
  }
}
