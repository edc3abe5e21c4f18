/**
 * Scripts that mean harm, by the harm they mean: to run on for ever, to take the memory, to change what others see, to
 * get at what is outside. Each is run against a VM, and the next script must not notice (hostile.test.ts).
 */

/** What becomes of a script: it has to be killed, or it ends by itself, with a reply that matches. */
export type End = "killed" | RegExp

export interface Hostile {
  readonly script: string
  readonly end: End
}

const meta = (event: string, use: string): Hostile => ({
  script: `local mt = {${event} = function() while true do end end}
    local a, b, r = setmetatable({}, mt), setmetatable({}, mt) ${use}`,
  end: "killed"
})

const MEMORY = /not enough memory/
const READONLY = /Attempt to modify a readonly table/

const forEver: ReadonlyArray<string> = [
  "while true do end",
  "repeat until false",
  "for i = 1, 1 / 0 do end",
  "local function f() return f() end return f()",
  "while true do pcall(function() while true do end end) end",
  "while true do pcall(error) end",
  "pcall(function() while true do pcall(error, {}) end end)",
  "xpcall(error, function() while true do end end)",
  "xpcall(function() while true do end end, function() while true do end end)",
  "coroutine.resume(coroutine.create(function() while true do end end))",
  "coroutine.wrap(function() coroutine.wrap(function() while true do end end)() end)()",
  "while true do coroutine.wrap(function() pcall(error) end)() end",
  "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
  "pcall(coroutine.wrap(function() pcall(function() while true do end end) end))",
  "table.sort({3, 2, 1}, function() while true do end end)",
  "string.gsub('abc', '%w', function() while true do end end)",
  "local t = setmetatable({}, {__index = function() while true do end end}) string.gsub('abc', '%w', t)",
  "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
  "load(function() while true do end end)",
  "table.foreach({1}, function() while true do end end)",
  "table.foreachi({1}, function() while true do end end)",
  "for _ in function() while true do end end do end",
  "for _ in function() return 1 end do end",
  "local t = {1, 2, 3} for k in pairs(t) do t[k] = nil t[k + 1] = 1 end",
  "string.find(('a'):rep(40), ('a*'):rep(30) .. 'b')",
  "string.find(('a'):rep(30000), ('a?'):rep(30000) .. ('a'):rep(30000))",
  "string.find(('a'):rep(300000), '.-.-.-b')",
  "string.match(('a'):rep(100000), '(a+)(a+)(a+)%1%2b')",
  "string.gsub(('a'):rep(200000), '(a+)(a+)b', '')",
  "for _ in string.gmatch(('a'):rep(200000), 'a-a-a-b') do end",
  "string.find(('('):rep(1000000), '%b()')",
  "table.insert({}, -1e15, 1)",
  "local t = {} for i = 1, 200000 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end",
  "local t = {} for i = 1, 5000 do t[i] = ('x'):rep(1000) end while true do table.concat(t) end",
  "local t = {} for i = 1, 100000 do t[i] = i % 7 end while true do table.sort(t, function(a, b) return a < b end) end",
  "local t = {} for i = 1, 300000 do t[i] = -i end while true do table.sort(t) end",
  "local s = ('x'):rep(4e6) while true do local u = s:upper():reverse() end",
  "local a, b = ('x'):rep(4e6) .. 'a', ('x'):rep(4e6) .. 'b' while true do local c = a < b or a == b end",
  "local s, t = ('x'):rep(4e6), {} while true do t[s .. ''] = 1 end",
  "local s = '' while true do s = string.format('%99.99f%s', 1e308, s):sub(1, 1000) end",
  "while true do loadstring(('local a '):rep(150)) end",
  "while true do redis.call('PING') end",
  "while true do redis.pcall('FAILS') end",
  "while true do math.random() end"
]

const memory: ReadonlyArray<string> = [
  "local t = {} while true do t[#t + 1] = {} end",
  "local t, i = {}, 0 while true do i = i + 1 t[i] = i end",
  "local t, i = {}, 0 while true do i = i + 1 t[-i] = i end",
  "local t, i = {}, 0 while true do i = i + 1 t['k' .. i] = true end",
  "local t = {} while true do t = {t} end",
  "local t = {} while true do local o = t t = function() return o end end",
  "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
  "local t = {} while true do t[#t + 1] = ('x'):rep(1000000) end",
  "local t = {} while true do t[#t + 1] = {unpack(t, 1, math.min(#t, 7000))} end",
  "local s = 'x' while true do s = s .. s end",
  "local s = ('x'):rep(4e6) return #(s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s)",
  "return #('x'):rep(1e10)",
  "return #('x'):rep(1e6):rep(1e6)",
  "return #table.concat({('x'):rep(4e6), ('x'):rep(4e6), ('x'):rep(4e6)}, ('y'):rep(4e6))",
  "return #('x'):rep(1000):gsub('x', ('y'):rep(4e6))",
  "return #string.format(('%s'):rep(4), ('x'):rep(4e6), ('x'):rep(4e6), ('x'):rep(4e6), ('x'):rep(4e6))",
  "local t = {} local function f(...) t[#t + 1] = {...} return f(1, ...) end f()"
]

const changes: ReadonlyArray<string> = [
  "redis.call = nil",
  "redis.pcall = redis.call",
  "string.rep = function() return '' end",
  "table.insert = nil",
  "math.random = nil",
  "coroutine.wrap = nil",
  "getmetatable('').__index = {}",
  "getmetatable('').__lt = function() end",
  "rawset(_G, 'KEYS', {'victim'})",
  "rawset(_G, 'x', 1)",
  "rawset(string, 'rep', nil)",
  "rawset(getmetatable(''), '__index', nil)",
  "rawset(getmetatable(_G), '__index', nil)",
  "setmetatable(_G, {})",
  "setmetatable(string, {__index = function() end})",
  "setmetatable(redis, nil)",
  "setmetatable(getmetatable(''), {})",
  "table.insert(redis, 1)",
  "table.insert(string, 1, 1)",
  "KEYS = {'victim'}",
  "ARGV = nil",
  "_G = {}",
  "_G.tostring = nil",
  "function print() end",
  "x = 1",
  "loadstring('tostring = nil')()",
  "coroutine.wrap(function() redis.call = nil end)()"
]

/** Those that end by themselves, each in its way. */
const others: ReadonlyArray<Hostile> = [
  { script: "local function f() return 1 + f() end return f()", end: /user_script:1: stack overflow/ },
  { script: "local function f() return (pcall(f)) end return tostring(f())", end: /true/ },
  {
    script: "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
    end: /loop in gettable/
  },
  {
    script: "local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x",
    end: /C stack overflow/
  },
  {
    script: "local function f() return coroutine.wrap(f)() end return f()",
    end: /C stack overflow/
  },
  { script: "return unpack({}, 1, 1e9)", end: /too many results to unpack/ },
  { script: "return select('#', ('x'):rep(1e6):byte(1, -1))", end: /string slice too long/ },
  { script: "return string.rep('(', 500):find('x') and 1 or 0", end: /:0/ },
  { script: "return ('x'):find(('('):rep(40))", end: /too many captures/ },
  { script: "local a = {} for i = 1, 60 do a = {a, a} end return a", end: /too large/ },
  { script: "local a = {} a[1] = a return a", end: /reached lua stack limit/ },
  {
    script: "error(setmetatable({}, {__tostring = function() while true do end end}))",
    end: /unknown error/
  },
  { script: "redis.call(setmetatable({}, {}))", end: /must be strings or integers/ },
  {
    script: "KEYS[1] = 'victim' KEYS.x = ARGV ARGV[1] = KEYS setmetatable(KEYS, {__index = ARGV})",
    end: /\$-1/
  },
  { script: "math.randomseed(42)", end: /\$-1/ },
  { script: "redis.setresp(3)", end: /\$-1/ },
  { script: "coroutine.yield(1)", end: /attempt to yield/ },
  { script: "return load('\\27Lua')", end: /bad argument #1 to 'load'/ },
  { script: "return (select(2, loadstring('\\27Lua')))", end: /unexpected symbol|binary/ },
  {
    script: "return (select(2, load(coroutine.wrap(function() coroutine.yield('\\27Lua') end))))",
    end: /binary/
  },
  { script: "return string.dump(function() end)", end: /unable to dump/ },
  { script: "return #(load(function() return 'x=1 ' end) or '')", end: /:0/ },
  { script: "_ENV.x = 1", end: /nonexistent global variable '_ENV'/ },
  { script: "local _ENV = {} return x", end: /nonexistent global variable 'x'/ },
  { script: "return select(-1000000000000)", end: /index out of range/ },
  { script: "return ('x'):rep(-1e300) .. ('x'):rep(0/0)", end: /\$0/ }
]

export const hostile: ReadonlyArray<Hostile> = [
  ...forEver.map((script) => ({ script, end: "killed" as const })),
  meta("__lt", "r = a < b"),
  meta("__le", "r = a <= b"),
  meta("__lt", "r = a <= b"),
  meta("__lt", "table.sort({a, b})"),
  meta("__eq", "r = a == b"),
  meta("__concat", "r = 'x' .. a .. b"),
  meta("__unm", "r = -a"),
  meta("__add", "r = a + 1"),
  meta("__pow", "r = 1 ^ a"),
  meta("__call", "r = a()"),
  meta("__call", "pcall(a)"),
  meta("__index", "r = a.x"),
  meta("__index", "r = a:x()"),
  meta("__newindex", "a.x = 1"),
  ...memory.map((script) => ({ script, end: MEMORY })),
  ...changes.map((script) => ({ script, end: READONLY })),
  ...others
]
