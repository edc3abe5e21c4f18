/**
 * Which known name a misspelt one was meant to be.
 *
 * Pure. The distance is Levenshtein's, as @effect/cli counts it for options of the command line.
 *
 * @since 0.1.0
 */

/** Beyond this many letters changed, added or left out, a guess helps nobody. */
const distanceMax = 2

/** How many letters must be changed, added or left out to make one word of the other. */
const distance = (one: string, other: string): number => {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const changed = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[other.length]!
}

/**
 * The known name nearest to a word, or null when none is near. A word of few letters is near to too many.
 *
 * @since 0.1.0
 * @category suggestions
 */
export const nearest = (word: string, known: Iterable<string>): string | null => {
  let best: string | null = null
  let bestDistance = Math.min(distanceMax, word.length - 2) + 1
  for (const name of known) {
    if (Math.abs(name.length - word.length) >= bestDistance) continue
    const letters = distance(word, name)
    if (letters < bestDistance) {
      best = name
      bestDistance = letters
    }
  }
  return best
}
