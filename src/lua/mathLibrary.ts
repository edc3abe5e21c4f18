/**
 * Lua 5.1's math library, with Redis's own random numbers. Pure.
 */
import type { LuaFunction, LuaState } from "fengari"
import { argumentError, fail, integerAt, numberAt } from "./arguments.js"
import { lua } from "./fengari.js"

/** Redis's lrand48: a linear congruence modulo 2^48, of which the upper 31 bits are given. */
export class Random {
  // 0x1234ABCD330E
  private high = 0x1234ab
  private low = 0xcd330e
  /** What the sequence was before a script has seeded it. */
  private before: readonly [number, number] | null = null

  /** A script begins: the sequence goes on where it was, whatever seeds the one before has set. */
  begin(): void {
    if (this.before !== null) [this.high, this.low] = this.before
    this.before = null
  }
  seed(value: number): void {
    this.before ??= [this.high, this.low]
    const bits = Number(BigInt.asUintN(32, BigInt(Math.trunc(value))))
    // 48 bits in halves of 24: the seed, and 0x330E below it
    this.high = bits >>> 8
    this.low = ((bits & 0xff) << 16) | 0x330e
  }
  /** The next integer from 0 to 2^31 - 1. */
  next(): number {
    const low = this.low * LOW_FACTOR + 0xb
    this.high = (this.high * LOW_FACTOR + this.low * HIGH_FACTOR + Math.floor(low / HALF)) % HALF
    this.low = low % HALF
    return this.high * 128 + (this.low >>> 17)
  }
}
const HALF = 1 << 24
/** 0x5DEECE66D. */
const LOW_FACTOR = 0xece66d
const HIGH_FACTOR = 0x5de
const RANDOM_MAX = 2147483647

const of =
  (f: (x: number) => number): LuaFunction =>
  (L) => {
    lua.lua_pushnumber(L, f(numberAt(L, 1)))
    return 1
  }
const ofTwo =
  (f: (x: number, y: number) => number): LuaFunction =>
  (L) => {
    lua.lua_pushnumber(L, f(numberAt(L, 1), numberAt(L, 2)))
    return 1
  }
const most =
  (f: (x: number, y: number) => boolean): LuaFunction =>
  (L) => {
    let best = numberAt(L, 1)
    for (let i = 2; i <= lua.lua_gettop(L); i++) {
      const value = numberAt(L, i)
      if (f(value, best)) best = value
    }
    lua.lua_pushnumber(L, best)
    return 1
  }

const frexp: LuaFunction = (L) => {
  const x = numberAt(L, 1)
  let exponent = 0
  let mantissa = x
  if (x !== 0 && Number.isFinite(x)) {
    exponent = Math.max(-1023, Math.floor(Math.log2(Math.abs(x))) + 1)
    mantissa = x * 2 ** -exponent
    while (Math.abs(mantissa) < 0.5) {
      mantissa *= 2
      exponent--
    }
    while (Math.abs(mantissa) >= 1) {
      mantissa /= 2
      exponent++
    }
  }
  lua.lua_pushnumber(L, mantissa)
  lua.lua_pushnumber(L, exponent)
  return 2
}

const modf: LuaFunction = (L) => {
  const x = numberAt(L, 1)
  const whole = Math.trunc(x)
  lua.lua_pushnumber(L, whole)
  lua.lua_pushnumber(L, Number.isFinite(x) ? x - whole : Number.isNaN(x) ? x : 0)
  return 2
}

/** In two steps, so that a power beyond a double's is no infinity on the way. */
const ldexp = (mantissa: number, exponent: number): number => {
  const half = Math.trunc(Math.max(-4200, Math.min(4200, exponent)) / 2)
  return mantissa * 2 ** half * 2 ** (Math.trunc(exponent) - half)
}

export const mathFunctions = (random: Random): Readonly<Record<string, LuaFunction>> => ({
  abs: of(Math.abs),
  acos: of(Math.acos),
  asin: of(Math.asin),
  atan: of(Math.atan),
  atan2: ofTwo(Math.atan2),
  ceil: of(Math.ceil),
  cos: of(Math.cos),
  cosh: of(Math.cosh),
  deg: of((x) => x / (Math.PI / 180)),
  exp: of(Math.exp),
  floor: of(Math.floor),
  fmod: ofTwo((x, y) => x % y),
  frexp,
  ldexp: ofTwo(ldexp),
  log: of(Math.log),
  log10: of(Math.log10),
  max: most((x, best) => x > best),
  min: most((x, best) => x < best),
  mod: ofTwo((x, y) => x % y),
  modf,
  pow: ofTwo((x, y) => x ** y),
  rad: of((x) => x * (Math.PI / 180)),
  random: (L) => randomNumber(L, random),
  randomseed: (L) => {
    random.seed(integerAt(L, 1))
    return 0
  },
  sin: of(Math.sin),
  sinh: of(Math.sinh),
  sqrt: of(Math.sqrt),
  tan: of(Math.tan),
  tanh: of(Math.tanh)
})

const randomNumber = (L: LuaState, random: Random): number => {
  const fraction = (random.next() % RANDOM_MAX) / RANDOM_MAX
  const count = lua.lua_gettop(L)
  if (count === 0) lua.lua_pushnumber(L, fraction)
  else if (count === 1) {
    const high = integerAt(L, 1)
    if (high < 1) argumentError(L, 1, "interval is empty")
    lua.lua_pushnumber(L, Math.floor(fraction * high) + 1)
  } else if (count === 2) {
    const low = integerAt(L, 1)
    const high = integerAt(L, 2)
    if (low > high) argumentError(L, 2, "interval is empty")
    lua.lua_pushnumber(L, Math.floor(fraction * (high - low + 1)) + low)
  } else return fail(L, "wrong number of arguments")
  return 1
}
