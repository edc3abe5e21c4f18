// Command lines of the test scripts: `--name value` and `--flag`, checked against what the script declares.

/**
 * @param {Record<string, string | number | boolean | undefined>} defaults a boolean is a flag, a number is checked
 * @param {string} usage printed on a mistake; the exit code is then 2
 */
export function options(defaults, usage, argv = process.argv.slice(2)) {
  const given = { ...defaults }
  const fail = (text) => {
    console.error(`${text}\n${usage}`)
    process.exit(2)
  }
  for (let i = 0; i < argv.length; i++) {
    const name = argv[i].replace(/^--/, "")
    if (argv[i] === name || !(name in defaults)) fail(`no option '${argv[i]}'`)
    if (typeof defaults[name] === "boolean") {
      given[name] = true
      continue
    }
    const value = argv[++i]
    if (value === undefined) fail(`--${name} needs a value`)
    if (typeof defaults[name] === "number") {
      if (Number.isNaN(Number(value))) fail(`--${name} needs a number`)
      given[name] = Number(value)
    } else given[name] = value
  }
  return given
}

/** Seeded random numbers (mulberry32): the same seed gives the same run. */
export function random(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  const below = (n) => next() % n
  return {
    next,
    /** an integer in [0, n) */
    below,
    /** true once in n times */
    oneIn: (n) => below(n) === 0,
    pick: (list) => list[below(list.length)],
    /** an integer in [low, high] */
    between: (low, high) => low + below(high - low + 1)
  }
}

export const freshSeed = () => (Date.now() ^ (process.pid << 16)) >>> 0
