// What the clients of the concurrent fuzzer may see. Pure: no sockets, no clock of its own.
// A unit is one key, or two that are always written together; only one connection writes it, so it has one
// true value, or, once a write went unanswered, one of a few. Counters are shared by everyone: they lie between
// what was acknowledged and what was sent.

/** How far two processes' clocks and a batch's one look at the clock may lie apart. */
const slackMs = 60

/** The bytes of a value: every part of it says whose it is, which write, and how long it must be. */
export function bytesOf(unit, write) {
  const mark = `${unit.name}|${write.seq}|${write.length}|`
  return Buffer.alloc(write.length, mark, "latin1")
}

const show = (bytes) => {
  if (bytes === null) return "null"
  const text = bytes.toString("latin1", 0, 60)
  return `${bytes.length} bytes ${JSON.stringify(text)}`
}

/** Values of other connections: whole, and of that key, whatever the write was. */
export function foreignMismatch(unit, bytes) {
  if (bytes === null) return undefined
  const found = /^([^|]+)\|(\d+)\|(\d+)\|/.exec(bytes.toString("latin1", 0, 80))
  if (found === null) {
    // shorter than its own mark
    const mark = `${unit.name}|`
    const head = bytes.toString("latin1", 0, mark.length)
    return mark.startsWith(head) ? undefined : `${unit.name} holds ${show(bytes)}`
  }
  const write = { seq: Number(found[2]), length: Number(found[3]) }
  return bytesOf(unit, write).equals(bytes) ? undefined : `${unit.name} holds ${show(bytes)}`
}

/** One key, or a pair that only scripts, MSET and DEL write, both at once. */
export class Unit {
  /** The writes that may be in force: `{ seq, length, sentAt, okAt, ttlMs }`, or null for no key. */
  possible = [null]
  #seq = 0

  constructor(name, keys) {
    this.name = name
    this.keys = keys
  }

  write(length, sentAt, ttlMs = 0) {
    return { seq: ++this.#seq, length, sentAt, okAt: Infinity, ttlMs }
  }

  set(write) {
    this.possible = [write]
  }

  /** A write that was not answered, or whose answer nobody gets. */
  maybe(write) {
    this.possible.push(write)
  }

  /** Whether a write may be seen as `bytes` (or null) by a request that was sent then and answered now. */
  #matches(write, bytes, sentAt, now) {
    if (write === null) return bytes === null
    if (bytes === null) return write.ttlMs > 0 && now >= write.sentAt + write.ttlMs - slackMs
    if (write.ttlMs > 0 && sentAt > write.okAt + write.ttlMs + slackMs) return false
    return bytes.length === write.length && bytesOf(this, write).equals(bytes)
  }

  /** What a read of all its keys gave: narrows what is possible, or says what is wrong. */
  observe(values, sentAt, now) {
    const [first] = values
    for (const other of values) {
      const same = first === null ? other === null : other?.equals(first)
      if (!same) return `${this.keys.join(" and ")} differ: ${values.map(show).join(" / ")}`
    }
    const left = this.possible.filter((write) => this.#matches(write, first, sentAt, now))
    if (left.length === 0) {
      const expected = this.possible.map((write) =>
        write === null ? "null" : `write ${write.seq} of ${write.length} bytes`
      )
      return `${this.name} is ${show(first)}, expected ${expected.join(" or ")}`
    }
    // gone by its deadline stays gone
    this.possible = first === null ? [null] : left
    return undefined
  }

  /** Whether `length` may be its length (STRLEN), 0 being no key. */
  lengthMismatch(length, now) {
    const fits = this.possible.some((write) => {
      if (write === null) return length === 0
      if (length === 0) return write.ttlMs > 0 && now >= write.sentAt + write.ttlMs - slackMs
      return length === write.length
    })
    return fits ? undefined : `STRLEN ${this.name} is ${length}`
  }

  /** Whether a DEL of all its keys may have found `count` of them. */
  countMismatch(count, now) {
    const fits = this.possible.some((write) => {
      if (write === null) return count === 0
      const mayBeGone = write.ttlMs > 0 && now >= write.sentAt + write.ttlMs - slackMs
      return count === this.keys.length || (mayBeGone && count === 0)
    })
    return fits ? undefined : `DEL ${this.keys.join(" ")} found ${count}`
  }
}

/** A number that everyone increments. */
export class Counter {
  sent = 0
  acked = 0
  /** answered with an error: not in force */
  refused = 0
  /** the values that were acknowledged in this life of the server */
  #seen = new Set()

  constructor(keys) {
    this.keys = keys
  }

  get most() {
    return this.sent - this.refused
  }

  /** An acknowledged increment. */
  incremented(value) {
    const most = this.most
    this.acked++
    if (this.#seen.has(value)) return `two increments of ${this.keys[0]} were answered ${value}`
    this.#seen.add(value)
    return value >= 1 && value <= most ? undefined : `${this.keys[0]} is ${value}, ${most} were sent`
  }

  /** What a read gave, `atLeast` having been acknowledged before it was sent. */
  mismatch(values, atLeast) {
    for (const value of values) {
      if (value !== values[0]) return `${this.keys.join(" and ")} differ: ${values.join(" / ")}`
      if (value < atLeast) return `${this.keys[0]} is ${value}, ${atLeast} were acknowledged`
      if (value > this.most) return `${this.keys[0]} is ${value}, only ${this.most} were sent`
    }
    return undefined
  }

  /** A quiet server's value is the truth: the unanswered ones are in force, or not. */
  rebase(value) {
    this.acked = value
    this.sent = value
    this.refused = 0
    this.#seen = new Set(Array.from({ length: value }, (_, i) => i + 1))
  }
}
