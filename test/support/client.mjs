// A raw RESP2/RESP3 client for tests: small, no cleverness, and every reply keeps the exact type it had on
// the wire (a null says which of the three spellings it was), so that a test can tell `$-1` from `_`.
// It depends on nothing of this repository and talks to any server of the protocol. Types: client.d.mts.
import { connect as connectSocket } from "node:net"

const CR = 13

/** @param {string | Buffer | number | bigint} arg */
const toBuffer = (arg) => (Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg)))

/** One command as the array of bulk strings that a client sends. */
export function encode(args) {
  const parts = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = toBuffer(arg)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"))
  }
  return Buffer.concat(parts)
}

/** The index of the CR that ends the line starting at `at`, or -1 while it has not come. */
function lineEnd(bytes, at, end) {
  const found = bytes.indexOf(CR, at)
  return found < 0 || found + 1 >= end ? -1 : found
}

/**
 * Where the reply that starts at `at` ends, without building it: an offset, or -1 while bytes are missing.
 * Throws on a byte that begins no reply.
 */
export function replyEnd(bytes, at = 0, end = bytes.length) {
  let pending = 1
  let pos = at
  while (pending > 0) {
    if (pos >= end) return -1
    const eol = lineEnd(bytes, pos, end)
    if (eol < 0) return -1
    const mark = bytes[pos]
    const start = pos + 1
    pos = eol + 2
    pending--
    // + - : _ # , (   are one line
    if (
      mark === 43 ||
      mark === 45 ||
      mark === 58 ||
      mark === 95 ||
      mark === 35 ||
      mark === 44 ||
      mark === 40
    ) {
      continue
    }
    const count = Number(bytes.latin1Slice(start, eol))
    if (mark === 36 || mark === 61 || mark === 33) {
      if (count >= 0) pos += count + 2
      if (pos > end) return -1
    } else if (mark === 42 || mark === 126 || mark === 62) {
      if (count > 0) pending += count
    } else if (mark === 37) {
      pending += 2 * count
    } else if (mark === 124) {
      pending += 2 * count + 1
    } else {
      throw new Error(`no reply begins with ${JSON.stringify(String.fromCharCode(mark))}`)
    }
  }
  return pos
}

/** @param {string} text a decimal integer of any size: a number where that is exact, else a bigint */
function integer(text) {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

function double(text) {
  if (text === "inf") return Infinity
  if (text === "-inf") return -Infinity
  return Number(text)
}

/**
 * The reply at `at`, which must be complete (see replyEnd): `{ reply, end }`.
 * @param {Buffer} bytes
 */
export function parseReply(bytes, at = 0) {
  const eol = bytes.indexOf(CR, at)
  const line = bytes.latin1Slice(at + 1, eol)
  const next = eol + 2
  switch (String.fromCharCode(bytes[at])) {
    case "+":
      return { reply: { type: "simple", value: line }, end: next }
    case "-":
      return {
        reply: { type: "error", value: bytes.utf8Slice(at + 1, eol) },
        end: next
      }
    case ":":
      return { reply: { type: "integer", value: integer(line) }, end: next }
    case "_":
      return { reply: { type: "null", value: null, wire: "_" }, end: next }
    case "#":
      return { reply: { type: "boolean", value: line === "t" }, end: next }
    case ",":
      return {
        reply: { type: "double", value: double(line), text: line },
        end: next
      }
    case "(":
      return { reply: { type: "bignum", value: BigInt(line) }, end: next }
    case "$": {
      const length = Number(line)
      if (length < 0) return { reply: { type: "null", value: null, wire: "$-1" }, end: next }
      return {
        reply: {
          type: "bulk",
          value: Buffer.from(bytes.subarray(next, next + length))
        },
        end: next + length + 2
      }
    }
    case "!": {
      const length = Number(line)
      return {
        reply: { type: "error", value: bytes.utf8Slice(next, next + length) },
        end: next + length + 2
      }
    }
    case "=": {
      const length = Number(line)
      const value = Buffer.from(bytes.subarray(next + 4, next + length))
      const format = bytes.latin1Slice(next, next + 3)
      return {
        reply: { type: "verbatim", format, value },
        end: next + length + 2
      }
    }
    case "*":
      if (line === "-1") return { reply: { type: "null", value: null, wire: "*-1" }, end: next }
      return parseItems("array", bytes, next, Number(line))
    case "~":
      return parseItems("set", bytes, next, Number(line))
    case ">":
      return parseItems("push", bytes, next, Number(line))
    case "%":
      return parseMap(bytes, next, Number(line))
    case "|": {
      // attributes stand before the reply they belong to; no test has asked for them yet
      return parseReply(bytes, parseMap(bytes, next, Number(line)).end)
    }
    default:
      throw new Error(`no reply begins with byte ${bytes[at]}`)
  }
}

function parseItems(type, bytes, at, count) {
  const value = []
  let end = at
  for (let i = 0; i < count; i++) {
    const item = parseReply(bytes, end)
    value.push(item.reply)
    end = item.end
  }
  return { reply: { type, value }, end }
}

function parseMap(bytes, at, count) {
  const flat = parseItems("array", bytes, at, 2 * count)
  const value = []
  for (let i = 0; i < count; i++) value.push([flat.reply.value[2 * i], flat.reply.value[2 * i + 1]])
  return { reply: { type: "map", value }, end: flat.end }
}

/** The reply as plain JavaScript for short assertions: strings, numbers, null, arrays, { error }. */
export function plain(reply) {
  switch (reply.type) {
    case "bulk":
    case "verbatim":
      return reply.value.toString("utf8")
    case "error":
      return { error: reply.value }
    case "array":
    case "set":
    case "push":
      return reply.value.map(plain)
    case "map":
      return reply.value.map(([k, v]) => [plain(k), plain(v)])
    default:
      return reply.value
  }
}

/** One connection. Replies arrive in order; pushes (RESP3 `>`) are kept apart in `pushes`. */
export class Client {
  #socket
  #bytes = Buffer.alloc(4096)
  #start = 0
  #end = 0
  /** the offset that `#end` must reach before a complete reply is possible again: keeps big bulks linear */
  #needed = 0
  #waiting = []
  #closed = false
  #raw = false
  #onBytes = () => {}
  pushes = []

  constructor(socket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#closed = true
        const error = new Error("connection closed by the server")
        for (const waiter of this.#waiting.splice(0)) waiter.reject(error)
        this.#onBytes()
        resolve()
      })
    })
    socket.on("error", () => {}) // 'close' follows, and tells everyone
    socket.on("data", (chunk) => {
      this.#append(chunk)
      if (!this.#raw) this.#deliver()
      this.#onBytes()
    })
  }

  static connect({ port, host = "127.0.0.1", allowHalfOpen = true }) {
    return new Promise((resolve, reject) => {
      const socket = connectSocket({
        port,
        host,
        allowHalfOpen,
        noDelay: true
      })
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.removeListener("error", reject)
        // the far side's end is ours too, unless the caller has already said `end`
        socket.on("end", () => socket.end())
        resolve(new Client(socket))
      })
    })
  }

  get socket() {
    return this.#socket
  }

  /** How many bytes have come and belong to no delivered reply yet. */
  get unread() {
    return this.#end - this.#start
  }

  #append(chunk) {
    if (this.#end + chunk.length > this.#bytes.length) {
      const size = this.#end - this.#start
      const target =
        size + chunk.length > this.#bytes.length
          ? Buffer.allocUnsafe(2 * (size + chunk.length))
          : Buffer.allocUnsafe(this.#bytes.length)
      this.#bytes.copy(target, 0, this.#start, this.#end)
      this.#bytes = target
      this.#needed = Math.max(0, this.#needed - this.#start)
      this.#start = 0
      this.#end = size
    }
    chunk.copy(this.#bytes, this.#end)
    this.#end += chunk.length
  }

  #deliver() {
    while (this.#waiting.length > 0 || this.#bytes[this.#start] === 62) {
      if (this.#start === this.#end || this.#end < this.#needed) return
      const end = replyEnd(this.#bytes, this.#start, this.#end)
      if (end < 0) {
        this.#needed = this.#bytes[this.#start] === 36 ? this.#bulkEnd() : 0
        return
      }
      const { reply } = parseReply(this.#bytes, this.#start)
      this.#start = end
      if (reply.type === "push") this.pushes.push(reply)
      else this.#waiting.shift().resolve(reply)
    }
  }

  #bulkEnd() {
    const eol = lineEnd(this.#bytes, this.#start, this.#end)
    return eol < 0 ? 0 : eol + 4 + Number(this.#bytes.latin1Slice(this.#start + 1, eol))
  }

  /** Bytes as they are. Resolves when the kernel has taken them. */
  write(bytes) {
    return new Promise((resolve, reject) => {
      this.#socket.write(toBuffer(bytes), (error) => (error ? reject(error) : resolve()))
    })
  }

  /** The next reply that nobody waits for yet. */
  read() {
    return new Promise((resolve, reject) => {
      if (this.#closed && this.#start === this.#end) {
        reject(new Error("connection closed by the server"))
        return
      }
      this.#waiting.push({ resolve, reject })
      this.#deliver()
      if (this.#closed) {
        for (const waiter of this.#waiting.splice(0))
          waiter.reject(new Error("connection closed by the server"))
      }
    })
  }

  send(...args) {
    const reply = this.read()
    this.#socket.write(encode(args))
    return reply
  }

  /** All commands in one write, then their replies. */
  pipeline(commands) {
    const replies = commands.map(() => this.read())
    this.#socket.write(Buffer.concat(commands.map((args) => encode(args))))
    return Promise.all(replies)
  }

  /** From now on bytes are kept as they are: resolves with all of them once the server has closed. */
  async rawUntilClosed(timeoutMs = 10_000) {
    this.#raw = true
    let timer
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not closed after ${timeoutMs} ms`)), timeoutMs)
    })
    await Promise.race([this.closed, late]).finally(() => clearTimeout(timer))
    const bytes = Buffer.from(this.#bytes.subarray(this.#start, this.#end))
    this.#start = this.#end
    return bytes
  }

  /** Resolves once `count` bytes in all are waiting unread, or the connection has closed. */
  async unreadAtLeast(count) {
    this.#raw = true
    while (this.unread < count && !this.#closed) {
      await new Promise((resolve) => {
        this.#onBytes = resolve
      })
    }
    this.#onBytes = () => {}
  }

  /** Half-close: says that nothing more will be written, and goes on reading. */
  end() {
    this.#socket.end()
  }

  destroy() {
    this.#socket.destroy()
    return this.closed
  }
}

export const connect = (options) => Client.connect(options)
