/**
 * The launch: from the words of the command line to a running server, or to help, version, completions or the wizard.
 *
 * App tier. Exit code 0 is a shutdown that was asked for, 1 a configuration or start-up failure, which is explained
 * without a stack trace.
 *
 * @since 0.1.0
 */
import * as fs from "node:fs"
import { stripVTControlCharacters } from "node:util"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import type * as ValidationError from "@effect/cli/ValidationError"
import * as Runtime from "@effect/platform/Runtime"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ConfigError } from "../config/ConfigError.js"
import { nodeFiles, nodeHost, readStandardInput } from "../config/host.js"
import { nearest } from "../config/nearest.js"
import { decodeBytes } from "../config/parse.js"
import type { Settings } from "../config/settings.js"
import * as Log from "../Log.js"
import * as Server from "../Server.js"
import * as ServerConfig from "../ServerConfig.js"
import { type Normalized, normalize } from "./arguments.js"
import { featuredNames, footer, type Given, make, optionNames, type Purpose, summary } from "./Command.js"
import { bashCompletions } from "./completions.js"
import * as LateTerminal from "./LateTerminal.js"
import { type Signals, signals } from "./signals.js"
import { greeting, linesOf, settingsOf, versionLine } from "./startup.js"

/** Standard error is written at once: process.exit would lose what a pipe still holds. */
const complain = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    try {
      fs.writeSync(2, text)
    } catch {
      // Nobody reads standard error: the exit code has to do.
    }
  })

/** What a failure says to the person who started the server: its message, not its stack. */
const explain = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (error instanceof ConfigError) return error.report
  if (Cause.isDie(cause) && Option.isNone(Cause.failureOption(cause))) {
    return `effect-kv: unexpected failure (please report it)\n${Cause.pretty(cause)}\n`
  }
  return `effect-kv: ${error instanceof Error ? error.message : String(error)}\n`
}

/** What went wrong was said already; only the exit code is left. */
class Explained {
  readonly _tag = "Explained"
}

const explained = (cause: Cause.Cause<unknown>): Effect.Effect<never, Explained> =>
  Effect.zipRight(complain(explain(cause)), Effect.fail(new Explained()))

const settingsFor = (
  { configFile, directives, standardInput }: Given,
  order: ReadonlyArray<string>
): Effect.Effect<Settings, ConfigError> =>
  Effect.try({
    try: () =>
      settingsOf(
        {
          configFile: Option.getOrNull(configFile),
          standardInput,
          options: linesOf(directives, order)
        },
        {
          files: nodeFiles(),
          settings: nodeHost(),
          env: process.env,
          readStandardInput
        }
      ),
    catch: ConfigError.of
  })

/** Runs a server with these settings. A failure is in the log; where nobody sees that, it is said here. */
const serve = (settings: Settings, stop: Signals): Effect.Effect<void, Explained | ConfigError> =>
  Effect.gen(function* () {
    const log = yield* Log.Log
    for (const { message, severity } of greeting(settings, process.pid, fs.existsSync))
      log.write(severity, message)
    const fiber = yield* Effect.fork(Server.main(settings))
    stop.listen(
      (message) => log.write("warning", message),
      () => fiber.unsafeInterruptAsFork(fiber.id())
    )
    const logged = settings.logfile === "" && log.isLogged("warning")
    return yield* fiber.pipe(
      Effect.catchAllCause((cause) => {
        if (Cause.isInterruptedOnly(cause)) return Effect.void
        return logged && Option.isSome(Cause.failureOption(cause))
          ? Effect.fail(new Explained())
          : explained(cause)
      })
    )
  }).pipe(Effect.provide(Log.layer.pipe(Layer.provide(ServerConfig.layerSettings(settings)))))

/** The options that are in question: see `Command.ts`. */
const inQuestion = ({ order, words }: Normalized): readonly [ReadonlyArray<string>, Purpose] => {
  if (words[0] === "--completions") return [optionNames, "show"]
  const shown = words[0] === "--help" || words[0] === "--wizard" || words[0] === "--version"
  return shown ? [featuredNames, "show"] : [[...new Set(order)], "run"]
}

/** What is wrong with a command line that no option is made for, or null; @effect/cli would take it for a file. */
const unknown = ({ order, stray }: Normalized): string | null => {
  if (stray !== null) return `Unknown argument '${stray}'`
  const name = order.find((given) => !optionNames.includes(given))
  if (name === undefined) return null
  const meant = nearest(name, optionNames)
  const guess = meant === null ? "" : ` Did you mean '--${meant}'?`
  return `Unknown option '--${decodeBytes(name)}'.${guess}`
}

/** The escapes that @effect/cli colours its texts with are for terminals. */
const withoutColours = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Console.consoleWith((console) =>
    Effect.withConsole(self, {
      ...console,
      log: (...args) => console.log(...args.map(withoutEscapes)),
      error: (...args) => console.error(...args.map(withoutEscapes))
    })
  )

const withoutEscapes = (text: unknown): unknown =>
  typeof text === "string" ? stripVTControlCharacters(text) : text

const environment = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, LateTerminal.layer)

/**
 * What the words of a command line ask for.
 *
 * @since 0.1.0
 * @category launching
 */
export const launch = (
  words: ReadonlyArray<string>,
  stop: Signals
): Effect.Effect<void, Explained | ValidationError.ValidationError> => {
  const normalized = normalize(words)
  if (normalized.words[0] === "--completions" && /^(ba)?sh$/.test(normalized.words[1] ?? "")) {
    return Console.log(bashCompletions(optionNames).trimEnd())
  }
  const wrong = unknown(normalized)
  if (wrong !== null) {
    return Effect.zipRight(
      complain(`effect-kv: ${wrong}\nTry: effect-kv --help\n`),
      Effect.fail(new Explained())
    )
  }
  const command = make(...inQuestion(normalized), (given) =>
    Effect.flatMap(settingsFor(given, normalized.order), (settings) => serve(settings, stop)).pipe(
      Effect.catchTag("ConfigError", (error) => explained(Cause.fail(error)))
    )
  )
  const run = Command.run(command, {
    name: "effect-kv",
    version: versionLine(process.versions.node),
    executable: "effect-kv",
    summary,
    footer: normalized.words[0] === "--help" ? footer() : HelpDoc.empty
  })
  return run(["node", "effect-kv", ...normalized.words]).pipe(
    (self) => (process.stdout.isTTY ? self : withoutColours(self)),
    Effect.provide(environment)
  )
}

/** Keeps the process alive while the fiber runs, and ends it with the fiber's exit code. */
const runMain = (stop: Signals) =>
  Runtime.makeRunMain(({ fiber, teardown }) => {
    const keepAlive = setInterval(() => {}, 2 ** 31 - 1)
    fiber.addObserver((exit) => {
      clearInterval(keepAlive)
      teardown(exit, (code) => {
        if (stop.received || code !== 0) process.exit(code)
      })
    })
  })

/**
 * The executable.
 *
 * @since 0.1.0
 * @category launching
 */
export const main = (words: ReadonlyArray<string>): void => {
  const stop = signals(process)
  runMain(stop)(launch(words, stop), { disableErrorReporting: true, disablePrettyLogger: true })
}
