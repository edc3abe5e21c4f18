/**
 * The string commands that take values for numbers: INCR and its family. Pure.
 */
import * as Events from "../../changes/events.js"
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import { type CommandRecord, keyAt } from "../../engine/record.js"
import { JUST_MISSED } from "../../store/database.js"
import { ENCODING_INT, NO_DEADLINE } from "../../store/record.js"
import { addIntegers, INT64_MIN, type Integer, integerBytes, writeInteger } from "../../values/integer.js"
import {
  addLongDoubles,
  formatLongDouble,
  type LongDouble,
  parseLongDouble
} from "../../values/longDouble.js"
import { addInPlace, bytesOf, integerOf, lengthOf } from "../../values/string.js"
import { isString } from "./string.js"

/** Adds to the integer at the key, in place where its block has room. */
const increment = (c: Invocation, by: Integer): void => {
  const hash = c.hash(1)
  const ref = c.find(1, hash)
  let old: Integer = 0
  if (ref !== 0 && typeof by === "number") {
    const sum = addInPlace(c.keyspace, c.keyspace.shard(c.database, hash), ref, by)
    if (sum !== undefined) {
      c.changed(Events.INCRBY, 1)
      c.reply.integer(sum)
      return
    }
  }
  if (ref !== 0) {
    if (!isString(c, ref)) return
    const held = integerOf(c.keyspace, ref)
    if (held === undefined) {
      c.fail(Errors.NOT_INTEGER)
      return
    }
    old = held
  }
  const value = addIntegers(old, by)
  if (value === undefined) {
    c.fail(Errors.INCREMENT_OVERFLOW)
    return
  }
  const { records } = c.keyspace
  if (
    ref !== 0 &&
    records.encoding(ref) === ENCODING_INT &&
    records.valueLength(ref) === integerBytes(value)
  ) {
    c.keyspace.beforeChange(c.database, hash, ref)
    records.touch(ref, c.keyspace.clock)
    writeInteger(c.viewOf(ref), records.valueStart(ref), value)
  } else {
    const deadline = ref === 0 ? NO_DEADLINE : c.keyspace.deadlineOf(ref)
    c.setInteger(1, hash, value, deadline, ref === 0 ? JUST_MISSED : ref)
  }
  c.changed(Events.INCRBY, 1)
  c.reply.integer(value)
}

const incr = (c: Invocation): void => increment(c, 1)
const decr = (c: Invocation): void => increment(c, -1)

const incrby = (c: Invocation): void => {
  const by = c.integerOrFail(2)
  if (by !== undefined) increment(c, by)
}

const decrby = (c: Invocation): void => {
  const by = c.integerOrFail(2)
  if (by === undefined) return
  if (typeof by === "bigint" && by === INT64_MIN) c.fail(Errors.DECREMENT_OVERFLOW)
  else increment(c, typeof by === "bigint" ? -by : 0 - by)
}

/** Longest text that Redis reads as a long double. */
const FLOAT_TEXT_MAX = 5119

const heldLongDouble = (c: Invocation, ref: number): LongDouble | undefined =>
  lengthOf(c.keyspace, ref) > FLOAT_TEXT_MAX
    ? undefined
    : parseLongDouble(bytesOf(c.keyspace, ref).toString("latin1"))

const incrbyfloat = (c: Invocation): void => {
  const hash = c.hash(1)
  const ref = c.find(1, hash)
  if (ref !== 0 && !isString(c, ref)) return
  const old = ref === 0 ? parseLongDouble("0") : heldLongDouble(c, ref)
  const by = old === undefined ? undefined : parseLongDouble(c.text(2))
  if (old === undefined || by === undefined) {
    c.fail(Errors.NOT_FLOAT)
    return
  }
  const sum = addLongDoubles(old, by)
  if (typeof sum === "string") {
    c.fail(Errors.NAN_OR_INFINITY)
    return
  }
  const text = Buffer.from(formatLongDouble(sum), "latin1")
  const deadline = ref === 0 ? NO_DEADLINE : c.keyspace.deadlineOf(ref)
  c.setText(1, hash, text, deadline)
  if (c.changedAs(Events.INCRBYFLOAT, 1, 4)) {
    // the sum, so that no other arithmetic can come to another one
    c.log.text("SET")
    c.logArgument(1)
    c.log.bytes(text, 0, text.length)
    c.log.text("KEEPTTL")
  }
  c.reply.bulk(text, 0, text.length)
}

const string = {
  group: "string",
  categories: ["string"],
  since: "1.0.0"
} as const

export const stringNumberCommands: ReadonlyArray<CommandRecord> = [
  {
    ...string,
    name: "incr",
    arity: 2,
    flags: ["write", "denyoom", "fast"],
    keys: [keyAt(1, "RW ACCESS UPDATE")],
    summary:
      "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
    complexity: "O(1)",
    synopsis: "key",
    handler: incr
  },
  {
    ...string,
    name: "decr",
    arity: 2,
    flags: ["write", "denyoom", "fast"],
    keys: [keyAt(1, "RW ACCESS UPDATE")],
    summary:
      "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
    complexity: "O(1)",
    synopsis: "key",
    handler: decr
  },
  {
    ...string,
    name: "incrby",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [keyAt(1, "RW ACCESS UPDATE")],
    summary:
      "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
    complexity: "O(1)",
    synopsis: "key increment",
    handler: incrby
  },
  {
    ...string,
    name: "decrby",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [keyAt(1, "RW ACCESS UPDATE")],
    summary:
      "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
    complexity: "O(1)",
    synopsis: "key decrement",
    handler: decrby
  },
  {
    ...string,
    name: "incrbyfloat",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [keyAt(1, "RW ACCESS UPDATE")],
    since: "2.6.0",
    summary:
      "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
    complexity: "O(1)",
    synopsis: "key increment",
    handler: incrbyfloat
  }
]
