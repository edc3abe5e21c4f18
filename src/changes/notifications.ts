/**
 * Keyspace notifications: events of keys as messages on channels, as `notify-keyspace-events` chooses. Pure.
 *
 * An observer of the changes while any class is chosen. Nothing is written while nobody could receive it.
 */
import type { ChangeObserver, Changes } from "./changes.js"
import type { KeyEvent } from "./events.js"
import * as Events from "./events.js"

/** K: messages on `__keyspace@<db>__:<key>`; E: on `__keyevent@<db>__:<event>`. */
export const NOTIFY_KEYSPACE = 1
export const NOTIFY_KEYEVENT = 2

/** By letter; A is all classes but those of misses and new keys. */
const CLASSES: Readonly<Record<string, number>> = {
  K: NOTIFY_KEYSPACE,
  E: NOTIFY_KEYEVENT,
  g: Events.KIND_GENERIC,
  $: Events.KIND_STRING,
  l: Events.KIND_LIST,
  s: Events.KIND_SET,
  h: Events.KIND_HASH,
  z: Events.KIND_SORTED_SET,
  x: Events.KIND_EXPIRED,
  e: Events.KIND_EVICTED,
  t: Events.KIND_STREAM,
  d: Events.KIND_MODULE,
  m: Events.KIND_MISS,
  n: Events.KIND_NEW,
  A:
    Events.KIND_GENERIC |
    Events.KIND_STRING |
    Events.KIND_LIST |
    Events.KIND_SET |
    Events.KIND_HASH |
    Events.KIND_SORTED_SET |
    Events.KIND_EXPIRED |
    Events.KIND_EVICTED |
    Events.KIND_STREAM |
    Events.KIND_MODULE
}

/** Delivers a message to a channel; both are the recipient's to keep. */
export type Publish = (channel: Buffer, message: Buffer) => void

export class Notifications implements ChangeObserver {
  /** Where messages go; null while there is nobody to send them to. */
  publish: Publish | null = null
  private mask = 0
  private stop: (() => void) | null = null

  constructor(private readonly changes: Changes) {}

  /** `choose`, by the letters of `notify-keyspace-events`. */
  chooseClasses(letters: string): void {
    let mask = 0
    for (const letter of letters) mask |= CLASSES[letter] ?? 0
    this.choose(mask)
  }

  /** Chooses what is notified: NOTIFY_KEYSPACE, NOTIFY_KEYEVENT and the bits of classes; 0 is nothing. */
  choose(mask: number): void {
    this.mask = mask
    if (mask === 0) {
      this.stop?.()
      this.stop = null
    } else this.stop ??= this.changes.observe(this)
  }

  readonly key = (
    database: number,
    { kind, name }: KeyEvent,
    bytes: Buffer,
    start: number,
    length: number
  ): void => {
    const { mask, publish } = this
    if (publish === null || (mask & kind) === 0) return
    const key = bytes.subarray(start, start + length)
    if (mask & NOTIFY_KEYSPACE) {
      publish(Buffer.concat([Buffer.from(`__keyspace@${database}__:`), key]), Buffer.from(name))
    }
    if (mask & NOTIFY_KEYEVENT) publish(Buffer.from(`__keyevent@${database}__:${name}`), Buffer.from(key))
  }

  /** FLUSHALL, FLUSHDB and SWAPDB notify nothing of single keys, as in Redis. */
  readonly flushed = (): void => {}
  readonly swapped = (): void => {}
}
