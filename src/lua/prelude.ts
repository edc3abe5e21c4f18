/**
 * The Lua that runs before any script: the `redis` table, the sandbox, and what Lua 5.1 has and 5.3 has not. Pure.
 *
 * It returns the environment of scripts: reads fall through to the allowed globals, everything else is an error.
 */
export const PRELUDE = `
local host = __host
local G = _G
local raw_pcall, raw_type, raw_error, raw_select = pcall, type, error, select
local raw_tostring, raw_setmetatable, raw_load = tostring, setmetatable, load

local redis = {
  LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
  REPL_NONE = 0, REPL_SLAVE = 1, REPL_REPLICA = 1, REPL_AOF = 2, REPL_ALL = 3,
  REDIS_VERSION = host.version,
}
do
  local a, b, c = string.match(host.version, "(%d+)%.(%d+)%.(%d+)")
  redis.REDIS_VERSION_NUM = a * 65536 + b * 256 + c
end

redis.call = host.call
redis.pcall = host.pcall
function redis.error_reply(message)
  if raw_type(message) ~= "string" then return { err = "ERR wrong number or type of arguments" } end
  if string.sub(message, 1, 1) == "-" then message = string.sub(message, 2)
  elseif not string.find(message, " ", 1, true) then message = "ERR " .. message end
  return { err = message }
end
function redis.status_reply(message)
  if raw_type(message) ~= "string" then return { err = "ERR wrong number or type of arguments" } end
  return { ok = message }
end
redis.sha1hex = host.sha1hex
redis.log = host.log
redis.setresp = host.setresp
function redis.replicate_commands() return true end
function redis.set_repl() end
function redis.breakpoint() return false end
function redis.debug() end

local function settle(ok, ...)
  if ok then return ok, ... end
  local err = ...
  if raw_type(err) == "table" and raw_type(err.err) == "string" then return false, err.err end
  return false, ...
end
local function pcall(...) return settle(raw_pcall(...)) end

local function load_text(chunk, name, environment)
  if raw_type(chunk) == "string" and string.byte(chunk, 1) == 27 then return nil, "bytecode is not allowed" end
  return raw_load(chunk, name, "t", environment)
end

local math51 = {}
for name, value in pairs(math) do math51[name] = value end
math51.type, math51.tointeger, math51.ult, math51.maxinteger, math51.mininteger = nil, nil, nil, nil, nil
math51.pow = function(a, b) return a ^ b end
math51.mod = math.fmod
math51.log10 = function(x) return math.log(x, 10) end
math51.ldexp = function(m, e) return m * 2 ^ e end
math51.cosh = function(x) return (math.exp(x) + math.exp(-x)) / 2 end
math51.sinh = function(x) return (math.exp(x) - math.exp(-x)) / 2 end
math51.tanh = function(x)
  if x > 20 then return 1 elseif x < -20 then return -1 end
  local a, b = math.exp(x), math.exp(-x)
  return (a - b) / (a + b)
end
math51.frexp = function(x)
  if x == 0 or x ~= x or x == math.huge or x == -math.huge then return x, 0 end
  local e = math.floor(math.log(math.abs(x), 2)) + 1
  local m = x / 2 ^ e
  if math.abs(m) >= 1 then m, e = m / 2, e + 1 elseif math.abs(m) < 0.5 then m, e = m * 2, e - 1 end
  return m, e
end

local table51 = {
  concat = table.concat, insert = table.insert, remove = table.remove, sort = table.sort,
  getn = function(t) return #t end,
  maxn = function(t)
    local most = 0
    for key in pairs(t) do if raw_type(key) == "number" and key > most then most = key end end
    return most
  end,
  foreach = function(t, f)
    for key, value in pairs(t) do local r = f(key, value) if r ~= nil then return r end end
  end,
  foreachi = function(t, f)
    for i = 1, #t do local r = f(i, t[i]) if r ~= nil then return r end end
  end,
}

local string51 = {}
for name, value in pairs(string) do string51[name] = value end
string51.pack, string51.unpack, string51.packsize, string51.dump = nil, nil, nil, nil
string51.gfind = string.gmatch

-- A script's own coroutines are suspended with it at the end of a slice: whoever resumed one yields in turn, and
-- takes it up again where it was. The script itself is a coroutine, but must not notice.
local raw_resume, raw_yield, raw_create = coroutine.resume, coroutine.yield, coroutine.create
local depth = 0
local function resumed(co, ...)
  if host.suspended() then
    raw_yield()
    return resumed(co, raw_resume(co))
  end
  depth = depth - 1
  return ...
end
-- a kill may end a script anywhere, also here
function host.reset() depth = 0 end
local coroutine51 = {}
for name, value in pairs(coroutine) do coroutine51[name] = value end
coroutine51.isyieldable, coroutine51.close = nil, nil
function coroutine51.resume(co, ...)
  depth = depth + 1
  return resumed(co, raw_resume(co, ...))
end
function coroutine51.yield(...)
  if depth == 0 then raw_error("attempt to yield across metamethod/C-call boundary", 2) end
  return raw_yield(...)
end
function coroutine51.wrap(f)
  local co = raw_create(f)
  local function unwrap(ok, ...)
    if not ok then raw_error((...), 0) end
    return ...
  end
  return function(...) return unwrap(coroutine51.resume(co, ...)) end
end

local allowed = {
  _VERSION = "Lua 5.1",
  assert = assert, error = error, getmetatable = getmetatable, ipairs = ipairs, next = next, pairs = pairs,
  pcall = pcall, rawequal = rawequal, rawget = rawget, rawset = rawset, select = select,
  setmetatable = setmetatable, tonumber = tonumber, tostring = tostring, type = type, unpack = table.unpack,
  xpcall = xpcall, collectgarbage = function() return 0 end, gcinfo = function() return 0, 0 end,
  coroutine = coroutine51, string = string51, table = table51, math = math51,
  os = { clock = os.clock },
  redis = redis, server = redis,
}

local environment = {}
allowed._G = environment
allowed.load = function(chunk, name) return load_text(chunk, name, environment) end
allowed.loadstring = allowed.load

raw_setmetatable(allowed, {
  __index = function(_, name)
    -- KEYS and ARGV are set for each run
    if name == "KEYS" then return G.KEYS elseif name == "ARGV" then return G.ARGV end
    raw_error("Script attempted to access nonexistent global variable '" .. raw_tostring(name) .. "'", 2)
  end,
})
raw_setmetatable(environment, {
  __index = allowed,
  __newindex = function() raw_error("Attempt to modify a readonly table", 2) end,
  __metatable = false,
})
getmetatable("").__index = string51
return environment
`
