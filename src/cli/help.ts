/**
 * What `--help` says below the options.
 *
 * Pure. Which directives have an effect comes from their table.
 *
 * @since 0.1.0
 */
import { directives } from "../config/directives.js"
import { isInert } from "../config/settings.js"
import { featured } from "./featured.js"

/**
 * A titled part of the page.
 *
 * @since 0.1.0
 * @category models
 */
export interface Paragraphs {
  readonly title: string
  readonly lines: ReadonlyArray<string>
}

/**
 * The parts of the page below the options.
 *
 * @since 0.1.0
 * @category texts
 */
export const paragraphs = (): ReadonlyArray<Paragraphs> => {
  const shown = new Set(featured.map(([name]) => name))
  const others = directives.filter(({ hidden, name }) => !hidden && !shown.has(name)).map(({ name }) => name)
  return [
    {
      title: "MORE OPTIONS",
      lines: [
        "Every directive of Redis 7.2's redis.conf is an option, with redis-server's forms of arguments.",
        `With effect: ${others.filter((name) => !isInert(name)).join(", ")}.`,
        `Accepted, without effect yet: ${others.filter(isInert).join(", ")}.`
      ]
    },
    {
      title: "ENVIRONMENT",
      lines: [
        "EFFECT_KV_<DIRECTIVE>, in upper case with - as _, sets any directive: EFFECT_KV_PORT=7000, EFFECT_KV_MAXMEMORY=1gb.",
        "Later wins: defaults, environment, configuration file, standard input, arguments."
      ]
    },
    {
      title: "EXAMPLES",
      lines: [
        "effect-kv                                             port 6379, everything in memory",
        "effect-kv --port 7000 --appendonly yes --dir ./data   keep data across restarts",
        "effect-kv /etc/redis/redis.conf --loglevel verbose    a file, with a change",
        "echo 'maxmemory 128mb' | effect-kv -                  configuration from a pipe"
      ]
    },
    {
      title: "EXIT CODES",
      lines: [
        "0  shut down as asked: SHUTDOWN, SIGTERM or SIGINT",
        "1  the configuration cannot be used, or the server could not start"
      ]
    }
  ]
}
