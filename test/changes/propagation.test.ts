// Where the log goes: every sink gets the same, whatever the others do.
import { describe, expect, it } from "vitest"
import { type ChangeObserver, Changes } from "../../src/changes/changes.js"
import { CommandLog } from "../../src/changes/commandLog.js"
import * as Events from "../../src/changes/events.js"
import { NOTIFY_KEYEVENT, NOTIFY_KEYSPACE, Notifications } from "../../src/changes/notifications.js"
import { Propagation } from "../../src/changes/propagation.js"
import { parseCommands } from "../support/engine.js"

const sink = () => {
  const taken: Array<Buffer> = []
  return {
    take: (bytes: Buffer) => {
      taken.push(Buffer.from(bytes))
    },
    commands: () => parseCommands(Buffer.concat(taken))
  }
}
const log = (propagation: Propagation, database: number, ...words: ReadonlyArray<string>): void => {
  if (propagation.log.command(database, words.length)) for (const word of words) propagation.log.text(word)
}

describe("propagation", () => {
  it("logs nothing while there is no sink", () => {
    const propagation = new Propagation(new CommandLog())
    log(propagation, 0, "SET", "a", "1")
    expect(propagation.log.position).toBe(0)
  })

  it("gives a sink that joins late what comes from then on, with its database, and the first what it would get anyway", () => {
    const propagation = new Propagation(new CommandLog())
    const [first, second] = [sink(), sink()]
    propagation.add(first)
    log(propagation, 3, "SET", "a", "1")
    propagation.add(second)
    log(propagation, 3, "SET", "b", "2")
    propagation.flush()
    expect(second.commands()).toEqual([
      ["SELECT", "3"],
      ["SET", "b", "2"]
    ])
    expect(first.commands().filter(([name]) => name === "SET")).toEqual([
      ["SET", "a", "1"],
      ["SET", "b", "2"]
    ])
  })

  it("gives a sink that leaves all up to then, and the others go on", () => {
    const propagation = new Propagation(new CommandLog())
    const [first, second] = [sink(), sink()]
    propagation.add(first)
    propagation.add(second)
    log(propagation, 0, "SET", "a", "1")
    propagation.remove(first)
    log(propagation, 0, "SET", "b", "2")
    propagation.remove(second)
    log(propagation, 0, "SET", "c", "3")
    expect(first.commands().map(([, key]) => key)).toEqual(["0", "a"])
    expect(second.commands().map(([, key]) => key)).toEqual(["0", "a", "b"])
    expect(propagation.log.enabled).toBe(false)
  })

  it("keeps an open transaction back, and gives it whole or not at all", () => {
    const propagation = new Propagation(new CommandLog())
    const one = sink()
    propagation.add(one)
    log(propagation, 0, "SET", "before", "1")
    propagation.log.beginTransaction()
    log(propagation, 0, "SET", "a", "1")
    const { position } = propagation.log
    propagation.flush()
    expect(one.commands().map(([name]) => name)).toEqual(["SELECT", "SET"])
    log(propagation, 1, "SET", "b", "2")
    expect(propagation.log.position).toBe(position)
    propagation.log.endTransaction()
    propagation.log.beginTransaction()
    log(propagation, 2, "SET", "never", "3")
    propagation.log.abortTransaction()
    log(propagation, 1, "SET", "after", "4")
    propagation.flush()
    expect(one.commands().slice(2)).toEqual([
      ["MULTI"],
      ["SET", "a", "1"],
      ["SELECT", "1"],
      ["SET", "b", "2"],
      ["EXEC"],
      ["SELECT", "1"],
      ["SET", "after", "4"]
    ])
  })
})

describe("the account of changes", () => {
  it("tells everyone who observes, in order, and nobody who has ended it", () => {
    const changes = new Changes(new CommandLog())
    const told: Array<string> = []
    const observer = (name: string): ChangeObserver => ({
      key: (database, { name: event }, bytes, start, length) => {
        told.push(`${name} ${database} ${event} ${bytes.toString("latin1", start, start + length)}`)
      },
      flushed: (database) => told.push(`${name} flushed ${database}`),
      swapped: (a, b) => told.push(`${name} swapped ${a} ${b}`)
    })
    expect(changes.observed).toBe(false)
    const stop = changes.observe(observer("one"))
    changes.observe(observer("two"))
    changes.tellKey(2, Events.SET, Buffer.from("xkeyx"), 1, 3)
    stop()
    changes.flushed(-1)
    changes.swapped(0, 1)
    expect(told).toEqual(["one 2 set key", "two 2 set key", "two flushed -1", "two swapped 0 1"])
    expect(changes.observed).toBe(true)
  })

  it("becomes keyspace and keyevent messages by class", () => {
    const changes = new Changes(new CommandLog())
    const notifications = new Notifications(changes)
    const sent: Array<string> = []
    notifications.publish = (channel, message) => sent.push(`${channel} ${message}`)
    const tell = (): void => {
      changes.tellKey(0, Events.SET, Buffer.from("k"), 0, 1)
      changes.tellKey(0, Events.DEL, Buffer.from("k"), 0, 1)
    }
    notifications.chooseClasses("KE$")
    tell()
    expect(sent.splice(0)).toEqual(["__keyspace@0__:k set", "__keyevent@0__:set k"])
    notifications.choose(NOTIFY_KEYEVENT | Events.KIND_GENERIC)
    tell()
    expect(sent.splice(0)).toEqual(["__keyevent@0__:del k"])
    notifications.choose(NOTIFY_KEYSPACE)
    tell()
    notifications.chooseClasses("")
    expect(changes.observed).toBe(false)
    expect(sent).toEqual([])
  })
})
