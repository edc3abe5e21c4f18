/**
 * Shell completions, by @effect/cli, from the same directives that are parsed.
 *
 * App tier; loaded only when asked for, so that starting the server does not pay for it. The server's own
 * arguments are not parsed here: redis-server's rules (any directive, any count of arguments, values that
 * begin with dashes) are not those of @effect/cli, so `arguments.ts` reads them.
 *
 * @since 0.1.0
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import { find } from "../config/directives.js"
import { featured } from "./featured.js"

const optionOf = (name: string, argument: string, about: string): Options.Options<unknown> => {
  const kind = find(name)?.kind
  const option: Options.Options<string> =
    kind?.type === "bool"
      ? Options.choice(name, ["yes", "no"])
      : kind?.type === "enum"
        ? Options.choice(name, kind.values)
        : Options.text(name).pipe(Options.withPseudoName(argument))
  return option.pipe(Options.withDescription(about), Options.optional)
}

const command = Command.make(
  "effect-kv",
  {
    configFile: Args.file({ name: "redis.conf" }).pipe(Args.optional),
    directives: Object.fromEntries(
      featured.map(([name, argument, about]) => [name, optionOf(name, argument, about)])
    )
  },
  () => Effect.void
)

/** What @effect/cli adds to every command and this one does not have. */
const foreign = /--?(log-level|wizard)\b|-l (log-level|wizard)\b/

/** Bash parts the words of `compgen -W` at blanks; @effect/cli 0.77 writes commas there. */
const repairBash = (line: string): string =>
  line
    .replace(/ --(log-level|wizard)\b/g, "")
    .replace(/compgen -W "([^"$]*)"/, (_, words: string) => `compgen -W "${words.replaceAll(",", " ")}"`)

/**
 * The completion script of a shell, or null for a shell there is none for.
 *
 * @param shell sh, bash, fish or zsh
 * @since 0.1.0
 * @category texts
 */
export const completions = (shell: string): Effect.Effect<string | null> => {
  const kept = (lines: ReadonlyArray<string>): string =>
    lines.filter((line) => !foreign.test(line)).join("\n") + "\n"
  switch (shell) {
    case "sh":
    case "bash":
      return Effect.map(
        Command.getBashCompletions(command, "effect-kv"),
        (lines) => lines.map(repairBash).join("\n") + "\n"
      )
    case "fish":
      return Effect.map(Command.getFishCompletions(command, "effect-kv"), kept)
    case "zsh":
      return Effect.map(Command.getZshCompletions(command, "effect-kv"), kept)
    default:
      return Effect.succeed(null)
  }
}
