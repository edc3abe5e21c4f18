/**
 * The way from a reply to a socket, and of messages that are no reply. Pure.
 *
 * Replies are written into a lane's buffer and delivered as ranges of it. A range leaves at once, or waits in one
 * queue until what it rests on is safe (`Propagation.safe`: written or synced, as the policy asks). Invariants:
 *   - what a session is given leaves in the order in which it was given, whatever the policy is, was or becomes:
 *     nothing overtakes what waits for the same session, and the queue is released from its head only;
 *   - the bytes of a range are not touched until it has left: a buffer with ranges that wait, or that a socket still
 *     needs, is written behind them, and is reused or let go when the last of them is gone;
 *   - a reply whose ground is lost (`abandon`) ends its connection: it is neither sent nor replaced by a refusal.
 */
import type { Propagation } from "../changes/propagation.js"
import { ReplyWriter } from "../resp/writer.js"
import type { Session } from "./session.js"

/** A lane's buffer that holds so much is left to the ranges in it. */
const LANE_BYTES_MAX = 256 * 1024
/** Replies that may wait for one session before its commands are held. */
const QUEUED_BYTES_MAX = 1024 * 1024
/** Gone entries at the head of the queue before it is moved up. */
const QUEUE_SLACK = 1024

/** A buffer that replies are written to, and which of its bytes are still needed. */
export class Lane {
  readonly writer = new ReplyWriter()
  /** The buffer that the fields below are of: the writer takes another when it grows. */
  private buffer = this.writer.buffer
  /** Ranges that wait in the queue. */
  private pins = 0
  /** A socket needs bytes that were sent. */
  private kept = false
  /** Where the latest range given away ends. */
  private delivered = 0

  /** [start, length) has been sent. */
  sent(start: number, kept: boolean): void {
    this.follow()
    if (this.pins === 0) this.recycle(kept || this.kept)
    else if (kept) {
      this.kept = true
      this.delivered = this.writer.length
    } else this.writer.length = this.delivered = start
  }

  /** [start, length) waits; gives the buffer it lies in. */
  pin(): Buffer {
    this.follow()
    const { buffer } = this
    this.pins++
    this.delivered = this.writer.length
    if (this.delivered > LANE_BYTES_MAX) this.recycle(true)
    return buffer
  }

  /** A range that waited in `buffer` is gone. */
  unpin(buffer: Buffer, kept: boolean): void {
    if (buffer !== this.buffer) return
    this.kept ||= kept
    // what is being written behind it is not given away yet, or lies in another buffer already
    if (--this.pins > 0 || this.writer.buffer !== buffer || this.writer.length !== this.delivered) return
    this.recycle(this.kept)
  }

  private follow(): void {
    if (this.buffer === this.writer.buffer) return
    this.buffer = this.writer.buffer
    this.pins = 0
    this.kept = false
  }

  private recycle(detach: boolean): void {
    if (detach) this.writer.detach()
    else this.writer.reset()
    this.buffer = this.writer.buffer
    this.pins = this.delivered = 0
    this.kept = false
  }
}

/** What waits: a range for a session, or somebody to be told. */
class Entry {
  constructor(
    readonly restsOn: number,
    readonly session: Session | null,
    readonly lane: Lane | null,
    readonly buffer: Buffer,
    readonly start: number,
    public end: number,
    readonly done: ((safe: boolean) => void) | null
  ) {}
}

const NO_BYTES = Buffer.alloc(0)

export class Outbox {
  /** Replies of the batch that is executed. */
  readonly main = new Lane()
  /** Replies that are given beside it: to commands that waited, to clients that blocked. */
  readonly side = new Lane()
  /** Bytes that were handed to sockets. */
  sentBytes = 0
  private readonly queue: Array<Entry> = []
  private head = 0
  private releasing = false
  /** The session whose batch is executed, and where in the main lane its latest command's reply begins. */
  private current: Session | null = null
  private replyStart = 0
  private readonly behindReply: Array<Buffer> = []
  /** Sessions that more than one entry is being released for. */
  private readonly corked = new Set<Session>()

  constructor(
    private readonly propagation: Propagation,
    /** Asks for a flush at the end of this turn of the event loop. */
    private readonly onFlushDue: () => void
  ) {}

  /** Whether nothing waits to be sent. */
  get idle(): boolean {
    return this.head === this.queue.length
  }

  /** Whether a session has so much to read that nothing more should be executed for it. */
  isCongested(session: Session): boolean {
    return session.queuedBytes > QUEUED_BYTES_MAX || session.transport.congested
  }

  /**
   * Gives a session what a lane holds from `start` on, to be sent once the log is safe up to `restsOn`. A session that
   * is `closing` is closed behind it.
   */
  deliver(lane: Lane, session: Session, start: number, restsOn: number): void {
    const end = lane.writer.length
    if (session.queued === 0 && restsOn <= this.propagation.safe) {
      if (end > start) {
        const { buffer } = lane.writer
        this.sentBytes += end - start
        lane.sent(start, session.closed ? false : session.transport.send(buffer, start, end))
      }
      if (session.closing) session.transport.end()
      return
    }
    if (end > start || session.closing) this.enqueueRange(lane, session, start, end, restsOn)
    this.onFlushDue()
  }

  /** Gives a session a message that is no reply. The bytes may be given to many sessions; they are never changed. */
  push(session: Session, message: Buffer): void {
    if (session.closed || session.closing) return
    const { writer } = this.main
    if (session === this.current) {
      // within its own command: before the reply, or behind it where that has begun
      if (writer.length > this.replyStart) this.behindReply.push(message)
      else {
        writer.constant(message)
        this.replyStart = writer.length
      }
    } else if (session.queued > 0) {
      this.enqueue(new Entry(0, session, null, message, 0, message.length, null))
    } else {
      this.sentBytes += message.length
      session.transport.send(message, 0, message.length)
    }
  }

  /** Calls `done` when the log is safe up to `restsOn` (true), or will not be (false). */
  whenSafe(restsOn: number, done: (safe: boolean) => void): void {
    if (restsOn <= this.propagation.safe) {
      done(true)
      return
    }
    this.enqueue(new Entry(restsOn, null, null, NO_BYTES, 0, 0, done))
    this.onFlushDue()
  }

  /** Sends what may leave by now. */
  release(): void {
    if (this.releasing || this.current !== null) {
      // never under a batch: its replies lie in a buffer that this may let go
      this.onFlushDue()
      return
    }
    this.releasing = true
    const { queue } = this
    while (this.head < queue.length && queue[this.head]!.restsOn <= this.propagation.safe) {
      const entry = queue[this.head++]!
      if (entry.session === null) entry.done!(true)
      else this.sendEntry(entry, entry.session)
    }
    this.uncork()
    this.trim()
    this.releasing = false
  }

  /** Sends what sessions wait for that have written nothing which is not safe: what they read was there to be read. */
  releaseReaders(): void {
    const { safe } = this.propagation
    for (const entry of this.takeAll()) {
      const { session } = entry
      if (session !== null && session.wroteAt <= safe) this.sendEntry(entry, session)
      else this.queue.push(entry)
    }
    this.uncork()
  }

  /** What waits has lost its ground and never may be sent: its connections end. */
  abandon(): void {
    for (const entry of this.takeAll()) {
      const { session } = entry
      if (session === null) entry.done!(false)
      else {
        this.uncount(entry, session)
        entry.lane?.unpin(entry.buffer, false)
        session.transport.destroy()
      }
    }
  }

  private takeAll(): ReadonlyArray<Entry> {
    const entries = this.queue.slice(this.head)
    this.queue.length = this.head = 0
    return entries
  }

  /** A batch of a session begins; its commands' replies go to the main lane. */
  begin(session: Session): void {
    this.current = session
  }

  /** Its next command begins. */
  beginReply(): void {
    this.replyStart = this.main.writer.length
  }

  /** The command's reply is written; gives where it begins. */
  endReply(): number {
    const start = this.replyStart
    if (this.behindReply.length > 0) {
      for (const message of this.behindReply.splice(0)) this.main.writer.constant(message)
    }
    return start
  }

  /** The batch has ended. */
  end(): void {
    this.current = null
  }

  private enqueueRange(lane: Lane, session: Session, start: number, end: number, restsOn: number): void {
    const buffer = lane.pin()
    const last = this.idle ? undefined : this.queue.at(-1)
    if (
      last !== undefined &&
      last.session === session &&
      last.buffer === buffer &&
      last.end === start &&
      last.restsOn === restsOn
    ) {
      // goes on where the latest range ends
      lane.unpin(buffer, false)
      last.end = end
      session.queuedBytes += end - start
      return
    }
    this.enqueue(new Entry(restsOn, session, lane, buffer, start, end, null))
  }

  private enqueue(entry: Entry): void {
    if (entry.session !== null) {
      entry.session.queued++
      entry.session.queuedBytes += entry.end - entry.start
    }
    this.queue.push(entry)
  }

  /** An entry of a session waits no more. */
  private uncount(entry: Entry, session: Session): void {
    session.queued--
    session.queuedBytes -= entry.end - entry.start
  }

  private sendEntry(entry: Entry, session: Session): void {
    this.uncount(entry, session)
    let kept = false
    if (!session.closed && entry.end > entry.start) {
      if (session.queued > 0 && !this.corked.has(session)) {
        // more for it is in the queue: one call takes them all
        session.transport.cork()
        this.corked.add(session)
      }
      this.sentBytes += entry.end - entry.start
      kept = session.transport.send(entry.buffer, entry.start, entry.end)
    }
    entry.lane?.unpin(entry.buffer, kept)
    if (session.closing && session.queued === 0 && !session.closed) session.transport.end()
  }

  private uncork(): void {
    for (const session of this.corked) session.transport.uncork()
    this.corked.clear()
  }

  private trim(): void {
    if (this.head === this.queue.length) {
      this.queue.length = 0
      this.head = 0
    } else if (this.head > QUEUE_SLACK) {
      this.queue.splice(0, this.head)
      this.head = 0
    }
  }
}
