/**
 * Reads RDB files, versions 1 to 12, as Redis (to 8.0) and Valkey (to 8.1) write them. Pure: bytes come from
 * a ByteSource, what they say goes to a Visitor, in file order.
 *
 * Invariants: memory is bounded by one chunk, or by twice the longest string of the file where that is more,
 * and a length in the file allocates nothing before its bytes are there; every fault of the bytes is an
 * RdbError; nothing is passed over without a call to the visitor. The checksum comes last in the file: until
 * `read` (or `step`) gives an RdbEnd, what was visited may be wrong, and is to be dropped when an error
 * follows.
 */

import { decompress, expansionMax } from "./lzf.js"
import { type ByteSource, RdbError, Window } from "./window.js"

export { type ByteSource, RdbError, type RdbReason } from "./window.js"

/** The newest RDB version that is read (Redis 7.4 and 8.0); 11 is Redis 7.2 and Valkey 8. */
export const versionMax = 12

/**
 * What an RDB file says. Byte arrays are views into the reader's buffers: valid during the call only. What a
 * visitor throws goes through the reader unchanged, and ends the reading.
 */
export interface Visitor {
  /**
   * The keys that follow belong to this database (0 before the first call); whether it exists is for the
   * visitor.
   */
  selectDb(db: number): void
  /**
   * A key of type string. `expireAtMs` is in Unix milliseconds, -1n for none, and may be past; `idleSeconds`
   * (from LRU) and `frequency` (the LFU counter, 0 to 255) are -1 when the file does not say.
   */
  string(key: Uint8Array, value: Uint8Array, expireAtMs: bigint, idleSeconds: number, frequency: number): void
  /** The source of a function library, `#!lua name=…` line included. */
  functionLibrary(code: Uint8Array): void
  /**
   * An information field, such as `redis-ver`, `ctime` or `aof-base`; both in UTF-8. Unknown names are legal.
   */
  aux?(name: string, value: string): void
  /** How many keys the current database has, and how many of them expire: hints, not promises. */
  resizeDb?(keys: number, expires: number): void
  /** How many keys a cluster slot has, and how many of them expire: hints, not promises. */
  slotInfo?(slot: number, keys: number, expires: number): void
  /**
   * Data of a module beside the keyspace was passed over (Redis itself refuses such a file without the
   * module).
   */
  moduleAux?(moduleName: string): void
}

/** Settings of a reader, each with its default. */
export interface RdbOptions {
  /** Compare the checksum (`rdbchecksum`): true. */
  readonly checksum?: boolean
  /** Bytes asked of the source at a time: 1 MiB. */
  readonly chunkBytes?: number
  /**
   * The longest string that is accepted, as it will be in memory (`proto-max-bulk-len`), 63 to 2^31 - 1: 512
   * MiB.
   */
  readonly stringBytesMax?: number
}

/** How an RDB ended. */
export interface RdbEnd {
  /**
   * Bytes from the magic to the end of the checksum: where the tail of an AOF with an RDB preamble begins.
   */
  readonly bytes: number
  readonly version: number
  /**
   * absent: the version has none (1 to 4), or it was saved with `rdbchecksum no`; ignored: `checksum: false`.
   */
  readonly checksum: "verified" | "absent" | "ignored"
}

/**
 * Whether a file that starts with these bytes (five are enough) is an RDB, or an AOF with an RDB preamble.
 */
export const isRdb = (head: Uint8Array): boolean =>
  head.length >= magic.length && magic.every((byte, index) => head[index] === byte)

/** A source over bytes that are all in memory. */
export function fromBytes(bytes: Uint8Array): ByteSource {
  let position = 0
  return {
    readInto(buffer, offset, length) {
      const part = bytes.subarray(position, position + length)
      buffer.set(part, offset)
      position += part.length
      return part.length
    }
  }
}

/**
 * Reads one RDB from its magic to its end, in one go.
 *
 * @throws RdbError; and whatever the source or the visitor throws
 */
export function read(source: ByteSource, visitor: Visitor, options: RdbOptions = {}): RdbEnd {
  const reader = new RdbReader(source, visitor, options)
  for (;;) {
    const end = reader.step(Number.POSITIVE_INFINITY)
    if (end !== null) return end
  }
}

const magic = new Uint8Array([0x52, 0x45, 0x44, 0x49, 0x53])

// Numbers on disk: they never change their meaning.
const typeString = 0
const opcodeSlotInfo = 244
const opcodeFunction2 = 245
const opcodeFunctionPreRelease = 246
const opcodeModuleAux = 247
const opcodeIdle = 248
const opcodeFrequency = 249
const opcodeAux = 250
const opcodeResizeDb = 251
const opcodeExpireMs = 252
const opcodeExpireSeconds = 253
const opcodeSelectDb = 254
const opcodeEnd = 255

// What a key of each type number is; "" where the number has never been a type.
const typeNames = (
  "string,list,set,sorted set,hash,sorted set,module value,module value,,hash,list,set,sorted set,hash,list," +
  "stream,hash,sorted set,list,stream,set,stream,hash,hash,hash,hash"
).split(",")

/** Longest LZF result that is kept between strings to be written again. */
const scratchBytesMax = 65536

/**
 * A string just read, `bytes[offset..offset + length)`; `scratch` is its own, for strings not stored plain.
 */
interface Slot {
  bytes: Uint8Array
  offset: number
  length: number
  scratch: Uint8Array
}

const makeSlot = (): Slot => ({
  bytes: magic,
  offset: 0,
  length: 0,
  scratch: new Uint8Array(64)
})

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
const view = (slot: Slot): Uint8Array => slot.bytes.subarray(slot.offset, slot.offset + slot.length)

/**
 * Reads an RDB in steps, for callers with other things to do in between; after an error it must not be used
 * again.
 */
export class RdbReader {
  readonly #window: Window
  readonly #visitor: Visitor
  readonly #checked: boolean
  readonly #stringBytesMax: number

  readonly #key = makeSlot()
  readonly #value = makeSlot()
  #version = 0
  #expireAtMs = -1n
  #idleSeconds = -1
  #frequency = -1
  // The halves of the length read last.
  #lengthHigh = 0
  #lengthLow = 0
  #end: RdbEnd | null = null

  constructor(source: ByteSource, visitor: Visitor, options: RdbOptions = {}) {
    this.#window = new Window(source, options.chunkBytes ?? 1 << 20, options.checksum ?? true)
    this.#visitor = visitor
    this.#checked = options.checksum ?? true
    this.#stringBytesMax = Math.max(63, Math.min(0x7fffffff, options.stringBytesMax ?? 512 * 1024 * 1024))
  }

  /** Bytes consumed so far, from the magic on. */
  get offset(): number {
    return this.#window.offset
  }

  /**
   * Reads on until `bytesMin` more bytes are consumed or the RDB has ended; a key and its value are not
   * divided.
   *
   * @returns how it ended, null while there is more
   * @throws RdbError; and whatever the source or the visitor throws
   */
  step(bytesMin: number): RdbEnd | null {
    const target = this.#window.offset + bytesMin
    if (this.#version === 0) this.#readHeader()
    while (this.#end === null && this.#window.offset < target) {
      const opcode = this.#window.byte()
      if (opcode === typeString) this.#readStringKey()
      else this.#readOpcode(opcode, this.#window.offset - 1)
    }
    return this.#end
  }

  #readHeader(): void {
    this.#window.need(9)
    const head = this.#window.bytes.subarray(this.#window.position, this.#window.position + 9)
    if (!isRdb(head)) throw new RdbError("wrong-magic", 0, "Wrong signature trying to load DB from file")
    const digits = utf8.decode(head.subarray(5))
    const version = Number.parseInt(/^\d+/.exec(digits)?.[0] ?? "0", 10)
    if (version < 1 || version > versionMax) {
      throw new RdbError("wrong-version", 5, `Can't handle RDB format version ${version}`)
    }
    this.#window.position += 9
    this.#version = version
  }

  #readStringKey(): void {
    const key = this.#key
    const value = this.#value
    this.#readString(key)
    // Reading the value may move the window; a key in it moves along.
    const plain = key.bytes === this.#window.bytes
    if (plain) this.#window.retain = key.offset
    this.#readString(value)
    if (plain) {
      key.bytes = this.#window.bytes
      key.offset = this.#window.retain
      this.#window.retain = -1
    }
    this.#visitor.string(view(key), view(value), this.#expireAtMs, this.#idleSeconds, this.#frequency)
    this.#expireAtMs = -1n
    this.#idleSeconds = -1
    this.#frequency = -1
  }

  #readOpcode(opcode: number, at: number): void {
    // A damaged version digit could make a file of today one without checksum: its opcodes give it away.
    if (this.#version < 5 && opcode < opcodeExpireMs && opcode >= opcodeSlotInfo) {
      throw new RdbError("corrupt", at, `Opcode ${opcode} is not part of RDB version ${this.#version}`)
    }
    switch (opcode) {
      case opcodeExpireMs:
        this.#expireAtMs = this.#window.int64()
        return
      case opcodeExpireSeconds:
        this.#expireAtMs = BigInt(this.#window.int32()) * 1000n
        return
      case opcodeIdle:
        this.#idleSeconds = this.#length()
        return
      case opcodeFrequency:
        this.#frequency = this.#window.byte()
        return
      case opcodeSelectDb:
        this.#visitor.selectDb(this.#length())
        return
      case opcodeResizeDb: {
        const keys = this.#length()
        const expires = this.#length()
        this.#visitor.resizeDb?.(keys, expires)
        return
      }
      case opcodeSlotInfo: {
        const slot = this.#length()
        const keys = this.#length()
        const expires = this.#length()
        this.#visitor.slotInfo?.(slot, keys, expires)
        return
      }
      case opcodeAux: {
        this.#readString(this.#key)
        const name = utf8.decode(view(this.#key))
        this.#readString(this.#value)
        this.#visitor.aux?.(name, utf8.decode(view(this.#value)))
        return
      }
      case opcodeFunction2:
        this.#readString(this.#value)
        this.#visitor.functionLibrary(view(this.#value))
        return
      case opcodeFunctionPreRelease:
        throw new RdbError("unsupported", at, "Pre-release function format not supported.")
      case opcodeModuleAux:
        this.#skipModuleAux()
        return
      case opcodeEnd:
        this.#readEnd()
        return
      default:
        this.#refuseType(opcode, at)
    }
  }

  #refuseType(type: number, at: number): never {
    const typeName = typeNames[type] ?? ""
    if (typeName === "") throw new RdbError("corrupt", at, `Unknown RDB encoding type ${type}`)
    this.#readString(this.#key)
    const key = view(this.#key).slice()
    const shown = JSON.stringify(utf8.decode(key.subarray(0, 128))).slice(1, -1)
    const detail = `this version holds strings only: key '${shown}' is a ${typeName}`
    throw new RdbError("unsupported", at, detail, key)
  }

  // After the module's id and the moment it was written come values, each with its kind, up to kind 0.
  #skipModuleAux(): void {
    this.#length()
    const name = this.#moduleName()
    for (;;) {
      const at = this.#window.offset
      const kind = this.#length()
      if (kind === 0) break
      if (kind === 1 || kind === 2) this.#length()
      else if (kind === 3) this.#window.int32()
      else if (kind === 4) this.#window.int64()
      else if (kind === 5) this.#readString(this.#value)
      else throw new RdbError("corrupt", at, `Unknown value kind ${kind} in the data of module ${name}`)
    }
    this.#visitor.moduleAux?.(name)
  }

  // The upper 54 bits of a module's id are nine characters of six bits; the lower ten its encoding version.
  #moduleName(): string {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    const id = (BigInt(this.#lengthHigh) << 32n) | BigInt(this.#lengthLow)
    let name = ""
    for (let shift = 58n; shift >= 10n; shift -= 6n) name += alphabet[Number((id >> shift) & 63n)]
    return name
  }

  #readEnd(): void {
    if (this.#version < 5) {
      this.#end = {
        bytes: this.#window.offset,
        version: this.#version,
        checksum: "absent"
      }
      return
    }
    const actual = this.#window.closeChecksum()
    const at = this.#window.offset
    const expected = BigInt.asUintN(64, this.#window.int64())
    let checksum: RdbEnd["checksum"] = "ignored"
    if (this.#checked) {
      checksum = expected === 0n ? "absent" : "verified"
      if (expected !== 0n && actual !== expected) {
        const detail = `Wrong RDB checksum expected: (${actual.toString(16)}) but got (${expected.toString(16)})`
        throw new RdbError("wrong-checksum", at, detail)
      }
    }
    this.#end = {
      bytes: this.#window.offset,
      version: this.#version,
      checksum
    }
  }

  /** Reads a string of any encoding into `slot`; offsets into the window hold until the next read. */
  #readString(slot: Slot): void {
    const at = this.#window.offset
    const first = this.#window.byte()
    if (first < 192) {
      const length = first < 64 ? first : this.#checkLength(this.#lengthAfter(first), at)
      this.#window.need(length)
      slot.bytes = this.#window.bytes
      slot.offset = this.#window.position
      slot.length = length
      this.#window.position += length
      return
    }
    if (first === 192) this.#writeInteger(slot, this.#window.int8())
    else if (first === 193) this.#writeInteger(slot, this.#window.int16())
    else if (first === 194) this.#writeInteger(slot, this.#window.int32())
    else if (first === 195) this.#readCompressed(slot, at)
    else throw new RdbError("corrupt", at, `Unknown RDB string encoding type ${first & 63}`)
  }

  // A length may be any 64-bit number. Below the limit it is made an int32: one double here makes all of the
  // window's indexes doubles, which was a third slower for short strings.
  #checkLength(length: number, at: number): number {
    if (length <= this.#stringBytesMax) return length | 0
    const detail = `A string of ${length} bytes is above the limit of ${this.#stringBytesMax}`
    throw new RdbError("too-long", at, detail)
  }

  #readCompressed(slot: Slot, at: number): void {
    const compressed = this.#checkLength(this.#length(), at)
    const length = this.#checkLength(this.#length(), at)
    if (length > compressed * expansionMax) throw new RdbError("corrupt", at, "Invalid LZF compressed string")
    this.#window.need(compressed)
    if (slot.scratch.length > scratchBytesMax || slot.scratch.length < length) {
      slot.scratch = new Uint8Array(Math.max(length, 64))
    }
    const start = this.#window.position
    if (!decompress(this.#window.bytes, start, start + compressed, slot.scratch, length)) {
      throw new RdbError("corrupt", at, "Invalid LZF compressed string")
    }
    this.#window.position += compressed
    slot.bytes = slot.scratch
    slot.offset = 0
    slot.length = length
  }

  // Strings that are decimal integers are stored as such: their digits are written out from the right.
  #writeInteger(slot: Slot, integer: number): void {
    const scratch = slot.scratch
    let index = 12
    let rest = Math.abs(integer)
    do {
      scratch[--index] = 48 + (rest % 10)
      rest = Math.floor(rest / 10)
    } while (rest > 0)
    if (integer < 0) scratch[--index] = 45
    slot.bytes = scratch
    slot.offset = index
    slot.length = 12 - index
  }

  #length(): number {
    const first = this.#window.byte()
    if (first < 192) return this.#lengthAfter(first)
    throw new RdbError("corrupt", this.#window.offset - 1, "Found a string encoding where a length must be")
  }

  /** The length whose first byte was `first`; beyond 2^53 it is rounded, and exact in the two halves only. */
  #lengthAfter(first: number): number {
    this.#lengthHigh = 0
    if (first < 64) this.#lengthLow = first
    else if (first < 128) this.#lengthLow = ((first & 63) << 8) | this.#window.byte()
    else if (first === 128) this.#lengthLow = this.#window.bigEndian32()
    else if (first === 129) {
      this.#lengthHigh = this.#window.bigEndian32()
      this.#lengthLow = this.#window.bigEndian32()
    } else {
      throw new RdbError("corrupt", this.#window.offset - 1, `Unknown length encoding ${first}`)
    }
    return this.#lengthHigh * 4294967296 + this.#lengthLow
  }
}
