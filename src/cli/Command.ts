/**
 * The command `effect-kv`, by @effect/cli: an Option for every directive, made from the table that the configuration is
 * read by.
 *
 * App tier. An Option carries what follows a directive on its lines of redis.conf (see `arguments.ts`). Where people
 * look (help, wizard, completions), directives of a few words are choices; what a start is given is judged by the
 * reader of the configuration alone, in Redis's words.
 *
 * The table has 240 directives, and a start names three of them. An Option that is not named parses to nothing, so a
 * command is made of those that are in question: named ones for a start, the ones people look for in help and wizard,
 * all of them for completions.
 *
 * @since 0.1.0
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Span from "@effect/cli/HelpDoc/Span"
import * as Options from "@effect/cli/Options"
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { find, names, retired } from "../config/directives.js"
import { fileOnly } from "../config/rewrite.js"
import { isInert } from "../config/settings.js"
import { choicesOf, standardInputOption } from "./arguments.js"
import { featured } from "./featured.js"
import { paragraphs } from "./help.js"

/**
 * What the handler is given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Given {
  readonly configFile: Option.Option<string>
  /** Whether configuration is also read from standard input. */
  readonly standardInput: boolean
  /** What was given for each directive that was named. */
  readonly directives: ReadonlyMap<string, string>
}

const about: ReadonlyMap<string, readonly [argument: string, about: string]> = new Map(
  featured.map(([name, argument, text]) => [name, [argument, text]])
)

/** Values too long for a line of help are left to redis.conf. */
const shownCharactersMax = 40

const describe = (name: string): string => {
  const directive = find(name)
  const text = about.get(name)?.[1] ?? "as in redis.conf"
  if (directive === undefined) return text
  const { initial } = directive
  const shown = initial === "" || initial.length > shownCharactersMax ? "" : ` [${initial}]`
  return `${text}${shown}${isInert(name) ? " (no effect yet)" : ""}`
}

const optionOf = (name: string, purpose: Purpose): Options.Options<Option.Option<string>> => {
  const choices = purpose === "show" ? choicesOf(name) : []
  const argument = about.get(name)?.[0] ?? ""
  const option: Options.Options<string> =
    choices.length > 0
      ? Options.choice(name, choices)
      : Options.text(name).pipe(Options.withPseudoName(argument === "" ? "value" : argument))
  return option.pipe(Options.withDescription(describe(name)), Options.optional)
}

/**
 * Every name that an option may have.
 *
 * @since 0.1.0
 * @category names
 */
export const optionNames: ReadonlyArray<string> = [...new Set([...names, ...fileOnly, ...retired])].sort()

/**
 * The directives that people look for.
 *
 * @since 0.1.0
 * @category names
 */
export const featuredNames: ReadonlyArray<string> = featured.map(([name]) => name)

/**
 * Whether the command is to be run, or shown to people.
 *
 * @since 0.1.0
 * @category models
 */
export type Purpose = "run" | "show"

/**
 * The command, with options for some of the directives.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E, R>(
  directives: ReadonlyArray<string>,
  purpose: Purpose,
  handler: (given: Given) => Effect.Effect<void, E, R>
) =>
  Command.make(
    "effect-kv",
    {
      // a file that is not there is the reader's to complain of
      configFile: (purpose === "show" ? Args.file : Args.text)({ name: "redis.conf" }).pipe(
        Args.withDescription("a configuration file; options win over it"),
        Args.optional
      ),
      standardInput: Options.boolean(standardInputOption).pipe(
        Options.withDescription("read configuration from standard input, after the file; so does -")
      ),
      directives: Object.fromEntries(directives.map((name) => [name, optionOf(name, purpose)]))
    },
    ({ configFile, standardInput, directives }) =>
      handler({
        configFile,
        standardInput,
        directives: new Map(
          Object.entries(directives).flatMap(([name, value]) =>
            Option.match(value, { onNone: () => [], onSome: (text) => [[name, text]] })
          )
        )
      })
  )

/**
 * What help says below the options.
 *
 * @since 0.1.0
 * @category texts
 */
export const footer = (): HelpDoc.HelpDoc =>
  paragraphs().reduce(
    (before, { lines, title }) =>
      HelpDoc.blocks([before, HelpDoc.h1(title), HelpDoc.blocks(lines.map((line) => HelpDoc.p(line)))]),
    HelpDoc.empty
  )

/**
 * What the command is for.
 *
 * @since 0.1.0
 * @category texts
 */
export const summary: Span.Span = Span.text("a server that speaks the Redis protocol")
