// Makes a failing sequence short: drops ever smaller runs of steps while it still fails (ddmin), then
// shortens the arguments of what is left. Pure but for the `fails` it is given.

const withoutRange = (list, from, to) => [...list.slice(0, from), ...list.slice(to)]

/**
 * @param steps a sequence for which `fails` has been true
 * @param fails asynchronous: whether a sequence still fails
 * @param limit `{ runs, ms }`
 */
export async function shrink(steps, fails, limit) {
  const deadline = Date.now() + limit.ms
  let runs = 0
  const spent = () => runs >= limit.runs || Date.now() > deadline
  const still = async (candidate) => {
    if (candidate.length === 0 || spent()) return false
    runs++
    return fails(candidate)
  }

  let current = steps
  // most failures need little history: the last few steps are often enough
  for (const count of [1, 5, 25, 125, 625]) {
    if (count < current.length && (await still(current.slice(-count)))) {
      current = current.slice(-count)
      break
    }
  }
  for (let size = Math.max(1, current.length >> 1); !spent(); size >>= 1) {
    let dropped = false
    for (let at = Math.max(0, current.length - size); ; at -= size) {
      const from = Math.max(0, at)
      const candidate = withoutRange(current, from, from + size)
      if (await still(candidate)) {
        current = candidate
        dropped = true
      }
      if (from === 0) break
    }
    if (size === 1 && !dropped) break
    if (size === 1) size = 2
  }
  return { steps: await shortenArguments(current, still), runs }
}

async function shortenArguments(steps, still) {
  let current = steps
  for (let s = 0; s < current.length; s++) {
    for (let c = 0; c < (current[s].commands?.length ?? 0); c++) {
      // a script cut short is another script
      const first = /^(EVAL|SCRIPT)$/i.test(current[s].commands[c].args[0]) ? 3 : 1
      for (let a = first; a < current[s].commands[c].args.length; a++) {
        const text = current[s].commands[c].args[a]
        for (let length = text.length >> 1; length >= 8; length >>= 1) {
          const candidate = replaceArgument(current, s, c, a, text.slice(0, length))
          if (!(await still(candidate))) break
          current = candidate
        }
      }
    }
  }
  return current
}

function replaceArgument(steps, s, c, a, text) {
  const commands = steps[s].commands.map((command, i) =>
    i === c
      ? {
          ...command,
          args: command.args.map((old, j) => (j === a ? text : old))
        }
      : command
  )
  return steps.map((step, i) => (i === s ? { ...step, commands } : step))
}
