/**
 * The configuration in force: defaults, then what was loaded, then what CONFIG SET changed.
 *
 * Pure. A value is kept as the text CONFIG GET gives (a byte string) and, for live directives, as a typed
 * field that always agrees with it. A change is made as a whole or not at all.
 *
 * @since 0.1.0
 */
import * as path from "node:path"
import { matchBytes } from "../values/glob.js"
import { type Directive, directives, find, names, retired } from "./directives.js"
import { environmentEntries } from "./environment.js"
import { assignField, Fields, type ProtectedAction } from "./fields.js"
import { type Reading, readValue, wrongArgumentCount } from "./kinds.js"
import { nearest } from "./nearest.js"
import {
  type ConfigEntry,
  ConfigProblem,
  type ConfigReason,
  decodeBytes,
  encodeBytes,
  splitArguments
} from "./parse.js"
import { fileOnly, rewriteConfiguration } from "./rewrite.js"

/**
 * What the settings need of the machine.
 *
 * @since 0.1.0
 * @category models
 */
export interface SettingsHost {
  /** The default of `dir`, and what a relative `dir` starts from. */
  readonly cwd: string
  /** What is wrong with a directory in the words of strerror(3), or null when it can be used. */
  readonly directoryProblem: (directory: string) => string | null
}

/**
 * Who asks for a change.
 *
 * @since 0.1.0
 * @category models
 */
export interface SettingsClient {
  /** Connected from this machine: `enable-protected-configs local` lets it change protected directives. */
  readonly local: boolean
  /** A data set is being loaded. */
  readonly loading: boolean
}

/**
 * Called after a directive changed; a returned text refuses the change, and is the reason the client is told;
 * null agrees.
 *
 * @since 0.1.0
 * @category models
 */
export type ChangeListener = (value: string, settings: Settings) => string | null

const anyDirectory: SettingsHost["directoryProblem"] = () => null

const inProcess: SettingsClient = { local: true, loading: false }

/** Directives that have a typed field already, for steps to come that read it. */
const UNUSED_FIELDS: ReadonlySet<string> = new Set([
  "client-output-buffer-limit",
  "lazyfree-lazy-eviction",
  "lazyfree-lazy-expire",
  "lazyfree-lazy-server-del",
  "lazyfree-lazy-user-del",
  "lazyfree-lazy-user-flush",
  "propagation-error-behavior",
  "save",
  "shutdown-timeout"
])

/**
 * Whether a directive is only checked, kept and reported, for the server does not act on it yet.
 *
 * @since 0.1.0
 * @category table
 */
export const isInert = (name: string): boolean => UNUSED_FIELDS.has(name) || find(name)?.effect === "accepted"

/**
 * The current settings.
 *
 * @since 0.1.0
 * @category models
 */
export class Settings extends Fields {
  /** The absolute path of the configuration file, for CONFIG REWRITE and INFO; "" when there is none. */
  configFile = ""
  /** `rename-command` directives: a command's name and its new one, "" to remove it. */
  readonly renamedCommands: ReadonlyArray<readonly [name: string, renamed: string]> = []

  readonly #host: SettingsHost
  readonly #values = new Map<string, string>()
  readonly #listeners = new Map<string, Array<ChangeListener>>()

  private constructor(host: SettingsHost) {
    super()
    this.#host = host
    for (const { initial, name } of directives) this.#assign(name, initial)
    this.#assign("dir", encodeBytes(path.resolve(host.cwd)))
  }

  /**
   * Settings at their defaults, with entries loaded on top.
   *
   * @throws ConfigProblem when an entry cannot be used
   */
  static make(entries: ReadonlyArray<ConfigEntry> = [], host: Partial<SettingsHost> = {}): Settings {
    const settings = new Settings({
      cwd: host.cwd ?? path.resolve("."),
      directoryProblem: host.directoryProblem ?? anyDirectory
    })
    settings.load(entries)
    return settings
  }

  /**
   * Loads entries at start-up, in order; no listener is told. The first `save` among them replaces what was
   * there before this call, later ones add to it.
   *
   * @throws ConfigProblem naming the file and line that cannot be used
   */
  load(entries: ReadonlyArray<ConfigEntry>): void {
    let saveSeen = false
    for (const entry of entries) {
      const wrong = this.#loadEntry(entry, saveSeen)
      if (wrong !== null) throw new ConfigProblem(...wrong, entry.file, entry.line, entry.text)
      saveSeen ||= entry.name === "save"
    }
  }

  /**
   * Loads EFFECT_KV_<DIRECTIVE> variables.
   *
   * @throws ConfigProblem on an unknown variable or a bad value
   */
  fromEnvironment(env: Readonly<Record<string, string | undefined>>): void {
    this.load(environmentEntries(env))
  }

  /**
   * A directive's value as CONFIG GET gives it.
   *
   * @param name its name or alias; an unknown one is a mistake of the caller
   */
  value(name: string): string {
    const value = this.#values.get(find(name)?.name ?? "")
    if (value === undefined) throw new Error(`no such directive: ${name}`)
    return value
  }

  /** A numeric directive's value as a number. */
  number(name: string): number {
    return Number(this.value(name))
  }

  /** A yes/no directive's value. */
  flag(name: string): boolean {
    return this.value(name) === "yes"
  }

  /**
   * CONFIG GET: names and values that match. A name is given as it was asked for; patterns match names and
   * aliases in any case, in alphabetical order, and pass over hidden directives.
   */
  get(patterns: ReadonlyArray<string>): Array<[name: string, value: string]> {
    const found = new Map<string, [string, string]>()
    const add = (name: string): void => {
      const key = name.toLowerCase()
      if (!found.has(key)) found.set(key, [name, this.value(name)])
    }
    for (const pattern of patterns) {
      if (!/[[*?]/.test(pattern)) {
        if (find(pattern) !== undefined) add(pattern)
        continue
      }
      const wanted = Buffer.from(pattern, "latin1")
      for (const name of names) {
        const bytes = Buffer.from(name, "latin1")
        if (!find(name)!.hidden && matchBytes(wanted, bytes, 0, bytes.length, true)) add(name)
      }
    }
    return [...found.values()]
  }

  /**
   * CONFIG SET: makes all the changes or none.
   *
   * @param pairs names and values, as byte strings
   * @param client who asks
   * @returns null, or the error reply
   */
  set(
    pairs: ReadonlyArray<readonly [name: string, value: string]>,
    client: SettingsClient = inProcess
  ): string | null {
    const refusal = this.#refusal(pairs, client)
    if (refusal !== null) return refusal
    const old = new Map<string, string>()
    const restore = (): void => {
      for (const [name, value] of old) this.#assign(name, value)
    }
    for (const [given, text] of pairs) {
      const directive = find(given)!
      const { name } = directive
      // Redis splits at every single space here: two in a row make an empty argument.
      const args = !directive.multi ? [text] : text === "" ? [] : text.split(" ")
      const reading = this.#read(directive, args, name === "save" ? "" : this.value(name))
      if ("problem" in reading) {
        restore()
        return setFailed(given.toLowerCase(), reading.problem)
      }
      if (!old.has(name)) old.set(name, this.value(name))
      this.#assign(name, reading.value)
    }
    if ((old.has("maxmemory") || old.has("maxmemory-policy")) && this.evictionAskedFor) {
      const refused = old.has("maxmemory-policy") ? "maxmemory-policy" : "maxmemory"
      restore()
      return setFailed(refused, noEviction)
    }
    return this.#announce(old, restore)
  }

  /**
   * Whether keys would have to be evicted at `maxmemory`, which this server cannot do yet: writes are refused there.
   * CONFIG SET does not let it come to that; what a configuration file says is only warned of.
   */
  get evictionAskedFor(): boolean {
    return this.maxmemoryBytes > 0 && this.value("maxmemory-policy") !== "noeviction"
  }

  /**
   * Tells a listener of every change of a directive by `set`. When a listener refuses, all values go back,
   * and the listeners that had agreed are told again, with the old value; what they say then is not heard.
   *
   * @returns a function that removes the listener
   */
  onChange(name: string, listener: ChangeListener): () => void {
    const directive = find(name)
    if (directive === undefined) throw new Error(`no such directive: ${name}`)
    const listeners = this.#listeners.get(directive.name) ?? []
    listeners.push(listener)
    this.#listeners.set(directive.name, listeners)
    return () => {
      const index = listeners.indexOf(listener)
      if (index >= 0) listeners.splice(index, 1)
    }
  }

  /**
   * CONFIG REWRITE: a configuration file's text with the current values in it.
   *
   * @param text what the file has now, as latin1; "" when it is not there
   * @param users descriptions of ACL users ("name on nopass …") to replace the file's `user` lines; null
   *   keeps them
   */
  rewrite(text: string, users: ReadonlyArray<string> | null = null): string {
    return rewriteConfiguration(text, (name) => this.value(name), users)
  }

  /** The directives that were given a value of their own which the server does not act on yet. */
  inert(): ReadonlyArray<string> {
    return directives
      .filter(({ initial, name }) => isInert(name) && this.value(name) !== initial)
      .map(({ name }) => name)
  }

  #assign(name: string, value: string): void {
    this.#values.set(name, value)
    assignField(this, name, value)
  }

  #read(directive: Directive, args: ReadonlyArray<string>, previous: string): Reading {
    return readValue(directive.kind, args, previous, (argument) => {
      const directory = path.resolve(this.dir, decodeBytes(argument))
      const problem = argument === "" ? "No such file or directory" : this.#host.directoryProblem(directory)
      return problem === null ? { value: encodeBytes(directory) } : { problem }
    })
  }

  #loadEntry({ args, name }: ConfigEntry, saveSeen: boolean): Wrong | null {
    const directive = find(name)
    if (directive === undefined) return this.#loadOther(name, args)
    if (!directive.multi && args.length !== 1) return ["InvalidValue", wrongArgumentCount]
    // One argument to a directive of many is split once more: --save "900 1".
    const words = directive.multi && args.length === 1 && args[0] !== "" ? splitArguments(args[0]!) : args
    if (words === null) return ["Syntax", "Unbalanced quotes in configuration line"]
    const previous = directive.name === "save" && !saveSeen ? "" : this.value(directive.name)
    const reading = this.#read(directive, words, previous)
    if ("problem" in reading) return ["InvalidValue", reading.problem]
    if (directive.name === "aclfile" && reading.value !== "") return ["Unsupported", noUsers]
    this.#assign(directive.name, reading.value)
    return null
  }

  /** The lines of a configuration file that are not directives of CONFIG GET. */
  #loadOther(name: string, args: ReadonlyArray<string>): Wrong | null {
    if (retired.has(name) && args.length === 1) return null
    if (name === "user") return ["Unsupported", noUsers]
    if (name === "rename-command" && args.length === 2) {
      ;(this.renamedCommands as Array<readonly [string, string]>).push([args[0]!, args[1]!])
      return null
    }
    if (name === "loadmodule" && args.length >= 1) return ["Unsupported", "effect-kv loads no Redis modules"]
    if (name === "sentinel") return ["Unsupported", "sentinel directive while not in sentinel mode"]
    if (name.includes(".")) {
      return [
        "UnknownDirective",
        "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting"
      ]
    }
    const known = names.includes(name) || fileOnly.has(name)
    const meant = known ? null : nearest(name, [...names, ...fileOnly])
    const problem = "Bad directive or wrong number of arguments"
    return ["UnknownDirective", meant === null ? problem : `${problem} (did you mean '${meant}'?)`]
  }

  /**
   * Why `set` may not even try: the first name at fault decides, but for loading, which is told before all.
   */
  #refusal(pairs: ReadonlyArray<readonly [string, string]>, client: SettingsClient): string | null {
    const seen = new Set<string>()
    for (const [given] of pairs) {
      const directive = find(given)
      if (directive === undefined) {
        return error(`Unknown option or number of arguments for CONFIG SET - '${given}'`)
      }
      if (directive.immutable) return setFailed(given, "can't set immutable config")
      if (directive.protected && !allows(this.enableProtectedConfigs, client)) {
        return setFailed(given, "can't set protected config")
      }
      if (directive.denyLoading && client.loading) return "LOADING Redis is loading the dataset in memory"
      // To Redis an alias is another directive: both names in one CONFIG SET are no duplicate, and the last
      // counts.
      if (seen.has(given.toLowerCase())) return setFailed(given, "duplicate parameter")
      seen.add(given.toLowerCase())
    }
    return null
  }

  /** Tells the listeners of what changed; at the first refusal everything goes back. */
  #announce(old: ReadonlyMap<string, string>, restore: () => void): string | null {
    const agreed: Array<readonly [listener: ChangeListener, name: string]> = []
    for (const [name, before] of old) {
      if (this.value(name) === before) continue
      for (const listener of [...(this.#listeners.get(name) ?? [])]) {
        const reason = listener(this.value(name), this)
        if (typeof reason !== "string") {
          agreed.push([listener, name])
          continue
        }
        restore()
        for (const [told, changed] of agreed) told(this.value(changed), this)
        return setFailed(name, reason)
      }
    }
    return null
  }
}

/** What is wrong with an entry. */
type Wrong = readonly [reason: ConfigReason, problem: string]

/** Without them the server would be open where the operator asked for users with passwords. */
const noUsers =
  "effect-kv has no ACL users yet, and will not start without those that the configuration asks for. " +
  "Remove this line; requirepass sets a password for everyone"

const noEviction =
  "effect-kv cannot evict keys yet: with maxmemory set, only the policy noeviction is there " +
  "(writes beyond maxmemory are refused)"

const allows = (action: ProtectedAction, client: SettingsClient): boolean =>
  action === "yes" || (action === "local" && client.local)

/** An error reply is one line. */
const error = (text: string): string => `ERR ${text.replace(/[\r\n]/g, " ")}`

const setFailed = (name: string, reason: string): string =>
  error(`CONFIG SET failed (possibly related to argument '${name}') - ${reason}`)
