// Clients that wait for keys: who is served, in which order, and how a wait ends. TAKE is a command of these tests.
import { describe, expect, it } from "vitest"
import { blockingCommands } from "../support/blocking.js"
import { makeServerEngine } from "../support/serverEngine.js"

const make = (directives: Readonly<Record<string, string>> = {}) => {
  const server = makeServerEngine(directives, blockingCommands)
  const { engine } = server
  return {
    ...server,
    engine,
    wait: (seconds: number) => {
      server.clock.now += seconds * 1000
      engine.refreshTime()
      engine.blocking.expire(server.clock.now)
    }
  }
}

describe("a command that blocks", () => {
  it("is answered at once where it can be", () => {
    const { call } = make()
    call("SET", "k", "v")
    expect(call("TAKE", "k", "0")).toEqual(["k", "v"])
    expect(call("EXISTS", "k")).toBe(0)
  })

  it("is answered when its key comes, with what another client's pipeline holds after it done later", () => {
    const { call, connect } = make()
    const waiter = connect()
    expect(waiter.pipeline(["SET", "before", "1"], ["TAKE", "k", "0"], ["PING"])).toEqual(["OK"])
    expect(call("SET", "k", "v")).toBe("OK")
    // first its own reply, then what it had sent behind it
    expect(waiter.received()).toEqual([["k", "v"], "PONG"])
    expect(call("EXISTS", "k")).toBe(0)
  })

  it("serves who came first, one a key, and the others go on waiting", () => {
    const { call, connect } = make()
    const waiters = [connect(), connect(), connect()]
    for (const waiter of waiters) waiter.call("TAKE", "k", "0")
    call("SET", "k", "1")
    expect(waiters.map((one) => one.received())).toEqual([[["k", "1"]], [], []])
    call("SET", "k", "2")
    call("SET", "k", "3")
    expect(waiters.map((one) => one.received())).toEqual([[], [["k", "2"]], [["k", "3"]]])
  })

  it("is served after the whole command that made the key ready", () => {
    const { call, connect } = make()
    const waiter = connect()
    waiter.call("TAKE", "b", "a", "0")
    // MSET sets a first, but both are there when it has ended
    call("MSET", "a", "1", "b", "2")
    expect(waiter.received()).toEqual([["b", "2"]])
    expect(call("GET", "a")).toBe("1")
  })

  it("is in the list of each of its keys once, and leaves all of them", () => {
    const { call, connect, engine } = make()
    const waiter = connect()
    waiter.call("TAKE", "k", "k", "l", "0")
    expect(engine.blocking.keyCount).toBe(2)
    call("SET", "l", "v")
    expect(waiter.received()).toEqual([["l", "v"]])
    expect(engine.blocking.keyCount).toBe(0)
    call("SET", "k", "v")
    expect(waiter.received()).toEqual([])
    expect(call("GET", "k")).toBe("v")
  })

  it("observes nothing while nobody waits", () => {
    const { call, connect, engine } = make()
    expect(engine.changes.observed).toBe(false)
    const waiter = connect()
    waiter.call("TAKE", "k", "0")
    expect(engine.changes.observed).toBe(true)
    call("SET", "k", "v")
    expect(engine.changes.observed).toBe(false)
  })

  it("propagates what it did when it was served, not what it was sent as", () => {
    const { call, connect, engine } = make()
    engine.changes.log.enabled = true
    connect().call("TAKE", "k", "0")
    call("SET", "k", "v")
    expect(engine.changes.log.pending().toString()).toBe(
      "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"
    )
  })

  it("waits in its own database, and is served by a swap", () => {
    const { call, connect } = make()
    const waiter = connect()
    waiter.call("TAKE", "k", "0")
    call("SELECT", "1")
    call("SET", "k", "other")
    expect(waiter.received()).toEqual([])
    call("SWAPDB", "0", "1")
    expect(waiter.received()).toEqual([["k", "other"]])
  })

  it("waits on while writes are refused, and is served when they are possible again", () => {
    const { call, connect, engine } = make()
    const waiter = connect()
    waiter.call("TAKE", "k", "0")
    engine.writesRefused = Buffer.from("-MISCONF no\r\n")
    expect(call("SET", "k", "v")).toBe("-MISCONF no")
    engine.writesRefused = null
    expect(call("SET", "k", "v")).toBe("OK")
    expect(waiter.received()).toEqual([["k", "v"]])
  })
})

describe("a wait ends", () => {
  it("at its deadline, with the reply of a timeout, to the millisecond", () => {
    const { connect, engine, wait } = make()
    const waiter = connect()
    waiter.call("TAKE", "k", "0.25")
    expect(engine.blocking.nextDeadline).toBe(engine.keyspace.now + 250)
    wait(0.249)
    expect(waiter.received()).toEqual([])
    wait(0.001)
    expect(waiter.received()).toEqual([null])
    expect(engine.blocking.size).toBe(0)
    expect(engine.blocking.nextDeadline).toBe(Number.POSITIVE_INFINITY)
  })

  it("tells the shell of a deadline that is earlier than all others", () => {
    const { connect, engine } = make()
    const deadlines: Array<number> = []
    engine.blocking.onDeadline = () => deadlines.push(engine.blocking.nextDeadline - engine.keyspace.now)
    connect().call("TAKE", "k", "5")
    connect().call("TAKE", "k", "9")
    connect().call("TAKE", "k", "2")
    expect(deadlines).toEqual([5000, 2000])
  })

  it("when the client goes away: the next in line is served", () => {
    const { call, connect, engine } = make()
    const [gone, next] = [connect(), connect()]
    gone.call("TAKE", "k", "0")
    next.call("TAKE", "k", "0")
    engine.close(gone.session)
    call("SET", "k", "v")
    expect(gone.received()).toEqual([])
    expect(next.received()).toEqual([["k", "v"]])
  })

  it("when the client hangs up", () => {
    const { call, connect, engine } = make()
    const waiter = connect()
    waiter.call("TAKE", "k", "0")
    engine.endInput(waiter.session)
    expect(waiter.ended).toBe(true)
    call("SET", "k", "v")
    expect(call("GET", "k")).toBe("v")
  })

  it("by CLIENT UNBLOCK, as a timeout or an error", () => {
    const { call, connect } = make()
    const waiter = connect()
    const id = String(waiter.session.id)
    waiter.call("TAKE", "k", "0")
    expect(call("CLIENT", "UNBLOCK", id)).toBe(1)
    expect(waiter.received()).toEqual([null])
    waiter.call("TAKE", "k", "0")
    expect(call("CLIENT", "UNBLOCK", id, "ERROR")).toBe(1)
    expect(waiter.received()).toEqual(["-UNBLOCKED client unblocked via CLIENT UNBLOCK"])
    expect(call("CLIENT", "UNBLOCK", id, "TIMEOUT")).toBe(0)
    expect(call("CLIENT", "UNBLOCK", "999")).toBe(0)
    expect(call("CLIENT", "UNBLOCK", "x")).toBe("-ERR value is not an integer or out of range")
    expect(call("CLIENT", "UNBLOCK", id, "NOW")).toBe("-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
  })
})

describe("a handler that throws", () => {
  it("leaves neither half a reply nor half a command in the log", () => {
    const defects: Array<string> = []
    const { call, engine, pipeline } = makeServerEngine({}, blockingCommands)
    Object.assign(engine.hooks, { onDefect: (command: string) => defects.push(command) })
    engine.changes.log.enabled = true
    expect(pipeline(["SET", "a", "1"], ["THROW", "b"], ["SET", "c", "3"])).toEqual([
      "OK",
      "-ERR internal error",
      "OK"
    ])
    expect(defects).toEqual(["throw"])
    const logged = engine.changes.log.pending().toString()
    expect(logged).not.toContain("THROW")
    expect(logged.match(/SET\r\n\$1\r\n[ac]/g)).toHaveLength(2)
    expect(call("PING")).toBe("PONG")
  })

  it("leaves a transaction of the log as it was", () => {
    const { engine, pipeline } = makeServerEngine({}, blockingCommands)
    Object.assign(engine.hooks, { onDefect: () => {} })
    const { log } = engine.changes
    log.enabled = true
    log.beginTransaction()
    pipeline(["THROW", "b"], ["SET", "a", "1"], ["THROW", "b"], ["SET", "c", "3"])
    log.endTransaction()
    expect(log.pending().toString()).toMatch(
      /^\*1\r\n\$5\r\nMULTI\r\n[\s\S]*SET\r\n\$1\r\na[\s\S]*SET\r\n\$1\r\nc[\s\S]*EXEC\r\n$/
    )
    expect(log.pending().toString()).not.toContain("THROW")
  })
})
