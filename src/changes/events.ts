/**
 * What can happen to a key, by the names that Redis gives it in keyspace notifications, and the classes by which
 * `notify-keyspace-events` chooses. Pure.
 */

/** An event of a key: its name, and the bit of its class. */
export interface KeyEvent {
  readonly name: string
  readonly kind: number
}

/** Classes, as Redis numbers them; the letter is that of `notify-keyspace-events`. */
export const KIND_GENERIC = 1 << 2 // g
export const KIND_STRING = 1 << 3 // $
export const KIND_LIST = 1 << 4 // l
export const KIND_SET = 1 << 5 // s
export const KIND_HASH = 1 << 6 // h
export const KIND_SORTED_SET = 1 << 7 // z
export const KIND_EXPIRED = 1 << 8 // x
export const KIND_EVICTED = 1 << 9 // e
export const KIND_STREAM = 1 << 10 // t
export const KIND_MISS = 1 << 11 // m
export const KIND_MODULE = 1 << 13 // d
export const KIND_NEW = 1 << 14 // n

const event = (name: string, kind: number): KeyEvent => ({ name, kind })

export const SET = event("set", KIND_STRING)
export const APPEND = event("append", KIND_STRING)
export const SETRANGE = event("setrange", KIND_STRING)
export const INCRBY = event("incrby", KIND_STRING)
export const INCRBYFLOAT = event("incrbyfloat", KIND_STRING)
export const DEL = event("del", KIND_GENERIC)
export const RENAME_FROM = event("rename_from", KIND_GENERIC)
export const RENAME_TO = event("rename_to", KIND_GENERIC)
export const MOVE_FROM = event("move_from", KIND_GENERIC)
export const MOVE_TO = event("move_to", KIND_GENERIC)
export const COPY_TO = event("copy_to", KIND_GENERIC)
export const EXPIRE = event("expire", KIND_GENERIC)
export const PERSIST = event("persist", KIND_GENERIC)
export const EXPIRED = event("expired", KIND_EXPIRED)
