/**
 * MSET and MSETNX where memory runs out at one of their keys: none is set. Every allocation is tried.
 */
import { describe, expect, it } from "@effect/vitest"
import { keyspaceDigest } from "../../../src/commands/server/digest.js"
import { OutOfMemory } from "../../../src/store/memory.js"
import { makeEngine } from "../../support/engine.js"

const KEYS = 400

describe("MSET that runs out of memory", () => {
  it("leaves every key as it was, whichever allocation fails", () => {
    let failed = 0
    for (let at = 1; ; at++) {
      const { call, engine, session } = makeEngine({ seed: 5 })
      for (let i = 0; i < KEYS; i += 2) call("SET", `old:${i}`, `value ${i}`)
      call("SET", "old:4", "volatile", "PX", "100000")
      const { cells } = session.database
      // a fault at the block that is asked for the at-th time
      let left = at
      for (const { current } of cells) {
        const { heap } = current
        const allocate = heap.allocate.bind(heap)
        heap.allocate = (units) => {
          if (--left === 0) throw new OutOfMemory("as the test wants it")
          return allocate(units)
        }
      }
      const digest = keyspaceDigest(engine.keyspace).toString("hex")
      const used = engine.keyspace.size(session.database)
      const pairs = Array.from({ length: KEYS }, (_, i) => [`old:${i}`, "x".repeat((i * 37) % 900)]).flat()
      const reply = call("MSET", ...pairs, "old:2", "twice", "old:1", "twice")
      if (left > 0) {
        expect(reply).toBe("+OK\r\n")
        expect(call("GET", "old:2")).toBe("$5\r\ntwice\r\n")
        expect(call("DBSIZE")).toBe(`:${KEYS}\r\n`)
        expect(call("TTL", "old:4")).toBe(":-1\r\n")
        break
      }
      failed++
      expect(reply).toBe("-OOM out of memory\r\n")
      expect(engine.keyspace.size(session.database)).toBe(used)
      expect(keyspaceDigest(engine.keyspace).toString("hex")).toBe(digest)
      expect(call("GET", "old:0")).toBe("$7\r\nvalue 0\r\n")
      expect(call("PTTL", "old:4")).toBe(":100000\r\n")
      if (at > 40) at += 23
    }
    expect(failed).toBeGreaterThan(50)
  })
})
