/**
 * Where loaded commands and values go: the engine, with nothing propagated and no limits in force. Pure.
 */

import { Changes } from "../changes/changes.js"
import { CommandLog } from "../changes/commandLog.js"
import type { Engine } from "../engine/engine.js"
import { Invocation } from "../engine/invocation.js"
import { NO_TRANSPORT, Session } from "../engine/session.js"
import { byteSource, CommandBatch, encodeCommand } from "../resp/batch.js"
import { RequestDecoder } from "../resp/decoder.js"
import { ReplyWriter } from "../resp/writer.js"
import { NO_DEADLINE } from "../store/record.js"
import { type LoadTarget, RefusedError } from "./Loader.js"

const ERROR_REPLY = 45

/** Runs commands of an AOF on the engine. */
export const makeLoadTarget = (engine: Engine): LoadTarget => {
  const reply = new ReplyWriter()
  const invocation = new Invocation(engine, reply, new Changes(new CommandLog()), "loader")
  const session = new Session(0, engine.keyspace.databases[0]!, true, 0, "", "", NO_TRANSPORT)
  const limits = { bulkBytesMax: Number.MAX_SAFE_INTEGER, authenticated: true }
  const batch = new CommandBatch()
  const execute = (source: CommandBatch, index: number): string | null => {
    reply.reset()
    const wait = engine.call(invocation, source, index, session)
    if (wait !== undefined) return "a command that cannot be loaded"
    return reply.buffer[0] === ERROR_REPLY ? reply.buffer.toString("latin1", 1, reply.length - 2) : null
  }
  const executeWords = (args: ReadonlyArray<Uint8Array | string>): void => {
    const bytes = encodeCommand(args)
    new RequestDecoder().decode(byteSource(bytes), 0, bytes.length, batch, limits)
    const error = execute(batch, 0)
    if (error !== null) throw new RefusedError(error)
  }
  return {
    execute,
    onProgress: (bytes) => {
      if (engine.server.loading !== null) engine.server.loading.loadedBytes += bytes
    },
    rdb: {
      selectDb: (index) => executeWords(["SELECT", String(index)]),
      string: (key, value, expireAtMs) => {
        const args: Array<Uint8Array | string> = ["SET", key, value]
        if (expireAtMs !== BigInt(NO_DEADLINE)) args.push("PXAT", String(expireAtMs))
        executeWords(args)
      },
      functionLibrary: () => {
        throw new RefusedError("the file holds a function library, which cannot be loaded yet")
      }
    }
  }
}
