#!/usr/bin/env node
/**
 * The `effect-kv` executable: reads the command line, then runs the server until it is told to stop.
 *
 * App tier. Exit code 0 is a shutdown that was asked for, 1 a configuration or start-up failure, which
 * standard error explains without a stack trace. Only what the server needs is loaded before it answers; help
 * and completions come with their own modules when they are asked for.
 *
 * @since 0.1.0
 */
import * as fs from "node:fs"
import * as v8 from "node:v8"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Invocation, readInvocation } from "./cli/arguments.js"
import { greeting, settingsOf, versionLine } from "./cli/startup.js"
import { nodeFiles, nodeHost, readStandardInput } from "./config/host.js"
import { ConfigError } from "./config/parse.js"
import type { Settings } from "./config/settings.js"
import * as Log from "./Log.js"
import * as Server from "./Server.js"
import * as ServerConfig from "./ServerConfig.js"

/** Standard error is written at once: process.exit would lose what a pipe still holds. */
const complain = (text: string): void => {
  try {
    fs.writeSync(2, text)
  } catch {
    // Nobody reads standard error: the exit code has to do.
  }
  process.exitCode = 1
}

/** What a failure says to the person who started the server: its message, not its stack. */
const explain = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (error instanceof ConfigError) return error.report
  if (Cause.isDie(cause) && Cause.failureOption(cause)._tag === "None") {
    return `effect-kv: unexpected failure (please report it)\n${Cause.pretty(cause)}\n`
  }
  return `effect-kv: ${error instanceof Error ? error.message : String(error)}\n`
}

/**
 * The path of a request makes next to no garbage, so the space for young objects stays as small as it starts: it would
 * grow to 16 MiB with the first burst of connections, which is memory for some 300,000 keys.
 */
const keepYoungSpaceSmall = (): void => v8.setFlagsFromString("--semi-space-growth-factor=1")

const run = (settings: Settings): void => {
  keepYoungSpaceSmall()
  const program = Effect.gen(function* () {
    const log = yield* Log.Log
    for (const { message, severity } of greeting(settings, process.pid)) log.write(severity, message)
    yield* Server.main(settings)
  }).pipe(
    Effect.provide(Log.layer.pipe(Layer.provide(ServerConfig.layerSettings(settings)))),
    Effect.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.void
        : Effect.zipRight(
            Effect.sync(() => complain(explain(cause))),
            Effect.fail(cause)
          )
    )
  )
  NodeRuntime.runMain(program, {
    disableErrorReporting: true,
    disablePrettyLogger: true
  })
}

const start = (invocation: Extract<Invocation, { readonly task: "run" }>): void => {
  let settings: Settings
  try {
    settings = settingsOf(invocation, {
      files: nodeFiles(),
      settings: nodeHost(),
      env: process.env,
      readStandardInput
    })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    complain(error.report)
    return
  }
  run(settings)
}

const printHelp = async (): Promise<void> => {
  const { help } = await import("./cli/help.js")
  process.stdout.write(help(versionLine(process.versions.node)))
}

const printCompletions = async (shell: string): Promise<void> => {
  const { completions } = await import("./cli/Command.js")
  const script = await Effect.runPromise(completions(shell))
  if (script === null) complain("effect-kv: --completions takes one of sh, bash, fish and zsh\n")
  else process.stdout.write(script)
}

const invocation = readInvocation(process.argv.slice(2))
switch (invocation.task) {
  case "version":
    process.stdout.write(versionLine(process.versions.node) + "\n")
    break
  case "help":
    await printHelp()
    break
  case "completions":
    await printCompletions(invocation.shell)
    break
  case "run":
    start(invocation)
}
