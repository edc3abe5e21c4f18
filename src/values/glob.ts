/**
 * Redis's glob patterns (`stringmatchlen`), as KEYS, SCAN MATCH, PSUBSCRIBE, ACL patterns and CONFIG GET use
 * them.
 *
 * Pure. Allocates nothing. Only the last `*` is ever retried: once the rest of a pattern after a later `*`
 * fits nowhere, moving an earlier `*` cannot help (Redis 7.0.9's `skipLongerMatches`). So the time is at most
 * pattern length × text length and no pattern can be made exponential.
 *
 * Redis's own corners are kept: a text without bytes is matched only by a pattern without bytes (callers
 * treat a lone `*` as "everything" themselves), a `[` class may be left open, `[a-]` is a range up to `]`,
 * and the ends of a range compare as signed bytes.
 *
 * @since 0.1.0
 */

const STAR = 42
const QUESTION = 63
const OPEN = 91
const BACKSLASH = 92
const CLOSE = 93
const CARET = 94
const DASH = 45

/** ASCII only, as tolower() is in the C locale. */
const lower = (byte: number): number => (byte >= 65 && byte <= 90 ? byte + 32 : byte)

/** A C `char` on the platforms Redis is released for is signed. */
const signed = (byte: number): number => (byte << 24) >> 24

/**
 * Where the class that opens at `open` ends: the index just after its `]`, or the pattern's end if it is left
 * open. The sign carries the outcome, so that no pair has to be allocated: positive when `byte` is in it,
 * negative when not.
 */
const matchClass = (pattern: Uint8Array, open: number, byte: number, nocase: boolean): number => {
  const end = pattern.length
  let p = open + 1
  const negated = p < end && pattern[p] === CARET
  if (negated) p++
  let matched = false
  for (; p < end; p++) {
    const c = pattern[p]!
    if (c === BACKSLASH && end - p >= 2) {
      p++
      if (pattern[p] === byte) matched = true
    } else if (c === CLOSE) {
      p++
      return matched !== negated ? p : -p
    } else if (end - p >= 3 && pattern[p + 1] === DASH) {
      let first = signed(c)
      let last = signed(pattern[p + 2]!)
      if (first > last) {
        const swap = first
        first = last
        last = swap
      }
      const value = signed(byte)
      if (nocase ? inRange(lower(value), lower(first), lower(last)) : inRange(value, first, last))
        matched = true
      p += 2
    } else if (c === byte || (nocase && lower(c) === lower(byte))) {
      matched = true
    }
  }
  return matched !== negated ? end : -end
}

const inRange = (value: number, first: number, last: number): boolean => value >= first && value <= last

/**
 * Whether `text[textStart, textEnd)` matches `pattern`.
 *
 * @param pattern the whole pattern: `*`, `?`, `[abc]`, `[^a-z]`, `\x`
 * @param text the buffer that holds the text
 * @param textStart offset of its first byte
 * @param textEnd offset after its last byte
 * @param nocase whether ASCII letters match in either case
 * @since 0.1.0
 * @category matching
 */
export const matchBytes = (
  pattern: Uint8Array,
  text: Uint8Array,
  textStart: number,
  textEnd: number,
  nocase: boolean
): boolean => {
  const patternEnd = pattern.length
  let p = 0
  let t = textStart
  // Where to resume: the pattern after the last `*`, and the text byte it was last tried at.
  let afterStar = -1
  let starText = 0
  for (;;) {
    let mismatch = false
    while (p < patternEnd && t < textEnd) {
      let c = pattern[p]!
      if (c === STAR) {
        while (p < patternEnd && pattern[p] === STAR) p++
        if (p === patternEnd) return true
        afterStar = p
        starText = t
        continue
      }
      if (c === OPEN) {
        const next = matchClass(pattern, p, text[t]!, nocase)
        if (next < 0) {
          mismatch = true
          break
        }
        p = next
      } else {
        if (c !== QUESTION) {
          if (c === BACKSLASH && p + 1 < patternEnd) c = pattern[++p]!
          const byte = text[t]!
          if (c !== byte && !(nocase && lower(c) === lower(byte))) {
            mismatch = true
            break
          }
        }
        p++
      }
      t++
      if (t === textEnd) while (p < patternEnd && pattern[p] === STAR) p++
    }
    if (!mismatch && p === patternEnd && t === textEnd) return true
    if (afterStar < 0) return false
    starText++
    if (starText >= textEnd) return false
    p = afterStar
    t = starText
  }
}
