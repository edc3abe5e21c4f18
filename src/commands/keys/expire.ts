/**
 * Deadlines of keys: EXPIRE and its kin, TTL and its kin, PERSIST. Pure.
 */
import * as Events from "../../changes/events.js"
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import { type CommandRecord, keyAt } from "../../engine/record.js"
import type { Deadline } from "../../store/database.js"
import { NO_DEADLINE } from "../../store/record.js"
import { addIntegers, type Integer, normalize } from "../../values/integer.js"
import { propagateDeadline, propagateOnKey } from "../strings/string.js"
import { EX, EXAT, PX, PXAT, type TimeForm, toDeadline } from "./deadline.js"

/** Under which conditions a deadline is set: bits. */
const NX = 1
const XX = 2
const GT = 4
const LT = 8

/** The conditions from argument 3 on; replies with an error and gives undefined where they are none. */
const parseConditions = (c: Invocation): number | undefined => {
  let conditions = 0
  for (let i = 3; i < c.argc; i++) {
    if (c.isWord(i, "NX")) conditions |= NX
    else if (c.isWord(i, "XX")) conditions |= XX
    else if (c.isWord(i, "GT")) conditions |= GT
    else if (c.isWord(i, "LT")) conditions |= LT
    else return c.failText(Errors.unsupportedOption(c.text(i)))
  }
  if ((conditions & NX) !== 0 && conditions !== NX) return c.fail(Errors.NX_AND_OTHERS)
  if ((conditions & (GT | LT)) === (GT | LT)) return c.fail(Errors.GT_AND_LT)
  return conditions
}

/** Whether conditions let `deadline` replace `current`; no deadline counts as an infinite one. */
const mayReplace = (conditions: number, current: Deadline, deadline: Deadline): boolean => {
  if (current === NO_DEADLINE) return (conditions & (XX | GT)) === 0
  if ((conditions & NX) !== 0) return false
  if ((conditions & GT) !== 0 && deadline <= current) return false
  return (conditions & LT) === 0 || deadline < current
}

const expireBy =
  (form: TimeForm) =>
  (c: Invocation): void => {
    const conditions = parseConditions(c)
    if (conditions === undefined) return
    const value = c.integerOrFail(2)
    if (value === undefined) return
    const deadline = toDeadline(value, form, c.now)
    if (deadline === undefined) {
      c.failText(Errors.invalidExpire(c.command.fullName))
      return
    }
    const hash = c.hash(1)
    const ref = c.find(1, hash)
    if (ref === 0 || !mayReplace(conditions, c.keyspace.deadlineOf(ref), deadline)) {
      c.reply.integer(0)
      return
    }
    if (deadline <= c.now && !c.loads) {
      c.keyspace.shard(c.database, hash).remove(ref)
      propagateOnKey(c, Events.DEL, "DEL")
    } else {
      // a loaded file decides by its own DEL what has expired, not the clock; one before 1970 is as good as in 1970
      const kept = typeof deadline === "number" ? Math.max(0, deadline) : deadline > 0n ? deadline : 0
      c.keyspace.setDeadline(c.database, hash, ref, kept)
      if (form === PXAT && c.argc === 3) c.changed(Events.EXPIRE, 1)
      else propagateDeadline(c, deadline)
    }
    c.reply.integer(1)
  }

/** Milliseconds to seconds, to the nearest. */
const toSeconds = (milliseconds: Integer): Integer =>
  typeof milliseconds === "number"
    ? Math.floor((milliseconds + 500) / 1000)
    : normalize((milliseconds + 500n) / 1000n)

const timeToLive =
  (form: TimeForm) =>
  (c: Invocation): void => {
    const ref = c.find(1)
    c.keyspace.noteLookUp(ref)
    if (ref === 0) {
      c.reply.integer(-2)
      return
    }
    const deadline = c.keyspace.deadlineOf(ref)
    if (deadline === NO_DEADLINE) {
      c.reply.integer(-1)
      return
    }
    const left = form.absolute ? deadline : addIntegers(deadline, -c.now)!
    // a deadline that has passed is seen while a file is loaded only
    if (left < 0) c.reply.integer(0)
    else c.reply.integer(form.seconds ? toSeconds(left) : left)
  }

const persist = (c: Invocation): void => {
  const hash = c.hash(1)
  const ref = c.find(1, hash)
  if (ref === 0 || c.keyspace.deadlineOf(ref) === NO_DEADLINE) {
    c.reply.integer(0)
    return
  }
  c.keyspace.setDeadline(c.database, hash, ref, NO_DEADLINE)
  c.changed(Events.PERSIST, 1)
  c.reply.integer(1)
}

const generic = {
  group: "generic",
  categories: ["keyspace"],
  complexity: "O(1)"
} as const

const setsDeadline = {
  ...generic,
  arity: -3,
  flags: ["write", "fast"],
  keys: [keyAt(1, "RW UPDATE")]
} as const

const tellsDeadline = {
  ...generic,
  arity: 2,
  flags: ["readonly", "fast"],
  keys: [keyAt(1, "RO ACCESS")],
  synopsis: "key"
} as const

export const expireCommands: ReadonlyArray<CommandRecord> = [
  {
    ...setsDeadline,
    name: "expire",
    since: "1.0.0",
    summary: "Sets the expiration time of a key in seconds.",
    synopsis: "key seconds [NX | XX | GT | LT]",
    handler: expireBy(EX)
  },
  {
    ...setsDeadline,
    name: "pexpire",
    since: "2.6.0",
    summary: "Sets the expiration time of a key in milliseconds.",
    synopsis: "key milliseconds [NX | XX | GT | LT]",
    handler: expireBy(PX)
  },
  {
    ...setsDeadline,
    name: "expireat",
    since: "1.2.0",
    summary: "Sets the expiration time of a key to a Unix timestamp.",
    synopsis: "key unix-time-seconds [NX | XX | GT | LT]",
    handler: expireBy(EXAT)
  },
  {
    ...setsDeadline,
    name: "pexpireat",
    since: "2.6.0",
    summary: "Sets the expiration time of a key to a Unix milliseconds timestamp.",
    synopsis: "key unix-time-milliseconds [NX | XX | GT | LT]",
    handler: expireBy(PXAT)
  },
  {
    ...tellsDeadline,
    name: "ttl",
    since: "1.0.0",
    summary: "Returns the expiration time in seconds of a key.",
    tips: ["nondeterministic_output"],
    handler: timeToLive(EX)
  },
  {
    ...tellsDeadline,
    name: "pttl",
    since: "2.6.0",
    summary: "Returns the expiration time in milliseconds of a key.",
    tips: ["nondeterministic_output"],
    handler: timeToLive(PX)
  },
  {
    ...tellsDeadline,
    name: "expiretime",
    since: "7.0.0",
    summary: "Returns the expiration time of a key as a Unix timestamp.",
    handler: timeToLive(EXAT)
  },
  {
    ...tellsDeadline,
    name: "pexpiretime",
    since: "7.0.0",
    summary: "Returns the expiration time of a key as a Unix milliseconds timestamp.",
    handler: timeToLive(PXAT)
  },
  {
    ...generic,
    name: "persist",
    arity: 2,
    flags: ["write", "fast"],
    keys: [keyAt(1, "RW UPDATE")],
    since: "2.2.0",
    summary: "Removes the expiration time of a key.",
    synopsis: "key",
    handler: persist
  }
]
