/**
 * The terminal, made by its first use: Node's opens standard input and loads what reads lines, and only the wizard asks
 * anything.
 *
 * App tier.
 *
 * @since 0.2.0
 */
import * as Terminal from "@effect/platform/Terminal"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

/**
 * As `NodeTerminal.layer`, but late.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<Terminal.Terminal> = Layer.scoped(
  Terminal.Terminal,
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const made = yield* Effect.cached(Scope.extend(NodeTerminal.make(), scope))
    return Terminal.Terminal.of({
      columns: Effect.flatMap(made, ({ columns }) => columns),
      rows: Effect.flatMap(made, ({ rows }) => rows),
      isTTY: Effect.flatMap(made, ({ isTTY }) => isTTY),
      readInput: Effect.flatMap(made, ({ readInput }) => readInput),
      readLine: Effect.flatMap(made, ({ readLine }) => readLine),
      display: (text) => Effect.flatMap(made, ({ display }) => display(text))
    })
  })
)
