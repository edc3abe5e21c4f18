// One life of the server under the concurrent fuzzer: clients act at random, one of them changes the configuration,
// then all is quiet or the process gets its signal; what is there is compared with what was acknowledged.
import { readFileSync } from "node:fs"
import { plain } from "../support/client.mjs"
import { random } from "../support/options.mjs"
import { until } from "../support/server.mjs"
import { Connection, isRefusal, Violation } from "./concurrentConnection.mjs"
import { bytesOf, Counter, foreignMismatch } from "./concurrentModel.mjs"
import { Requests, sharedKeys, swapDb, twinKeys } from "./concurrentRequests.mjs"

const unitsKept = 60
const countersKept = 20
const answerMsMax = 20_000
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** What is known of the server's data, over all lives on one directory. */
export class World {
  units = []
  shared = sharedKeys.map((key) => new Counter([key]))
  twin = new Counter(twinKeys)
  /** those of single connections */
  counters = []
  sides = []
  /** set once the process has been told to end: errors may then be anything */
  stopping = false
  connections = new Set()
  violation = undefined
  stopped = () => {}
  #names = 0

  constructor(stats) {
    this.stats = stats
    this.failed = new Promise((resolve) => {
      this.stopped = resolve
    })
  }

  bytes(unit, write) {
    return bytesOf(unit, write)
  }

  name(client) {
    return `c${client}.${++this.#names}`
  }

  own(unit, connection) {
    unit.db = connection.db
    this.units.push(unit)
    return unit
  }

  /** Units that others may look at. */
  get visible() {
    return this.units.filter((unit) => unit.db === 0).slice(-20)
  }

  fail(text, connection) {
    if (this.violation !== undefined) return
    this.violation = new Violation(text)
    this.violation.report = connection?.describe() ?? ""
    this.stopped()
  }

  forget() {
    this.units = []
    this.shared = sharedKeys.map((key) => new Counter([key]))
    this.twin = new Counter(twinKeys)
    this.counters = []
    this.sides = []
  }
}

/** One life. `plan`: seed, port, server, clients, ms, without, appendonly (on at the start). */
export class Life {
  /** whether all that is acknowledged is in the file: "on", "off", or "unknown" while a switch is under way */
  aof
  #over = false

  constructor(world, plan) {
    this.world = world
    this.plan = plan
    this.aof = plan.appendonly ? "on" : "off"
  }

  #may(name) {
    return !this.plan.without.includes(name)
  }

  async #open(name, db, port = this.plan.port) {
    const { world } = this
    const connection = new Connection({
      name,
      port,
      stats: world.stats,
      onViolation: (text, from) => world.fail(text, from)
    })
    connection.db = db
    if (world.stopping) connection.closeReason = "restart"
    world.connections.add(connection)
    connection.gone.then(() => world.connections.delete(connection))
    if (!(await connection.opened)) return undefined
    for (const args of [["CLIENT", "ID"], ...(db === 0 ? [] : [["SELECT", db]])]) {
      const reply = await this.#ask(connection, args)
      if (reply === undefined) return undefined
      if (args[0] === "CLIENT") connection.id = reply.value
    }
    return connection
  }

  /** Asks until it is not refused; a reply that is no refusal, or undefined when the connection is gone. */
  async #ask(connection, args) {
    for (;;) {
      const reply = await connection.ask(...args)
      if (reply?.type !== "error" || !isRefusal(reply.value)) return reply
      await pause(5)
    }
  }

  // ---- the clients

  async #client(index) {
    const { plan, world } = this
    for (let epoch = 0; !this.#over; epoch++) {
      const rng = random(plan.seed * 1009 + index * 101 + epoch)
      // the first connections of two clients have databases of their own
      const role = epoch > 0 ? "" : (["", "flusher", "swapper"][index] ?? "")
      const db = role === "flusher" ? 10 : role === "swapper" ? swapDb : 0
      const connection = await this.#open(world.name(index), db)
      if (connection === undefined) return
      const requests = new Requests(world, connection, rng)
      if (role === "swapper" && !(await this.#sides(connection))) return
      for (let left = rng.between(4, 60); left > 0 && !this.#over && !connection.closed; left--) {
        await this.#act(connection, requests, rng, role)
      }
      await this.#leave(connection, rng, role)
    }
  }

  async #sides(connection) {
    for (const args of [
      ["SET", "side", "A"],
      ["SELECT", "9"],
      ["SET", "side", "B"],
      ["SELECT", "8"]
    ]) {
      if ((await this.#ask(connection, args)) === undefined) return false
    }
    this.world.sides = ["A"]
    return true
  }

  async #act(connection, requests, rng, role) {
    const size = rng.oneIn(3) ? 1 : rng.oneIn(6) ? rng.between(50, 300) : rng.between(2, 40)
    connection.send(requests.pipeline(size))
    if (role === "flusher" && rng.oneIn(3)) connection.send([requests.flushDb()])
    if (role === "swapper") {
      await connection.until(0)
      return
    }
    if (rng.oneIn(8) && this.#may("mute")) {
      // nothing else is under way then: what is refused of the group is told from what is muted
      await connection.until(0)
      connection.send([requests.muted()])
      await connection.until(0)
    }
    if (rng.oneIn(12)) connection.send([requests.scriptLoad()])
    if (rng.oneIn(12) && this.#may("kill")) this.#kill(connection, rng)
    if (rng.oneIn(10)) await this.#readSlowly(connection, requests, rng)
    await connection.until(rng.oneIn(4) ? 0 : rng.below(200))
    if (rng.oneIn(5)) await pause(rng.below(10))
  }

  async #readSlowly(connection, requests, rng) {
    connection.pause()
    // most often a few large replies; now and then more than may be kept for one client
    const [count, length] = rng.oneIn(12) ? [80, 1 << 20] : [rng.between(1, 20), rng.between(1000, 200_000)]
    if (this.#may("long")) connection.send(Array.from({ length: count }, () => requests.scriptLong(length)))
    connection.send(requests.pipeline(10))
    await pause(rng.between(20, 200))
    connection.resume()
  }

  #kill(connection, rng) {
    const others = [...this.world.connections].filter(
      (other) => other.id > 0 && !other.spared && other !== connection
    )
    if (others.length === 0) return
    const victim = rng.pick(others)
    victim.closeReason ||= "killed"
    this.world.stats.kills++
    connection.send([
      {
        args: ["CLIENT", "KILL", "ID", victim.id],
        check: (reply) => {
          if (reply.type === "integer" && reply.value <= 1) return undefined
          return reply.type === "error" && isRefusal(reply.value) ? undefined : JSON.stringify(plain(reply))
        }
      }
    ])
  }

  async #leave(connection, rng, role) {
    const way = this.#over || role !== "" ? "quiet" : rng.pick(["half", "reset", "quiet", "quit"])
    if (way === "reset") connection.reset()
    else if (way === "half") connection.end()
    else {
      await connection.until(0)
      connection.closeReason ||= "quit"
      connection.end()
    }
    await connection.gone
  }

  // ---- the one that changes the configuration

  async #operator() {
    const rng = random(this.plan.seed * 1009 + 997)
    const connection = await this.#open("operator", 0, this.plan.directPort)
    if (connection === undefined) return
    connection.spared = true
    const once = (...args) => connection.ask(...args)
    const acts = {
      toggle: () => this.#toggle(once),
      fsync: () => once("CONFIG", "SET", "appendfsync", rng.pick(["always", "everysec", "no"])),
      memory: async () => {
        await once("CONFIG", "SET", "maxmemory", "1mb")
        await pause(rng.between(1, 40))
        return this.#ask(connection, ["CONFIG", "SET", "maxmemory", "0"])
      },
      reload: () => (this.aof === "on" ? once("DEBUG", rng.pick(["LOADAOF", "RELOAD"])) : undefined),
      sleep: () => once("DEBUG", "SLEEP", "0.01"),
      resetstat: () => once("CONFIG", "RESETSTAT"),
      info: () => once("INFO", "everything"),
      scripts: () => once("SCRIPT", "FLUSH")
    }
    const names = Object.keys(acts).filter((name) => this.#may(name))
    while (!this.#over && !connection.closed) {
      const name = rng.pick(names)
      const reply = await acts[name]()
      if (reply?.type === "error" && !isRefusal(reply.value) && !this.world.stopping) {
        connection.violation(`${name} was answered ${reply.value}`)
      }
      await pause(rng.below(60))
    }
    connection.closeReason ||= "quit"
    connection.end()
    await connection.gone
  }

  async #toggle(once) {
    const before = this.aof
    this.aof = "unknown"
    const reply = await once("CONFIG", "SET", "appendonly", before === "on" ? "no" : "yes")
    // refused or failed: as before. Gone: nobody knows
    if (reply !== undefined) this.aof = reply.type === "error" ? before : before === "on" ? "off" : "on"
    return reply
  }

  async #watch() {
    const { server, memoryBytesMax } = this.plan
    let quietSince = Date.now()
    let before = -1
    while (!this.#over) {
      await pause(100)
      if (!server.running) {
        if (!this.world.stopping) this.world.fail(`the server ended:\n${server.output.slice(-1500)}`)
        return
      }
      const bytes = residentBytes(server.pid)
      this.world.stats.residentBytesMax = Math.max(this.world.stats.residentBytesMax, bytes)
      if (bytes > memoryBytesMax) this.world.fail(`the server holds ${Math.round(bytes / 1e6)} MB`)
      const { replies, commands } = this.world.stats
      if (replies !== before) quietSince = Date.now()
      before = replies
      if (Date.now() - quietSince > answerMsMax) {
        this.world.fail(
          `no reply for ${answerMsMax} ms, ${commands} commands sent`,
          [...this.world.connections][0]
        )
      }
    }
  }

  /** Lets the clients act; then waits for every reply, or ends the process by `signal` while they act. */
  async act(signal) {
    const { plan, world } = this
    world.stopping = false
    const watching = this.#watch()
    const acting = Array.from({ length: plan.clients }, (_, i) => this.#client(i))
    const operating = this.#operator()
    await Promise.race([pause(plan.ms), world.failed])
    if (signal === undefined) {
      this.#over = true
      await Promise.race([Promise.all([...acting, operating]), this.#late(), world.failed])
    } else if (world.violation === undefined) {
      world.stopping = true
      for (const connection of world.connections) {
        connection.closeReason = "restart"
        connection.resume()
      }
      const end = await plan.server.stop(signal)
      this.#over = true
      if (signal === "SIGTERM" && end.code !== 0) {
        world.fail(`SIGTERM ended it with ${end.code ?? end.signal}:\n${plan.server.output.slice(-1500)}`)
      }
      await Promise.race([Promise.all([...acting, operating]), this.#late(), world.failed])
    }
    this.#over = true
    for (const connection of world.connections) {
      connection.closeReason ||= "over"
      connection.reset()
    }
    await watching
  }

  async #late() {
    for (let waited = 0; waited < answerMsMax && this.world.connections.size > 0; waited += 50)
      await pause(50)
    const [connection] = this.world.connections
    if (connection !== undefined) {
      this.world.fail(
        `${connection.pending} replies are due ${answerMsMax} ms after the last request (${connection.closeReason || "open"})`,
        connection
      )
    }
  }

  // ---- what is there when nobody acts

  /**
   * Compares all that is known with what the server has. `knows`: "all" (nothing acknowledged may be missing), "whole"
   * (anything of what was written, but whole), "nothing" (no key at all).
   */
  async audit(knows, connection) {
    const { world } = this
    const at = Date.now()
    const byDb = Map.groupBy?.(world.units, (unit) => unit.db) ?? groupBy(world.units)
    const problems = []
    for (const [db, units] of byDb) {
      await connection.ask("SELECT", db)
      for (const unit of units) {
        const reply = await connection.ask("MGET", ...unit.keys)
        if (reply?.type !== "array") throw new Violation(`MGET was answered ${JSON.stringify(plain(reply))}`)
        const values = reply.value.map((item) => item.value)
        if (knows === "all") problems.push(unit.observe(values, at, Date.now()))
        else {
          const equal = values.every((value) =>
            value === null ? values[0] === null : value.equals(values[0] ?? "")
          )
          problems.push(equal ? foreignMismatch(unit, values[0]) : `${unit.keys.join(" and ")} differ`)
          if (knows === "nothing" && values[0] !== null) problems.push(`${unit.name} is there`)
        }
      }
    }
    await connection.ask("SELECT", 0)
    for (const counter of [...world.shared, world.twin, ...world.counters]) {
      const reply = await connection.ask("MGET", ...counter.keys)
      const values = reply.value.map((item) => (item.value === null ? 0 : Number(item.value.toString())))
      problems.push(counter.mismatch(values, knows === "all" ? counter.acked : 0))
      if (knows === "nothing" && values.some((value) => value !== 0))
        problems.push(`${counter.keys} is ${values}`)
      counter.rebase(values[0])
    }
    if (knows === "all" && world.sides.length > 0) problems.push(await this.#sidesProblem(connection))
    return problems.filter((problem) => problem !== undefined)
  }

  async #sidesProblem(connection) {
    const sides = []
    for (const db of [8, 9]) {
      await connection.ask("SELECT", db)
      sides.push(String(plain(await connection.ask("GET", "side"))))
    }
    await connection.ask("SELECT", 0)
    const fits = this.world.sides.includes(sides[0]) && sides[1] === (sides[0] === "A" ? "B" : "A")
    return fits ? undefined : `databases 8 and 9 hold ${sides}, expected ${this.world.sides} in 8`
  }

  /** The auditor's connection, once nobody else is connected. */
  async auditor() {
    const connection = await this.#open("auditor", 0, this.plan.directPort)
    if (connection === undefined) throw new Violation("the auditor could not connect")
    connection.spared = true
    await until("all other connections are gone from CLIENT LIST", async () => {
      const reply = await connection.ask("CLIENT", "LIST")
      return reply?.type === "bulk" && reply.value.toString().trim().split("\n").length === 1
    })
    // a low limit that was set before a kill is not in the file
    await this.#ask(connection, ["CONFIG", "SET", "maxmemory", "0"])
    return connection
  }

  /** Keeps the newest units, so that lives that follow find data, and ends the auditor's connection. */
  async settle(connection, everything) {
    const { world } = this
    if (everything) {
      await connection.ask("FLUSHALL")
      world.forget()
    } else {
      for (const unit of world.units.splice(0, Math.max(0, world.units.length - unitsKept))) {
        await connection.ask("SELECT", unit.db)
        await connection.ask("DEL", ...unit.keys)
      }
      await connection.ask("SELECT", 0)
      for (const counter of world.counters.splice(0, Math.max(0, world.counters.length - countersKept))) {
        await connection.ask("DEL", ...counter.keys)
      }
      // databases that clients of the next life flush and swap
      for (const db of [8, 9, 10]) {
        await connection.ask("SELECT", db)
        await connection.ask("FLUSHDB")
      }
      world.units = world.units.filter((unit) => unit.db === 0)
      world.sides = []
    }
    connection.closeReason = "quit"
    connection.end()
    await connection.gone
  }
}

function groupBy(units) {
  const groups = new Map()
  for (const unit of units) groups.set(unit.db, [...(groups.get(unit.db) ?? []), unit])
  return groups
}

/** Resident memory, 0 when the process is gone or the system does not say. */
function residentBytes(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
