/**
 * The RDB reader against files of real servers (fixtures/README.md), hand-made files of old versions, every
 * prefix and every damaged byte. Pure but for reading the fixtures.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { Crc64, crc64 } from "../../src/rdb/crc64.js"
import { decompress } from "../../src/rdb/lzf.js"
import {
  fromBytes,
  isRdb,
  RdbError,
  type RdbOptions,
  RdbReader,
  type RdbReason,
  read,
  type Visitor
} from "../../src/rdb/reader.js"

const path = (name: string): string => new URL(`fixtures/${name}.rdb`, import.meta.url).pathname
const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(path(name)))
type Part = string | ReadonlyArray<number> | Uint8Array
const bytesOf = (...parts: ReadonlyArray<Part>): Uint8Array =>
  Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part)))
  )
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

interface Entry {
  readonly value: string
  readonly expireAtMs: bigint
  readonly idleSeconds: number
  readonly frequency: number
}

/** A visitor that keeps everything: entries by "db/key", other calls as lines. */
class Recorder implements Visitor {
  readonly entries = new Map<string, Entry>()
  readonly info = new Map<string, string>()
  readonly functions: Array<string> = []
  readonly calls: Array<string> = []
  db = 0
  selectDb(db: number): void {
    this.db = db
  }
  string(
    key: Uint8Array,
    value: Uint8Array,
    expireAtMs: bigint,
    idleSeconds: number,
    frequency: number
  ): void {
    this.entries.set(`${this.db}/${latin1(key)}`, {
      value: latin1(value),
      expireAtMs,
      idleSeconds,
      frequency
    })
  }
  functionLibrary(code: Uint8Array): void {
    this.functions.push(latin1(code))
  }
  aux(name: string, value: string): void {
    this.info.set(name, value)
  }
  resizeDb(keys: number, expires: number): void {
    this.calls.push(`resizeDb ${this.db} ${keys} ${expires}`)
  }
  slotInfo(slot: number, keys: number, expires: number): void {
    this.calls.push(`slotInfo ${slot} ${keys} ${expires}`)
  }
  moduleAux(moduleName: string): void {
    this.calls.push(`moduleAux ${moduleName}`)
  }
}

const load = (bytes: Uint8Array, options?: RdbOptions) => {
  const recorder = new Recorder()
  const end = read(fromBytes(bytes), recorder, options)
  return {
    recorder,
    end,
    values: [...recorder.entries].map(([key, entry]) => `${key}=${entry.value}`)
  }
}

const failure = (bytes: Uint8Array, options?: RdbOptions): RdbError => {
  try {
    load(bytes, options)
  } catch (error) {
    if (error instanceof RdbError) return error
    throw error
  }
  throw new Error("it was read without an error")
}

/** An RDB of `version` (5 and up) around `records`, with its checksum. */
const rdb = (version: number, ...records: ReadonlyArray<Part>): Uint8Array => {
  const body = bytesOf(`REDIS${String(version).padStart(4, "0")}`, ...records, [255])
  const checksum = Buffer.alloc(8)
  checksum.writeBigUInt64LE(crc64(body))
  return bytesOf(body, checksum)
}

const servers = [
  { name: "redis7", version: 10, redisVersion: "7.0.15" },
  { name: "redis8", version: 12, redisVersion: "8.0.2" },
  { name: "valkey8", version: 11, redisVersion: "8.1.1" }
]

describe.each(servers)("a file written by $name", ({ name, version, redisVersion }) => {
  const { recorder, end } = load(fixture(name))
  const value = (key: string): string | undefined => recorder.entries.get(key)?.value

  it("is read to its last byte, and its checksum is right", () => {
    expect(end).toEqual({
      bytes: fixture(name).length,
      version,
      checksum: "verified"
    })
    expect(recorder.info.get(name === "valkey8" ? "valkey-ver" : "redis-ver")).toBe(redisVersion)
  })

  it("gives integers of every encoding back as they were set", () => {
    const integers = "0 -1 127 -128 128 -129 32767 -32768 32768 -32769 2147483647 -2147483648 2147483648"
    for (const integer of `${integers} 9223372036854775807 007`.split(" ")) {
      expect(value(`0/int:${integer}`)).toBe(integer)
    }
    expect(value("0/12345")).toBe("key is an int8/16/32 string")
    expect(value("0/-77")).toBe("")
  })

  it("gives compressed, binary and border-length strings back", () => {
    expect(value("0/compressible")).toBe("abcabcabd".repeat(200))
    expect(value("0/run")).toBe("z".repeat(1000))
    expect(value(`0/${"longkey-".repeat(20)}`)).toBe("v")
    expect(value("0/length:63")).toHaveLength(63)
    expect(value("0/length:64")).toHaveLength(64)
    expect(value("0/binary")).toBe("\x00\xff\r\n\x80binary")
  })

  it("gives expiries to the millisecond, beyond 2^53 too, and to no other key", () => {
    expect(recorder.entries.get("0/expires")?.expireAtMs).toBe(4102444800123n)
    expect(recorder.entries.get("0/expires-far")?.expireAtMs).toBe(9007199254740993n)
    expect([...recorder.entries.values()].filter(({ expireAtMs }) => expireAtMs !== -1n)).toHaveLength(3)
  })

  it("puts keys into their databases, after a hint of how many there are", () => {
    expect(value("3/in-db-3")).toBe("three")
    expect(value("15/in-db-15")).toBe("fifteen")
    expect(recorder.calls).toEqual(["resizeDb 0 26 2", "resizeDb 3 1 0", "resizeDb 15 1 1"])
    expect(recorder.entries.size).toBe(28)
  })

  it("gives function libraries", () => {
    expect(recorder.functions).toEqual([
      "#!lua name=mylib\nredis.register_function('f', function() return 1 end)"
    ])
  })

  it("without keys is read as well", () => {
    const bytes = fixture(`empty-${name}`)
    expect(load(bytes).end).toEqual({
      bytes: bytes.length,
      version,
      checksum: "verified"
    })
    expect(load(bytes).recorder.entries.size).toBe(0)
  })

  it("gives the same whatever the chunk size, and when the source gives one byte at a time", () => {
    for (const chunkBytes of [64, 65, 100, 257, 4096]) {
      expect(load(fixture(name), { chunkBytes }).recorder.entries).toEqual(recorder.entries)
    }
    const source = fromBytes(fixture(name))
    const slow = new Recorder()
    const readInto = (buffer: Uint8Array, offset: number): number => source.readInto(buffer, offset, 1)
    expect(read({ readInto }, slow, { chunkBytes: 64 })).toEqual(end)
    expect(slow.entries).toEqual(recorder.entries)
  })

  it("cut off anywhere is a short file", () => {
    const bytes = fixture(name)
    for (let length = 0; length < bytes.length; length++) {
      const error = failure(bytes.subarray(0, length), { chunkBytes: 256 })
      expect([length, error.reason, error.offset]).toEqual([length, "short-file", length])
    }
  })
})

describe("a damaged byte", () => {
  const bytes = fixture("redis8")
  const damaged = (index: number, mask: number): Uint8Array => {
    const copy = bytes.slice()
    copy[index] ^= mask
    return copy
  }
  const masks = [1, 2, 4, 8, 16, 32, 64, 128, 255]

  it("anywhere is found", () => {
    for (let index = 0; index < bytes.length; index++) {
      for (const mask of masks) failure(damaged(index, mask), { chunkBytes: 256 })
    }
  })

  it("without a checksum is read or is an RdbError, with an offset in the file", () => {
    for (let index = 0; index < bytes.length; index++) {
      for (const mask of masks) {
        try {
          load(damaged(index, mask), { chunkBytes: 256, checksum: false })
        } catch (error) {
          if (!(error instanceof RdbError)) throw error
          expect(error.offset).toBeLessThanOrEqual(bytes.length)
        }
      }
    }
  })

  it("in a length asks for no memory that the file has no bytes for", () => {
    let bytesMax = 0
    const source = fromBytes(bytesOf("REDIS0011", [0], "\x01k", [128, 0x1f, 0xff, 0xff, 0xff], "short"))
    const readInto = (buffer: Uint8Array, offset: number, length: number): number => {
      bytesMax = Math.max(bytesMax, buffer.length)
      return source.readInto(buffer, offset, length)
    }
    expect(() => read({ readInto }, new Recorder(), { chunkBytes: 64 })).toThrow(RdbError)
    expect(bytesMax).toBe(64)
  })
})

describe("what a key carries besides its value", () => {
  it("is its idle time under an LRU policy", () => {
    const { entries } = load(fixture("redis7-lru")).recorder
    expect(entries.get("0/a")).toEqual({
      value: "1",
      expireAtMs: -1n,
      idleSeconds: 0,
      frequency: -1
    })
    expect(entries.get("0/b")).toEqual({
      value: "2",
      expireAtMs: 4102444800000n,
      idleSeconds: 0,
      frequency: -1
    })
  })

  it("is its frequency under an LFU policy", () => {
    const { entries } = load(fixture("redis7-lfu")).recorder
    expect(entries.get("0/a")).toEqual({
      value: "1",
      expireAtMs: -1n,
      idleSeconds: -1,
      frequency: 5
    })
    expect(entries.get("0/b")).toEqual({
      value: "2",
      expireAtMs: 4102444800000n,
      idleSeconds: -1,
      frequency: 5
    })
  })

  it("counts for one key only", () => {
    const expiry = [252, 1, 0, 0, 0, 0, 0, 0, 0]
    const { entries } = load(rdb(11, expiry, [248, 7, 249, 9], "\0\x01a\x01b", "\0\x01c\x01d")).recorder
    expect(entries.get("0/a")).toEqual({
      value: "b",
      expireAtMs: 1n,
      idleSeconds: 7,
      frequency: 9
    })
    expect(entries.get("0/c")).toEqual({
      value: "d",
      expireAtMs: -1n,
      idleSeconds: -1,
      frequency: -1
    })
  })

  it("may be an expiry before 1970, or one that no number can hold", () => {
    const past = [252, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
    const far = [252, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
    const { entries } = load(rdb(11, past, "\0\x01a\x01b", far, "\0\x01c\x01d")).recorder
    expect(entries.get("0/a")?.expireAtMs).toBe(-2n)
    expect(entries.get("0/c")?.expireAtMs).toBe(2n ** 63n - 1n)
  })
})

describe("cluster slots and module data", () => {
  it("of a Redis cluster node are told to the visitor", () => {
    const { recorder, values } = load(fixture("redis8-cluster"))
    expect(recorder.calls).toEqual(["resizeDb 0 2 1", "slotInfo 3300 1 1", "slotInfo 15495 1 0"])
    expect(values).toEqual(["0/b=2", "0/a=1"])
  })

  it("of a Valkey cluster node are information fields", () => {
    const { recorder, values } = load(fixture("valkey8-cluster"))
    expect(recorder.info.get("slot-info")).toBe("15495,1,0")
    expect(values).toEqual(["0/b=2", "0/a=1"])
  })

  it("of a module are passed over and told to the visitor", () => {
    // "testrdb-a", encoding version 3: nine characters of six bits, ten bits.
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    let id = 0n
    for (const character of "testrdb-a") id = (id << 6n) | BigInt(alphabet.indexOf(character))
    const idBytes = Buffer.alloc(8)
    idBytes.writeBigUInt64BE((id << 10n) | 3n)
    const values = bytesOf([2, 1], [1, 5], [3, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0, 0, 0, 0], [5, 3], "abc", [0])
    const { recorder, values: loaded } = load(rdb(10, [247, 129], idBytes, values, "\0\x01a\x01b"))
    expect(recorder.calls).toEqual(["moduleAux testrdb-a"])
    expect(loaded).toEqual(["0/a=b"])
  })
})

describe("a type that cannot be held", () => {
  it("is named with its key and place, after what came before it", () => {
    const recorder = new Recorder()
    const run = () => read(fromBytes(fixture("redis7-stream")), recorder)
    expect(run).toThrow(/^this version holds strings only: key 'a-stream' is a stream \(offset \d+\)$/)
    const error = failure(fixture("redis7-stream"))
    expect(error.reason).toBe("unsupported")
    expect(fixture("redis7-stream")[error.offset]).toBe(19)
    expect(Buffer.from(error.key ?? []).toString()).toBe("a-stream")
  })

  it("may be one of Redis 8", () => {
    expect(failure(fixture("redis8-hash")).detail).toBe(
      "this version holds strings only: key 'a-hash' is a hash"
    )
  })

  it.each([
    [1, "list"],
    [2, "set"],
    [5, "sorted set"],
    [7, "module value"],
    [13, "hash"],
    [18, "list"],
    [20, "set"],
    [21, "stream"],
    [25, "hash"]
  ])("number %i is a %s", (type, typeName) => {
    expect(failure(rdb(12, [type], "\x02k\n")).detail).toBe(
      `this version holds strings only: key 'k\\n' is a ${typeName}`
    )
  })

  it("is damage when there is no such type; a release candidate's functions are not supported", () => {
    const results = [8, 26, 100, 243, 246].map((type) => failure(rdb(12, [type], "\x01k")))
    const messages: ReadonlyArray<[RdbReason, string]> = [
      ["corrupt", "Unknown RDB encoding type 8 (offset 9)"],
      ["corrupt", "Unknown RDB encoding type 26 (offset 9)"],
      ["corrupt", "Unknown RDB encoding type 100 (offset 9)"],
      ["corrupt", "Unknown RDB encoding type 243 (offset 9)"],
      ["unsupported", "Pre-release function format not supported. (offset 9)"]
    ]
    expect(results.map(({ reason, message }) => [reason, message])).toEqual(messages)
  })
})

describe("the head of a file", () => {
  it("must be REDIS", () => {
    expect(failure(bytesOf("RADIS0011", [255]))).toMatchObject({
      reason: "wrong-magic",
      offset: 0
    })
    expect(isRdb(bytesOf("REDIS"))).toBe(true)
    expect(isRdb(bytesOf("REDI"))).toBe(false)
    expect(isRdb(bytesOf("*2\r\n$6"))).toBe(false)
  })

  it.each([
    ["0000", 0],
    ["0013", 13],
    ["9999", 9999],
    ["abcd", 0]
  ])("cannot be of version %s", (digits, version) => {
    const error = failure(bytesOf(`REDIS${digits}`, [255]))
    expect([error.reason, error.detail]).toEqual([
      "wrong-version",
      `Can't handle RDB format version ${version}`
    ])
  })

  it.each([1, 2, 3, 4])("of version %i goes without a checksum, and knows expiries in seconds", (version) => {
    const bytes = bytesOf(`REDIS000${version}`, [254, 2, 253, 0xff, 0xff, 0xff, 0x7f], "\0\x01a\x01b", [255])
    const { end, recorder } = load(bytes)
    expect(end).toEqual({ bytes: bytes.length, version, checksum: "absent" })
    expect(recorder.entries.get("2/a")?.expireAtMs).toBe(2147483647000n)
  })
})

describe("the checksum", () => {
  it("may be absent (rdbchecksum no)", () => {
    expect(load(fixture("redis7-no-checksum")).end.checksum).toBe("absent")
  })

  it("that is wrong is an error, unless it is not to be looked at", () => {
    const bytes = fixture("redis7").slice()
    bytes[bytes.length - 1] ^= 1
    expect(failure(bytes)).toMatchObject({
      reason: "wrong-checksum",
      offset: bytes.length - 8
    })
    expect(failure(bytes).detail).toMatch(
      /^Wrong RDB checksum expected: \([0-9a-f]+\) but got \([0-9a-f]+\)$/
    )
    expect(load(bytes, { checksum: false }).end.checksum).toBe("ignored")
  })

  it("is CRC-64/Jones, in any portions", () => {
    const text = "Lorem ipsum dolor sit amet, consectetur adipiscing elit"
    expect(crc64(bytesOf("123456789"))).toBe(0xe9c6d914c4b8d9can)
    for (let cut = 0; cut <= text.length; cut++) {
      const crc = new Crc64()
      crc.update(bytesOf(text), 0, cut)
      crc.update(bytesOf(text), cut)
      expect(crc.digest()).toBe(crc64(bytesOf(text)))
    }
    expect(new Crc64().digest()).toBe(0n)
  })
})

describe("strings", () => {
  it("longer than a chunk are read whole, and the key before them stays right", () => {
    const long = "0123456789abcdef".repeat(4096)
    const head = [128, 0, 1, 0, 0]
    const file = rdb(
      11,
      "\0\x03key",
      head,
      long,
      "\0\x03two",
      [129, 0, 0, 0, 0, 0, 0, 0, 5],
      "value",
      "\0",
      head,
      long,
      "\x01v"
    )
    const { recorder, end } = load(file, { chunkBytes: 64 })
    expect(recorder.entries.get("0/key")?.value).toBe(long)
    expect(recorder.entries.get("0/two")?.value).toBe("value")
    expect(recorder.entries.get(`0/${long}`)?.value).toBe("v")
    expect(end.checksum).toBe("verified")
  })

  it("above the limit are refused, compressed ones by their length in memory", () => {
    const options = { stringBytesMax: 70 }
    const plain = (length: number): Uint8Array => rdb(11, "\0\x01k", [64, length], "a".repeat(length))
    expect(load(plain(70), options).values).toEqual([`0/k=${"a".repeat(70)}`])
    expect(failure(plain(71), options)).toMatchObject({
      reason: "too-long",
      offset: 12
    })
    const zeros = (length: number): ReadonlyArray<number> => [195, 5, 64, length, 0, 97, 0xe0, length - 10, 0]
    expect(load(rdb(11, "\0\x01k", zeros(70)), options).values).toEqual([`0/k=${"a".repeat(70)}`])
    expect(failure(rdb(11, "\0\x01k", zeros(71)), options)).toMatchObject({
      reason: "too-long",
      offset: 12
    })
  })

  it.each([
    ["an unknown encoding", [196], "corrupt"],
    ["an unknown length encoding", [130], "corrupt"],
    ["a compressed string that claims more than it can hold", [195, 2, 128, 0, 1, 0, 0, 0, 97], "corrupt"],
    ["a compressed string that is shorter than it claims", [195, 2, 2, 0, 97], "corrupt"],
    ["an encoding where a length must be", [195, 192, 2, 0, 97], "corrupt"],
    ["a length of 2^63", [129, 128, 0, 0, 0, 0, 0, 0, 0], "too-long"]
  ])("with %s are refused at their offset", (_, value, reason) => {
    expect(failure(rdb(11, "\0\x01k", value))).toMatchObject({
      reason,
      offset: value[1] === 192 ? 13 : 12
    })
  })

  it("of LZF are decompressed only within their bounds", () => {
    const out = new Uint8Array(16)
    const run = (input: ReadonlyArray<number>, length: number): boolean =>
      decompress(Uint8Array.from(input), 0, input.length, out, length)
    expect(run([0, 97, 0x20, 0], 4)).toBe(true)
    expect(latin1(out.subarray(0, 4))).toBe("aaaa")
    expect(run([], 0)).toBe(true)
    expect(run([0, 97, 0x20, 0], 3)).toBe(false)
    expect(run([0, 97, 0x20, 0], 5)).toBe(false)
    expect(run([0, 97, 0x20, 1], 4)).toBe(false)
    expect(run([0, 97, 0x20], 4)).toBe(false)
    expect(run([0, 97, 0xe0], 4)).toBe(false)
    expect(run([0, 97, 0xe0, 1], 11)).toBe(false)
    expect(run([0, 97, 0xe0, 1, 0], 11)).toBe(true)
    expect(run([4, 97], 5)).toBe(false)
  })
})

describe("reading", () => {
  it("says where an AOF's tail begins after its RDB preamble", () => {
    const preamble = fixture("redis7")
    const file = bytesOf(preamble, "*1\r\n$4\r\nPING\r\n")
    const { end } = load(file)
    expect(isRdb(file)).toBe(true)
    expect(latin1(file.subarray(end.bytes))).toBe("*1\r\n$4\r\nPING\r\n")
  })

  it("goes straight from a file", () => {
    const descriptor = openSync(path("valkey8"), "r")
    try {
      const recorder = new Recorder()
      read(
        {
          readInto: (buffer, offset, length) => readSync(descriptor, buffer, offset, length, null)
        },
        recorder
      )
      expect(recorder.entries).toEqual(load(fixture("valkey8")).recorder.entries)
    } finally {
      closeSync(descriptor)
    }
  })

  it("takes a visitor that has none of the optional calls", () => {
    for (const name of ["redis7", "redis8", "valkey8", "redis8-cluster", "valkey8-cluster"]) {
      const recorder = new Recorder()
      const visitor: Visitor = {
        selectDb: (db) => recorder.selectDb(db),
        string: (...entry) => recorder.string(...entry),
        functionLibrary: (code) => recorder.functionLibrary(code)
      }
      expect(read(fromBytes(fixture(name)), visitor).checksum).toBe("verified")
      expect(recorder.entries).toEqual(load(fixture(name)).recorder.entries)
    }
  })

  it("can be done in steps, each of at least the bytes asked for", () => {
    const bytes = fixture("redis8")
    const recorder = new Recorder()
    const reader = new RdbReader(fromBytes(bytes), recorder)
    let steps = 0
    let before = 0
    let end = reader.step(100)
    for (; end === null; end = reader.step(100)) {
      expect(reader.offset - before).toBeGreaterThanOrEqual(100)
      before = reader.offset
      steps++
    }
    expect(steps).toBeGreaterThan(3)
    expect(end).toEqual(load(bytes).end)
    expect(reader.step(100)).toBe(end)
    expect(recorder.entries).toEqual(load(bytes).recorder.entries)
  })

  it("lets through what the visitor throws", () => {
    const visitor = new Recorder()
    visitor.selectDb = () => {
      throw new RangeError("no such database")
    }
    expect(() => read(fromBytes(fixture("redis7")), visitor)).toThrow(RangeError)
  })
})
