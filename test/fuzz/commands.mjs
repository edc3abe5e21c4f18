// What the differential fuzzer sends: seeded generators, one per command, that make valid, edge and invalid
// forms. Pure: no sockets, no clock; the same seed makes the same steps.
//
// A step is what the shrinker may drop, and is never cut in two:
//   { commands: [{ args, norm? }] }   sent in the pipeline; `norm` names a rule of compare.mjs
//   { raw: bytes }                    a connection of its own: bytes, half-close, everything up to the close
//   { scan: args }                    a whole SCAN iteration, started anew on each side
// Arguments are latin1 strings (one character a byte).
//
// To stay deterministic nothing may expire *while* the run goes on: relative deadlines are negative, zero, or
// a million seconds and more; a key that is set with a deadline in the past is touched in the same step
// (until then DBSIZE and RANDOMKEY may or may not still count it, as the active expiry cycle pleases).

const long = (char, length) => char.repeat(length)

export const keys = [
  "a",
  "b",
  "c",
  "d",
  "e",
  "f",
  "g",
  "h",
  "key:1",
  "key:2",
  "{t}x",
  "",
  "foo bar",
  "\x00\xff\r\n",
  "\xc3\xa9\xe2\x82\xac",
  long("L", 300),
  "a*b[c]?\\",
  "12345"
]

const edgeIntegers = [
  "9223372036854775807",
  "9223372036854775806",
  "9223372036854775808",
  "-9223372036854775808",
  "-9223372036854775807",
  "-9223372036854775809",
  "18446744073709551615",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "-9007199254740993",
  "4611686018427387904",
  "2147483647",
  "2147483648",
  "-2147483648",
  "-2147483649",
  "4294967295",
  "4294967296",
  "9999",
  "10000",
  "-1",
  "0",
  "1"
]

const notIntegers = [
  "",
  " ",
  " 1",
  "1 ",
  "+1",
  "-0",
  "00",
  "01",
  "0x1",
  "1e3",
  "3.0e3",
  "1.0",
  "1.5",
  "abc",
  "12a",
  "--1",
  "-",
  "1\x00",
  "\x001",
  "inf",
  "nan",
  "99999999999999999999",
  "123456789012345678901234567890"
]

const floats = [
  "0",
  "-0",
  "0.1",
  "0.2",
  "0.3",
  "1.1",
  "-1.1",
  "3.0e3",
  "5.0e3",
  "1e3",
  "1e-3",
  "1e17",
  "1e18",
  "1e21",
  "1e-17",
  "1e-18",
  "123456789.123456789",
  "3.14159265358979323846",
  "100000000000000000000",
  "9223372036854775807",
  "1.7976931348623157e308",
  "1e308",
  "-1e308",
  ".5",
  "5.",
  "2.5000",
  "1e0",
  "0.00000000000000001"
]

const notFloats = [
  "inf",
  "-inf",
  "+inf",
  "infinity",
  "nan",
  "-nan",
  "1e5000",
  "0x1",
  "0x1p3",
  "",
  " 1",
  "1 ",
  "abc",
  "1.2.3",
  "1e",
  "e1",
  "1,5",
  "--1",
  "+",
  "1\x00"
]

const patterns = [
  "*",
  "a*",
  "?",
  "[a-c]",
  "[^a]",
  "[c-a]",
  "key:?",
  "*x",
  "\\*",
  "a\\*b*",
  "[",
  "[a",
  "[a-",
  "\\",
  "***",
  "",
  "foo bar",
  "f??*r",
  "[]",
  "[^]",
  "[\\]]",
  "*\xff*",
  "L*L",
  "nothing"
]

const deadlinesSeconds = ["4102444800", "4102444801", "9999999999", "32503680000"]
const deadlinesMs = ["4102444800000", "4102444800001", "9999999999999", "9223372036854775807"]
const pastDeadlines = ["1", "1000000000"]
const badDeadlines = [
  "0",
  "-1",
  "-100",
  "9223372036854775807",
  "-9223372036854775808",
  "9223372036854775",
  "9223372036854776",
  "-9223372036854775",
  "-9223372036854777",
  "9223372036854775808",
  ...notIntegers
]
// these are valid as milliseconds from now, and so end up a few of them apart on two servers
const badRelativeMs = badDeadlines.filter((text) => !/^922337203685477[56]$/.test(text))

/** Sources of scripts: %k and %v are spliced-in plain texts, the rest is Lua. */
const scripts = [
  "return 1",
  "return 3.99",
  "return -3.99",
  "return '3.99'",
  "return true",
  "return false",
  "return nil",
  "return",
  "",
  "return {1,2,3.7,'x'}",
  "return {1,nil,3}",
  "return {1,{2,{3,'four'}},'five'}",
  "return {true,false,1}",
  "return {}",
  "return {a=1}",
  "return {ok='fine'}",
  "return {err='MYERR something'}",
  "return {err='no code'}",
  "return {ok='two\\r\\nlines'}",
  "return redis.status_reply('TOO BAD')",
  "return redis.error_reply('TOO BAD')",
  "return redis.error_reply('-TOO BAD')",
  "return redis.error_reply('My error')",
  "return redis.error_reply()",
  "return redis.status_reply(1)",
  "return KEYS",
  "return ARGV",
  "return {KEYS[1],ARGV[1]}",
  "return {#KEYS,#ARGV}",
  "return KEYS[1]..'/'..tostring(ARGV[1])",
  "return redis.call('GET',KEYS[1])",
  "return redis.call('SET',KEYS[1],ARGV[1])",
  "return redis.call('get',KEYS[1]) == false",
  "return redis.call('SET',KEYS[1],ARGV[1],'NX')",
  "return redis.call('SET',KEYS[1],ARGV[1],'XX','GET')",
  "return redis.call('INCR',KEYS[1])",
  "return redis.pcall('INCR',KEYS[1])",
  "return redis.call('INCRBY',KEYS[1],ARGV[1])",
  "return redis.call('INCRBYFLOAT',KEYS[1],'1.5')",
  "return redis.call('APPEND',KEYS[1],ARGV[1])",
  "return redis.call('STRLEN',KEYS[1])",
  "return redis.call('MGET',KEYS[1],'nokey',KEYS[1])",
  "return {redis.call('EXISTS',KEYS[1]),redis.call('TYPE',KEYS[1])}",
  "return redis.call('DEL',unpack(KEYS))",
  "return redis.call('EXPIREAT',KEYS[1],4102444800)",
  "return redis.call('PEXPIRETIME',KEYS[1]) == 4102444800000",
  "return redis.call('SET',KEYS[1])",
  "return redis.pcall('SET',KEYS[1])",
  "return redis.call('NOSUCH',KEYS[1])",
  "return redis.pcall('NOSUCH',KEYS[1])",
  "return redis.call()",
  "return redis.pcall()",
  "return redis.call({})",
  "return redis.call('SET',KEYS[1],{})",
  "return redis.call('SET',KEYS[1],12)",
  "return redis.call('SET',KEYS[1],12.5)",
  "return redis.call('SET',KEYS[1],1e15)",
  "return redis.call('SET',KEYS[1],2^53)",
  "return redis.call('EVAL','return 1',0)",
  "return redis.call('SHUTDOWN','x')",
  "redis.call('SET',KEYS[1],'half'); redis.call('SET',KEYS[1])",
  "redis.call('SET',KEYS[1],'half'); error('stop')",
  "local e=redis.pcall('INCRBY',KEYS[1],'x'); return e.err",
  "local e=redis.pcall('INCRBY',KEYS[1],'x'); return e",
  "local s=redis.call('SET',KEYS[1],'v'); return s.ok",
  "local s={} for i=1,10 do s[i]=redis.call('INCR',KEYS[1]) end return s",
  "for i=1,3 do redis.call('APPEND',KEYS[1],i) end return redis.call('GET',KEYS[1])",
  "if redis.call('EXISTS',KEYS[1])==1 then return redis.call('GET',KEYS[1]) else return 'none' end",
  "error('plain')",
  "error({err='TABLE error'})",
  "return nosuchglobal",
  "x=1",
  "local t=nil; return t.x",
  "return 1+{}",
  "return 'a'..nil",
  "return #nil",
  // a text that the parsers of Lua 5.1 and 5.3 word alike
  "return (",
  "return (",
  "return redis.sha1hex('')",
  "return redis.sha1hex(ARGV[1] or 'x')",
  "return redis.sha1hex()",
  "return tostring(10)",
  "return tostring(1.5)",
  "return tostring(1e100)",
  "return tostring(-0)",
  "return tonumber('0x10')",
  "return tonumber('abc')",
  "return string.rep('ab',30)",
  "return string.format('%d %s %.3f',3,'x',1.5)",
  "return string.upper(ARGV[1] or 'none')",
  "return #(ARGV[1] or '')",
  "return string.byte(ARGV[1] or 'a',1,100)",
  "return {string.find('hello world','o w')}",
  "return string.gsub('hello','l','L')",
  "return table.concat({1,2,3},',')",
  "return 9007199254740993",
  "return 2^63",
  "return -2^63",
  "return 1/0",
  "return 0/0 ~= 0/0",
  "return math.floor(3.7)",
  "return 7 % -3",
  "return redis.setresp(3)",
  "redis.setresp(3); return redis.call('GET',KEYS[1])",
  "redis.setresp(3); return {double=3.5}",
  "redis.setresp(3); return {map={a=1}}",
  "redis.setresp(3); return true",
  "return {double=3.5}",
  "return {big_number='12345678901234567890'}",
  "return {verbatim_string={format='txt',string='hi'}}",
  "return {set={x=true}}",
  "redis.setresp(4)",
  "return redis.LOG_WARNING",
  "return redis.REPL_ALL",
  "return redis.replicate_commands()",
  "return type(redis.call)",
  "return _VERSION"
]

const configNames = [
  "maxmemory",
  "maxmemory-policy",
  "appendfsync",
  "databases",
  "proto-max-bulk-len",
  "maxclients",
  "timeout",
  "MAXMEMORY",
  "nosuch",
  ""
]

const inlines = [
  "PING",
  "ping hello",
  "PING a b",
  "ECHO 'single quoted'",
  'ECHO "double \\x41\\n\\t\\"q\\""',
  "ECHO 'it\\'s'",
  'ECHO "\\xzz"',
  'ECHO "unbalanced',
  "ECHO 'unbalanced",
  'ECHO "a"b',
  "ECHO 'a'b",
  "ECHO a'b'",
  "   ECHO   spaced  ",
  "\tECHO tab",
  'ECHO ""',
  "ECHO ''",
  '""',
  "",
  " ",
  "GET",
  "NOSUCH a b c",
  "SELECT 99",
  "SELECT 1",
  "GET %k",
  "SET %k v",
  "SET %k 'v w' EX 1000000",
  "INCR %k",
  "STRLEN %k",
  "DEL %k",
  "QUIT",
  "QUIT now",
  "HELLO 3",
  "HELLO 9",
  "CLIENT GETNAME",
  "CLIENT SETNAME x",
  "ECHO \xff\xfe"
]

const malformed = [
  "*abc\r\n",
  "*\r\n",
  "* 1\r\n",
  "*1 \r\n$4\r\nPING\r\n",
  "*+1\r\n$4\r\nPING\r\n",
  "*01\r\n$4\r\nPING\r\n",
  "*-1\r\n",
  "*-0\r\n",
  "*0\r\n",
  "*-10\r\n*1\r\n$4\r\nPING\r\n",
  "*2147483648\r\n",
  "*2147483647\r\n",
  "*1048577\r\n",
  "*99999999999999999999\r\n",
  "*1\r\n$abc\r\n",
  "*1\r\n$-1\r\n",
  "*1\r\n$-5\r\nhello\r\n",
  "*1\r\n$\r\n",
  "*1\r\n$536870913\r\n",
  "*1\r\n$2147483648\r\n",
  "*1\r\n$99999999999999999999\r\n",
  "*1\r\n:1\r\n",
  "*1\r\n+PING\r\n",
  "*1\r\nPING\r\n",
  "*1\r\n*1\r\n$4\r\nPING\r\n",
  "*1\r\n\r\n",
  "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
  "*1\r\n$4\r\nPING\n\n*1\r\n$4\r\nPING\r\n",
  "*1\r\n$3\r\nPING\r\n",
  "*1\r\n$5\r\nPING\r\n",
  "*1\r\n$0\r\n\r\n",
  "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
  "*3\r\n$3\r\nSET",
  "*3\r\n$3\r\nSET\r\n$1\r\na\r\n",
  "*1\n$4\nPING\n",
  "$4\r\nPING\r\n",
  "+OK\r\n",
  "-ERR x\r\n",
  ":1\r\n",
  "%1\r\n$1\r\na\r\n$1\r\nb\r\n",
  "\r\n\r\n\r\nPING\r\n",
  "PING",
  "PING\n",
  "PING\rPING\r\n",
  "\x00\r\n",
  "\x00\x01\x02\xff\xfe\r\n",
  "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
  "POST / HTTP/1.1\r\n\r\n",
  "Host: example\r\n\r\n"
]

/** @param random seeded numbers of support/options.mjs */
export function generator(random, { only, without = [] } = {}) {
  const { below, oneIn, pick, between } = random
  let unique = 0

  const key = () => (oneIn(3) ? pick(keys) : keys[below(6)])
  const junk = () => pick([...notIntegers, ...edgeIntegers, "NX", "GET", "\x00\xff", "*"])
  const binary = (length) => {
    let text = ""
    for (let i = 0; i < length; i++) text += String.fromCharCode(below(256))
    return text
  }
  const value = () => {
    const choice = below(100)
    if (choice < 25) return String(below(200) - 50)
    if (choice < 35) return pick(edgeIntegers)
    if (choice < 42) return pick(floats)
    if (choice < 45) return pick(notFloats)
    if (choice < 49) return pick(notIntegers)
    if (choice < 52) return ""
    if (choice < 62) return binary(below(12))
    if (choice < 70) return long(pick(["x", "é", "\x00"]), between(42, 47))
    if (choice < 73) return long(String(between(1, 9)), between(17, 22))
    if (choice < 74) return oneIn(12) ? long(pick(["y", "\xff"]), 70 * 1024) : long("z", 10 * 1024)
    return pick(["hello", "world", "foobar", "Hello, World", "abc", "ohmytext", "mynewtext"])
  }
  const anyInteger = () => {
    const choice = below(10)
    if (choice < 5) return String(below(300) - 100)
    if (choice < 8) return pick(edgeIntegers)
    return pick(notIntegers)
  }
  const anyFloat = () => (oneIn(3) ? anyInteger() : oneIn(5) ? pick(notFloats) : pick(floats))
  const index = () => (oneIn(4) ? anyInteger() : String(between(-60, 60)))
  // each relative deadline is a thousand seconds from every other: GT and LT never hang on a millisecond
  const relativeSeconds = () => (oneIn(3) ? pick(badDeadlines) : String(1_000_000 + 1000 * unique++))
  const relativeMs = () => (oneIn(3) ? pick(badRelativeMs) : `${1_000_000 + 1000 * unique++}000`)
  const absoluteSeconds = () => (oneIn(4) ? pick(badDeadlines) : pick(deadlinesSeconds))
  const absoluteMs = () => (oneIn(4) ? pick(badDeadlines) : pick(deadlinesMs))
  const expiryOption = () =>
    pick([
      () => ["EX", relativeSeconds()],
      () => ["PX", relativeMs()],
      () => ["EXAT", absoluteSeconds()],
      () => ["PXAT", absoluteMs()]
    ])()
  const database = () =>
    oneIn(8) ? pick(["15", "16", "-1", ...notIntegers, ...edgeIntegers]) : String(below(3))
  const one = (args, norm) => ({
    commands: [norm === undefined ? { args } : { args, norm }]
  })
  const some = (low, high, make) => Array.from({ length: between(low, high) }, make)
  const touched = (args, name) => ({
    commands: [{ args }, { args: ["EXISTS", name] }]
  })
  const pairs = () => some(1, 5, () => [key(), value()]).flat()

  const setOptions = () => {
    const list = []
    for (let n = pick([0, 0, 1, 1, 2, 2, 3, 4]); n > 0; n--) {
      list.push(
        ...pick([() => ["NX"], () => ["XX"], () => ["GET"], () => ["KEEPTTL"], expiryOption, expiryOption])()
      )
    }
    if (oneIn(30)) list.push(pick(["FOO", "EX", "IFEQ", ""]))
    return list.map((text) => (oneIn(6) ? text.toLowerCase() : text))
  }
  const hasPast = (args) => args.some((text) => pastDeadlines.includes(text) || /^(-|0$)/.test(text))
  const expire = (name, deadline, past) => () => {
    const k = key()
    const flags = oneIn(2)
      ? []
      : some(1, 2, () => pick(["NX", "XX", "GT", "LT", "gt", oneIn(8) ? "FOO" : "LT"]))
    const args = [name, k, past && oneIn(8) ? pick(pastDeadlines) : deadline(), ...flags]
    return hasPast(args) ? touched(args, k) : one(args)
  }
  const script = () => {
    const source = pick(scripts)
    return oneIn(10) ? `${source} -- ${below(4)}` : source
  }
  const scanOptions = () => {
    const list = []
    if (oneIn(2)) list.push("MATCH", pick(patterns))
    if (oneIn(3)) list.push("TYPE", pick(["string", "STRING", "list", "nosuch"]))
    return list
  }

  /** name → [weight, make]; a family's name is its first command's */
  const families = {
    SET: [
      80,
      () => {
        const k = key()
        const args = ["SET", k, value(), ...setOptions()]
        if (oneIn(40)) return touched([...args.slice(0, 3), pick(["EXAT", "PXAT"]), pick(pastDeadlines)], k)
        return hasPast(args.slice(3)) ? touched(args, k) : one(args)
      }
    ],
    GET: [60, () => one(["GET", key()])],
    GETSET: [12, () => one(["GETSET", key(), value()])],
    GETDEL: [8, () => one(["GETDEL", key()])],
    GETEX: [
      16,
      () => {
        const k = key()
        const list = pick([() => [], () => ["PERSIST"], expiryOption, expiryOption, expiryOption])()
        if (oneIn(10)) list.push(...pick([["PERSIST"], ["EX", "1000000"], ["NX"], ["GET"]]))
        const args = ["GETEX", k, ...list]
        return hasPast(list) ? touched(args, k) : one(args)
      }
    ],
    SETNX: [12, () => one(["SETNX", key(), value()])],
    SETEX: [10, () => one(["SETEX", key(), relativeSeconds(), value()])],
    PSETEX: [10, () => one(["PSETEX", key(), relativeMs(), value()])],
    MSET: [20, () => one(["MSET", ...pairs(), ...(oneIn(20) ? [key()] : [])])],
    MSETNX: [12, () => one(["MSETNX", ...pairs(), ...(oneIn(20) ? [key()] : [])])],
    MGET: [25, () => one(["MGET", ...some(1, 8, key)])],
    APPEND: [25, () => one(["APPEND", key(), value()])],
    STRLEN: [20, () => one(["STRLEN", key()])],
    SETRANGE: [
      20,
      () => {
        const offset = oneIn(4)
          ? pick(["-1", "536870912", "536870913", "2147483647", "4294967296", "9223372036854775807", "x", ""])
          : String(below(oneIn(20) ? 3000 : 70))
        return one(["SETRANGE", key(), offset, value()])
      }
    ],
    GETRANGE: [25, () => one([oneIn(3) ? "SUBSTR" : "GETRANGE", key(), index(), index()])],
    INCR: [30, () => one([pick(["INCR", "DECR"]), key()])],
    INCRBY: [25, () => one([pick(["INCRBY", "DECRBY"]), key(), anyInteger()])],
    INCRBYFLOAT: [25, () => one(["INCRBYFLOAT", key(), anyFloat()])],
    LCS: [
      12,
      () => {
        // on keys that the step has just set: the table is the product of both lengths
        const text = () => some(0, oneIn(10) ? 200 : 12, () => pick(["a", "b", "c", "\x00"])).join("")
        const options = some(0, 3, () =>
          pick([
            ["LEN"],
            ["IDX"],
            ["MINMATCHLEN", anyInteger()],
            ["WITHMATCHLEN"],
            oneIn(9) ? ["FOO"] : ["IDX"]
          ])
        ).flat()
        const set = [{ args: ["SET", "lcs1", text()] }, { args: ["SET", "lcs2", text()] }]
        const second = oneIn(20) ? "nokey" : "lcs2"
        return {
          commands: [...(oneIn(30) ? [] : set), { args: ["LCS", "lcs1", second, ...options] }]
        }
      }
    ],
    DEL: [14, () => one([pick(["DEL", "UNLINK"]), ...some(1, 3, key)])],
    EXISTS: [14, () => one([pick(["EXISTS", "TOUCH"]), ...some(1, 5, key)])],
    TYPE: [8, () => one(["TYPE", key()])],
    COPY: [
      14,
      () => {
        const list = some(0, 2, () =>
          pick([["REPLACE"], ["DB", database()], ["replace"], oneIn(6) ? ["DB"] : ["REPLACE"]])
        )
        return one(["COPY", key(), key(), ...list.flat()])
      }
    ],
    RENAME: [14, () => one([pick(["RENAME", "RENAMENX"]), key(), key()])],
    MOVE: [8, () => one(["MOVE", key(), database()])],
    KEYS: [5, () => one(["KEYS", pick(patterns)], "sorted")],
    SCAN: [
      6,
      () => {
        if (oneIn(3))
          return {
            scan: [...scanOptions(), ...(oneIn(2) ? ["COUNT", String(between(1, 12))] : [])]
          }
        // one call that returns everything, and the wrong forms
        const cursor = oneIn(6) ? pick(["abc", "", " 0", "0x0", "18446744073709551616"]) : "0"
        const count = oneIn(6) ? pick(["0", "-1", "abc", "1.5", ""]) : "100000"
        const tail = oneIn(12) ? [pick(["FOO", "MATCH", "COUNT", "TYPE"])] : []
        return one(["SCAN", cursor, "COUNT", count, ...scanOptions(), ...tail], "scan")
      }
    ],
    RANDOMKEY: [4, () => one(["RANDOMKEY"], "kind")],
    DBSIZE: [8, () => one(["DBSIZE"])],
    EXPIRE: [
      40,
      () =>
        pick([
          expire("EXPIRE", relativeSeconds, false),
          expire("PEXPIRE", relativeMs, false),
          expire("EXPIREAT", absoluteSeconds, true),
          expire("PEXPIREAT", absoluteMs, true)
        ])()
    ],
    TTL: [20, () => one([pick(["TTL", "PTTL"]), key()], "ttl")],
    EXPIRETIME: [16, () => one([pick(["EXPIRETIME", "PEXPIRETIME"]), key()], "deadline")],
    PERSIST: [10, () => one(["PERSIST", key()])],
    OBJECT: [
      20,
      () =>
        pick([
          () => one(["OBJECT", "ENCODING", key()]),
          () => one(["OBJECT", "ENCODING", key()]),
          () => one(["OBJECT", "REFCOUNT", key()], "refcount"),
          () => one(["OBJECT", "IDLETIME", key()], "idletime"),
          () => one(["OBJECT", "FREQ", key()]),
          () => one(["OBJECT", "HELP"], "help"),
          () => one(["OBJECT", pick(["NOSUCH", "", "ENCODING"]), ...some(0, 2, key)])
        ])()
    ],
    SWAPDB: [3, () => one(["SWAPDB", database(), database()])],
    FLUSHDB: [
      2,
      () =>
        one([
          pick(["FLUSHDB", "FLUSHDB", "FLUSHALL"]),
          ...pick([[], ["ASYNC"], ["SYNC"], ["FOO"], ["SYNC", "x"]])
        ])
    ],
    SELECT: [8, () => one(["SELECT", database()])],
    PING: [8, () => one(pick([["PING"], ["PING", value()], ["PING", "a", "b"]]))],
    ECHO: [8, () => one(["ECHO", value()])],
    EVAL: [
      45,
      () => {
        const names = some(0, 3, key)
        const wrong = ["0", "-1", "99", "abc", "", "1.5", "9223372036854775807"]
        const count = oneIn(20) ? pick(wrong) : String(names.length)
        return one(["EVAL", script(), count, ...names, ...some(0, 3, value)])
      }
    ],
    EVALSHA: [
      5,
      () => {
        const sha = pick([
          "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", // return 1
          "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB",
          long("f", 40),
          "nosuch",
          "",
          long("f", 41)
        ])
        return one(["EVALSHA", sha, pick(["0", "1", "-1", "x"]), "a", value()])
      }
    ],
    SCRIPT: [
      8,
      () =>
        pick([
          () => one(["SCRIPT", "LOAD", script()]),
          () =>
            one([
              "SCRIPT",
              "EXISTS",
              ...some(0, 3, () => pick([long("f", 40), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"]))
            ]),
          () => one(["SCRIPT", "LOAD"]),
          () => one(["SCRIPT", pick(["NOSUCH", "", "load"]), "return 1"])
        ])()
    ],
    HELLO: [
      3,
      () =>
        one(
          [
            "HELLO",
            ...pick([
              [],
              ["2"],
              ["3"],
              ["3"],
              ["2", "SETNAME", "fuzz"],
              ["3", "SETNAME", "with space"],
              ["3", "AUTH", "default", "any"],
              ["3", "AUTH", "nobody", "x"],
              ["3", "AUTH", "default"],
              ["3", "FOO"],
              ["4"],
              ["1"],
              ["-1"],
              ["abc"],
              [""],
              ["9223372036854775808"]
            ])
          ],
          "hello"
        )
    ],
    CLIENT: [
      6,
      () =>
        pick([
          () => one(["CLIENT", "SETNAME", pick(["name", "", "with space", "line\nbreak", "\xff", "n-1"])]),
          () => one(["CLIENT", "GETNAME"]),
          () => one(["CLIENT", "ID"], "kind"),
          () => one(["CLIENT", pick(["NOSUCH", "", "SETNAME", "GETNAME"]), ...some(0, 2, value)])
        ])()
    ],
    CONFIG: [
      4,
      () => one(["CONFIG", "GET", ...(oneIn(10) ? [] : some(1, 2, () => pick(configNames)))], "map")
    ],
    DEBUG: [2, () => one(["DEBUG", pick(["JMAP", "NOSUCH", "", "foo"]), ...some(0, 2, value)])],
    UNKNOWN: [
      4,
      () =>
        one([
          pick(["NOSUCH", "", "GETX", "se", "SET\r\n", "\x00", "get ", long("n", 200)]),
          ...some(0, 4, value)
        ])
    ],
    INLINE: [
      2,
      () => {
        const name = `raw${below(1 << 30)}`
        const lines = some(1, 6, () => pick(inlines).replace("%k", name))
        return {
          raw: lines.map((line) => line + pick(["\r\n", "\r\n", "\n"])).join("")
        }
      }
    ],
    MALFORMED: [
      2,
      () => {
        // a line without an end: of an inline command, a count of arguments, a length
        if (oneIn(15))
          return {
            raw: pick(["A", "\x00", "*1", "*1\r\n$1"]) + long(pick(["1", "\x00"]), 64 * 1024 + 9)
          }
        const bytes = pick(malformed)
        // Redis drops an HTTP client at once, and with it replies to what stood before: these come alone
        const before = oneIn(3) && !/^(POST|Host)/.test(bytes) ? "*1\r\n$4\r\nPING\r\n" : ""
        return { raw: before + bytes + (oneIn(3) ? "PING\r\n" : "") }
      }
    ]
  }

  const names = Object.keys(families).filter(
    (name) => (only?.includes(name) ?? true) && !without.includes(name)
  )
  if (names.length === 0) throw new Error(`no such families; there are: ${Object.keys(families).join(" ")}`)
  const wheel = names.flatMap((name) => Array(families[name][0]).fill(families[name][1]))

  // these take no exchanged arguments: a value that slid into a deadline's or an offset's place could make a
  // key that expires during the run, or half a gigabyte
  const fragile =
    /^(SET|GETEX|P?SETEX|P?EXPIRE(AT)?|SETRANGE|EVAL|EVALSHA|LCS|HELLO|SCRIPT|SCAN|CONFIG|COPY|MOVE)$/i
  const mutate = (args) => {
    const at = below(args.length)
    const choice = below(fragile.test(args[0]) ? 2 : 4)
    if (choice === 0 && args.length > 1) return args.slice(0, -1)
    if (choice === 1) return [...args, pick(["", "FOO", "XX", "\x00"])]
    if (choice === 2) return args.map((text, i) => (i === at && i > 0 ? junk() : text))
    return [...args.slice(0, at), args[at], ...args.slice(at)]
  }

  return function next() {
    const step = pick(wheel)()
    if (step.commands !== undefined && step.commands.length === 1) {
      const [command] = step.commands
      // 7.0, the reference, acts on HELLO's options as it reads them; 7.2 reads them all first
      if (oneIn(25) && !/^HELLO$/i.test(String(command.args[0]))) command.args = mutate(command.args)
      if (oneIn(12)) command.args = [command.args[0].toLowerCase(), ...command.args.slice(1)]
    }
    return step
  }
}
