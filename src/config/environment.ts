/**
 * Directives in environment variables: EFFECT_KV_PORT=7000, EFFECT_KV_MAXMEMORY_POLICY=allkeys-lru.
 *
 * Pure: it is given the environment. A name that is no directive is refused: a misspelt setting must not be
 * lost.
 *
 * @since 0.1.0
 */
import { find, names } from "./directives.js"
import { type ConfigEntry, ConfigProblem, encodeBytes } from "./parse.js"

const prefix = "EFFECT_KV_"

/**
 * The variable that sets a directive.
 *
 * @since 0.1.0
 * @category names
 */
export const variableOf = (name: string): string => prefix + name.toUpperCase().replaceAll("-", "_")

/**
 * The entries that an environment holds, in the order of their names.
 *
 * @param env the variables, as process.env has them
 * @throws ConfigProblem on an EFFECT_KV_ variable that is no directive
 * @since 0.1.0
 * @category loading
 */
export const environmentEntries = (
  env: Readonly<Record<string, string | undefined>>
): ReadonlyArray<ConfigEntry> => {
  const given = Object.keys(env).filter((variable) => variable.startsWith(prefix))
  if (given.length === 0) return []
  const nameOf = new Map(names.map((name) => [variableOf(name), name]))
  return given.sort().map((variable) => {
    const name = nameOf.get(variable)
    if (name === undefined) {
      throw new ConfigProblem(
        "UnknownDirective",
        `Unknown environment variable ${variable}: ${prefix}<DIRECTIVE> takes a redis.conf directive ` +
          "in upper case with - as _, such as EFFECT_KV_APPENDONLY=yes"
      )
    }
    const value = env[variable] ?? ""
    const text = find(name)?.sensitive === true ? `${variable}=…` : `${variable}=${value}`
    return {
      name,
      args: [encodeBytes(value)],
      file: "the environment",
      line: 0,
      text: encodeBytes(text)
    }
  })
}
