/**
 * Numbers of Lua 5.1 in fengari, and the name of its environment, before its VM loads. Pure, but for what it changes
 * in fengari.
 *
 * fengari is Lua 5.3 with 32-bit integers; Redis scripts know doubles alone. That is corrected in the modules that
 * the VM takes them from, so this module must be evaluated before "fengari" is.
 */
// defs first: a circular import leaves LUAI_MAXSTACK undefined otherwise
import defs from "fengari/src/defs.js"
import luaconf from "fengari/src/luaconf.js"

/** A double as C's "%.14g". */
export const formatNumber = (value: number): string => {
  if (Number.isInteger(value) && Math.abs(value) < 1e14) return Object.is(value, -0) ? "-0" : String(value)
  if (Number.isNaN(value)) return "-nan"
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf"
  const exponent = Number(value.toExponential(13).split("e")[1])
  if (exponent < -4 || exponent >= 14) {
    const [digits, power] = value.toExponential(13).split("e") as [string, string]
    const sign = power.startsWith("-") ? "-" : "+"
    return `${trimZeros(digits)}e${sign}${power.replace(/^[+-]/, "").padStart(2, "0")}`
  }
  return trimZeros(value.toPrecision(14))
}

const trimZeros = (digits: string): string => (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits)

// 5.3's parser knows the environment by a name that scripts could use; in 5.1 it is a name like any other. (And a use
// of the module that bundlers cannot leave out.)
defs.to_luastring("_ENV", true)[0] = 1
luaconf.lua_number2str = formatNumber
luaconf.lua_integer2str = formatNumber
luaconf.LUA_COMPAT_FLOATSTRING = true
