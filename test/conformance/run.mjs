#!/usr/bin/env node
// Redis's own test suite against our executable, compared with what is known: expected.json says for each
// unit how many tests pass, and names each one that does not with the reason (the later step that brings it).
// Fails when a test that passed no longer does, and as well when a listed one passes now: the list stays true.
//   run.mjs [--units unit/type/string,…] [--update] [--as 'node dist/bin.js'] [--jobs 2] [--limit 600]
// --update rewrites expected.json (known reasons stay; new ones are left empty, and must be written by hand).
// The suite is run by REDIS_SUITE where that is set, by the shared tools beside the repository where they are,
// else by redis-suite.sh of this directory. Exit codes: 0 as expected, 1 not, 2 could not be run.
import { spawn } from "node:child_process"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { options } from "../support/options.mjs"
import { root } from "../support/server.mjs"

const here = dirname(fileURLToPath(import.meta.url))
const expectedPath = join(here, "expected.json")

/** The units that the server has passed so far; a step that brings a family adds its units here. */
const standing = [
  "unit/type/string",
  "unit/type/incr",
  "unit/expire",
  "unit/protocol",
  "unit/quit",
  "unit/printver",
  "unit/limits",
  "unit/querybuf"
]

const given = options(
  {
    units: standing.join(","),
    update: false,
    as: `node ${join(root, "dist", "bin.js")}`,
    jobs: Math.min(2, availableParallelism()),
    limit: 600
  },
  "run.mjs [--units A,B] [--update] [--as COMMAND] [--jobs N] [--limit SECONDS]"
)
const units = given.units.split(",")

function suiteProgram() {
  const shared = join(root, "..", "shared", "tools", "redis-suite")
  if (process.env.REDIS_SUITE) return process.env.REDIS_SUITE
  return existsSync(shared) ? shared : join(here, "redis-suite.sh")
}

/** Runs the suite, shows its lines as they come, and gives the directory of its logs. */
function runSuite() {
  return new Promise((resolve, reject) => {
    const args = ["--as", given.as, "--jobs", String(given.jobs), "--limit", String(given.limit), ...units]
    const child = spawn(suiteProgram(), args, {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: root
    })
    let text = ""
    child.stdout.on("data", (bytes) => {
      text += bytes
      process.stdout.write(bytes)
    })
    child.on("error", reject)
    child.on("close", () => {
      const logs = /^logs: (.+)$/m.exec(text)?.[1]
      if (logs === undefined) reject(new Error("the suite did not run"))
      else resolve(logs)
    })
  })
}

/** `{ passed, failing }` of one unit's log; failing names a test, or the exception that ended the unit. */
function readLog(text) {
  const failing = []
  let passed = 0
  for (const line of text.split("\n")) {
    if (line.startsWith("[ok]: ")) passed++
    const failure = /^\[(err|exception)\]: (.*)$/.exec(line)
    if (failure !== null) failing.push(failure[2].replace(/ in tests\/\S+\.tcl$/, "").trim())
  }
  return { passed, failing }
}

const logs = await runSuite().catch((error) => {
  console.error(error.message)
  process.exit(2)
})
const expected = existsSync(expectedPath) ? JSON.parse(readFileSync(expectedPath, "utf8")) : {}
const actual = {}
for (const unit of units) {
  actual[unit] = readLog(readFileSync(join(logs, unit.replaceAll("/", "_")), "utf8"))
}

if (given.update) {
  for (const unit of units) {
    const known = expected[unit]?.failing ?? {}
    const failing = Object.fromEntries(actual[unit].failing.map((name) => [name, known[name] ?? ""]))
    expected[unit] = { passed: actual[unit].passed, failing }
  }
  writeFileSync(expectedPath, `${JSON.stringify(expected, null, 2)}\n`)
}

const problems = []
for (const unit of units) {
  const was = expected[unit] ?? { passed: 0, failing: {} }
  const is = actual[unit]
  for (const name of is.failing) {
    if (!(name in was.failing)) problems.push(`${unit}: fails: ${name}`)
    else if (was.failing[name] === "") problems.push(`${unit}: no reason in expected.json for: ${name}`)
  }
  for (const name of Object.keys(was.failing)) {
    if (!is.failing.includes(name)) problems.push(`${unit}: passes or is gone, but is listed: ${name}`)
  }
  if (is.passed < was.passed) problems.push(`${unit}: ${is.passed} tests passed, ${was.passed} are expected`)
  if (is.passed > was.passed)
    problems.push(`${unit}: ${is.passed} passed, ${was.passed} listed: use --update`)
}
const passed = units.reduce((sum, unit) => sum + actual[unit].passed, 0)
console.log(problems.length === 0 ? "" : `\n${problems.join("\n")}\nlogs: ${logs}\n`)
const listed = units.reduce((sum, unit) => sum + Object.keys(expected[unit]?.failing ?? {}).length, 0)
console.log(`${listed} tests that need a later step are listed in expected.json and not counted`)
console.log(`${passed} passed, ${problems.length} failed`)
if (problems.length === 0) rmSync(logs, { recursive: true, force: true })
process.exit(problems.length === 0 ? 0 : 1)
