#!/usr/bin/env node
/**
 * The `effect-kv` executable: loads the bundle that is the program, with V8's code cache of it where there is one.
 *
 * Plain Node. Most of a start is V8 reading and compiling code, so what was compiled once is kept: beside the bundle
 * (made with it, for the Node that made it), or in the user's cache directory (by the first run of another Node). A
 * cache that is missing, unreadable, damaged or of another V8 means a slower start and nothing else. Node's own
 * variable NODE_DISABLE_COMPILE_CACHE turns it off.
 *
 * The bundle is one file, read whole before it runs: what a running server loads later (the Lua VM) was read with it,
 * and an upgrade of the package beneath it changes nothing for it.
 *
 * @since 0.1.0
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as v8 from "node:v8"
import * as vm from "node:vm"

/** The bundle's name, which has its hash in it; the build puts it here. */
declare const BUNDLE: string

/** What the bundle exports. */
interface Program {
  readonly main: (words: ReadonlyArray<string>) => void
}

/** Long enough for the start to be over; short enough for V8 to have kept what it compiled for it. */
const writeAfterMs = 1000

/** The directory of the user's caches, or null where there is none. */
const userDirectory = (): string | null => {
  const { HOME, LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  const base =
    XDG_CACHE_HOME || (process.platform === "win32" ? LOCALAPPDATA : HOME && path.join(HOME, ".cache"))
  return base ? path.join(base, "effect-kv") : null
}

/** Bytes compared at once. */
const pieceBytes = 64 * 1024

/** Whether the second half of a file is as the first. */
const isRepeated = (file: number, first: Buffer): boolean => {
  const piece = Buffer.allocUnsafe(pieceBytes)
  for (let at = 0; at < first.length; at += pieceBytes) {
    const expected = first.subarray(at, at + pieceBytes)
    const count = fs.readSync(file, piece, 0, expected.length, first.length + at)
    if (!expected.equals(piece.subarray(0, count))) return false
  }
  return first.length > 0
}

/**
 * A cache holds code: only what this user (or root) alone may write is read. V8 does not notice every damaged cache, so
 * the file has the data twice: comparing takes less time than loading any hash.
 */
const read = (name: string): Buffer | null => {
  let file: number | null = null
  try {
    file = fs.openSync(name, "r")
    const { mode, size, uid } = fs.fstatSync(file)
    if (process.getuid !== undefined && ((mode & 0o022) !== 0 || (uid !== 0 && uid !== process.getuid())))
      return null
    const data = Buffer.alloc(size >> 1)
    fs.readSync(file, data, 0, data.length, 0)
    return isRepeated(file, data) ? data : null
  } catch {
    return null
  } finally {
    if (file !== null) fs.closeSync(file)
  }
}

/** Replaces a cache as a whole; where that cannot be done, the next start is no faster. */
const write = (file: string, data: Buffer): void => {
  const temporary = `${file}.${process.pid}`
  try {
    fs.mkdirSync(path.dirname(path.dirname(file)), { recursive: true })
    if (!fs.existsSync(path.dirname(file))) fs.mkdirSync(path.dirname(file), { mode: 0o700 })
    fs.writeFileSync(temporary, Buffer.concat([data, data]), { mode: 0o600 })
    fs.renameSync(temporary, file)
    // those of other bundles and of other versions of Node
    const stale = fs.readdirSync(path.dirname(file)).filter((name) => !name.startsWith(path.basename(file)))
    for (const name of stale.slice(0, -cachesMax))
      fs.rmSync(path.join(path.dirname(file), name), { force: true })
  } catch {
    fs.rmSync(temporary, { force: true })
  }
}

const cachesMax = 4

/** Right after the start: what it makes lives on, and collections while the space is small would copy it twice. */
const holdAfterMs = 10

/** V8's flags as the start found them, and with the space held down */
let firstFlags = 0
let heldFlags = 0

/**
 * The path of a request makes next to no garbage, so the space for young objects stays as small as the start leaves
 * it: it would grow to 16 MiB with the first burst of connections, which is memory for some 300,000 keys.
 */
const holdYoungSpace = (): void => {
  firstFlags = v8.cachedDataVersionTag()
  v8.setFlagsFromString("--semi-space-growth-factor=1")
  heldFlags = v8.cachedDataVersionTag()
}

/** V8 refuses a cache made under other flags than it is read under. The Lua VM lets the space grow again. */
const withFirstFlags = (run: () => void): void => {
  const held = v8.cachedDataVersionTag() === heldFlags
  if (held) v8.setFlagsFromString("--semi-space-growth-factor=2")
  if (v8.cachedDataVersionTag() === firstFlags) run()
  if (held) v8.setFlagsFromString("--semi-space-growth-factor=1")
}

/** Of a V8 that was given flags, a cache of its own: V8 refuses one made under others. */
const flagged = process.execArgv.length > 0 || Boolean(process.env.NODE_OPTIONS)

const load = (): Program => {
  const bundle = path.join(__dirname, BUNDLE)
  // ASCII alone, so V8 keeps one byte a character
  const source = fs.readFileSync(bundle, "latin1")
  const suffix = flagged ? `-${v8.cachedDataVersionTag().toString(16)}` : ""
  const name = `${BUNDLE}.${process.version}-${process.arch}${suffix}.cache`
  const directory = userDirectory()
  const own = directory === null ? null : path.join(directory, name)
  const enabled = !process.env.NODE_DISABLE_COMPILE_CACHE
  const compile = (cachedData: Buffer | null): vm.Script =>
    new vm.Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, {
      filename: bundle,
      ...(cachedData === null ? {} : { cachedData })
    })
  const cachedData = enabled ? (read(path.join(__dirname, name)) ?? (own === null ? null : read(own))) : null
  const script = compile(cachedData)
  const module = { exports: {} }
  // the loader stands beside the bundle, so what is `require` here is `require` there
  script.runInThisContext()(module.exports, require, module, bundle, __dirname)
  setTimeout(holdYoungSpace, holdAfterMs).unref()
  if (enabled && own !== null && (cachedData === null || script.cachedDataRejected === true)) {
    setTimeout(() => withFirstFlags(() => write(own, script.createCachedData())), writeAfterMs).unref()
  }
  return module.exports as Program
}

load().main(process.argv.slice(2))
