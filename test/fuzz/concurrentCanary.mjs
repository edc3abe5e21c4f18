// Faults on purpose: a proxy between the clients and the server that now and then does what a broken server would.
// The fuzzer must find each of them, or its silence means nothing.
import { connect, createServer } from "node:net"
import { Client, replyEnd } from "../support/client.mjs"
import { freePort } from "../support/server.mjs"

/** Whole replies at the beginning of what has come: their bytes, and how many bytes they are. */
function split(bytes) {
  const replies = []
  let at = 0
  while (at < bytes.length) {
    const end = replyEnd(bytes, at)
    if (end < 0) break
    replies.push(bytes.subarray(at, end))
    at = end
  }
  return { replies, at }
}

/** A command of the clients with that many arguments, as it begins on the wire. */
const isCommand = (request, name, count) =>
  request.toString("latin1", 0, 40).startsWith(`*${count}\r\n$${name.length}\r\n${name}\r\n`)

const swap = (replies, rng) => {
  for (let i = 1; i < replies.length; i++) {
    if (rng.oneIn(20)) [replies[i - 1], replies[i]] = [replies[i], replies[i - 1]]
  }
  return replies
}

/** Each fault: of the replies of a chunk, of a request, or of the server that has just started again. */
export const faults = {
  "two replies change places": { replies: swap },
  "a reply is sent twice": { replies: (list, rng) => (rng.oneIn(50) ? [...list, list.at(-1)] : list) },
  "a reply is left out": { replies: (list, rng) => (rng.oneIn(50) ? list.slice(1) : list) },
  "a byte of a large reply is another": {
    replies: (list, rng) =>
      list.map((reply) => {
        if (reply.length < 5000 || !rng.oneIn(3)) return reply
        const torn = Buffer.from(reply)
        torn[reply.length >> 1] ^= 1
        return torn
      })
  },
  "an acknowledged write goes elsewhere": {
    request: (request, rng) => {
      if (!isCommand(request, "SET", 3) || !rng.oneIn(20)) return request
      const at = request.indexOf(":k")
      if (at < 0 || at > 60) return request
      const elsewhere = Buffer.from(request)
      elsewhere[at + 1] = 0x7a
      return elsewhere
    }
  },
  "an increment is replayed twice": {
    restarted: async (client) => {
      // of some counters, as a piece of a file that is loaded twice has them
      const { value: keys } = await client.send("KEYS", "*:n")
      for (const { value: key } of keys.slice(0, 10)) await client.send("INCR", key)
    }
  },
  "half of a script is replayed": { restarted: (client) => client.send("INCR", "twin:b") }
}

/** Stands before a server's port; `port` is its own. Faults begin with `fault`. */
export class FaultyProxy {
  fault = undefined
  #sockets = new Set()
  #server
  port = 0

  constructor(target, rng) {
    this.target = target
    this.rng = rng
  }

  async listen() {
    this.port = await freePort()
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#join(client))
    await new Promise((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve))
    return this
  }

  #join(client) {
    const server = connect({ port: this.target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true })
    this.#pass(client, server, (bytes) => this.#requests(bytes))
    let rest = Buffer.alloc(0)
    this.#pass(server, client, (bytes) => {
      const all = Buffer.concat([rest, bytes])
      const { replies, at } = split(all)
      rest = Buffer.from(all.subarray(at))
      const change = this.fault?.replies
      return Buffer.concat(change === undefined || replies.length === 0 ? replies : change(replies, this.rng))
    })
  }

  /** Requests that come in one chunk, if they come whole; replies and requests have the same framing. */
  #requests(bytes) {
    const change = this.fault?.request
    if (change === undefined || bytes[0] !== 42) return bytes
    try {
      const { replies, at } = split(bytes)
      return Buffer.concat([...replies.map((request) => change(request, this.rng)), bytes.subarray(at)])
    } catch {
      // the middle of a long value
      return bytes
    }
  }

  #pass(from, to, change) {
    this.#sockets.add(from)
    from.on("error", () => {})
    from.on("data", (bytes) => {
      const passed = change(bytes)
      if (passed.length > 0 && to.writable && !to.write(passed)) {
        from.pause()
        to.once("drain", () => from.resume())
      }
    })
    from.on("end", () => to.end())
    from.on("close", () => {
      this.#sockets.delete(from)
      // what was received is passed on before the end
      to.end()
      if (from.errored || !from.readableEnded) to.destroy()
    })
  }

  /** What the broken server would do after it has loaded its files. */
  async restarted() {
    if (this.fault?.restarted === undefined) return
    const client = await Client.connect({ port: this.target })
    await this.fault.restarted(client)
    await client.destroy()
  }

  close() {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}
