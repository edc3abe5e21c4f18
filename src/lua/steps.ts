/**
 * Library functions that call back into Lua, or take long: written as generators, so that a script can be suspended
 * in the midst of them. Pure.
 *
 * Such a generator yields `call(…)` with a function and its arguments at the top of the stack, and finds the results
 * there when it goes on; or PAUSE where it has worked for long enough to let the slice end. It returns the number of
 * its results.
 */
import type { LuaFunction, LuaState } from "fengari"
import { lua, to_luastring } from "./fengari.js"
import { meter, STEPS } from "./meter.js"

/** Lets the slice end here, if it is over. */
export const PAUSE = -1

/** Calls the function at the top of the stack; `results` -1 is all of them. */
export const call = (args: number, results: number): number => (args << 8) | (results + 1)

export type Steps = Generator<number, number, void>

/** Whether a loop of a library function has used up its steps, and has to PAUSE. */
export const spent = (): boolean => meter.steps < 0

const advance = (L: LuaState, steps: Steps): number => {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (step.value === PAUSE) {
      meter.steps = STEPS
      if (L.nny === 0 && meter.due()) {
        meter.paused = true
        lua.lua_yieldk(L, 0, steps, goOn)
      }
    } else lua.lua_callk(L, step.value >> 8, (step.value & 255) - 1, steps, goOn)
  }
}

const goOn = (L: LuaState, _status: number, steps: Steps): number => advance(L, steps)

/** A library function of a generator. */
export const inSteps =
  (f: (L: LuaState) => Steps): LuaFunction =>
  (L) =>
    advance(L, f(L))

/** A text of Lua's, whose bytes are its characters. */
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"))

/** Sets the functions of a library in the table at the top of the stack. */
export const define = (L: LuaState, functions: Readonly<Record<string, LuaFunction>>): void => {
  for (const [name, f] of Object.entries(functions)) {
    lua.lua_pushcfunction(L, f)
    lua.lua_setfield(L, -2, to_luastring(name))
  }
}
