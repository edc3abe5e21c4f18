// Scripts of callers in this process when the store closes: each call ends, with a reply or an error.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { expect, it } from "vitest"
import { Kv } from "../../src/index.js"
import { within } from "../seams/turn.js"

it.each([
  ["while the VM is loaded", false],
  ["while those before them run", true]
])("calls of scripts that are queued when the store closes are answered: %s", async (_name, warm) => {
  const scope = await Effect.runPromise(Scope.make())
  const context = await Effect.runPromise(Layer.buildWithScope(Kv.layer({}), scope))
  const kv = await Effect.runPromise(Effect.provide(Kv.Kv, context))
  if (warm) await Effect.runPromise(kv.eval("return 1"))
  const script = "local t = os.clock() while os.clock() - t < 0.003 do end return 1"
  const calls = Array.from({ length: 40 }, () => Effect.runFork(Effect.exit(kv.eval(script))))
  // the actor has taken them when it has had its turn
  await new Promise((resolve) => setImmediate(resolve))
  await Effect.runPromise(Scope.close(scope, Exit.void))
  const ended = await within(Promise.all(calls.map((call) => Effect.runPromise(Fiber.join(call)))), 3000)
  expect(ended?.length).toBe(40)
})
