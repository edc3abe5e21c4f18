/**
 * A VM by itself, and how long its slices took.
 */
import { LuaVm, type LuaVmOptions, type ScriptHost } from "../../src/lua/vm.js"
import { ReplyWriter } from "../../src/resp/writer.js"

export const SLICE_MS = 5

const reply = (text: string): ReturnType<ScriptHost["call"]> => {
  const bytes = Buffer.from(text, "latin1")
  return { bytes, end: bytes.length }
}

export interface Run {
  /** In RESP. */
  readonly reply: string
  readonly slices: number
  readonly killed: boolean
  /** The longest slice, in milliseconds of the process's own time: others' load is not counted. */
  readonly longestMs: number
}

export class TestVm {
  readonly vm: LuaVm
  /** Commands that scripts have called. */
  readonly called: Array<string> = []
  private count = 0
  constructor(options: LuaVmOptions = {}) {
    this.vm = new LuaVm(
      {
        call: (args) => {
          const words = args.map((arg) => Buffer.from(arg).toString("latin1"))
          if (words[0] !== "PING" && words[0] !== "FAILS") this.called.push(words.join(" "))
          return reply(words[0] === "FAILS" ? "-ERR it fails\r\n" : "+PONG\r\n")
        },
        clock: () => performance.now(),
        log: () => {},
        setProtocol: () => {}
      },
      options
    )
  }

  /** Runs a script; kills it after so many slices. */
  run(script: string, keys: ReadonlyArray<string> = [], slicesMax = Number.POSITIVE_INFINITY): Run {
    const sha = `script${++this.count}`
    const compileError = this.vm.compile(sha, Buffer.from(script, "latin1"))
    if (compileError !== null) throw new Error(compileError)
    let slices = 0
    let longestMs = 0
    let killed = false
    const slice = (go: () => "yielded" | "done"): boolean => {
      const before = process.cpuUsage()
      slices++
      const end = go()
      const { user, system } = process.cpuUsage(before)
      longestMs = Math.max(longestMs, (user + system) / 1000)
      return end === "done"
    }
    const keyBytes = keys.map((key) => Buffer.from(key))
    let done = slice(() => this.vm.start(sha, keyBytes, [], SLICE_MS))
    while (!done) {
      if (slices >= slicesMax && !killed) {
        this.vm.kill("ERR killed")
        killed = true
      }
      done = slice(() => this.vm.resume(SLICE_MS))
    }
    const writer = new ReplyWriter()
    this.vm.finish(writer, 2)
    this.vm.forget(sha)
    return { reply: writer.buffer.subarray(0, writer.length).toString("latin1"), slices, killed, longestMs }
  }
}
