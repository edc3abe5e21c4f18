/**
 * Glob patterns: what `src/values/glob.ts` matches is what Redis's stringmatchlen matches. Pure, no server.
 */
import { describe, expect, it } from "@effect/vitest"
import { matchBytes } from "../../src/values/glob.js"

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")
const match = (pattern: string, text: string, nocase = false): boolean => {
  const padded = bytes(`**${text}??`)
  return matchBytes(bytes(pattern), padded, 2, padded.length - 2, nocase)
}

/** Redis's recursive algorithm without the guard, on small inputs, as an oracle. */
const oracle = (pattern: string, text: string): boolean => {
  let p = 0
  let t = 0
  while (p < pattern.length && t < text.length) {
    if (pattern[p] === "*") {
      while (pattern[p + 1] === "*") p++
      if (p + 1 === pattern.length) return true
      for (; t < text.length; t++) if (oracle(pattern.slice(p + 1), text.slice(t))) return true
      return false
    }
    if (pattern[p] !== "?" && pattern[p] !== text[t]) return false
    p++
    t++
    if (t === text.length) while (pattern[p] === "*") p++
  }
  return p === pattern.length && t === text.length
}

describe("glob", () => {
  it("matches literal text only in full", () => {
    expect(match("foo", "foo")).toBe(true)
    expect(match("foo", "fooo")).toBe(false)
    expect(match("fooo", "foo")).toBe(false)
    expect(match("", "")).toBe(true)
    expect(match("", "a")).toBe(false)
  })

  it("lets * stand for any run of bytes and ? for one", () => {
    expect(match("*", "anything")).toBe(true)
    expect(match("f*o", "fo")).toBe(true)
    expect(match("f*o", "f--o--o")).toBe(true)
    expect(match("f*o", "foot")).toBe(false)
    expect(match("h?llo", "hello")).toBe(true)
    expect(match("h?llo", "hllo")).toBe(false)
    expect(match("a**b", "axxb")).toBe(true)
    expect(match("a*", "a")).toBe(true)
    expect(match("*a*b*c*", "xxaxxbxxcxx")).toBe(true)
  })

  it("does not match * against a text without bytes, as Redis does not", () => {
    expect(match("*", "")).toBe(false)
    expect(match("?", "")).toBe(false)
  })

  it("understands classes, ranges in either order and negation", () => {
    expect(match("h[ae]llo", "hallo")).toBe(true)
    expect(match("h[ae]llo", "hillo")).toBe(false)
    expect(match("h[^e]llo", "hallo")).toBe(true)
    expect(match("h[^e]llo", "hello")).toBe(false)
    expect(match("h[a-c]llo", "hbllo")).toBe(true)
    expect(match("h[c-a]llo", "hbllo")).toBe(true)
    expect(match("h[^a-c]llo", "hbllo")).toBe(false)
    expect(match("[a\\]b]", "]")).toBe(true)
    expect(match("[\\^]", "^")).toBe(true)
  })

  it("keeps Redis's reading of malformed classes", () => {
    expect(match("[abc", "b")).toBe(true)
    expect(match("[abc", "d")).toBe(false)
    expect(match("[", "x")).toBe(false)
    expect(match("[^", "x")).toBe(true)
    expect(match("[]", "x")).toBe(false)
    expect(match("[a-]", "b")).toBe(false)
    expect(match("[a-]", "^")).toBe(true)
  })

  it("escapes special bytes with a backslash, and takes a last backslash literally", () => {
    expect(match("h\\*llo", "h*llo")).toBe(true)
    expect(match("h\\*llo", "hallo")).toBe(false)
    expect(match("h\\?", "h?")).toBe(true)
    expect(match("a\\", "a\\")).toBe(true)
  })

  it("ignores the case of ASCII letters only when told to", () => {
    expect(match("MAX*", "maxmemory")).toBe(false)
    expect(match("MAX*", "maxmemory", true)).toBe(true)
    expect(match("[A-C]x", "bX", true)).toBe(true)
    expect(match("\xc9", "\xe9", true)).toBe(false)
  })

  it("matches arbitrary bytes, comparing the ends of ranges as signed bytes", () => {
    expect(match("\xff\x00*", "\xff\x00\x01")).toBe(true)
    expect(match("[\x80-\xff]", "\x90")).toBe(true)
    expect(match("[a-\xff]", "\x41")).toBe(true)
    expect(match("[a-\xff]", "\x90")).toBe(false)
  })

  it("answers in polynomial time for patterns made to be exponential", () => {
    const started = process.hrtime.bigint()
    expect(match("a*".repeat(50) + "b", "a".repeat(4000))).toBe(false)
    expect(match("*?".repeat(60) + "*b", "a".repeat(4000))).toBe(false)
    expect(Number(process.hrtime.bigint() - started) / 1e6).toBeLessThan(2000)
  })

  it("agrees with the plain recursive algorithm on random patterns (seed 20240607)", () => {
    let seed = 20240607
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % below
    }
    for (let round = 0; round < 20000; round++) {
      let pattern = ""
      let text = ""
      for (let n = random(7); n > 0; n--) pattern += "ab*?"[random(4)]
      for (let n = random(8); n > 0; n--) text += "ab"[random(2)]
      expect(`${pattern} ${text} ${match(pattern, text)}`).toBe(`${pattern} ${text} ${oracle(pattern, text)}`)
    }
  })
})
