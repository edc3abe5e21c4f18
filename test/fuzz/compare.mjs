// When two replies count as equal: to the byte, save for the few that differ by nature. Each rule here is
// as narrow as its reason, and says it. Pure. Replies are whole Buffers as they came off the wire.
import { parseReply } from "../support/client.mjs"

const toleranceMs = 5000n
// relative deadlines of the run end well before this; the absolute ones it uses begin here (year 2100)
const firstAbsoluteMs = 4_102_444_800_000n

const integerOf = (bytes) => {
  const match = /^:(-?\d+)\r\n$/.exec(bytes.toString("latin1"))
  return match === null ? undefined : BigInt(match[1])
}

const near = (a, b, tolerance) => (a > b ? a - b : b - a) <= tolerance

const sortedItems = (reply) =>
  reply.value
    .map((item) => JSON.stringify([item.type, item.value?.toString("latin1")]))
    .sort()
    .join()

const bothParsed = (a, b, then) => {
  const left = parseReply(a).reply
  const right = parseReply(b).reply
  return left.type === right.type && then(left, right)
}

export const rules = {
  /** KEYS: the order is the hash table's */
  sorted: (a, b) =>
    bothParsed(a, b, (left, right) => left.type === "array" && sortedItems(left) === sortedItems(right)),

  /** SCAN in one call: cursor equal (0), keys in any order */
  scan: (a, b) =>
    bothParsed(
      a,
      b,
      (left, right) =>
        left.type === "array" &&
        left.value[0].value.equals(right.value[0].value) &&
        sortedItems(left.value[1]) === sortedItems(right.value[1])
    ),

  /** RANDOMKEY, CLIENT ID: any value of the same type */
  kind: (a, b) =>
    a[0] === b[0] &&
    a[0] !== 45 &&
    a.subarray(0, 3).equals(Buffer.from("$-1")) === b.subarray(0, 3).equals(Buffer.from("$-1")),

  /** TTL, PTTL: the two servers read their clocks at different moments; -1 and -2 are exact */
  ttl: (a, b) => {
    const left = integerOf(a)
    const right = integerOf(b)
    return (
      left !== undefined && right !== undefined && left >= 0n && right >= 0n && near(left, right, toleranceMs)
    )
  },

  /** EXPIRETIME, PEXPIRETIME: the same for deadlines that were given relative to now; absolute ones are exact */
  deadline: (a, b) => {
    const left = integerOf(a)
    const right = integerOf(b)
    if (left === undefined || right === undefined || left <= 0n || right <= 0n) return false
    // seconds or milliseconds: whichever, absolute deadlines are not before 2100
    const limit = left < 100_000_000_000n ? firstAbsoluteMs / 1000n : firstAbsoluteMs
    return left < limit && right < limit && near(left, right, toleranceMs)
  },

  /** OBJECT IDLETIME: seconds since the last access on either clock */
  idletime: (a, b) => {
    const left = integerOf(a)
    const right = integerOf(b)
    return left !== undefined && right !== undefined && left >= 0n && near(left, right, 60n)
  },

  /** OBJECT REFCOUNT: whether Redis holds a small integer as a shared object (INT_MAX) or alone (1) depends
   * on how it was stored, and says nothing about the value */
  refcount: (a, b) => {
    const shared = (n) => n === 1n || n === 2147483647n
    const left = integerOf(a)
    const right = integerOf(b)
    return left !== undefined && right !== undefined && shared(left) && shared(right)
  },

  /** HELLO: our version and connection id are not the reference's */
  hello: (a, b) => {
    const text = (bytes) =>
      bytes
        .toString("latin1")
        .replace(/(version\r\n)\$\d+\r\n\d+\.\d+\.\d+\r\n/g, "$1V")
        .replace(/(id\r\n):\d+\r\n/g, "$1N")
    return text(a) === text(b)
  },

  /** HELP: its last line is "Prints this help." in 7.0 and "Print this help." in later versions */
  help: (a, b) => {
    const text = (bytes) =>
      bytes.toString("latin1").replace("+    Prints this help.", "+    Print this help.")
    return text(a) === text(b)
  },

  /** CONFIG GET: the order of the pairs is the configuration table's (a hash table's in 7.0) */
  map: (a, b) => {
    const pairs = (bytes) => {
      const { reply } = parseReply(bytes)
      if (reply.type !== "map" && reply.type !== "array") return undefined
      const flat = reply.type === "map" ? reply.value.flat() : reply.value
      const list = []
      for (let i = 0; i < flat.length; i += 2) list.push(`${flat[i].value}=${flat[i + 1].value}`)
      return reply.type + list.sort().join("&")
    }
    const left = pairs(a)
    return left !== undefined && left === pairs(b)
  }
}

/** Whether ours (`a`) and the reference's (`b`) reply to one command agree. */
export const agree = (command, a, b) =>
  a.equals(b) || (command.norm !== undefined && rules[command.norm](a, b))
