/**
 * Expire times as commands take them: relative or absolute, seconds or milliseconds, to a deadline in Unix ms. Pure.
 */
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import type { Deadline } from "../../store/database.js"
import { addIntegers, INT64_MAX, INT64_MIN, type Integer, normalize } from "../../values/integer.js"

/** What an expire time counts, and from when. */
export interface TimeForm {
  readonly seconds: boolean
  readonly absolute: boolean
}

export const EX: TimeForm = { seconds: true, absolute: false }
export const PX: TimeForm = { seconds: false, absolute: false }
export const EXAT: TimeForm = { seconds: true, absolute: true }
export const PXAT: TimeForm = { seconds: false, absolute: true }

/** The form that an option names, or undefined. */
export const timeForm = (c: Invocation, index: number): TimeForm | undefined => {
  if (c.isWord(index, "EX")) return EX
  if (c.isWord(index, "PX")) return PX
  if (c.isWord(index, "EXAT")) return EXAT
  if (c.isWord(index, "PXAT")) return PXAT
  return undefined
}

/** The deadline in Unix ms of an expire time, or undefined where it leaves 64 bits. */
export const toDeadline = (value: Integer, form: TimeForm, now: number): Integer | undefined => {
  let milliseconds: Integer = value
  if (form.seconds) {
    if (typeof value === "number" && Math.abs(value) <= 9007199254740) milliseconds = value * 1000
    else {
      const exact = BigInt(value) * 1000n
      if (exact > INT64_MAX || exact < INT64_MIN) return undefined
      milliseconds = normalize(exact)
    }
  }
  return form.absolute ? milliseconds : addIntegers(milliseconds, now)
}

/**
 * The deadline of an expire-time argument of SET, SETEX or GETEX, which must be positive; replies with an error and
 * gives undefined where it is not.
 */
export const positiveDeadline = (c: Invocation, index: number, form: TimeForm): Deadline | undefined => {
  const value = c.integer(index)
  if (value === undefined) return c.fail(Errors.NOT_INTEGER)
  const deadline = value > 0 ? toDeadline(value, form, c.now) : undefined
  if (deadline === undefined || deadline <= 0) return c.failText(Errors.invalidExpire(c.command.fullName))
  return deadline
}
