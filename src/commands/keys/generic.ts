/**
 * Commands on keys whatever they hold: DEL, EXISTS, RENAME, COPY, OBJECT and the like. Pure. (databases.ts: commands
 * on whole databases.)
 */
import * as Events from "../../changes/events.js"
import * as Errors from "../../engine/errors.js"
import type { Invocation } from "../../engine/invocation.js"
import { type CommandRecord, keyAt, keysFrom } from "../../engine/record.js"
import type { Database } from "../../store/database.js"
import { ACCESS_MASK } from "../../store/record.js"
import { copyKey, moveKey } from "../../store/relink.js"
import { typeOf } from "../../values/types.js"
import { helpRecord } from "../help.js"

const INT32_MIN = -2147483648
const INT32_MAX = 2147483647

const del = (c: Invocation): void => {
  const { keyspace } = c
  let removed = 0
  if (c.argc === 2) {
    if (keyspace.remove(c.database, c.keyAt(1))) {
      removed = 1
      c.touched(Events.DEL, 1)
    }
  } else {
    const hashes = c.loadKeys(1, 1)
    for (let i = 1; i < c.argc; i++) {
      if (!keyspace.remove(c.database, c.keyAt(i, hashes[i - 1]!))) continue
      removed++
      c.touched(Events.DEL, i)
    }
  }
  if (removed > 0) c.received()
  c.reply.integer(removed)
}

/** EXISTS and TOUCH: how many of the keys exist, one that is named twice counting twice. */
const countKeys =
  (touch: boolean) =>
  (c: Invocation): void => {
    const { keyspace } = c
    const single = c.argc === 2
    if (!single) c.loadKeys(1, 1)
    let count = 0
    for (let i = 1; i < c.argc; i++) {
      const ref = single ? c.find(i) : c.findLoaded(i - 1, i)
      if (touch) keyspace.noteRead(ref)
      else keyspace.noteLookUp(ref)
      if (ref !== 0) count++
    }
    c.reply.integer(count)
  }

const type = (c: Invocation): void => {
  const ref = c.find(1)
  c.keyspace.noteLookUp(ref)
  c.reply.simple(ref === 0 ? "none" : typeOf(c.keyspace, ref).name)
}

const sameKey = (c: Invocation): boolean => c.argument(1).equals(c.argument(2))

const renameTo =
  (onlyNew: boolean) =>
  (c: Invocation): void => {
    const hash = c.hash(1)
    const ref = c.find(1, hash)
    if (ref === 0) {
      c.fail(Errors.NO_SUCH_KEY)
      return
    }
    const target = c.hash(2)
    const same = sameKey(c)
    if (same || (onlyNew && c.find(2, target) !== 0)) {
      if (onlyNew) c.reply.integer(0)
      else c.reply.ok()
      return
    }
    moveKey(c.keyspace, c.database, hash, ref, c.database, c.keyAt(2, target))
    c.touched(Events.RENAME_FROM, 1)
    c.changed(Events.RENAME_TO, 2)
    if (onlyNew) c.reply.integer(1)
    else c.reply.ok()
  }

/** The database that an argument names; replies with an error and gives undefined where there is none. */
const databaseAt = (c: Invocation, index: number): Database | undefined => {
  const number = c.integerOrFail(index)
  if (number === undefined) return undefined
  if (number < INT32_MIN || number > INT32_MAX) return c.failText(Errors.outsideRange(INT32_MIN, INT32_MAX))
  return c.keyspace.databases[Number(number)] ?? c.fail(Errors.DB_OUT_OF_RANGE)
}

/** The record of a key argument in any database, or 0. */
const findIn = (c: Invocation, database: Database, index: number, hash: number): number =>
  c.keyspace.find(database, c.keyAt(index, hash))

const copy = (c: Invocation): void => {
  let target = c.database
  let replace = false
  for (let i = 3; i < c.argc; i++) {
    if (c.isWord(i, "REPLACE")) replace = true
    else if (c.isWord(i, "DB") && i + 1 < c.argc) {
      const named = databaseAt(c, ++i)
      if (named === undefined) return
      target = named
    } else {
      c.fail(Errors.SYNTAX)
      return
    }
  }
  if (target === c.database && sameKey(c)) {
    c.fail(Errors.SAME_OBJECT)
    return
  }
  const ref = c.read(1)
  const hash = c.hash(2)
  if (ref === 0 || (findIn(c, target, 2, hash) !== 0 && !replace)) {
    c.reply.integer(0)
    return
  }
  copyKey(c.keyspace, ref, target, c.keyAt(2, hash))
  c.touchedIn(target, Events.COPY_TO, 2)
  c.received()
  c.reply.integer(1)
}

const move = (c: Invocation): void => {
  const target = databaseAt(c, 2)
  if (target === undefined) return
  if (target === c.database) {
    c.fail(Errors.SAME_OBJECT)
    return
  }
  const hash = c.hash(1)
  const ref = c.find(1, hash)
  if (ref === 0 || findIn(c, target, 1, hash) !== 0) {
    c.reply.integer(0)
    return
  }
  moveKey(c.keyspace, c.database, hash, ref, target, c.keyAt(1, hash))
  c.changed(Events.MOVE_FROM, 1)
  c.touchedIn(target, Events.MOVE_TO, 1)
  c.reply.integer(1)
}

/** The record that an OBJECT subcommand asks about, or 0 after a null reply; it is no access. */
const inspected = (c: Invocation): number => {
  const ref = c.find(2)
  c.keyspace.noteLookUp(ref)
  if (ref === 0) c.reply.null()
  return ref
}

const objectEncoding = (c: Invocation): void => {
  const ref = inspected(c)
  if (ref !== 0) c.reply.bulkText(typeOf(c.keyspace, ref).encoding(c.keyspace, ref))
}

const objectRefcount = (c: Invocation): void => {
  const ref = inspected(c)
  if (ref !== 0) c.reply.integer(typeOf(c.keyspace, ref).references(c.keyspace, ref))
}

const objectIdletime = (c: Invocation): void => {
  const ref = inspected(c)
  if (ref !== 0) c.reply.integer((c.keyspace.clock - c.keyspace.records.access(ref)) & ACCESS_MASK)
}

const objectFreq = (c: Invocation): void => {
  if (inspected(c) !== 0) c.fail(Errors.NO_LFU_POLICY)
}

const OBJECT_HELP = [
  "ENCODING <key>",
  "    Return the kind of internal representation used in order to store the value",
  "    associated with a <key>.",
  "FREQ <key>",
  "    Return the access frequency index of the <key>. The returned integer is",
  "    proportional to the logarithm of the recent access frequency of the key.",
  "IDLETIME <key>",
  "    Return the idle time of the <key>, that is the approximated number of",
  "    seconds elapsed since the last access to the key.",
  "REFCOUNT <key>",
  "    Return the number of references of the value associated with the specified",
  "    <key>."
]

const generic = {
  group: "generic",
  categories: ["keyspace"],
  since: "1.0.0"
} as const

const overKeys = {
  ...generic,
  arity: -2,
  synopsis: "key [key ...]",
  tips: ["request_policy:multi_shard", "response_policy:agg_sum"]
} as const

const inspects = {
  ...generic,
  arity: 3,
  flags: ["readonly"],
  keys: [keyAt(2, "RO")],
  since: "2.2.3",
  complexity: "O(1)",
  synopsis: "key",
  tips: ["nondeterministic_output"]
} as const

export const genericCommands: ReadonlyArray<CommandRecord> = [
  {
    ...overKeys,
    name: "del",
    flags: ["write"],
    keys: [keysFrom(1, -1, 1, "RM DELETE")],
    summary: "Deletes one or more keys.",
    complexity:
      "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
    handler: del
  },
  {
    ...overKeys,
    name: "unlink",
    flags: ["write", "fast"],
    keys: [keysFrom(1, -1, 1, "RM DELETE")],
    since: "4.0.0",
    summary: "Asynchronously deletes one or more keys.",
    complexity:
      "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
    handler: del
  },
  {
    ...overKeys,
    name: "exists",
    flags: ["readonly", "fast"],
    keys: [keysFrom(1, -1, 1, "RO")],
    summary: "Determines whether one or more keys exist.",
    complexity: "O(N) where N is the number of keys to check.",
    handler: countKeys(false)
  },
  {
    ...overKeys,
    name: "touch",
    flags: ["readonly", "fast"],
    keys: [keysFrom(1, -1, 1, "RO")],
    since: "3.2.1",
    summary:
      "Returns the number of existing keys out of those specified after updating the time they were last accessed.",
    complexity: "O(N) where N is the number of keys that will be touched.",
    handler: countKeys(true)
  },
  {
    ...generic,
    name: "type",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [keyAt(1, "RO")],
    summary: "Determines the type of value stored at a key.",
    complexity: "O(1)",
    synopsis: "key",
    handler: type
  },
  {
    ...generic,
    name: "rename",
    arity: 3,
    flags: ["write"],
    keys: [keyAt(1, "RW ACCESS DELETE"), keyAt(2, "OW UPDATE")],
    summary: "Renames a key and overwrites the destination.",
    complexity: "O(1)",
    synopsis: "key newkey",
    handler: renameTo(false)
  },
  {
    ...generic,
    name: "renamenx",
    arity: 3,
    flags: ["write", "fast"],
    keys: [keyAt(1, "RW ACCESS DELETE"), keyAt(2, "OW INSERT")],
    summary: "Renames a key only when the target key name doesn't exist.",
    complexity: "O(1)",
    synopsis: "key newkey",
    handler: renameTo(true)
  },
  {
    ...generic,
    name: "copy",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [keyAt(1, "RO ACCESS"), keyAt(2, "OW UPDATE")],
    since: "6.2.0",
    summary: "Copies the value of a key to a new key.",
    complexity:
      "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
    synopsis: "source destination [DB destination-db] [REPLACE]",
    handler: copy
  },
  {
    ...generic,
    name: "move",
    arity: 3,
    flags: ["write", "fast"],
    keys: [keyAt(1, "RW ACCESS UPDATE")],
    summary: "Moves a key to another database.",
    complexity: "O(1)",
    synopsis: "key db",
    handler: move
  },
  {
    ...generic,
    name: "object",
    arity: -2,
    flags: [],
    categories: [],
    keys: [],
    since: "2.2.3",
    summary: "A container for object introspection commands.",
    complexity: "Depends on subcommand.",
    subcommands: [
      {
        ...inspects,
        name: "encoding",
        summary: "Returns the internal encoding of a Redis object.",
        handler: objectEncoding
      },
      {
        ...inspects,
        name: "freq",
        since: "4.0.0",
        summary: "Returns the logarithmic access frequency counter of a Redis object.",
        handler: objectFreq
      },
      {
        ...inspects,
        name: "idletime",
        summary: "Returns the time since the last access to a Redis object.",
        handler: objectIdletime
      },
      {
        ...inspects,
        name: "refcount",
        summary: "Returns the reference count of a value of a key.",
        handler: objectRefcount
      },
      helpRecord({ ...generic, name: "object" }, "6.2.0", OBJECT_HELP)
    ]
  }
]
