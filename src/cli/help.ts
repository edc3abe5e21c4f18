/**
 * The text of `--help`: one page that can be read at a glance.
 *
 * Pure. Choices and defaults come from the directives themselves, so the page cannot disagree with the
 * parser.
 *
 * @since 0.1.0
 */
import { find } from "../config/directives.js"
import { featured } from "./featured.js"

const usage = `Usage: effect-kv [/path/to/redis.conf] [--directive argument...]... [-]
       effect-kv -                  read the configuration from standard input
       effect-kv --version | -v
       effect-kv --help | -h
       effect-kv --completions sh|bash|fish|zsh`

const environment = `Environment:
  EFFECT_KV_<DIRECTIVE>, in upper case with - as _, sets any directive:
  EFFECT_KV_PORT=7000, EFFECT_KV_MAXMEMORY=1gb, EFFECT_KV_SAVE="900 1".
  Later wins: defaults, environment, configuration file, standard input, arguments.`

const examples = `Examples:
  effect-kv                                           port 6379, everything in memory
  effect-kv --port 7000 --appendonly yes --dir ./data keep data across restarts
  effect-kv /etc/redis/redis.conf --loglevel verbose  a file, with a change
  echo 'maxmemory 128mb' | effect-kv -                configuration from a pipe`

const exitCodes = `Exit codes:
  0  shut down as asked: SHUTDOWN, SIGTERM or SIGINT
  1  the configuration cannot be used, or the server could not start`

const columnWidth = 36

/** Values too long for a page of eighty columns are left to the documentation. */
const shownCharactersMax = 30

/** What an option takes, what it is for, what it is without it. */
const optionLine = (name: string, argument: string, about: string): string => {
  const directive = find(name)
  if (directive === undefined) throw new Error(`no such directive: ${name}`)
  const { initial, kind } = directive
  const choices =
    kind.type === "bool" ? "yes|no" : kind.type === "enum" ? kind.values.join("|") : `<${argument}>`
  const short = choices.length > shownCharactersMax ? `<${argument || "word"}>` : choices
  const left = `  --${name} ${short}`
  const shown = initial === "" || initial.length > shownCharactersMax ? "" : ` [${initial}]`
  const gap =
    left.length < columnWidth ? " ".repeat(columnWidth - left.length) : `\n${" ".repeat(columnWidth)}`
  return `${left}${gap}${about}${shown}`
}

/**
 * The text of `--help`.
 *
 * @param versionLine the line of `--version`
 * @since 0.1.0
 * @category texts
 */
export const help = (versionLine: string): string => {
  const options = featured.map(([name, argument, about]) => optionLine(name, argument, about))
  return [
    `${versionLine}\nA server that speaks the Redis protocol.`,
    usage,
    `Options (every directive of Redis 7.2's redis.conf is one; [defaults]):\n${options.join("\n")}`,
    environment,
    examples,
    `${exitCodes}\n`
  ].join("\n\n")
}
