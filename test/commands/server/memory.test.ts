/**
 * What INFO, MEMORY STATS and CLIENT LIST say of memory, on a machine whose own figures are known: 10 MB of V8's and
 * 64 MB resident.
 */
import { describe, expect, it } from "@effect/vitest"
import { usedBytes } from "../../../src/engine/memory.js"
import { makeServerEngine, type ServerEngine } from "../../support/serverEngine.js"

const MB = 1024 * 1024
const PROCESS_BYTES = 10 * MB

const memoryOf = (one: Pick<ServerEngine, "call">): ReadonlyMap<string, number> =>
  new Map(
    [...String(one.call("INFO", "memory")).matchAll(/^([^#:\r\n]+):([\d.]+)%?\r$/gm)].map(
      ([, name, value]) => [name!, Number(value)]
    )
  )
const figures = (one: Pick<ServerEngine, "call">): ((name: string) => number) => {
  const memory = memoryOf(one)
  return (name) => {
    const value = memory.get(name)
    if (value === undefined) throw new Error(`INFO has no number ${name}`)
    return value
  }
}
const statsOf = (one: Pick<ServerEngine, "call">): ReadonlyMap<string, unknown> => {
  const reply = one.call("MEMORY", "STATS") as ReadonlyArray<unknown>
  return new Map(Array.from({ length: reply.length / 2 }, (_, i) => [String(reply[i * 2]), reply[i * 2 + 1]]))
}
const fill = (one: ServerEngine, count: number, bytes = 100): void => {
  for (let i = 0; i < count; i++) one.call("SET", `key:${i}`, "x".repeat(bytes))
}
/** The line of the client with this name. */
const clientLine = (text: unknown, name: string): string =>
  String(text)
    .split("\n")
    .find((line) => line.includes(` name=${name} `))!
const fieldOf = (line: string, name: string): number => Number(new RegExp(` ${name}=(\\d+)`).exec(line)![1])

describe("INFO memory", () => {
  it("counts what the process takes and what the store has in use, but no slab that is merely reserved", () => {
    const server = makeServerEngine()
    expect(figures(server)("used_memory")).toBe(PROCESS_BYTES)
    fill(server, 1000)
    const { segments } = server.engine.keyspace
    expect(segments.reservedBytes).toBeGreaterThan(32 * MB)
    expect(segments.usedBytes).toBeGreaterThan(100_000)
    const of = figures(server)
    expect(of("used_memory")).toBe(PROCESS_BYTES + segments.usedBytes)
    expect(of("used_memory")).toBe(usedBytes(server.engine))
  })

  it("counts what V8 has come to hold since the start, but not its everyday garbage", () => {
    const server = makeServerEngine()
    const { host } = server.engine.server
    const before = host.memory()
    const grow = (bytes: number): void => {
      Object.assign(host, {
        memory: () => ({ ...before, heapUsedBytes: before.heapUsedBytes + bytes }),
        allocatedBytes: () => PROCESS_BYTES + bytes
      })
    }
    grow(MB)
    expect(figures(server)("used_memory")).toBe(PROCESS_BYTES)
    grow(40 * MB)
    const of = figures(server)
    expect(of("used_memory")).toBe(PROCESS_BYTES + 38 * MB)
    expect(of("used_memory")).toBe(usedBytes(server.engine))
    expect(of("used_memory_overhead")).toBe(of("used_memory"))
  })

  it("splits what is used into data and overhead, which has the index in it", () => {
    const server = makeServerEngine()
    fill(server, 1000)
    server.call("SELECT", "5")
    fill(server, 500)
    const of = figures(server)
    const { usedBytes: stored } = server.engine.keyspace.segments
    expect(of("used_memory_dataset") + of("used_memory_overhead")).toBe(of("used_memory"))
    expect(of("used_memory_dataset")).toBeGreaterThan(150_000)
    expect(of("used_memory_overhead")).toBeGreaterThan(PROCESS_BYTES + 1500 * 8)
    expect(of("used_memory_startup")).toBe(PROCESS_BYTES)
    expect(of("used_memory_dataset_perc")).toBeCloseTo((of("used_memory_dataset") / stored) * 100, 1)
  })

  it("has no data in an empty store, and takes no collection since the start for data that went", () => {
    const server = makeServerEngine()
    const empty = figures(server)
    expect(empty("used_memory_dataset")).toBe(0)
    expect(empty("used_memory_dataset_perc")).toBe(0)
    server.engine.server.startupBytes = PROCESS_BYTES * 2
    fill(server, 100)
    const of = figures(server)
    const stored = server.engine.keyspace.segments.usedBytes
    expect(of("used_memory")).toBe(PROCESS_BYTES * 2 + stored)
    expect(of("used_memory")).toBe(usedBytes(server.engine))
    expect(of("used_memory_dataset_perc")).toBeCloseTo((of("used_memory_dataset") / stored) * 100, 1)
    expect(of("allocator_active")).toBeGreaterThanOrEqual(of("used_memory"))
  })

  it("names what maxmemory does not count, and compares the rest", () => {
    const server = makeServerEngine({ maxmemory: "100kb" })
    // what follows maxmemory is the shell
    server.engine.memoryBytesMax = server.settings.maxmemoryBytes
    server.call("SET", "small", "x")
    let of = figures(server)
    expect(of("used_memory")).toBeGreaterThan(of("maxmemory"))
    expect(of("used_memory") - of("mem_not_counted_for_evict")).toBe(
      server.engine.keyspace.segments.usedBytes
    )
    server.call("SET", "large", "x".repeat(200_000))
    of = figures(server)
    expect(of("used_memory") - of("mem_not_counted_for_evict")).toBeGreaterThan(of("maxmemory"))
    expect(server.call("SET", "more", "x")).toBe("-OOM command not allowed when used memory > 'maxmemory'.")
  })

  it("keeps the peak", () => {
    const server = makeServerEngine()
    fill(server, 1000)
    const full = figures(server)("used_memory")
    expect(figures(server)("used_memory_peak")).toBe(full)
    server.call("FLUSHALL")
    const of = figures(server)
    expect(of("used_memory")).toBe(PROCESS_BYTES)
    expect(of("used_memory_peak")).toBe(full)
    expect(of("used_memory_peak_perc")).toBeCloseTo((PROCESS_BYTES / full) * 100, 1)
  })

  it("has an allocator whose figures go from what is used up to what is resident", () => {
    const server = makeServerEngine()
    fill(server, 1000)
    const of = figures(server)
    expect(of("allocator_allocated")).toBe(of("used_memory"))
    expect(of("allocator_active")).toBeGreaterThan(of("allocator_allocated"))
    // the heap and a few segments are taken, not the whole slab
    expect(of("allocator_active")).toBeLessThan(13 * MB + 32 * 0.27 * MB)
    expect(of("allocator_resident")).toBe(of("allocator_active"))
    expect(of("allocator_resident") + of("rss_overhead_bytes")).toBe(of("used_memory_rss"))
    expect(of("mem_fragmentation_ratio")).toBeCloseTo(of("used_memory_rss") / of("used_memory"), 2)
    expect(of("mem_fragmentation_bytes")).toBe(of("used_memory_rss") - of("used_memory"))
  })

  it("counts the scripts that are kept, and the VM once there is one", () => {
    const server = makeServerEngine()
    expect([figures(server)("used_memory_scripts"), figures(server)("used_memory_vm_eval")]).toEqual([0, 0])
    server.scripts.use(Buffer.from(`return '${"x".repeat(5000)}'`))
    server.scripts.vmBytes = 4 * MB
    const of = figures(server)
    expect(of("used_memory_scripts")).toBeGreaterThan(5000)
    expect(of("used_memory_scripts_eval")).toBe(of("used_memory_scripts"))
    expect([of("used_memory_lua"), of("used_memory_vm_eval"), of("used_memory_vm_total")]).toEqual(
      Array(3).fill(4 * MB)
    )
    server.scripts.flush()
    expect(figures(server)("used_memory_scripts")).toBe(0)
  })

  it("counts clients with what they have sent in part", () => {
    const server = makeServerEngine()
    const one = figures(server)("mem_clients_normal")
    expect(one).toBeGreaterThan(0)
    const other = server.connect()
    expect(figures(server)("mem_clients_normal")).toBe(one * 2)
    other.feed(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000\r\n${"x".repeat(300_000)}`)
    expect(figures(server)("mem_clients_normal")).toBeGreaterThan(one * 2 + 300_000)
  })
})

describe("MEMORY STATS", () => {
  it("agrees with INFO", () => {
    const server = makeServerEngine()
    fill(server, 1000)
    const of = figures(server)
    const stats = statsOf(server)
    for (const [name, field] of [
      ["total.allocated", "used_memory"],
      ["peak.allocated", "used_memory_peak"],
      ["overhead.total", "used_memory_overhead"],
      ["dataset.bytes", "used_memory_dataset"],
      ["clients.normal", "mem_clients_normal"],
      ["allocator.active", "allocator_active"]
    ] as const) {
      expect([name, stats.get(name)]).toEqual([name, of(field)])
    }
    expect(stats.get("keys.count")).toBe(1000)
    expect(Number(stats.get("keys.bytes-per-key"))).toBeGreaterThan(100)
    expect(Number(stats.get("keys.bytes-per-key"))).toBeLessThan(300)
  })
})

describe("CLIENT LIST", () => {
  it("shows the command that runs as its client's query, and its arguments", () => {
    const server = makeServerEngine()
    const line = String(server.call("CLIENT", "LIST"))
    // *2 $6 CLIENT $4 LIST
    expect(fieldOf(line, "qbuf")).toBe(26)
    expect(fieldOf(line, "argv-mem")).toBe(10)
  })

  it("shows the part of a command that has come, and the room kept for the rest until it has", () => {
    const server = makeServerEngine()
    const other = server.connect()
    other.call("CLIENT", "SETNAME", "part")
    const begin = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$50000\r\n${"x".repeat(30_000)}`
    other.feed(begin)
    const line = clientLine(server.call("CLIENT", "LIST"), "part")
    expect(fieldOf(line, "qbuf")).toBe(begin.length)
    expect(fieldOf(line, "qbuf-free")).toBeGreaterThan(0)
    expect(fieldOf(line, "tot-mem")).toBeGreaterThan(begin.length)
    expect(other.feed(`${"x".repeat(20_000)}\r\n`)).toBe("+OK\r\n")
    const after = clientLine(server.call("CLIENT", "LIST"), "part")
    expect([fieldOf(after, "qbuf"), fieldOf(after, "qbuf-free")]).toEqual([0, 0])
  })

  it("shows replies that wait for the append-only file", () => {
    const server = makeServerEngine()
    const other = server.connect()
    other.call("CLIENT", "SETNAME", "waits")
    other.session.queued = 2
    other.session.queuedBytes = 5000
    const line = clientLine(server.call("CLIENT", "LIST"), "waits")
    expect([fieldOf(line, "oll"), fieldOf(line, "omem")]).toEqual([2, 5000])
    expect(line).toContain(" events=r ")
  })
})
