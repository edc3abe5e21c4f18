// What signals do to a server, without a process of its own.
import { EventEmitter } from "node:events"
import { describe, expect, it } from "vitest"
import { type SignalHost, signals } from "../../src/cli/signals.js"

class Exit extends Error {}

const listening = () => {
  const process = new EventEmitter()
  const said: Array<string> = []
  const exit = (code?: number): never => {
    said.push(`exit ${code}`)
    throw new Exit()
  }
  const stop = signals(Object.assign(process, { exit }) as unknown as SignalHost)
  stop.listen(
    (message) => said.push(message),
    () => said.push("shutdown")
  )
  return { process, said, stop }
}

describe("signals", () => {
  it("shut down in order at SIGTERM, and a second one changes nothing", () => {
    const { process, said, stop } = listening()
    process.emit("SIGTERM", "SIGTERM")
    process.emit("SIGTERM", "SIGTERM")
    expect(said).toEqual(["Received SIGTERM scheduling shutdown...", "shutdown"])
    expect(stop.received).toBe(true)
  })

  it("end the process at once at a SIGINT while it shuts down", () => {
    const { process, said } = listening()
    process.emit("SIGINT", "SIGINT")
    expect(() => process.emit("SIGINT", "SIGINT")).toThrow(Exit)
    expect(said).toEqual([
      "Received SIGINT scheduling shutdown...",
      "shutdown",
      "You insist... exiting now.",
      "exit 1"
    ])
  })

  it("mean nothing when they are SIGHUP or SIGUSR1", () => {
    const { process, said, stop } = listening()
    for (const signal of ["SIGHUP", "SIGUSR1"]) expect(process.emit(signal, signal)).toBe(true)
    expect([said, stop.received]).toEqual([[], false])
  })
})
