/**
 * The string commands: GET, SET and what reads or writes whole values. Pure.
 * (stringNumber.ts: numbers in them; stringRange.ts: parts of them.)
 */
import type { KeyEvent } from "../../changes/events.js"
import * as Events from "../../changes/events.js"
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import { type CommandRecord, keyAt, keysFrom } from "../../engine/record.js"
import { type Deadline, KEEP_OLD } from "../../store/database.js"
import { NO_DEADLINE, TYPE_STRING } from "../../store/record.js"
import { integerBytes } from "../../values/integer.js"
import { lengthOf, writeBulk } from "../../values/string.js"
import { EX, PX, positiveDeadline, type TimeForm, timeForm } from "../keys/deadline.js"

/** Whether a record is a string; replies with WRONGTYPE where it is not. */
export const isString = (c: Invocation, ref: number): boolean => {
  if (c.keyspace.records.type(ref) === TYPE_STRING) return true
  c.fail(Errors.WRONG_TYPE)
  return false
}

const get = (c: Invocation): void => {
  const ref = c.read(1)
  if (ref === 0) c.reply.null()
  else if (isString(c, ref)) writeBulk(c.keyspace, ref, c.reply)
}

/** Which keys SET may write to. */
const ANY = 0
const NX = 1
const XX = 2

/** SET's options; reused, for SET allocates nothing. */
const options = {
  condition: ANY,
  get: false,
  keepTtl: false,
  persist: false,
  form: undefined as TimeForm | undefined,
  timeAt: 0
}

/** Reads the options of SET or GETEX from argument `from` on; false where they are no valid combination. */
const parseOptions = (c: Invocation, from: number, isSet: boolean): boolean => {
  options.condition = ANY
  options.get = options.keepTtl = options.persist = false
  options.form = undefined
  for (let i = from; i < c.argc; i++) {
    if (isSet && c.isWord(i, "NX") && options.condition !== XX) options.condition = NX
    else if (isSet && c.isWord(i, "XX") && options.condition !== NX) options.condition = XX
    else if (isSet && c.isWord(i, "GET")) options.get = true
    else if (isSet && c.isWord(i, "KEEPTTL") && options.form === undefined) options.keepTtl = true
    else if (!isSet && c.isWord(i, "PERSIST") && options.form === undefined) options.persist = true
    else {
      const form = timeForm(c, i)
      if (form === undefined || (options.form !== undefined && options.form !== form)) return false
      if (options.keepTtl || options.persist) return false
      if (i + 1 >= c.argc) return false
      options.form = form
      options.timeAt = ++i
    }
  }
  return true
}

const set = (c: Invocation): void => {
  const hash = c.hash(1)
  if (c.argc === 3) {
    c.setArgument(1, hash, 2, NO_DEADLINE, c.known(1, hash))
    c.changed(Events.SET, 1)
    c.reply.ok()
    return
  }
  if (!parseOptions(c, 3, true)) {
    c.fail(Errors.SYNTAX)
    return
  }
  let deadline: Deadline = NO_DEADLINE
  if (options.form !== undefined) {
    const wanted = positiveDeadline(c, options.timeAt, options.form)
    if (wanted === undefined) return
    deadline = wanted
  }
  const plain = options.condition === ANY && !options.get && !options.keepTtl
  if (!plain) {
    const old = options.get ? c.read(1, hash) : c.find(1, hash)
    if (options.get) {
      if (old === 0) c.reply.null()
      else if (!isString(c, old)) return
      else writeBulk(c.keyspace, old, c.reply)
    }
    if ((options.condition === NX && old !== 0) || (options.condition === XX && old === 0)) {
      if (!options.get) c.reply.null()
      return
    }
    if (options.keepTtl && old !== 0) deadline = c.keyspace.deadlineOf(old)
  }
  c.setArgument(1, hash, 2, deadline, c.known(1, hash))
  propagateSet(c, deadline)
  if (!options.get) c.reply.ok()
}

/** SET with a relative time, or with GET, goes out in another form: an absolute time, without GET. */
const propagateSet = (c: Invocation, deadline: Deadline): void => {
  if (options.form !== undefined) propagateSetAt(c, 2, deadline)
  else if (options.get) {
    const kept = Array.from({ length: c.argc }, (_, i) => i).filter((i) => i < 3 || !c.isWord(i, "GET"))
    if (c.changedAs(Events.SET, 1, kept.length)) for (const i of kept) c.logArgument(i)
  } else c.changed(Events.SET, 1)
}

const propagateSetAt = (c: Invocation, value: number, deadline: Deadline): void => {
  c.touched(Events.SET, 1)
  if (!c.changedAs(Events.EXPIRE, 1, 5)) return
  c.log.text("SET")
  c.logArgument(1)
  c.logArgument(value)
  c.log.text("PXAT")
  c.log.integer(deadline)
}

const setWithTime =
  (form: TimeForm) =>
  (c: Invocation): void => {
    const deadline = positiveDeadline(c, 2, form)
    if (deadline === undefined) return
    c.setArgument(1, c.hash(1), 3, deadline, 0)
    propagateSetAt(c, 3, deadline)
    c.reply.ok()
  }

const setnx = (c: Invocation): void => {
  const hash = c.hash(1)
  if (c.find(1, hash) !== 0) {
    c.reply.integer(0)
    return
  }
  c.setArgument(1, hash, 2, NO_DEADLINE, 0)
  c.changed(Events.SET, 1)
  c.reply.integer(1)
}

const getset = (c: Invocation): void => {
  const hash = c.hash(1)
  const ref = c.read(1, hash)
  if (ref === 0) c.reply.null()
  else if (!isString(c, ref)) return
  else writeBulk(c.keyspace, ref, c.reply)
  c.setArgument(1, hash, 2, NO_DEADLINE, ref)
  if (!c.changedAs(Events.SET, 1, 3)) return
  c.log.text("SET")
  c.logArgument(1)
  c.logArgument(2)
}

/** The first key is changed, and a command of a name and that key is propagated. */
export const propagateOnKey = (c: Invocation, event: KeyEvent, name: string): void => {
  if (!c.changedAs(event, 1, 2)) return
  c.log.text(name)
  c.logArgument(1)
}

const getdel = (c: Invocation): void => {
  const hash = c.hash(1)
  const ref = c.read(1, hash)
  if (ref === 0) {
    c.reply.null()
    return
  }
  if (!isString(c, ref)) return
  writeBulk(c.keyspace, ref, c.reply)
  c.keyspace.shard(c.database, hash).remove(ref)
  propagateOnKey(c, Events.DEL, "DEL")
}

const getex = (c: Invocation): void => {
  if (!parseOptions(c, 2, false)) {
    c.fail(Errors.SYNTAX)
    return
  }
  const hash = c.hash(1)
  const ref = c.read(1, hash)
  if (ref === 0) {
    c.reply.null()
    return
  }
  if (!isString(c, ref)) return
  let deadline: Deadline = NO_DEADLINE
  if (options.form !== undefined) {
    const wanted = positiveDeadline(c, options.timeAt, options.form)
    if (wanted === undefined) return
    deadline = wanted
  }
  writeBulk(c.keyspace, ref, c.reply)
  if (options.form !== undefined) {
    if (deadline <= c.now) {
      c.keyspace.shard(c.database, hash).remove(ref)
      propagateOnKey(c, Events.DEL, "DEL")
    } else {
      c.keyspace.setDeadline(c.database, hash, ref, deadline)
      propagateDeadline(c, deadline)
    }
  } else if (options.persist && c.keyspace.deadlineOf(ref) !== NO_DEADLINE) {
    c.keyspace.setDeadline(c.database, hash, ref, NO_DEADLINE)
    propagateOnKey(c, Events.PERSIST, "PERSIST")
  }
}

/** Propagates a deadline of the first key, always absolute and in ms. */
export const propagateDeadline = (c: Invocation, deadline: Deadline): void => {
  if (!c.changedAs(Events.EXPIRE, 1, 3)) return
  c.log.text("PEXPIREAT")
  c.logArgument(1)
  c.log.integer(deadline)
}

const mget = (c: Invocation): void => {
  c.loadKeys(1, 1)
  c.reply.array(c.argc - 1)
  for (let i = 1; i < c.argc; i++) {
    const ref = c.findLoaded(i - 1, i)
    c.noteRead(ref)
    if (ref === 0 || c.keyspace.records.type(ref) !== TYPE_STRING) c.reply.null()
    else writeBulk(c.keyspace, ref, c.reply)
  }
}

const DIGIT_LAST = 57

/** Bytes that an argument takes as a value. */
const valueBytes = (c: Invocation, index: number): number => {
  // most values are seen at their first byte to be no integer
  const integer = c.bytes[c.start(index)]! <= DIGIT_LAST ? c.integer(index) : undefined
  return integer === undefined ? c.length(index) : integerBytes(integer)
}

/** The records of MSET's keys where each takes its value in place; reused. */
let places = new Int32Array(64)

/** Fills `places`; false where a pair needs memory. */
const findPlaces = (c: Invocation): boolean => {
  if (places.length < c.argc) places = new Int32Array(c.argc * 2)
  for (let i = 1, pair = 0; i < c.argc; i += 2, pair++) {
    const ref = c.knownLoaded(pair, i)
    if (ref === 0 || !c.keyspace.isInPlace(ref, c.length(i), valueBytes(c, i + 1))) return false
    places[pair] = ref
  }
  return true
}

/** Sets all pairs, or none where memory runs out. */
const setPairs = (c: Invocation, hashes: Int32Array): void => {
  if (findPlaces(c)) {
    for (let i = 1, pair = 0; i < c.argc; i += 2, pair++) {
      c.setArgument(i, hashes[pair]!, i + 1, NO_DEADLINE, places[pair]!)
      c.touched(Events.SET, i)
    }
  } else {
    setKeeping(c, hashes)
    for (let i = 1; i < c.argc; i += 2) c.touched(Events.SET, i)
  }
  c.received()
}

const setKeeping = (c: Invocation, hashes: Int32Array): void => {
  const { undo } = c.keyspace
  try {
    for (let i = 1, pair = 0; i < c.argc; i += 2, pair++)
      c.setArgument(i, hashes[pair]!, i + 1, NO_DEADLINE, KEEP_OLD)
  } catch (cause) {
    undo.undo()
    throw cause
  }
  undo.commit()
}

const mset = (c: Invocation): void => {
  if ((c.argc & 1) === 0) {
    c.failArity()
    return
  }
  setPairs(c, c.loadKeys(1, 2))
  c.reply.ok()
}

const msetnx = (c: Invocation): void => {
  if ((c.argc & 1) === 0) {
    c.failArity()
    return
  }
  const hashes = c.loadKeys(1, 2)
  for (let i = 1, pair = 0; i < c.argc; i += 2, pair++) {
    if (c.findLoaded(pair, i) === 0) continue
    c.reply.integer(0)
    return
  }
  setPairs(c, hashes)
  c.reply.integer(1)
}

const strlen = (c: Invocation): void => {
  const ref = c.read(1)
  if (ref === 0) c.reply.integer(0)
  else if (isString(c, ref)) c.reply.integer(lengthOf(c.keyspace, ref))
}

const string = {
  group: "string",
  categories: ["string"],
  since: "1.0.0"
} as const

export const stringCommands: ReadonlyArray<CommandRecord> = [
  {
    ...string,
    name: "get",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [keyAt(1, "RO ACCESS")],
    summary: "Returns the string value of a key.",
    complexity: "O(1)",
    synopsis: "key",
    handler: get
  },
  {
    ...string,
    name: "set",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [keyAt(1, "RW ACCESS UPDATE VARIABLE_FLAGS")],
    summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
    complexity: "O(1)",
    synopsis:
      "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
    handler: set
  },
  {
    ...string,
    name: "setnx",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [keyAt(1, "OW INSERT")],
    summary: "Set the string value of a key only when the key doesn't exist.",
    complexity: "O(1)",
    synopsis: "key value",
    deprecated: { since: "2.6.12", replacedBy: "`SET` with the `NX` argument" },
    handler: setnx
  },
  {
    ...string,
    name: "setex",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [keyAt(1, "OW UPDATE")],
    since: "2.0.0",
    summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
    complexity: "O(1)",
    synopsis: "key seconds value",
    deprecated: { since: "2.6.12", replacedBy: "`SET` with the `EX` argument" },
    handler: setWithTime(EX)
  },
  {
    ...string,
    name: "psetex",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [keyAt(1, "OW UPDATE")],
    since: "2.6.0",
    summary:
      "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
    complexity: "O(1)",
    synopsis: "key milliseconds value",
    deprecated: { since: "2.6.12", replacedBy: "`SET` with the `PX` argument" },
    handler: setWithTime(PX)
  },
  {
    ...string,
    name: "getset",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [keyAt(1, "RW ACCESS UPDATE")],
    summary: "Returns the previous string value of a key after setting it to a new value.",
    complexity: "O(1)",
    synopsis: "key value",
    deprecated: {
      since: "6.2.0",
      replacedBy: "`SET` with the `!GET` argument"
    },
    handler: getset
  },
  {
    ...string,
    name: "getdel",
    arity: 2,
    flags: ["write", "fast"],
    keys: [keyAt(1, "RW ACCESS DELETE")],
    since: "6.2.0",
    summary: "Returns the string value of a key after deleting the key.",
    complexity: "O(1)",
    synopsis: "key",
    handler: getdel
  },
  {
    ...string,
    name: "getex",
    arity: -2,
    flags: ["write", "fast"],
    keys: [keyAt(1, "RW ACCESS UPDATE")],
    since: "6.2.0",
    summary: "Returns the string value of a key after setting its expiration time.",
    complexity: "O(1)",
    synopsis:
      "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
    handler: getex
  },
  {
    ...string,
    name: "mget",
    arity: -2,
    flags: ["readonly", "fast"],
    keys: [keysFrom(1, -1, 1, "RO ACCESS")],
    summary: "Atomically returns the string values of one or more keys.",
    complexity: "O(N) where N is the number of keys to retrieve.",
    synopsis: "key [key ...]",
    tips: ["request_policy:multi_shard"],
    handler: mget
  },
  {
    ...string,
    name: "mset",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [keysFrom(1, -1, 2, "OW UPDATE")],
    since: "1.0.1",
    summary: "Atomically creates or modifies the string values of one or more keys.",
    complexity: "O(N) where N is the number of keys to set.",
    synopsis: "key value [key value ...]",
    tips: ["request_policy:multi_shard", "response_policy:all_succeeded"],
    handler: mset
  },
  {
    ...string,
    name: "msetnx",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [keysFrom(1, -1, 2, "OW INSERT")],
    since: "1.0.1",
    summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
    complexity: "O(N) where N is the number of keys to set.",
    synopsis: "key value [key value ...]",
    handler: msetnx
  },
  {
    ...string,
    name: "strlen",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [keyAt(1, "RO")],
    since: "2.2.0",
    summary: "Returns the length of a string value.",
    complexity: "O(1)",
    synopsis: "key",
    handler: strlen
  }
]
