/**
 * The way of a request from received bytes to reply bytes. Pure.
 *
 * Per socket read: one decode, one look ahead (lookAhead.ts), one loop over the commands, one write.
 *
 * Waiting is data: a handler that cannot answer at once returns an Outcome; the replies before it are delivered, then
 * `onWait` (the shell) sees to it and calls `complete`. Until then the session executes nothing more.
 * Replies go out through the outbox, which knows what they wait for; with an AOF they are collected over one turn of
 * the event loop, so that one write to the file serves every client of that turn.
 */
import type { Changes } from "../changes/changes.js"
import { EXPIRED } from "../changes/events.js"
import type { Propagation } from "../changes/propagation.js"
import { type ByteSource, CommandBatch } from "../resp/batch.js"
import type { ReplyWriter } from "../resp/writer.js"
import type { Keyspace } from "../store/database.js"
import type { Prefetch } from "../store/prefetch.js"
import { type Blocked, Blocking, type WriteReply } from "./blocking.js"
import { type CommandContext, EngineStats, type ScriptCache } from "./context.js"
import { execute, noteError, runAgain } from "./execute.js"
import type { ScriptGate } from "./gate.js"
import { Invocation } from "./invocation.js"
import { LookAhead } from "./lookAhead.js"
import { Outbox } from "./outbox.js"
import type { Block, Later, LoadScript, RunScript, Wait } from "./outcome.js"
import type { ServerState } from "./server.js"
import type { Session } from "./session.js"
import type { Command, CommandTable } from "./table.js"

/** From so many commands on, a batch's loads are grouped. */
const GROUP_COMMANDS_MIN = 4
/** Replies of a session that are sent before more of its commands are executed. */
const REPLY_BYTES_MAX = 256 * 1024
/** Bytes held back for a waiting client above which its socket is no longer read. */
const HELD_BYTES_MAX = 64 * 1024

/** One batch in so many is timed, and stands for the others: a clock costs more than many a command. */
const TIMED_MASK = 15

/** What an error reply begins with. */
const ERROR_REPLY = 45

/** What the shell does for the engine. */
export interface EngineHooks {
  /** The Unix ms, read once a batch. */
  readonly now: () => number
  /** Sees to a command that waits for the shell; ends with `complete`. Set by Dispatch. */
  onWait: (session: Session, wait: RunScript | LoadScript | Later) => void
  /** Asks for `flush` to be called at the end of this turn of the event loop. */
  readonly onFlushDue: () => void
  /** A bug in a handler: the client was told, nothing else is affected. */
  readonly onDefect: (command: string, cause: unknown) => void
}

/** The parts that an engine is put together from. */
export type EngineParts = Pick<
  Engine,
  "keyspace" | "table" | "scripts" | "gate" | "server" | "changes" | "propagation" | "hooks"
>

export class Engine implements CommandContext {
  readonly keyspace: Keyspace
  readonly table: CommandTable
  readonly scripts: ScriptCache
  readonly gate: ScriptGate
  readonly server: ServerState
  readonly changes: Changes
  readonly propagation: Propagation
  readonly hooks: EngineHooks
  /** Called when a command that waited has been answered, replies have left or a client is gone: while it stops. */
  readonly onReplies = new Set<() => void>()
  readonly stats = new EngineStats()
  readonly sessions = new Map<number, Session>()
  readonly outbox: Outbox
  readonly blocking: Blocking
  private refusal: Uint8Array | null = null
  /** maxmemory in bytes; 0 is no limit. */
  memoryBytesMax = 0
  private filesLoad = false
  /** Whether commands may have to be refused: files are loaded, or cannot be written. */
  restricted = false
  /** The first keys of the batch's commands. */
  readonly prefetch: Prefetch
  private readonly batch = new CommandBatch()
  private readonly ahead: LookAhead
  private readonly reply: ReplyWriter
  private readonly invocation: Invocation
  /** Runs commands of clients that blocked, beside the batch. */
  private readonly blockedInvocation: Invocation
  private flushDue = false
  private readonly held = new Set<Session>()
  private nextSessionId = 1
  /** A batch is executed. */
  private running = false
  private wait: Wait | undefined
  private batches = 0
  /** Sessions that go on when it has ended. */
  private readonly resumable: Array<Session> = []

  constructor(parts: EngineParts) {
    const { keyspace, changes } = parts
    this.keyspace = keyspace
    this.table = parts.table
    this.scripts = parts.scripts
    this.gate = parts.gate
    this.server = parts.server
    this.changes = changes
    this.propagation = parts.propagation
    this.hooks = parts.hooks
    this.ahead = new LookAhead(parts.table, keyspace)
    this.prefetch = this.ahead.prefetch
    this.outbox = new Outbox(parts.propagation, () => this.requestFlush())
    this.blocking = new Blocking(keyspace, changes, (blocked) => this.serveBlocked(blocked))
    this.reply = this.outbox.main.writer
    this.invocation = new Invocation(this, this.reply, changes, "client")
    this.blockedInvocation = new Invocation(this, this.outbox.side.writer, changes, "client")
    keyspace.onExpire = (database, ref) => this.noteExpired(database, ref)
    parts.propagation.onSafe = () => this.requestFlush()
  }

  /** Why writes are refused at present (MISCONF), or null. Written by the AOF's shell. */
  get writesRefused(): Uint8Array | null {
    return this.refusal
  }
  set writesRefused(error: Uint8Array | null) {
    this.refusal = error
    this.restrict()
    if (error === null) return
    // reads go on, and so do sessions that were held because of them
    this.outbox.releaseReaders()
    this.requestFlush()
  }

  /** Set while files are loaded. */
  get loading(): boolean {
    return this.filesLoad
  }
  set loading(on: boolean) {
    this.filesLoad = on
    this.restrict()
  }

  private restrict(): void {
    this.restricted = this.filesLoad || this.refusal !== null
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
    if (session.blocked !== null) this.blocking.cancel(session.blocked)
    this.held.delete(session)
    this.sessions.delete(session.id)
    this.tellReplies()
  }

  private tellReplies(): void {
    if (this.onReplies.size > 0) for (const tell of [...this.onReplies]) tell()
  }

  /** A client sends nothing more; what it has sent is still answered, unless it waits for keys. */
  endInput(session: Session): void {
    session.inputEnded = true
    if (session.blocked !== null) {
      // as Redis: who waits for what may never come is gone when it hangs up
      this.blocking.cancel(session.blocked)
      session.waiting = false
      this.endSession(session)
    } else if (!session.waiting && !session.held && !session.closing) this.endSession(session)
  }

  /** Reads the time that commands see. Within a script it stands still, for everyone. */
  refreshTime(): void {
    if (!this.gate.running) this.keyspace.setTime(this.hooks.now())
  }

  forgetPrefetch(): void {
    this.prefetch.structure = -1
  }

  private endSession(session: Session): void {
    session.closing = true
    this.outbox.deliver(this.outbox.side, session, this.outbox.side.writer.length, 0)
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
    if (this.running) {
      this.resumable.push(session)
      return
    }
    if (this.outbox.isCongested(session)) {
      this.hold(session)
      return
    }
    session.held = false
    this.held.delete(session)
    const source = session.decoder.held
    if (source !== null) this.run(session, source, session.decoder.heldBytes)
    if (session.waiting || session.held || session.closed || session.closing) return
    if (session.inputEnded) this.endSession(session)
    else session.transport.resume()
  }

  /** Lets every session go on that was held back and need not be any more. */
  resumeHeld(): void {
    for (const session of [...this.held]) {
      if (!this.outbox.isCongested(session)) this.resume(session)
    }
  }

  /** Answers the command that a session waits for: `write` writes its one reply. */
  complete(session: Session, write: WriteReply): void {
    session.waiting = false
    if (session.closed) return
    const { side } = this.outbox
    const start = side.writer.length
    side.writer.protocol = session.protocol
    write(side.writer)
    if (side.writer.length > start && side.writer.buffer[start] === ERROR_REPLY)
      noteError(this, side.writer, start)
    this.mute(session, side.writer, start)
    session.wroteAt = this.changes.log.position
    this.outbox.deliver(side, session, start, this.ground)
    this.resume(session)
    this.tellReplies()
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

  /** What a reply rests on that is given now. */
  get ground(): number {
    // while the file cannot be written nothing new is: what is logged waits for the retry, and reads go on
    const { log } = this.changes
    return log.enabled && this.refusal === null ? log.position : 0
  }

  /** To be called when a command outside of a batch, or a script, has ended: those who wait for its keys are served. */
  afterCommand(): void {
    if (!this.blocking.hasReady || this.gate.running) return
    // what they would write cannot be, for now
    if (this.writesRefused === null) this.blocking.serve()
  }

  /** Hands on what was logged, and sends what may leave. At the end of a turn of the event loop. */
  flush(): void {
    // what becomes safe meanwhile is released here
    this.flushDue = true
    this.propagation.flush()
    this.outbox.release()
    this.flushDue = false
    this.stats.netOutputBytes = this.outbox.sentBytes
    this.resumeHeld()
    this.tellReplies()
  }

  /** Has `flush` called at the end of this turn. */
  requestFlush(): void {
    if (this.flushDue) return
    this.flushDue = true
    this.hooks.onFlushDue()
  }

  private run(session: Session, source: ByteSource, end: number): void {
    this.refreshTime()
    const { decoder } = session
    const { batch, outbox, reply } = this
    this.running = true
    outbox.begin(session)
    let at = 0
    let start = reply.length
    let wait: Wait | undefined
    const { log } = this.changes
    const before = log.enabled ? log.position : 0
    reply.protocol = session.protocol
    for (;;) {
      const next = decoder.decode(source, at, end, batch, session)
      const size = batch.size
      const done = size === 0 ? 0 : this.executeBatch(session, size, start)
      wait = this.takeWait()
      if (done < size) {
        if (done > 0) at = batch.end[done - 1]!
        decoder.restart()
        if (wait !== undefined || session.closing || session.held) break
        // too much to send at once: go on when it is under way
        if (log.enabled && log.position !== before) session.wroteAt = log.position
        this.deliver(session, start)
        start = reply.length
        if (outbox.isCongested(session)) {
          this.hold(session)
          break
        }
        continue
      }
      at = next
      if (decoder.error !== null) {
        if (size > 0 && (wait !== undefined || session.held)) {
          // it is met again behind what waits
          at = batch.end[size - 1]!
          decoder.restart()
          break
        }
        reply.error(`ERR ${decoder.error}`)
        session.closing = true
        break
      }
      if (wait !== undefined || session.closing || session.held || size === 0 || at >= end) break
    }
    // what was received is about to be moved or overwritten
    const blocking = wait?._tag === "Block" ? this.argumentsOf(batch) : null
    log.flushRun()
    if (session.closing) decoder.keep(source, end, end)
    else decoder.keep(source, at, end)
    outbox.end()
    if (log.enabled && log.position !== before) session.wroteAt = log.position
    this.deliver(session, start)
    this.running = false
    // only now: whoever answers may do so during the call
    if (wait !== undefined) this.startWait(session, wait, blocking)
    if (this.resumable.length > 0) this.resumeServed()
  }

  /** The wait that the batch has ended with. */
  private takeWait(): Wait | undefined {
    const { wait } = this
    this.wait = undefined
    return wait
  }

  private startWait(session: Session, wait: Wait, args: ReadonlyArray<Buffer> | null): void {
    session.waiting = true
    if (wait._tag === "Block") this.block(session, this.invocation.command, wait, args!)
    else this.hooks.onWait(session, wait)
  }

  private block(session: Session, command: Command, block: Block, args: ReadonlyArray<Buffer>): void {
    this.blocking.block(session, command, block, args, (write) => this.complete(session, write))
  }

  /** The arguments of the command that ended the batch. */
  private argumentsOf(batch: CommandBatch): ReadonlyArray<Buffer> {
    const { invocation } = this
    return Array.from({ length: invocation.argc }, (_, i) => {
      const start = invocation.start(i)
      return Buffer.from(batch.source.bytes.subarray(start, start + invocation.length(i)))
    })
  }

  /** Runs the command of a client that blocked once more. */
  private serveBlocked(blocked: Blocked): WriteReply | null {
    const { writer } = this.outbox.side
    const { blockedInvocation } = this
    const start = writer.length
    writer.protocol = blocked.session.protocol
    blockedInvocation.point(blocked.batch, 0, blocked.session)
    if (runAgain(this, blockedInvocation, blocked.command)) {
      writer.length = start
      return null
    }
    const bytes = Buffer.from(writer.buffer.subarray(start, writer.length))
    writer.length = start
    return (reply) => reply.constant(bytes)
  }

  /** Sessions that were answered during a batch go on behind it. */
  private resumeServed(): void {
    for (let session = this.resumable.shift(); session !== undefined; session = this.resumable.shift()) {
      this.resume(session)
    }
  }

  private hold(session: Session): void {
    session.held = true
    this.held.add(session)
  }

  /** Delivers what the batch has written from `start` on. */
  private deliver(session: Session, start: number): void {
    this.outbox.deliver(this.outbox.main, session, start, this.ground)
    this.stats.netOutputBytes = this.outbox.sentBytes
  }

  /** Executes the batch until a command waits, the session ends or much is to be sent; how many were executed. */
  private executeBatch(session: Session, size: number, start: number): number {
    const { ahead, batch, blocking, invocation, outbox, reply } = this
    const { commands } = ahead
    if (this.gate.running && !this.gate.busy) {
      this.hold(session)
      return 0
    }
    ahead.lookUp(batch, size)
    if (size >= GROUP_COMMANDS_MIN) ahead.load(batch, session.database, size)
    const startedAt = (this.batches++ & TIMED_MASK) === 0 ? performance.now() : 0
    let done = size
    for (let i = 0; i < size; i++) {
      outbox.beginReply()
      invocation.point(batch, i, session)
      const wait = execute(this, invocation, commands[i])
      const begin = outbox.endReply()
      // one that waits has no reply yet: `complete` sees to it
      if (session.replies !== "on" && wait === undefined) this.mute(session, reply, begin)
      if (blocking.hasReady) this.afterCommand()
      if (wait !== undefined) this.wait = wait
      else if (!session.closing && (reply.length - start <= REPLY_BYTES_MAX || i + 1 === size)) continue
      done = i + 1
      break
    }
    if (startedAt !== 0) ahead.share((performance.now() - startedAt) * 1000 * (TIMED_MASK + 1), done)
    if (done < size) return done
    if (reply.length - start > REPLY_BYTES_MAX && outbox.isCongested(session)) this.hold(session)
    return size
  }

  /** CLIENT REPLY OFF and SKIP: takes back what was written since `start`. */
  private mute(session: Session, reply: ReplyWriter, start: number): void {
    if (session.replies === "off" || session.replies === "skipping") reply.length = start
    if (session.replies === "skipping") session.replies = "on"
    else if (session.replies === "skip-next") {
      reply.length = start
      session.replies = "skipping"
    }
  }

  /** A key's time has come: it is about to be removed. */
  private noteExpired(database: number, ref: number): void {
    const { changes } = this
    const { records } = this.keyspace
    const { log } = changes
    changes.count++
    const bytes = records.bytes(ref)
    const start = records.keyStart(ref)
    const length = records.keyLength(ref)
    if (changes.observed) changes.tellKey(database, EXPIRED, bytes, start, length)
    if (!log.command(database, 2)) return
    log.text("DEL")
    log.bytes(bytes, start, length)
  }
}
