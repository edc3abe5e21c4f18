// Every operation that the append-only file does on the disk fails, once or for good, or is the last before a kill:
// nothing acknowledged is lost, nothing counts twice, and the store recovers or says why it does not.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { afterAll, describe, expect, it } from "vitest"
import { Kv } from "../../src/index.js"
import { nodeServerHost } from "../../src/machine/host.js"
import { Machine } from "../../src/machine/Machine.js"
import { nodeProcesses } from "../../src/machine/processes.js"
import type { ServerOptions } from "../../src/ServerConfig.js"
import { type Fault, FaultyDisk } from "../support/faultyDisk.js"

const directories: Array<string> = []
afterAll(() => {
  for (const dir of directories) rmSync(dir, { recursive: true, force: true })
})
const temporary = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "effect-kv-faults-"))
  directories.push(dir)
  return dir
}

const machineOf = (disk: FaultyDisk): Layer.Layer<never> =>
  Layer.succeed(Machine, {
    disk: disk.disk,
    processes: { ...nodeProcesses, isAlive: () => false },
    host: nodeServerHost
  })

/** A store over a directory, and what closes it. */
const open = async (options: Partial<ServerOptions>, disk: FaultyDisk) => {
  const scope = await Effect.runPromise(Scope.make())
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const layer = Kv.layer(options).pipe(Layer.provide(machineOf(disk)))
  const built = await Effect.runPromise(
    Effect.either(Effect.map(Layer.buildWithScope(layer, scope), (c) => c))
  )
  if (built._tag === "Left") {
    await close()
    return { kv: null, problem: built.left, close }
  }
  const kv = await Effect.runPromise(Effect.provide(Kv.Kv, built.right))
  return { kv, problem: null, close }
}

/** What a run of the scenario may have left. */
interface Account {
  attempted: number
  acknowledged: number
  /** Acknowledged while the file was on: these must be there after a restart. */
  durable: number
  /** Error replies, by their first word. */
  readonly errors: Array<string>
}

type Policy = "always" | "everysec"

/** Counts with a store whose AOF is on from the start, off, on again; each step's answer goes to the account. */
const scenario = async (
  dir: string,
  policy: Policy,
  disk: FaultyDisk,
  onAtStart: boolean
): Promise<Account> => {
  const account: Account = { attempted: 0, acknowledged: 0, durable: 0, errors: [] }
  const { kv, problem, close } = await open({ dir, appendonly: onAtStart, appendfsync: policy }, disk)
  if (kv === null) {
    account.errors.push(String(problem))
    return account
  }
  let on = onAtStart
  /** What an effect gives, or null where the process is killed before: nobody waits for its replies. */
  const unlessDead = <A, E>(effect: Effect.Effect<A, E>): Promise<Either.Either<A, E> | null> =>
    Promise.race([Effect.runPromise(Effect.either(effect)), disk.died.then(() => null)])
  const count = async (times: number): Promise<void> => {
    for (let i = 0; i < times && !disk.dead; i++) {
      account.attempted++
      const reply = await unlessDead(kv.incr("counter"))
      if (reply === null || disk.dead) return
      if (reply._tag === "Left") {
        account.errors.push(reply.left.code)
        // an error reply means that nothing happened; only of what is lost nobody knows
        if (reply.left.code === "MISCONF") account.attempted--
        continue
      }
      account.acknowledged++
      if (on) account.durable = account.acknowledged
    }
  }
  const turn = async (to: boolean): Promise<void> => {
    if (disk.dead) return
    const reply = await unlessDead(kv.send("CONFIG", "SET", "appendonly", to ? "yes" : "no"))
    if (reply === null || disk.dead) return
    if (reply._tag === "Left") account.errors.push(reply.left.code)
    else on = to
    if (on) account.durable = account.acknowledged
    const setting = await Effect.runPromise(kv.send("CONFIG", "GET", "appendonly"))
    expect(setting).toEqual(new Map([["appendonly", on ? "yes" : "no"]]))
  }
  await count(3)
  await turn(!onAtStart)
  await count(3)
  await turn(onAtStart)
  await count(3)
  await turn(!onAtStart)
  await count(3)
  await turn(true)
  await count(2)
  await close()
  return account
}

/** What a fresh store over the directory holds. */
const countAfterRestart = async (dir: string): Promise<number> => {
  const { kv, problem, close } = await open({ dir, appendonly: true }, new FaultyDisk(-1, "once"))
  if (kv === null) throw problem
  const value = await Effect.runPromise(kv.get("counter"))
  await close()
  return value._tag === "None" ? 0 : Number(value.value)
}

const check = async (at: number, fault: Fault, policy: Policy, onAtStart: boolean): Promise<string> => {
  const dir = temporary()
  const disk = new FaultyDisk(at, fault)
  const account = await scenario(dir, policy, disk, onAtStart)
  const found = await countAfterRestart(dir)
  const told = `operation ${at} (${disk.operations[at]}), ${fault}, ${policy}, on at start ${onAtStart}: `
  const figures = `${account.durable} durable, ${account.acknowledged} acknowledged, ${account.attempted} attempted`
  return found >= account.durable && found <= account.attempted
    ? ""
    : `${told}${figures}, found ${found}; errors ${account.errors.join(" ")}`
}

/** How many operations the scenario has when nothing fails. */
const operationsOf = async (policy: Policy, onAtStart: boolean): Promise<number> => {
  const disk = new FaultyDisk(-1, "once")
  const account = await scenario(temporary(), policy, disk, onAtStart)
  expect(account).toMatchObject({ attempted: 14, acknowledged: 14, durable: 14, errors: [] })
  return disk.operations.length
}

const VARIANTS = (["always", "everysec"] as const).flatMap((policy) =>
  [true, false].map((onAtStart) => ({ policy, onAtStart }))
)

describe("the append-only file", () => {
  it.each(["once", "always", "kill before", "kill after", "kill within"] as const)(
    "loses and doubles nothing, whichever operation of the disk fails: %s",
    { timeout: 120_000 },
    async (fault) => {
      const checks = VARIANTS.map(async ({ policy, onAtStart }) => {
        const operations = await operationsOf(policy, onAtStart)
        expect(operations).toBeGreaterThan(30)
        const all = Array.from({ length: operations }, (_, at) => check(at, fault, policy, onAtStart))
        return Promise.all(all)
      })
      const wrong = (await Promise.all(checks)).flat()
      expect(wrong.filter((text) => text !== "")).toEqual([])
    }
  )
})
