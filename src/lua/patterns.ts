/**
 * Lua 5.1's patterns: a matcher whose backtracking is an explicit stack, so that it can stop after any step and go
 * on later. Pure.
 */
const ESCAPE = 37 // %
const CAPTURES_MAX = 32
const UNFINISHED = -1
const POSITION = -2
/** Backtrack records are four numbers each; more of them are refused. */
const RECORDS_MAX = 1_000_000

/** What a match came to; MORE: it has used up its steps, and goes on by `run`. */
export type Outcome = "match" | "fail" | "more"

/** Kinds of backtrack records. */
const OPENED = 0
const CLOSED = 1
const OTHERWISE = 2
const FEWER = 3
const MORE = 4

// ---- character classes: a bit each
const ALPHA = 1
const DIGIT = 2
const LOWER = 4
const SPACE = 8
const UPPER = 16
const CONTROL = 32
const PUNCTUATION = 64
const HEX = 128
const CLASSES = new Uint8Array(256)
for (let c = 0; c < 128; c++) {
  const text = String.fromCharCode(c)
  let bits = 0
  if (/[A-Za-z]/.test(text)) bits |= ALPHA
  if (/[0-9]/.test(text)) bits |= DIGIT
  if (/[a-z]/.test(text)) bits |= LOWER
  if (/[A-Z]/.test(text)) bits |= UPPER
  if (/[0-9A-Fa-f]/.test(text)) bits |= HEX
  if (c === 32 || (c >= 9 && c <= 13)) bits |= SPACE
  if (c < 32 || c === 127) bits |= CONTROL
  if (c > 32 && c < 127 && (bits & (ALPHA | DIGIT)) === 0) bits |= PUNCTUATION
  CLASSES[c] = bits
}

/** Whether a byte is of the class that a letter names; other letters name themselves. */
const isOfClass = (c: number, letter: number): boolean => {
  let bits: number
  switch (letter | 32) {
    case 97: // a
      bits = ALPHA
      break
    case 99: // c
      bits = CONTROL
      break
    case 100: // d
      bits = DIGIT
      break
    case 108: // l
      bits = LOWER
      break
    case 112: // p
      bits = PUNCTUATION
      break
    case 115: // s
      bits = SPACE
      break
    case 117: // u
      bits = UPPER
      break
    case 119: // w
      bits = ALPHA | DIGIT
      break
    case 120: // x
      bits = HEX
      break
    case 122: // z
      return letter === 122 ? c === 0 : letter === 90 ? c !== 0 : letter === c
    default:
      return letter === c
  }
  const upper = letter >= 65 && letter <= 90
  // the letters between Z and a, and what 32 makes of other bytes, are no classes
  if (!upper && !(letter >= 97 && letter <= 122)) return letter === c
  return ((CLASSES[c]! & bits) !== 0) !== upper
}

/** An error in a pattern, or in what a match is asked for: raised as Lua's. */
export class PatternError extends Error {}

const malformed = (message: string): never => {
  throw new PatternError(message)
}

export class Matcher {
  /** Captures: where they begin, and their length, or what else is known of them. */
  readonly starts = new Int32Array(CAPTURES_MAX)
  readonly lengths = new Int32Array(CAPTURES_MAX)
  level = 0
  /** Behind the match. */
  end = 0
  /** Steps that have been made, for the account. */
  steps = 0
  private s = 0
  private p = 0
  private records = new Int32Array(64)
  private recorded = 0

  constructor(
    readonly subject: Uint8Array,
    readonly pattern: Uint8Array
  ) {}

  /** Begins a match at these offsets; `run` does it. */
  begin(s: number, p: number): void {
    this.s = s
    this.p = p
    this.level = 0
    this.recorded = 0
  }

  /** Goes on for at most so many steps. */
  run(budget: number): Outcome {
    const { subject, pattern } = this
    const patternLength = pattern.length
    const limit = this.steps + budget
    for (;;) {
      if (++this.steps > limit) return "more"
      const { p } = this
      if (p === patternLength) {
        this.end = this.s
        return "match"
      }
      let ok: boolean
      const c = pattern[p]!
      if (c === 40) ok = this.open()
      else if (c === 41) ok = this.close()
      else if (c === 36 && p + 1 === patternLength) {
        // '$' at the end
        ok = this.s === subject.length
        this.p++
      } else if (c === ESCAPE && this.isSpecial(pattern[p + 1])) ok = this.special(pattern[p + 1]!)
      else ok = this.item(p)
      if (!ok && !this.backtrack()) return "fail"
    }
  }

  private isSpecial(letter: number | undefined): boolean {
    // %b, %f, %0 to %9
    return letter === 98 || letter === 102 || (letter !== undefined && letter >= 48 && letter <= 57)
  }

  private special(letter: number): boolean {
    if (letter === 98) return this.balance()
    if (letter === 102) return this.frontier()
    return this.backReference(letter)
  }

  // ---- captures
  private open(): boolean {
    const position = this.pattern[this.p + 1] === 41
    if (this.level >= CAPTURES_MAX) malformed("too many captures")
    this.starts[this.level] = this.s
    this.lengths[this.level] = position ? POSITION : UNFINISHED
    this.level++
    this.record(OPENED, 0, 0, 0)
    this.p += position ? 2 : 1
    return true
  }

  private close(): boolean {
    let at = this.level - 1
    while (at >= 0 && this.lengths[at] !== UNFINISHED) at--
    if (at < 0) malformed("invalid pattern capture")
    this.lengths[at] = this.s - this.starts[at]!
    this.record(CLOSED, at, 0, 0)
    this.p++
    return true
  }

  private backReference(letter: number): boolean {
    const at = letter - 49
    if (at < 0 || at >= this.level || this.lengths[at] === UNFINISHED) malformed("invalid capture index")
    const length = this.lengths[at]!
    const start = this.starts[at]!
    const { subject, s } = this
    if (length < 0 || subject.length - s < length) return false
    for (let i = 0; i < length; i++) if (subject[start + i] !== subject[s + i]) return false
    this.steps += length >> 2
    this.s += length
    this.p += 2
    return true
  }

  // ---- %b and %f
  private balance(): boolean {
    const { subject, pattern, p } = this
    if (p + 3 >= pattern.length) malformed("unbalanced pattern")
    let { s } = this
    if (s >= subject.length || subject[s] !== pattern[p + 2]) return false
    const from = s
    const opening = pattern[p + 2]!
    const closing = pattern[p + 3]!
    for (let depth = 1; ++s < subject.length; ) {
      const c = subject[s]!
      if (c === closing) {
        if (--depth === 0) {
          this.s = s + 1
          this.p += 4
          this.steps += (s - from) >> 2
          return true
        }
      } else if (c === opening) depth++
    }
    this.steps += (s - from) >> 2
    return false
  }

  private frontier(): boolean {
    const { subject, pattern, s } = this
    const p = this.p + 2
    if (pattern[p] !== 91) malformed("missing '[' after '%f' in pattern")
    const end = this.classEnd(p)
    const previous = s === 0 ? 0 : subject[s - 1]!
    if (this.inSet(previous, p, end - 1) || !this.inSet(subject[s] ?? 0, p, end - 1)) return false
    this.p = end
    return true
  }

  // ---- single characters and their repetition
  private item(p: number): boolean {
    const { subject } = this
    const end = this.classEnd(p)
    const suffix = this.pattern[end]
    const { s } = this
    switch (suffix) {
      case 63: // ?
        this.p = end + 1
        if (s < subject.length && this.single(subject[s]!, p, end)) {
          this.record(OTHERWISE, s, end + 1, 0)
          this.s++
        }
        return true
      case 42: // *
      case 43: {
        // + wants one at least
        let at = s
        while (at < subject.length && this.single(subject[at]!, p, end)) at++
        this.steps += at - s
        const least = suffix === 43 ? s + 1 : s
        if (at < least) return false
        if (at > least) this.record(FEWER, least, at, end + 1)
        this.s = at
        this.p = end + 1
        return true
      }
      case 45: // -
        this.record(MORE, s, p, end)
        this.p = end + 1
        return true
      default:
        if (s >= subject.length || !this.single(subject[s]!, p, end)) return false
        this.s++
        this.p = end
        return true
    }
  }

  /** Behind the class that begins at an offset of the pattern. */
  private classEnd(from: number): number {
    const { pattern } = this
    let p = from
    const c = pattern[p++]
    if (c === ESCAPE) {
      if (p >= pattern.length) malformed("malformed pattern (ends with '%')")
      return p + 1
    }
    if (c !== 91) return p
    if (pattern[p] === 94) p++
    do {
      // look for a ']'
      if (p >= pattern.length) malformed("malformed pattern (missing ']')")
      if (pattern[p++] === ESCAPE && p < pattern.length) p++
    } while (pattern[p] !== 93)
    this.steps += (p - from) >> 2
    return p + 1
  }

  private single(c: number, p: number, end: number): boolean {
    const first = this.pattern[p]!
    switch (first) {
      case 46: // .
        return true
      case ESCAPE:
        return isOfClass(c, this.pattern[p + 1]!)
      case 91: // [
        return this.inSet(c, p, end - 1)
      default:
        return first === c
    }
  }

  /** Whether a byte is in the set between a '[' and its ']'. */
  private inSet(c: number, from: number, end: number): boolean {
    const { pattern } = this
    let p = from
    let yes = true
    this.steps += (end - from) >> 3
    if (pattern[p + 1] === 94) {
      yes = false
      p++
    }
    while (++p < end) {
      if (pattern[p] === ESCAPE) {
        p++
        if (isOfClass(c, pattern[p]!)) return yes
      } else if (pattern[p + 1] === 45 && p + 2 < end) {
        p += 2
        if (pattern[p - 2]! <= c && c <= pattern[p]!) return yes
      } else if (pattern[p] === c) return yes
    }
    return !yes
  }

  // ---- backtracking
  private record(kind: number, a: number, b: number, c: number): void {
    if (this.recorded + 4 > this.records.length) {
      if (this.recorded > RECORDS_MAX * 4) malformed("pattern too complex")
      const grown = new Int32Array(this.records.length * 2)
      grown.set(this.records)
      this.records = grown
    }
    const { records } = this
    let at = this.recorded
    records[at++] = kind
    records[at++] = a
    records[at++] = b
    records[at++] = c
    this.recorded = at
  }

  /** Takes up the latest choice there is; false where none is left. */
  private backtrack(): boolean {
    const { records, subject } = this
    while (this.recorded > 0) {
      this.steps++
      const at = this.recorded - 4
      const a = records[at + 1]!
      const b = records[at + 2]!
      const c = records[at + 3]!
      switch (records[at]) {
        case OPENED:
          this.level--
          this.recorded = at
          break
        case CLOSED:
          this.lengths[a] = UNFINISHED
          this.recorded = at
          break
        case OTHERWISE:
          this.recorded = at
          this.s = a
          this.p = b
          return true
        case FEWER: // from a, at most to b, then the pattern at c
          if (b - 1 === a) this.recorded = at
          else records[at + 2] = b - 1
          this.s = b - 1
          this.p = c
          return true
        default: // MORE: at a, the class from b to c once again
          if (a < subject.length && this.single(subject[a]!, b, c)) {
            records[at + 1] = a + 1
            this.s = a + 1
            this.p = c + 1
            return true
          }
          this.recorded = at
      }
    }
    return false
  }
}
