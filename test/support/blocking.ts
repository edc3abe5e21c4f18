/**
 * Commands for tests that wait: TAKE key [key …] timeout gives and removes the first string there is, or blocks;
 * THROW key sets the key, writes half a reply and throws.
 */
import * as Events from "../../src/changes/events.js"
import type { Invocation } from "../../src/engine/invocation.js"
import type { Outcome } from "../../src/engine/outcome.js"
import { type CommandRecord, keysFrom } from "../../src/engine/record.js"
import { NO_DEADLINE } from "../../src/store/record.js"
import { writeBulk } from "../../src/values/string.js"

const take = (c: Invocation): Outcome => {
  const last = c.argc - 1
  for (let key = 1; key < last; key++) {
    const hash = c.hash(key)
    const ref = c.find(key, hash)
    if (ref === 0) continue
    c.reply.array(2)
    c.reply.bulk(c.bytes, c.start(key), c.length(key))
    writeBulk(c.keyspace, ref, c.reply)
    c.keyspace.shard(c.database, hash).remove(ref)
    if (c.changedAs(Events.DEL, key, 2)) {
      c.log.text("DEL")
      c.logArgument(key)
    }
    return undefined
  }
  return {
    _tag: "Block",
    keys: Array.from({ length: last - 1 }, (_, i) => Buffer.from(c.argument(i + 1))),
    timeoutMs: Math.ceil(Number(c.text(last)) * 1000),
    timedOut: (reply) => reply.nullArray(),
    onDeletion: false
  }
}

const fail = (c: Invocation): void => {
  c.setArgument(1, c.hash(1), 1, NO_DEADLINE, 0)
  c.changed(Events.SET, 1)
  c.reply.array(2)
  c.reply.ok()
  throw new Error("thrown by a test")
}

const base = {
  flags: ["write"],
  categories: [],
  group: "generic",
  since: "1.0.0",
  summary: "A command of a test.",
  complexity: "O(1)"
} as const

export const blockingCommands: ReadonlyArray<CommandRecord> = [
  { ...base, name: "take", arity: -3, keys: [keysFrom(1, -2, 1, "RW ACCESS DELETE")], handler: take },
  { ...base, name: "throw", arity: 2, keys: [keysFrom(1, 1, 1, "RW INSERT")], handler: fail }
]
