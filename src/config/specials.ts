/**
 * The directives whose values are more than one word: `save`, `client-output-buffer-limit`, `bind` and the
 * like, and the checks of single strings.
 *
 * Pure. Readers take arguments and the value so far, and give the text of CONFIG GET or Redis's complaint.
 *
 * @since 0.1.0
 */
import { type Reading, readLoose, readMemory, wrongArgumentCount } from "./kinds.js"

const value = (text: string): Reading => ({ value: text })
const problem = (text: string): Reading => ({ problem: text })

/**
 * The limits on the replies that wait for one class of clients.
 *
 * @since 0.1.0
 * @category models
 */
export interface OutputBufferLimit {
  /** More than this ends the connection at once; 0 is no limit. */
  readonly hardBytes: number
  /** More than this for `softSeconds` ends it; 0 is no limit. */
  readonly softBytes: number
  readonly softSeconds: number
}

/**
 * `save`: pairs of seconds and changes that add to those so far; a single empty argument drops them all.
 *
 * @since 0.1.0
 * @category readers
 */
export const readSave = (args: ReadonlyArray<string>, previous: string): Reading => {
  if (args.length === 1 && args[0] === "") return value("")
  if (args.length % 2 !== 0) return problem("Invalid save parameters")
  const numbers: Array<string> = previous === "" ? [] : [previous]
  for (const [index, argument] of args.entries()) {
    const number = readLoose(argument)
    if (number === null || number < (index % 2 === 0 ? 1n : 0n)) return problem("Invalid save parameters")
    numbers.push(number.toString())
  }
  return value(numbers.join(" "))
}

const bufferClasses = ["normal", "slave", "pubsub"] as const

/**
 * `client-output-buffer-limit`: `class hard soft seconds`, any number of times; classes not named keep
 * theirs.
 *
 * @since 0.1.0
 * @category readers
 */
export const readOutputBufferLimit = (args: ReadonlyArray<string>, previous: string): Reading => {
  if (args.length % 4 !== 0) return problem("Wrong number of arguments in buffer limit configuration.")
  const words = previous.split(" ")
  for (let i = 0; i < args.length; i += 4) {
    const name = args[i]!.toLowerCase()
    const index = bufferClasses.findIndex((known) => known === (name === "replica" ? "slave" : name))
    if (index < 0) return problem("Invalid client class specified in buffer limit configuration.")
    const hard = readMemory(args[i + 1]!)
    const soft = readMemory(args[i + 2]!)
    const seconds = readLoose(args[i + 3]!)
    if (hard === null || soft === null || seconds === null || seconds < 0n) {
      return problem("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
    }
    words.splice(index * 4 + 1, 3, hard.toString(), soft.toString(), seconds.toString())
  }
  return value(words.join(" "))
}

/**
 * The limits in a `client-output-buffer-limit` value, by class.
 *
 * @since 0.1.0
 * @category readers
 */
export const parseOutputBufferLimit = (
  text: string
): {
  readonly normal: OutputBufferLimit
  readonly replica: OutputBufferLimit
  readonly pubsub: OutputBufferLimit
} => {
  const words = text.split(" ")
  const limit = (index: number): OutputBufferLimit => ({
    hardBytes: Number(words[index * 4 + 1]),
    softBytes: Number(words[index * 4 + 2]),
    softSeconds: Number(words[index * 4 + 3])
  })
  return { normal: limit(0), replica: limit(1), pubsub: limit(2) }
}

/**
 * `oom-score-adj-values`: three numbers.
 *
 * @since 0.1.0
 * @category readers
 */
export const readOomScores = (args: ReadonlyArray<string>): Reading => {
  if (args.length !== 3) return problem(wrongArgumentCount)
  const numbers = args.map(readLoose)
  if (numbers.some((number) => number === null || number < -2000n || number > 2000n)) {
    return problem("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
  }
  return value(numbers.join(" "))
}

/** The event classes in the order Redis lists them; "A" is all of them but the last. */
const eventClasses = "g$lshzxetdn"

/**
 * `notify-keyspace-events`: classes of events; given back in Redis's order, "A" when all are there. Redis 7.0
 * hides an "n" (new keys) beside "A" from CONFIG GET though it acts on it; here the value is all there is, so
 * it shows.
 *
 * @since 0.1.0
 * @category readers
 */
export const readKeyspaceEvents = (args: ReadonlyArray<string>): Reading => {
  if (args.length !== 1) return problem(wrongArgumentCount)
  const given = args[0]!
  if (!/^[Ag$lshzxeKEtmdn]*$/.test(given)) {
    return problem("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
  }
  const has = (letter: string): boolean =>
    given.includes(letter) || (given.includes("A") && letter !== "n" && eventClasses.includes(letter))
  const named = [...eventClasses].filter(has).join("")
  const classes = named.replace(eventClasses.slice(0, -1), "A")
  return value(classes + [..."KEm"].filter(has).join(""))
}

const bindAddressesMax = 16

/**
 * `bind`: up to sixteen addresses; none, or one empty one, for no TCP at all.
 *
 * @since 0.1.0
 * @category readers
 */
export const readBind = (args: ReadonlyArray<string>): Reading => {
  if (args.length > bindAddressesMax) return problem("Too many bind addresses specified.")
  return value(args.join(" "))
}

/**
 * `replicaof`: a host and a port, or "no one".
 *
 * @since 0.1.0
 * @category readers
 */
export const readReplicaOf = (args: ReadonlyArray<string>): Reading => {
  if (args.length !== 2) return problem(wrongArgumentCount)
  const [host, port] = [args[0]!, args[1]!]
  if (host.toLowerCase() === "no" && port.toLowerCase() === "one") return value("")
  const number = readLoose(port)
  return number === null || number < 0n || number > 65535n
    ? problem("Invalid master port")
    : value(`${host} ${number}`)
}

/**
 * `latency-tracking-info-percentiles`: any count of percentiles, printed with up to six decimals.
 *
 * @since 0.1.0
 * @category readers
 */
export const readPercentiles = (args: ReadonlyArray<string>): Reading => {
  if (args.length === 1 && args[0] === "") return value("")
  const texts: Array<string> = []
  for (const argument of args) {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(argument)) {
      return problem("Invalid latency-tracking-info-percentiles parameters")
    }
    const number = Number(argument)
    if (number > 100 || number < 0) {
      return problem("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
    }
    texts.push(number.toFixed(6).replace(/\.?0+$/, ""))
  }
  return value(texts.join(" "))
}

/**
 * What is wrong with a name that may not have directories in it, or null.
 *
 * @since 0.1.0
 * @category checks
 */
export const checkFileName =
  (directive: string, what: string, mayBeEmpty: boolean) =>
  (name: string): string | null => {
    if (name === "" && !mayBeEmpty) return `${directive} can't be empty`
    return /[/\\]/.test(name) ? `${directive} can't be a path, just a ${what}` : null
  }

/**
 * What is wrong with a host name to announce, or null.
 *
 * @since 0.1.0
 * @category checks
 */
export const checkHostname = (name: string): string | null => {
  if (name.length >= 256) return "Hostnames must be less than 256 characters"
  return /^[A-Za-z0-9.-]*$/.test(name)
    ? null
    : "Hostnames may only contain alphanumeric characters, hyphens or dots"
}

const titleVariables = [
  "title",
  "listen-addr",
  "server-mode",
  "port",
  "tls-port",
  "config-file",
  "unixsocket"
]

/**
 * What is wrong with a `proc-title-template`, or null.
 *
 * @since 0.1.0
 * @category checks
 */
export const checkTitleTemplate = (template: string): string | null => {
  const rest = template
    .replaceAll("{{", "x")
    .replace(/\{([^{}]*)\}/g, (all, name: string) => (titleVariables.includes(name) ? "x" : all))
  return rest.trim() === "" || rest.includes("{")
    ? "template format is invalid or contains unknown variables"
    : null
}
