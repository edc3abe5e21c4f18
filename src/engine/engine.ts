/**
 * The way of a request from received bytes to reply bytes. Pure.
 *
 * Per socket read: one decode, one loop over the commands, one write. A batch is decoded first; then its index slots
 * are loaded in one loop and its records in a second, so that the cache misses of independent loads overlap; then it
 * is executed and finds everything in cache (measured: 1.35 to 1.55 times at 16 and 64 commands a read).
 *
 * Waiting is data: a handler that cannot answer at once returns an Outcome, `onWait` (the shell) sees to it and calls
 * `complete`. Until then the session executes nothing more, so replies stay in order.
 *
 * Replies leave only after `commit` took what was propagated: with an AOF they are collected over one turn of the
 * event loop, so that one write to the file serves every client of that turn.
 */

import type { PropagationLog } from "../changes/log.js"
import type { ScriptState } from "../lua/scripts.js"
import { BATCH_COMMANDS_MAX, type ByteSource, CommandBatch } from "../resp/batch.js"
import { ReplyWriter } from "../resp/writer.js"
import { type Database, type Keyspace, Prefetch } from "../store/database.js"
import { execute, noteError } from "./execute.js"
import { Invocation } from "./invocation.js"
import type { Wait } from "./outcome.js"
import type { ServerState } from "./server.js"
import type { Session } from "./session.js"
import { type Command, type CommandTable, sameName } from "./table.js"

/** From so many commands on, a batch's loads are grouped. */
const GROUP_COMMANDS_MIN = 4
/** Replies of a session that are sent before more of its commands are executed. */
const REPLY_BYTES_MAX = 256 * 1024
/** Bytes held back for a waiting client above which its socket is no longer read. */
const HELD_BYTES_MAX = 64 * 1024

/** What an error reply begins with. */
const ERROR_REPLY = 45

/** Replies of one session that wait to be sent: [start, end) of the writer's buffer. */
export interface Delivery {
  readonly session: Session
  readonly start: number
  readonly end: number
  readonly commands: number
}

/** What the shell does for the engine. */
export interface EngineHooks {
  /** The Unix ms, read once a batch. */
  readonly now: () => number
  /** Sees to a command that waits; ends with `complete`, but not during the call. Set by Dispatch. */
  onWait: (session: Session, wait: Wait) => void
  /** Asks for `flush` to be called at the end of this turn of the event loop. */
  readonly onFlushDue: () => void
  /** A bug in a handler: the client was told, nothing else is affected. */
  readonly onDefect: (command: string, cause: unknown) => void
}

/** Writes what was propagated; `deliver` is to be called when that is as safe as the policy asks. */
export type Commit = (deliver: (failure: Uint8Array | null) => void) => void

export class EngineStats {
  commands = 0
  connections = 0
  rejectedConnections = 0
  netInputBytes = 0
  netOutputBytes = 0
  errorReplies = 0
}

export class Engine {
  readonly stats = new EngineStats()
  readonly sessions = new Map<number, Session>()
  /** Where an AOF takes what is propagated; null while there is none. */
  commit: Commit | null = null
  /** Why writes are refused at present (MISCONF), or null. */
  writesRefused: Uint8Array | null = null
  /** maxmemory in bytes; 0 is no limit. */
  memoryBytesMax = 0
  /** Groups of replies that wait for an fsync. */
  private awaitingSync = 0
  /** Set while an AOF is loaded. */
  loading = false
  private readonly batch = new CommandBatch()
  private readonly commands: Array<Command | undefined> = new Array<Command | undefined>(
    BATCH_COMMANDS_MAX
  ).fill(undefined)
  private readonly reply = new ReplyWriter()
  private readonly invocation: Invocation
  private outbox: Array<Delivery> = []
  private flushDue = false
  private readonly held = new Set<Session>()
  private nextSessionId = 1
  /** The first keys of the batch's commands. */
  readonly prefetch = new Prefetch()

  constructor(
    readonly keyspace: Keyspace,
    readonly table: CommandTable,
    readonly scripts: ScriptState,
    readonly server: ServerState,
    readonly log: PropagationLog,
    readonly hooks: EngineHooks
  ) {
    this.invocation = new Invocation(this, this.reply, this.log, false)
    keyspace.onExpire = (database, ref) => this.propagateExpired(database, ref)
  }

  newSessionId(): number {
    return this.nextSessionId++
  }

  /** A client has connected. */
  open(session: Session): void {
    this.stats.connections++
    this.sessions.set(session.id, session)
  }

  /** A client is gone. */
  close(session: Session): void {
    session.closed = true
    this.held.delete(session)
    this.sessions.delete(session.id)
  }

  /** A client sends nothing more; what it has sent is still answered. */
  endInput(session: Session): void {
    session.inputEnded = true
    if (!session.waiting && !session.held && !session.closing) this.endSession(session)
  }

  /** Whether no reply waits to be sent. */
  get idle(): boolean {
    return this.outbox.length === 0 && this.awaitingSync === 0
  }

  private endSession(session: Session): void {
    session.closing = true
    this.deliver(session, this.reply.length, 0)
  }

  /** Takes bytes that a client sent; they are valid during the call only. */
  feed(session: Session, chunk: ByteSource, length: number): void {
    if (session.closing) return
    this.stats.netInputBytes += length
    session.lastActiveAt = this.keyspace.now
    const { decoder } = session
    if (decoder.heldBytes === 0 && !session.waiting && !session.held) {
      this.run(session, chunk, length)
      return
    }
    const source = decoder.append(chunk.bytes, length)
    if (decoder.heldBytes > this.server.settings.clientQueryBufferBytesMax) {
      this.server.host.log(
        "warning",
        `Closing client that reached max query buffer length: ${session.address}`
      )
      session.closing = true
      session.transport.destroy()
      return
    }
    if (session.waiting || session.held) {
      if (decoder.heldBytes > HELD_BYTES_MAX) session.transport.pause()
    } else if (source !== null) this.run(session, source, decoder.heldBytes)
  }

  /** Goes on with what was held back for a session. */
  resume(session: Session): void {
    if (session.closed || session.waiting) return
    session.held = false
    this.held.delete(session)
    const source = session.decoder.held
    if (source !== null) this.run(session, source, session.decoder.heldBytes)
    if (session.waiting || session.held || session.closed) return
    if (session.inputEnded) this.endSession(session)
    else session.transport.resume()
  }

  /** Lets every session go on that waited for a script to end. */
  resumeHeld(): void {
    for (const session of [...this.held]) {
      if (!session.transport.congested) this.resume(session)
    }
  }

  /** Answers the command that a session waits for: `write` writes its one reply. */
  complete(session: Session, write: (reply: ReplyWriter) => void): void {
    session.waiting = false
    if (session.closed) return
    const start = this.reply.length
    this.reply.protocol = session.protocol
    write(this.reply)
    if (this.reply.length > start && this.reply.buffer[start] === ERROR_REPLY)
      noteError(this, this.reply, start)
    this.muteReply(session, start)
    this.deliver(session, start, 1)
    this.resume(session)
  }

  /** Executes one decoded command for an in-process caller, a script or the loader, who may know the command. */
  call(
    invocation: Invocation,
    batch: CommandBatch,
    index: number,
    session: Session,
    command: Command | undefined = this.commandOf(batch, index)
  ): Wait | undefined {
    invocation.point(batch, index, session)
    return execute(this, invocation, command)
  }

  private commandOf(batch: CommandBatch, index: number): Command | undefined {
    const first = batch.first[index]!
    return this.table.find(batch.source.bytes, batch.argStart[first]!, batch.argLength[first]!)
  }

  /** Sends replies that wait for the AOF, once it has taken what they depend on. */
  flush(): void {
    this.flushDue = false
    const outbox = this.outbox
    if (outbox.length === 0) {
      if (this.log.length > 0 && this.commit !== null) this.commit(() => {})
      return
    }
    this.outbox = []
    const { buffer } = this.reply
    let synchronous = true
    let done = false
    const send = (failure: Uint8Array | null): void => {
      done = true
      if (!synchronous) this.awaitingSync--
      const kept = this.send(outbox, buffer, failure)
      if (!synchronous) return
      if (kept) this.reply.detach()
      else this.reply.reset()
    }
    if (this.commit === null) send(null)
    else this.commit(send)
    synchronous = false
    // replies that wait for an fsync keep their buffer
    if (!done) {
      this.awaitingSync++
      this.reply.detach()
    }
    this.resumeHeld()
  }

  private send(outbox: ReadonlyArray<Delivery>, buffer: Buffer, failure: Uint8Array | null): boolean {
    let kept = false
    for (const { session, start, end, commands } of outbox) {
      session.unsent--
      if (session.closed) continue
      if (failure === null) {
        this.stats.netOutputBytes += end - start
        if (end > start) kept = session.transport.send(buffer, start, end) || kept
      } else {
        // what was executed could not be written: no reply may say that it was
        const refusals = Buffer.concat(new Array<Uint8Array>(commands).fill(failure))
        session.transport.send(refusals, 0, refusals.length)
      }
      if (session.closing && session.unsent === 0) session.transport.end()
    }
    return kept
  }

  private run(session: Session, source: ByteSource, end: number): void {
    this.keyspace.setTime(this.hooks.now())
    const { decoder } = session
    const { batch, reply } = this
    let at = 0
    let start = reply.length
    let executed = 0
    reply.protocol = session.protocol
    for (;;) {
      const next = decoder.decode(source, at, end, batch, session)
      const size = batch.size
      const done = size === 0 ? 0 : this.executeBatch(session, size, start)
      executed += done
      if (done < size) {
        if (done > 0) at = batch.end[done - 1]!
        decoder.restart()
        if (session.waiting || session.closing || session.held) break
        // too much to send at once: go on when it is under way
        this.deliver(session, start, executed)
        start = reply.length
        executed = 0
        if (this.mustHold(session)) break
        continue
      }
      at = next
      if (decoder.error !== null) {
        reply.error(`ERR ${decoder.error}`)
        executed++
        session.closing = true
        break
      }
      if (session.waiting || session.closing || session.held || size === 0 || at >= end) break
    }
    // what was received is about to be moved or overwritten
    this.log.flushRun()
    if (session.closing) decoder.keep(source, end, end)
    else decoder.keep(source, at, end)
    this.deliver(session, start, executed)
  }

  private mustHold(session: Session): boolean {
    if (!session.transport.congested && this.outbox.length === 0) return false
    this.hold(session)
    return true
  }

  private hold(session: Session): void {
    session.held = true
    this.held.add(session)
  }

  /** Sends what the writer holds from `start` on, at once or with the next flush. */
  private deliver(session: Session, start: number, commands: number): void {
    const { reply } = this
    const end = reply.length
    // while the file cannot be written nothing new is: what is logged waits, and reads go on
    const unwritten = this.log.length > 0 && this.writesRefused === null
    // behind replies of its own that have not been sent, too: they must stay in order
    if (this.commit !== null && (unwritten || this.outbox.length > 0 || session.unsent > 0)) {
      if (end > start || session.closing) {
        session.unsent++
        this.outbox.push({ session, start, end, commands })
      }
      if (!this.flushDue) {
        this.flushDue = true
        this.hooks.onFlushDue()
      }
      return
    }
    if (end > start) {
      this.stats.netOutputBytes += end - start
      const kept = session.transport.send(reply.buffer, start, end)
      if (kept) reply.detach()
      else reply.reset()
    }
    if (session.closing) session.transport.end()
  }

  /** Executes the batch until a command waits, the session ends or much is to be sent; how many were executed. */
  private executeBatch(session: Session, size: number, start: number): number {
    const { batch, commands, invocation, reply } = this
    if (this.scripts.running && !this.scripts.busy) {
      this.hold(session)
      return 0
    }
    this.lookUp(size)
    if (size >= GROUP_COMMANDS_MIN) this.load(session.database, size)
    for (let i = 0; i < size; i++) {
      const before = reply.length
      invocation.point(batch, i, session)
      const wait = execute(this, invocation, commands[i])
      if (session.replies !== "on") this.muteReply(session, before)
      if (wait !== undefined) {
        session.waiting = true
        this.log.flushRun()
        // replies of the commands before it go out first
        this.hooks.onWait(session, wait)
        return i + 1
      }
      if (session.closing) return i + 1
      if (reply.length - start > REPLY_BYTES_MAX && i + 1 < size) return i + 1
    }
    if (reply.length - start > REPLY_BYTES_MAX && session.transport.congested) this.hold(session)
    return size
  }

  private lookUp(size: number): void {
    const { batch, commands } = this
    const { bytes } = batch.source
    let last: Command | undefined
    for (let i = 0; i < size; i++) {
      const first = batch.first[i]!
      const start = batch.argStart[first]!
      const length = batch.argLength[first]!
      if (last === undefined || !sameName(last.name, bytes, start, length))
        last = this.table.find(bytes, start, length)
      commands[i] = last
    }
  }

  /** Brings index slots and records of a batch into the cache, each in a loop of independent loads. */
  private load(database: Database, size: number): void {
    const { batch, commands, keyspace } = this
    const { view } = batch.source
    const { prefetch } = this
    let count = 0
    for (let i = 0; i < size; i++) {
      const command = commands[i]
      if (command === undefined || command.firstKey === 0 || batch.argc[i]! <= command.firstKey) continue
      const key = batch.first[i]! + command.firstKey
      const hash = keyspace.hash(view, batch.argStart[key]!, batch.argLength[key]!)
      batch.hash[i] = hash
      batch.prefetch[i] = count
      prefetch.hashes[count++] = hash
    }
    keyspace.prefetch(database, prefetch, count)
  }

  /** CLIENT REPLY OFF and SKIP: takes back what was written since `start`. */
  private muteReply(session: Session, start: number): void {
    if (session.replies === "off" || session.replies === "skipping") this.reply.length = start
    if (session.replies === "skipping") session.replies = "on"
    else if (session.replies === "skip-next") {
      this.reply.length = start
      session.replies = "skipping"
    }
  }

  private propagateExpired(database: number, ref: number): void {
    if (!this.log.command(database, 2)) return
    const { records } = this.keyspace
    this.log.text("DEL")
    this.log.bytes(records.bytes(ref), records.keyStart(ref), records.keyLength(ref))
  }
}
