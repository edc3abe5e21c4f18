// The outbox against a model: sessions, commits that come late or never, policies that change, sockets that are slow,
// congested or gone, in every order. What each transport was given must be a prefix of what its session was given, in
// order and whole, never before it was safe; and everything, once all is safe and nobody is gone.
import * as fc from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import { CommandLog } from "../../src/changes/commandLog.js"
import { Propagation } from "../../src/changes/propagation.js"
import { Outbox } from "../../src/engine/outbox.js"
import { Session, type Transport } from "../../src/engine/session.js"
import type { Database } from "../../src/store/database.js"

const NO_DATABASE: Database = { index: 0, cells: [] }

/** A socket that keeps views of what it was sent, as a stream does, and reads them only when it drains. */
class SlowTransport implements Transport {
  congested = false
  unsentBytes = 0
  keeps = false
  ended = false
  destroyed = false
  corked = 0
  private readonly views: Array<Buffer> = []
  private text = ""

  send(bytes: Buffer, start: number, end: number): boolean {
    const view = bytes.subarray(start, end)
    if (this.keeps || this.corked > 0) {
      this.views.push(view)
      return true
    }
    this.drain()
    this.text += view.toString("latin1")
    return false
  }
  drain(): void {
    for (const view of this.views.splice(0)) this.text += view.toString("latin1")
  }
  get received(): string {
    this.drain()
    return this.text
  }
  end(): void {
    this.ended = true
  }
  destroy(): void {
    this.destroyed = true
  }
  cork(): void {
    this.corked++
  }
  uncork(): void {
    this.corked--
  }
  pause(): void {}
  resume(): void {}
}

/** Outbox, sessions, and what the model says that each must get. */
class Harness {
  readonly propagation = new Propagation(new CommandLog())
  readonly transports: Array<SlowTransport> = []
  readonly sessions: Array<Session> = []
  /** By session: what it was given, and what that rests on. */
  readonly given: Array<Array<{ readonly text: string; readonly restsOn: number }>> = []
  flushes = 0
  position = 0
  private serial = 0
  readonly outbox = new Outbox(this.propagation, () => {
    this.flushes++
  })

  constructor(sessions: number) {
    for (let i = 0; i < sessions; i++) {
      const transport = new SlowTransport()
      this.transports.push(transport)
      this.sessions.push(new Session(i + 1, NO_DATABASE, true, 0, "", "", transport))
      this.given.push([])
    }
  }

  private text(session: number, length: number): string {
    const head = `[${session}#${this.serial++}:`
    return head + "x".repeat(length) + "]"
  }

  /** A batch of a session: replies, the log growing under each by `wrote`. */
  batch(session: number, lengths: ReadonlyArray<number>, wrote: number, pushTo: number | null): void {
    const { outbox } = this
    const { writer } = outbox.main
    const one = this.sessions[session]!
    if (one.closed || one.closing) return
    outbox.begin(one)
    const start = writer.length
    let all = ""
    for (const length of lengths) {
      outbox.beginReply()
      const text = this.text(session, length)
      const half = text.length >> 1
      // a push in the middle of a reply goes behind it, before it begins in front of it
      writer.constant(Buffer.from(text.slice(0, half)))
      let pushed = ""
      if (pushTo !== null) {
        pushed = this.text(pushTo, 3)
        outbox.push(this.sessions[pushTo]!, Buffer.from(pushed))
      }
      writer.constant(Buffer.from(text.slice(half)))
      outbox.endReply()
      all += text
      if (pushTo === session) all += pushed
      else if (pushTo !== null) this.note(pushTo, pushed, 0)
    }
    this.position += wrote
    if (wrote > 0) one.wroteAt = this.position
    outbox.end()
    this.note(session, all, this.position)
    outbox.deliver(outbox.main, one, start, this.position)
  }

  /** A command that waited is answered. */
  complete(session: number, length: number): void {
    const { outbox } = this
    const one = this.sessions[session]!
    if (one.closed || one.closing) return
    const { writer } = outbox.side
    const start = writer.length
    const text = this.text(session, length)
    writer.constant(Buffer.from(text))
    this.note(session, text, this.position)
    outbox.deliver(outbox.side, one, start, this.position)
  }

  close(session: number): void {
    const one = this.sessions[session]!
    if (one.closed || one.closing) return
    one.closing = true
    this.outbox.deliver(this.outbox.side, one, this.outbox.side.writer.length, 0)
  }

  private note(session: number, text: string, restsOn: number): void {
    const one = this.sessions[session]!
    if (!one.closed && !one.closing) this.given[session]!.push({ text, restsOn })
  }

  /** Nothing is torn, misplaced, out of order, or too early. */
  check(): void {
    this.sessions.forEach((session, i) => {
      const whole = this.given[i]!.map(({ text }) => text).join("")
      const { received } = this.transports[i]!
      expect(whole.startsWith(received), `session ${i}: ${received.slice(-60)}`).toBe(true)
      let length = 0
      for (const { text, restsOn } of this.given[i]!) {
        if (restsOn > this.safeMost) break
        length += text.length
      }
      expect(received.length).toBeLessThanOrEqual(length)
      expect(session.queued).toBeGreaterThanOrEqual(0)
    })
  }

  /** The most that was ever safe. */
  safeMost = Number.POSITIVE_INFINITY
  setSafe(safe: number): void {
    this.propagation.safe = safe
    this.safeMost = Math.max(this.safeMost === Number.POSITIVE_INFINITY ? 0 : this.safeMost, safe)
  }
}

const SESSIONS = 4
const session = fc.nat({ max: SESSIONS - 1 })
const length = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 5000 }), fc.constant(200_000))

type Step = (harness: Harness) => void
const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .tuple(session, fc.array(length, { minLength: 1, maxLength: 5 }), fc.nat({ max: 2 }), fc.option(session))
    .map(
      ([who, lengths, wrote, pushTo]): Step =>
        (h) =>
          h.batch(who, lengths, wrote, pushTo)
    ),
  fc.tuple(session, length).map(
    ([who, bytes]): Step =>
      (h) =>
        h.complete(who, bytes)
  ),
  fc.tuple(session, fc.nat({ max: 60 })).map(
    ([who, bytes]): Step =>
      (h) => {
        const one = h.sessions[who]!
        if (one.closed || one.closing) return
        const text = `<push ${bytes}>`
        h.given[who]!.push({ text, restsOn: 0 })
        h.outbox.push(one, Buffer.from(text))
      }
  ),
  // the file comes after: a part of what was logged is safe
  fc.nat({ max: 100 }).map(
    (percent): Step =>
      (h) => {
        if (h.propagation.safe === Number.POSITIVE_INFINITY) return
        h.setSafe(h.propagation.safe + Math.floor(((h.position - h.propagation.safe) * percent) / 100))
        h.outbox.release()
      }
  ),
  // an AOF is switched on, off, or waits for something else
  fc.constant<Step>((h) => {
    h.setSafe(h.propagation.safe === Number.POSITIVE_INFINITY ? h.position : Number.POSITIVE_INFINITY)
  }),
  fc.constant<Step>((h) => h.outbox.release()),
  fc.tuple(session, fc.boolean()).map(
    ([who, keeps]): Step =>
      (h) => {
        h.transports[who]!.keeps = keeps
      }
  ),
  session.map(
    (who): Step =>
      (h) =>
        h.transports[who]!.drain()
  ),
  session.map(
    (who): Step =>
      (h) =>
        h.close(who)
  ),
  session.map(
    (who): Step =>
      (h) => {
        h.sessions[who]!.closed = true
      }
  )
)

describe("the outbox", () => {
  it("gives each session what is its own, in order, whole, and not before it is safe", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const harness = new Harness(SESSIONS)
        for (const run of steps) {
          run(harness)
          harness.check()
        }
        // in the end all is safe: who is not gone has everything, and who was to be closed is
        harness.setSafe(Number.POSITIVE_INFINITY)
        harness.outbox.release()
        expect(harness.outbox.idle).toBe(true)
        harness.sessions.forEach((one, i) => {
          expect(harness.transports[i]!.corked).toBe(0)
          expect(one.queued).toBe(0)
          expect(one.queuedBytes).toBe(0)
          if (one.closed) return
          const whole = harness.given[i]!.map(({ text }) => text).join("")
          expect(harness.transports[i]!.received).toBe(whole)
          expect(harness.transports[i]!.ended).toBe(one.closing)
        })
      }),
      { numRuns: 400 }
    )
  })

  it("ends the connections whose replies can never be sent, and tells who waits", () => {
    const harness = new Harness(2)
    harness.setSafe(0)
    harness.batch(0, [10], 1, null)
    let told: boolean | null = null
    harness.outbox.whenSafe(1, (safe) => {
      told = safe
    })
    harness.outbox.abandon()
    expect(harness.transports[0]!.received).toBe("")
    expect(harness.transports[0]!.destroyed).toBe(true)
    expect(harness.transports[1]!.destroyed).toBe(false)
    expect(told).toBe(false)
    expect(harness.outbox.idle).toBe(true)
    expect(harness.sessions[0]!.queuedBytes).toBe(0)
  })

  it("does not overtake what waits for the same session, whatever the next one rests on", () => {
    const harness = new Harness(1)
    harness.setSafe(0)
    harness.batch(0, [5], 1, null)
    // a policy that waits for less: the first reply is still there
    harness.batch(0, [6], 0, null)
    expect(harness.transports[0]!.received).toBe("")
    harness.setSafe(1)
    harness.outbox.release()
    expect(harness.transports[0]!.received).toBe("[0#0:xxxxx][0#1:xxxxxx]")
  })

  it("lets those read on who have written nothing, while the file cannot be written", () => {
    const harness = new Harness(2)
    harness.setSafe(0)
    harness.batch(0, [5], 1, null)
    harness.batch(1, [6], 0, null)
    harness.batch(0, [7], 0, null)
    harness.outbox.releaseReaders()
    expect(harness.transports.map(({ received }) => received)).toEqual(["", "[1#1:xxxxxx]"])
    harness.setSafe(1)
    harness.outbox.release()
    expect(harness.transports[0]!.received).toBe("[0#0:xxxxx][0#2:xxxxxxx]")
  })

  it("sends one message to many sessions as one range of bytes", () => {
    const harness = new Harness(3)
    const message = Buffer.from("message")
    const sent: Array<Buffer> = []
    for (const transport of harness.transports) {
      transport.send = (bytes) => {
        sent.push(bytes)
        return false
      }
    }
    for (const one of harness.sessions) harness.outbox.push(one, message)
    expect(sent).toEqual([message, message, message])
    expect(sent.every((bytes) => bytes === message)).toBe(true)
  })

  it("holds a session whose replies wait in great number", () => {
    const harness = new Harness(2)
    harness.setSafe(0)
    for (let i = 0; i < 6; i++) harness.batch(0, [200_000], 1, null)
    expect(harness.outbox.isCongested(harness.sessions[0]!)).toBe(true)
    expect(harness.outbox.isCongested(harness.sessions[1]!)).toBe(false)
    harness.setSafe(6)
    harness.outbox.release()
    expect(harness.outbox.isCongested(harness.sessions[0]!)).toBe(false)
  })
})
