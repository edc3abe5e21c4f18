// The requests of the concurrent fuzzer: each knows its arguments, what its reply may be, and what the model learns
// from it, or from its never being answered. Connections own units; counters and other connections' units are shared.
import { createHash } from "node:crypto"
import { plain } from "../support/client.mjs"
import { kindOf } from "./concurrentConnection.mjs"
import { Counter, foreignMismatch, Unit } from "./concurrentModel.mjs"

export const sharedKeys = ["shared:0", "shared:1", "shared:2"]
/** The database that is swapped with the next, again and again: only what both hold under one name is there. */
export const swapDb = 8
/** Incremented by scripts alone, both at once. */
export const twinKeys = ["twin:a", "twin:b"]

const wait = "local n=0 for i=1,tonumber(ARGV[2]) do n=n+1 end "
const scripts = {
  pair:
    "redis.call('SET',KEYS[1],ARGV[1]) " +
    wait +
    "redis.call('SET',KEYS[2],ARGV[1]) return redis.status_reply('OK')",
  twin: "local m=redis.call('INCR',KEYS[1]) " + wait + "redis.call('INCR',KEYS[2]) return m",
  // the first loop may be the one that is cut: nothing was written yet
  late:
    wait +
    "redis.call('SET',KEYS[1],ARGV[1]) redis.call('SET',KEYS[2],ARGV[1]) return redis.status_reply('OK')",
  same: "return ARGV[1]",
  double: "local s=ARGV[1] for i=1,tonumber(ARGV[2]) do s=s..s end return s"
}
const shaOf = (text) => createHash("sha1").update(text).digest("hex")

/** What an error reply says of a request: undefined where it is a refusal that this kind of request may meet. */
const refusal = (world, reply, kinds) =>
  kinds.includes(kindOf(reply.value)) || world.stopping ? undefined : `answered ${reply.value}`
const readRefusals = ["BUSY", "LOADING"]
const writeRefusals = ["BUSY", "LOADING", "OOM", "MISCONF"]
const unexpected = (reply) => {
  const text = JSON.stringify(plain(reply)) ?? ""
  return `answered ${reply.type} ${text.slice(0, 120)}`
}
const isOk = (reply) => reply.type === "simple" && reply.value === "OK"

/** A bulk's bytes, null for the null of this protocol, undefined for anything else. */
function bulk(reply, connection) {
  if (reply.type === "bulk") return reply.value
  if (reply.type !== "null") return undefined
  return reply.wire === (connection.protocol === 3 ? "_" : "$-1") ? null : undefined
}

/** A write of `unit`: answered OK it is in force, refused it is not, unanswered it may be. */
function writing(world, unit, write, args, kinds = writeRefusals) {
  return {
    args,
    check: (reply) => {
      if (reply.type === "error") {
        // on the way down a script may have been ended, its writes with it
        if (world.stopping) unit.maybe(write)
        return refusal(world, reply, kinds)
      }
      if (!isOk(reply)) return unexpected(reply)
      if (write !== null) write.okAt = Date.now()
      unit.set(write)
      return undefined
    },
    lost: () => unit.maybe(write)
  }
}

function lengthOf(rng) {
  if (rng.oneIn(60)) return rng.between(1, 1 << 20)
  if (rng.oneIn(8)) return rng.between(1, 20_000)
  return rng.between(1, 90)
}
/** Rounds of a loop: mostly none, now and then some tens of milliseconds, which are several slices. */
const rounds = (rng) => (rng.oneIn(40) ? rng.between(50_000, 400_000) : 0)

/** What a connection asks for with units of its own, and with what is everyone's. */
export class Requests {
  #count = 0

  constructor(world, connection, rng) {
    this.world = world
    this.connection = connection
    this.rng = rng
    const { name } = connection
    this.singles = [0, 1, 2, 3].map((n) =>
      world.own(new Unit(`${name}:k${n}`, [`${name}:k${n}`]), connection)
    )
    this.pairs = [0, 1].map((n) =>
      world.own(new Unit(`${name}:p${n}`, [`${name}:p${n}:a`, `${name}:p${n}:b`]), connection)
    )
    // exact where shared ones are not: only this connection can leave an increment unanswered
    this.counter = new Counter([`${name}:n`])
    if (connection.db === 0) world.counters.push(this.counter)
    const own = [
      ...Array(6).fill(() => this.set()),
      ...Array(8).fill(() => this.get()),
      ...Array(3).fill(() => this.setPair()),
      ...Array(3).fill(() => this.getPair()),
      ...Array(2).fill(() => this.echo()),
      () => this.exchange(),
      () => this.getDelete(),
      () => this.strlen(),
      () => this.remove(),
      () => this.noCommand(),
      () => this.scriptEcho(),
      () => this.hello()
    ]
    const shared = [
      ...Array(4).fill(() => this.increment()),
      ...Array(2).fill(() => this.incrementOwn()),
      ...Array(2).fill(() => this.twins()),
      () => this.ofOthers(),
      () => this.twinsRead(),
      () => this.counterRead()
    ]
    const swapping = [
      () => this.side(),
      () => this.side(),
      () => this.swap(),
      () => this.echo(),
      () => this.hello()
    ]
    this.kinds = { 0: [...own, ...shared], [swapDb]: swapping }[connection.db] ?? own
  }

  next() {
    return this.rng.pick(this.kinds)()
  }

  pipeline(count) {
    return Array.from({ length: count }, () => this.next())
  }

  #token() {
    return `${this.connection.name}#${++this.#count}#${"x".repeat(this.rng.below(40))}`
  }

  #single() {
    return this.rng.pick(this.singles)
  }

  set() {
    const unit = this.#single()
    const ttlMs = this.rng.oneIn(6) ? this.rng.between(20, 300) : 0
    const write = unit.write(lengthOf(this.rng), Date.now(), ttlMs)
    const bytes = this.world.bytes(unit, write)
    const args = ["SET", unit.keys[0], bytes, ...(ttlMs > 0 ? ["PX", ttlMs] : [])]
    return writing(this.world, unit, write, args)
  }

  /** A read of all of a unit's keys, `values` taking its reply apart. */
  #reading(unit, args, values, after = () => {}) {
    return {
      args,
      check: (reply, request) => {
        if (reply.type === "error") return refusal(this.world, reply, readRefusals)
        const found = values(reply)
        if (found === undefined) return unexpected(reply)
        const wrong = unit.observe(found, request.sentAt, Date.now())
        if (wrong === undefined) after()
        return wrong
      },
      lost: () => {}
    }
  }

  #bulk(reply) {
    const value = bulk(reply, this.connection)
    return value === undefined ? undefined : [value]
  }

  #bulks(reply, count) {
    if (reply.type !== "array" || reply.value.length !== count) return undefined
    const values = reply.value.map((item) => bulk(item, this.connection))
    return values.includes(undefined) ? undefined : values
  }

  get(unit = this.#single()) {
    return this.#reading(unit, ["GET", unit.keys[0]], (reply) => this.#bulk(reply))
  }

  getPair(unit = this.rng.pick(this.pairs)) {
    return this.#reading(unit, ["MGET", ...unit.keys], (reply) => this.#bulks(reply, 2))
  }

  getDelete() {
    const unit = this.#single()
    const request = this.#reading(
      unit,
      ["GETDEL", unit.keys[0]],
      (reply) => this.#bulk(reply),
      () => unit.set(null)
    )
    const { check } = request
    return {
      ...request,
      check: (reply, sent) =>
        reply.type === "error" ? refusal(this.world, reply, writeRefusals) : check(reply, sent),
      lost: () => unit.maybe(null)
    }
  }

  exchange() {
    const unit = this.#single()
    const write = unit.write(this.rng.between(1, 200), Date.now())
    return {
      args: ["SET", unit.keys[0], this.world.bytes(unit, write), "GET"],
      check: (reply, request) => {
        if (reply.type === "error") return refusal(this.world, reply, writeRefusals)
        const found = this.#bulk(reply)
        if (found === undefined) return unexpected(reply)
        const wrong = unit.observe(found, request.sentAt, Date.now())
        write.okAt = Date.now()
        unit.set(write)
        return wrong
      },
      lost: () => unit.maybe(write)
    }
  }

  strlen() {
    const unit = this.#single()
    return {
      args: ["STRLEN", unit.keys[0]],
      check: (reply) => {
        if (reply.type === "error") return refusal(this.world, reply, readRefusals)
        if (reply.type !== "integer") return unexpected(reply)
        return unit.lengthMismatch(reply.value, Date.now())
      }
    }
  }

  remove() {
    const unit = this.rng.oneIn(2) ? this.#single() : this.rng.pick(this.pairs)
    return {
      args: ["DEL", ...unit.keys],
      check: (reply) => {
        if (reply.type === "error") return refusal(this.world, reply, writeRefusals)
        if (reply.type !== "integer") return unexpected(reply)
        const wrong = unit.countMismatch(reply.value, Date.now())
        unit.set(null)
        return wrong
      },
      lost: () => unit.maybe(null)
    }
  }

  /** Both keys of a pair at once: a script in one of three ways, or MSET. */
  setPair() {
    const { rng, world } = this
    const unit = rng.pick(this.pairs)
    const write = unit.write(rng.oneIn(10) ? rng.between(1, 5000) : rng.between(1, 90), Date.now())
    const bytes = world.bytes(unit, write)
    if (rng.oneIn(4)) {
      return writing(world, unit, write, ["MSET", unit.keys[0], bytes, unit.keys[1], bytes])
    }
    const text = rng.oneIn(3) ? scripts.late : scripts.pair
    const rest = ["2", ...unit.keys, bytes, rounds(rng)]
    return rng.oneIn(3)
      ? writing(world, unit, write, ["EVALSHA", shaOf(text), ...rest], [...writeRefusals, "NOSCRIPT"])
      : writing(world, unit, write, ["EVAL", text, ...rest])
  }

  /** `kinds`: how it may be refused; the counter is counted as sent now. */
  #incrementing(counter, args) {
    counter.sent++
    return {
      args,
      check: (reply) => {
        if (reply.type === "error") {
          if (!this.world.stopping) counter.refused++
          return refusal(this.world, reply, writeRefusals)
        }
        return reply.type === "integer" ? counter.incremented(Number(reply.value)) : unexpected(reply)
      }
    }
  }

  increment() {
    const index = this.rng.below(sharedKeys.length)
    return this.#incrementing(this.world.shared[index], ["INCR", sharedKeys[index]])
  }

  incrementOwn() {
    return this.#incrementing(this.counter, ["INCR", ...this.counter.keys])
  }

  twins() {
    return this.#incrementing(this.world.twin, ["EVAL", scripts.twin, "2", ...twinKeys, "", rounds(this.rng)])
  }

  #counterRead(counter, keys) {
    const atLeast = counter.acked
    return {
      args: ["MGET", ...keys],
      check: (reply) => {
        if (reply.type === "error") return refusal(this.world, reply, readRefusals)
        const values = this.#bulks(reply, keys.length)
        if (values === undefined) return unexpected(reply)
        return counter.mismatch(
          values.map((value) => (value === null ? 0 : Number(value.toString()))),
          atLeast
        )
      }
    }
  }

  twinsRead() {
    return this.#counterRead(this.world.twin, twinKeys)
  }

  counterRead() {
    const index = this.rng.below(sharedKeys.length)
    return this.#counterRead(this.world.shared[index], [sharedKeys[index]])
  }

  /** What another connection owns: its pair is always equal, its values whole. */
  ofOthers() {
    const unit = this.rng.pick(this.world.visible)
    return {
      args: ["MGET", ...unit.keys],
      check: (reply) => {
        if (reply.type === "error") return refusal(this.world, reply, readRefusals)
        const values = this.#bulks(reply, unit.keys.length)
        if (values === undefined) return unexpected(reply)
        // a pair that is one value has the same bytes: the mark names the unit, not the key
        if (values.some((value) => !(value === null ? values[0] === null : values[0]?.equals(value)))) {
          return `${unit.keys.join(" and ")} of another connection differ`
        }
        return foreignMismatch(unit, values[0])
      }
    }
  }

  #exact(args, token, kinds = readRefusals) {
    return {
      args,
      check: (reply) => {
        if (reply.type === "error") return refusal(this.world, reply, kinds)
        return reply.type === "bulk" && reply.value.toString("latin1") === token
          ? undefined
          : unexpected(reply)
      }
    }
  }

  echo() {
    const token = this.#token()
    return this.#exact([this.rng.oneIn(2) ? "ECHO" : "PING", token], token)
  }

  scriptEcho() {
    const token = this.#token()
    return this.#exact(["EVAL", scripts.same, "0", token], token, writeRefusals)
  }

  /** A script's reply of at most `length` bytes, and at least half as many. */
  scriptLong(length) {
    const token = this.#token()
    const doublings = Math.max(0, Math.floor(Math.log2(length / token.length)))
    const expected = token.repeat(2 ** doublings)
    return this.#exact(["EVAL", scripts.double, "0", token, doublings], expected, writeRefusals)
  }

  noCommand() {
    const name = `NO${++this.#count}`
    return {
      args: [name, this.connection.name],
      check: (reply) =>
        reply.type === "error" &&
        reply.value.includes(`'${name}'`) &&
        reply.value.includes(this.connection.name)
          ? undefined
          : refusal(this.world, reply, readRefusals)
    }
  }

  hello() {
    const protocol = this.rng.between(2, 3)
    return {
      args: ["HELLO", protocol],
      check: (reply) => {
        if (reply.type === "error") return refusal(this.world, reply, readRefusals)
        if (reply.type !== (protocol === 3 ? "map" : "array")) return unexpected(reply)
        this.connection.protocol = protocol
        return undefined
      }
    }
  }

  scriptLoad() {
    const text = this.rng.pick([scripts.pair, scripts.late])
    return this.#exact(["SCRIPT", "LOAD", text], shaOf(text))
  }

  /** Units of a database of one's own. */
  flushDb() {
    const all = [...this.singles, ...this.pairs]
    return {
      args: this.rng.oneIn(2) ? ["FLUSHDB"] : ["FLUSHDB", "ASYNC"],
      check: (reply) => {
        if (reply.type === "error") return refusal(this.world, reply, writeRefusals)
        if (!isOk(reply)) return unexpected(reply)
        for (const unit of all) unit.set(null)
        return undefined
      },
      lost: () => {
        for (const unit of all) unit.maybe(null)
      }
    }
  }

  swap() {
    const { world } = this
    return {
      args: ["SWAPDB", "8", "9"],
      check: (reply) => {
        if (reply.type === "error") return refusal(world, reply, writeRefusals)
        if (!isOk(reply)) return unexpected(reply)
        world.sides = world.sides.map((side) => (side === "A" ? "B" : "A"))
        return undefined
      },
      lost: () => {
        world.sides = ["A", "B"]
      }
    }
  }

  side() {
    const { world } = this
    return {
      args: ["GET", "side"],
      check: (reply) => {
        if (reply.type === "error") return refusal(world, reply, readRefusals)
        const text = bulk(reply, this.connection)?.toString()
        if (!world.sides.includes(text)) return `${unexpected(reply)}, expected ${world.sides}`
        world.sides = [text]
        return undefined
      }
    }
  }

  /**
   * Writes between CLIENT REPLY OFF and ON, or one after SKIP: whether they were refused nobody hears. What is
   * refused here is not muted, so replies are taken until the mark comes that the group ends with.
   */
  muted() {
    const { connection, rng } = this
    const name = `${this.#token()}:mute`
    const off = rng.oneIn(2)
    const writes = Array.from({ length: off ? rng.between(1, 5) : 1 }, () => this.set())
    let attempt = 0
    let timer
    const again = () => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        if (connection.closed) return
        attempt++
        connection.write([
          ["CLIENT", "REPLY", "ON"],
          ["ECHO", `${name}:${attempt}`]
        ])
        again()
      }, 500)
    }
    const settle = () => {
      clearTimeout(timer)
      for (const write of writes) write.lost()
    }
    again()
    const head = ["CLIENT", "REPLY", off ? "OFF" : "SKIP"]
    const tail = off ? [["CLIENT", "REPLY", "ON"]] : []
    return {
      args: [...head, "…", `${name}:0`],
      commands: [head, ...writes.map(({ args }) => args), ...tail, ["ECHO", `${name}:0`]],
      takes: (reply) => {
        if (reply.type === "bulk" && reply.value.toString("latin1") === `${name}:${attempt}`) {
          settle()
          return "done"
        }
        const isMark = reply.type === "bulk" && reply.value.toString("latin1").startsWith(`${name}:`)
        const refused = reply.type === "error" && refusal(this.world, reply, writeRefusals) === undefined
        return isMark || refused || isOk(reply) ? "more" : `muted group ${unexpected(reply)}`
      },
      lost: settle
    }
  }
}
