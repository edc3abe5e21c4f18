// Scripts that mean harm, one after another against one VM: each comes back at the end of its slices, and the script
// after it sees nothing of it.
import { describe, expect, it } from "vitest"
import { hostile } from "./hostile.js"
import { TestVm } from "./vm.js"

const MiB = 1024 * 1024
/** Small, so that the bombs are soon over. */
const vm = new TestVm({ memoryLimit: 48 * MiB })

/** Uses a bit of everything that a script could have changed for it. */
const canary = `
  local t = {}
  for i = 1, 100 do t[i] = #string.rep('a', i):upper() end
  table.sort(t, function(a, b) return a > b end)
  local co = coroutine.wrap(function(x) coroutine.yield(x + 1) error('end') end)
  return {
    t[1], t[100], #KEYS, KEYS[1], #ARGV, tostring(rawget(KEYS, 'x')), tostring(getmetatable(KEYS)),
    redis.call('PING'), type(redis.pcall), ('x'):rep(3), math.floor(2.5), select('#', unpack({1, 2, 3})),
    co(1), tostring(pcall(co)), tostring(rawget(_G, 'x')), tostring(getmetatable('').__index == string),
    table.concat({1, 2, 3}, ','), tostring(pcall(rawget(_G, 'print') or error)),
    (('a=b'):gsub('(%w)=(%w)', '%2=%1'))
  }`
const expected =
  "*19\r\n:100\r\n:1\r\n:1\r\n$1\r\nk\r\n:0\r\n$3\r\nnil\r\n$3\r\nnil\r\n+PONG\r\n$8\r\nfunction\r\n$3\r\nxxx\r\n:2\r\n:3\r\n" +
  ":2\r\n$5\r\nfalse\r\n$3\r\nnil\r\n$4\r\ntrue\r\n$5\r\n1,2,3\r\n$5\r\nfalse\r\n$3\r\nb=a\r\n"

/** Slices that a script gets before it is killed. */
const SLICES = 12

describe("a script that means harm ends, and the next one does not notice", () => {
  it("the canary is right by itself", () => {
    expect(vm.run(canary, ["k"]).reply).toBe(expected)
  })

  it.each(hostile)("$script", ({ script, end }) => {
    const run = vm.run(script, [], end === "killed" ? SLICES : 4000)
    if (end === "killed") {
      expect(run.killed).toBe(true)
      expect(run.slices).toBe(SLICES + 1)
      expect(run.reply).toMatch(/^-ERR killed script: script\d+, on @user_script:\d+\.\r\n$/)
    } else {
      expect(run.reply).toMatch(end)
      expect(run.killed).toBe(false)
    }
    expect(vm.run(canary, ["k"]).reply).toBe(expected)
  })
})
