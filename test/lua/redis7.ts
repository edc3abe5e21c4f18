/**
 * Scripts and what redis-server 7.0.15 replied to them, one after another on an empty database: `script: SHA` is the
 * script's SHA1. Simple strings are { ok }, nulls { nil }, arrays their items.
 */
export type ScriptReply =
  | string
  | number
  | { readonly ok: string }
  | { readonly big: string }
  | { readonly error: string }
  | { readonly nil: string }
  | ReadonlyArray<ScriptReply>

/** A script, its reply, its keys and its arguments. */
type Row = readonly [string, ScriptReply, ReadonlyArray<string>?, ReadonlyArray<string>?]

export const scriptReplies: ReadonlyArray<Row> = [
  ["return 1", 1],
  ["return -7.9", -7],
  ["return 3.999", 3],
  ["return 'text'", "text"],
  ["return ''", ""],
  ["return true", 1],
  ["return false", { nil: "$-1" }],
  ["return nil", { nil: "$-1" }],
  ["return", { nil: "$-1" }],
  ["return {1,2,{3,'four'}}", [1, 2, [3, "four"]]],
  ["return {1,nil,3}", [1]],
  ["return {}", []],
  ["return {ok='fine'}", { ok: "fine" }],
  ["return {err='MY error'}", { error: "MY error" }],
  ["return {err='My Err'}", { error: "My Err" }],
  ["return redis.status_reply('S')", { ok: "S" }],
  ["return redis.error_reply('E text')", { error: "E text" }],
  ["return redis.error_reply('-E text')", { error: "E text" }],
  ["return redis.error_reply('one')", { error: "ERR one" }],
  ["return {1, 2.9, 'x', true, false, 'y'}", [1, 2, "x", 1, { nil: "$-1" }, "y"]],
  ["return 2147483647+1", 2147483648],
  ["return 0x100000000", 4294967296],
  ["return 2^53", { big: "9007199254740992" }],
  ["return tostring(1e15)", "1e+15"],
  ["return tostring(2^53)", "9.007199254741e+15"],
  ['return "10"+5', 15],
  ["return tostring(1/0)", "inf"],
  ["return tostring(-1/0)", "-inf"],
  ["return tostring(0/0)", "-nan"],
  ["return tostring(0.1)", "0.1"],
  ["return tostring(1e14)", "1e+14"],
  ["return tostring(123456789012345)", "1.2345678901234e+14"],
  ["return tostring(3.0)", "3"],
  ["return tostring(-0.0)", "-0"],
  ["return 10/2", 5],
  ["return tostring(10/2)", "5"],
  ["return tostring(7/2)", "3.5"],
  ["return tostring(7%3)", "1"],
  ["return tostring(-7%3)", "2"],
  ["return 1e100", { big: "-9223372036854775808" }],
  ["return -1e100", { big: "-9223372036854775808" }],
  ["return 0/0", { big: "-9223372036854775808" }],
  ["return #ARGV", 2, [], ["a", "b"]],
  ["return {KEYS[1],ARGV[1]}", ["k", "a"], ["k"], ["a"]],
  ["return KEYS[2]", { nil: "$-1" }, ["k"], []],
  ["return 'a'..1", "a1"],
  ["return 1 ..''", "1"],
  ["return 1.5 ..''", "1.5"],
  ["return '0x10'+0", 16],
  ["return tonumber('0x10')", 16],
  ["return tonumber('1e3')", 1000],
  ["return tonumber('abc') == nil", 1],
  ["return tonumber('10',2)", 2],
  ["return string.format('%d', 3)", "3"],
  ["return string.format('%d', 3.7)", "3"],
  ["return string.format('%5.2f', 3.14159)", " 3.14"],
  ["return string.format('%s', 1e15)", "1e+15"],
  ["return string.format('%x', 255)", "ff"],
  ["return string.format('%q', 'a\\nb')", '"a\\\nb"'],
  ["return string.format('%g', 1e20)", "1e+20"],
  ["return string.format('%i', 42)", "42"],
  ["local t = {} t[1]='a' t['1']='b' return {t[1],t['1']}", ["a", "b"]],
  [
    "local t = {} t['\\1\\2'] = 'x' t['\\18'] = 'y' t['\\1'] = 'z' return {t['\\1\\2'], t['\\18'], t['\\1']}",
    ["x", "y", "z"]
  ],
  [
    "local t = {} for i=0,255 do t[string.char(i)]=i end local s=0 for i=0,255 do s = s + t[string.char(i)] end return s",
    32640
  ],
  [
    "local t = {} for i=0,31 do for j=0,31 do t[string.char(i,j)]=i*32+j end end local n=0 for k,v in pairs(t) do n=n+1 end return {n, t[string.char(1,2)], t[string.char(0,18)], t[string.char(17,2)]}",
    [1024, 34, 18, 546]
  ],
  ["return redis.call('SET','k','v')", { ok: "OK" }],
  ["return redis.call('GET','k')", "v"],
  ["return redis.call('GET','none')", { nil: "$-1" }],
  ["return redis.call('INCR','n')", 1],
  ["return redis.call('MGET','k','none')", ["v", { nil: "$-1" }]],
  ["return type(redis.call('GET','none'))", "boolean"],
  ["return redis.call('PING')", { ok: "PONG" }],
  ["return redis.call('PING').ok", "PONG"],
  ["return type(redis.call('INCR','n'))", "number"],
  ["return redis.call('SET','k',1.5)", { ok: "OK" }],
  ["return redis.call('GET','k')", "1.5"],
  ["redis.call('SET','k',3) return redis.call('GET','k')", "3"],
  ["redis.call('SET','k',1e15) return redis.call('GET','k')", "1000000000000000"],
  ["redis.call('SET','k',2^53) return redis.call('GET','k')", "9007199254740992"],
  ["redis.call('SET','k',1e20) return redis.call('GET','k')", "1e+20"],
  ["redis.call('SET','k',0.1) return redis.call('GET','k')", "0.10000000000000001"],
  ["redis.call('SET','k',1/3) return redis.call('GET','k')", "0.33333333333333331"],
  ["redis.call('SET','k',-0.5) return redis.call('GET','k')", "-0.5"],
  ["redis.call('SET','k',1e-7) return redis.call('GET','k')", "9.9999999999999995e-08"],
  [
    "redis.call('set','s','abc') return redis.call('incr','s')",
    {
      error: "ERR value is not an integer or out of range script: SHA, on @user_script:1."
    }
  ],
  ["return redis.pcall('incr','s')", { error: "ERR value is not an integer or out of range" }],
  ["return redis.pcall('incr','s').err", "ERR value is not an integer or out of range"],
  [
    "return redis.call('nope')",
    {
      error: "ERR Unknown Redis command called from script script: SHA, on @user_script:1."
    }
  ],
  ["return redis.pcall('nope')", { error: "ERR Unknown Redis command called from script" }],
  [
    "return redis.call()",
    {
      error:
        "ERR Please specify at least one argument for this redis lib call script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.pcall()",
    {
      error: "ERR Please specify at least one argument for this redis lib call"
    }
  ],
  [
    "return redis.call('GET')",
    {
      error: "ERR Wrong number of args calling Redis command from script script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call('get','a','b')",
    {
      error: "ERR Wrong number of args calling Redis command from script script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call(true)",
    {
      error: "ERR Lua redis lib command arguments must be strings or integers script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call('SET','k',{})",
    {
      error: "ERR Lua redis lib command arguments must be strings or integers script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call('SET','k',nil)",
    {
      error: "ERR Lua redis lib command arguments must be strings or integers script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call('EVAL','return 1','0')",
    {
      error: "ERR This Redis command is not allowed from script script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call('SUBSCRIBE','c')",
    {
      error: "ERR This Redis command is not allowed from script script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call('CONFIG','GET','x')",
    {
      error: "ERR This Redis command is not allowed from script script: SHA, on @user_script:1."
    }
  ],
  ["return redis.pcall('SCRIPT','FLUSH')", { error: "ERR This Redis command is not allowed from script" }],
  ["return redis.call('SELECT', 3)", { ok: "OK" }],
  [
    "return redis.call('SELECT', 99)",
    { error: "ERR DB index is out of range script: SHA, on @user_script:1." }
  ],
  [
    "return redis.call('AUTH','x')",
    {
      error: "ERR This Redis command is not allowed from script script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call('WATCH','x')",
    {
      error: "ERR This Redis command is not allowed from script script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call('MULTI')",
    {
      error: "ERR This Redis command is not allowed from script script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.call('CLIENT','ID')",
    {
      error: "ERR This Redis command is not allowed from script script: SHA, on @user_script:1."
    }
  ],
  ["local r = redis.pcall('incr','s') return r", { error: "ERR value is not an integer or out of range" }],
  ["local ok, e = pcall(redis.call, 'incr', 's') return {tostring(ok), type(e)}", ["false", "string"]],
  ["local ok, e = pcall(redis.call, 'incr', 's') return e.err", { nil: "$-1" }],
  ["local ok, e = pcall(error, 'x') return e", "x"],
  ["local ok,e = pcall(function() error('msg') end) return e", "user_script:1: msg"],
  ["local ok,e = pcall(function() error({code=1}) end) return type(e)", "table"],
  [
    "local ok,e = pcall(function() local a = nil; return a.b end) return e",
    "user_script:1: attempt to index local 'a' (a nil value)"
  ],
  ["error('boom')", { error: "ERR user_script:1: boom script: SHA, on @user_script:1." }],
  ["error('boom', 0)", { error: "ERR boom script: SHA, on @user_script:1." }],
  ["error({err='MYERR x'})", { error: "MYERR x script: SHA, on @user_script:1." }],
  ["error()", { error: "ERR nil script: SHA, on @user_script:1." }],
  ["error(nil)", { error: "ERR nil script: SHA, on @user_script:1." }],
  ["error(5)", { error: "ERR user_script:1: 5 script: SHA, on @user_script:1." }],
  [
    "local a = nil return a.b",
    {
      error: "ERR user_script:1: attempt to index local 'a' (a nil value) script: SHA, on @user_script:1."
    }
  ],
  [
    "return nosuch",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'nosuch' script: SHA, on @user_script:1."
    }
  ],
  [
    "nosuch = 1",
    {
      error: "ERR user_script:1: Attempt to modify a readonly table script: SHA, on @user_script:1."
    }
  ],
  [
    "return 1 +",
    {
      error: "ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'"
    }
  ],
  [
    "x x",
    {
      error: "ERR Error compiling script (new function): user_script:1: '=' expected near 'x'"
    }
  ],
  [
    "return 'a' + 1",
    {
      error:
        "ERR user_script:1: attempt to perform arithmetic on a string value script: SHA, on @user_script:1."
    }
  ],
  [
    "return {} + 1",
    {
      error:
        "ERR user_script:1: attempt to perform arithmetic on a table value script: SHA, on @user_script:1."
    }
  ],
  [
    "return #5",
    {
      error: "ERR user_script:1: attempt to get length of a number value script: SHA, on @user_script:1."
    }
  ],
  [
    "foo()",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'foo' script: SHA, on @user_script:1."
    }
  ],
  [
    "local t = {} t.x.y = 1",
    {
      error: "ERR user_script:1: attempt to index field 'x' (a nil value) script: SHA, on @user_script:1."
    }
  ],
  [
    "return 1 < 'a'",
    {
      error: "ERR user_script:1: attempt to compare number with string script: SHA, on @user_script:1."
    }
  ],
  [
    "return {} < {}",
    {
      error: "ERR user_script:1: attempt to compare two table values script: SHA, on @user_script:1."
    }
  ],
  [
    "return 'a' .. {}",
    {
      error: "ERR user_script:1: attempt to concatenate a table value script: SHA, on @user_script:1."
    }
  ],
  ["string.rep('x', -1) return 'ok'", "ok"],
  ["return string.rep('ab', 3)", "ababab"],
  [
    "string.foo()",
    {
      error: "ERR user_script:1: attempt to call field 'foo' (a nil value) script: SHA, on @user_script:1."
    }
  ],
  ["return string.sub('hello', 2, 3)", "el"],
  ["return ('x'):rep(3)", "xxx"],
  ["return string.byte('A')", 65],
  ["return string.upper('abc')", "ABC"],
  ["return string.gsub('hello world','o','0')", "hell0 w0rld"],
  ["return {string.find('hello','l')}", [3, 3]],
  ["return string.match('key:123','%d+')", "123"],
  ["return string.reverse('abc')", "cba"],
  ["return string.len('a\\0b')", 3],
  [
    "print('x') return 1",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'print' script: SHA, on @user_script:1."
    }
  ],
  ["return loadstring('return 7')()", 7],
  ["return load ~= nil", 1],
  [
    "return type(dofile)",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'dofile' script: SHA, on @user_script:1."
    }
  ],
  [
    "return type(require)",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'require' script: SHA, on @user_script:1."
    }
  ],
  [
    "return type(io)",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'io' script: SHA, on @user_script:1."
    }
  ],
  [
    "return type(os)",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'os' script: SHA, on @user_script:1."
    }
  ],
  [
    "return type(os.clock)",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'os' script: SHA, on @user_script:1."
    }
  ],
  [
    "return type(os.time)",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'os' script: SHA, on @user_script:1."
    }
  ],
  [
    "return type(debug)",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'debug' script: SHA, on @user_script:1."
    }
  ],
  [
    "return type(package)",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'package' script: SHA, on @user_script:1."
    }
  ],
  ["return _VERSION", "Lua 5.1"],
  ["return type(_G)", "table"],
  [
    "_G.x = 1",
    {
      error: "ERR user_script:1: Attempt to modify a readonly table script: SHA, on @user_script:1."
    }
  ],
  [
    "rawset(_G,'x',1) return x",
    {
      error: "ERR Attempt to modify a readonly table script: SHA, on @user_script:1."
    }
  ],
  [
    "setmetatable(_G,{}) return 1",
    {
      error: "ERR Attempt to modify a readonly table script: SHA, on @user_script:1."
    }
  ],
  ["return getmetatable('').__index == string", 1],
  [
    "string.foo = 1",
    {
      error: "ERR user_script:1: Attempt to modify a readonly table script: SHA, on @user_script:1."
    }
  ],
  [
    "redis.foo = 1",
    {
      error: "ERR user_script:1: Attempt to modify a readonly table script: SHA, on @user_script:1."
    }
  ],
  [
    "redis = nil",
    {
      error: "ERR user_script:1: Attempt to modify a readonly table script: SHA, on @user_script:1."
    }
  ],
  [
    "KEYS = nil return 1",
    {
      error: "ERR user_script:1: Attempt to modify a readonly table script: SHA, on @user_script:1."
    }
  ],
  ["table.insert(KEYS,'z') return #KEYS", 1],
  ["local x = 1 return x", 1],
  ["return unpack({1,2,3})", 1],
  ["return {unpack({1,2,3})}", [1, 2, 3]],
  ["return select('#', 1, 2, 3)", 3],
  ["return table.concat({1,2,'x'},'-')", "1-2-x"],
  ["return table.getn({1,2})", 2],
  ["return math.floor(3.7)", 3],
  ["return math.max(1,5,3)", 5],
  ["return tostring(math.pow(2,10))", "1024"],
  ["return math.fmod(7,3)", 1],
  ["return math.mod and 1 or 0", 1],
  ["return math.huge > 1", 1],
  ["return math.abs(-5)", 5],
  ["return math.sqrt(16)", 4],
  ["return next({})", { nil: "$-1" }],
  ["local t = setmetatable({}, {__index=function(t,k) return k..'!' end}) return t.abc", "abc!"],
  ["return tostring(nil)", "nil"],
  ["return tostring(true)", "true"],
  ["return type(tostring({}))", "string"],
  ["return #{1,2,3}", 3],
  [
    "goto x ::x:: return 1",
    {
      error: "ERR Error compiling script (new function): user_script:1: '=' expected near 'x'"
    }
  ],
  ["local goto = 5 return goto", 5],
  [
    "return 7 // 2",
    {
      error: "ERR Error compiling script (new function): user_script:1: unexpected symbol near '/'"
    }
  ],
  [
    "return 7 & 3",
    {
      error: "ERR Error compiling script (new function): user_script:1: '<eof>' expected near '&'"
    }
  ],
  [
    "return 1 << 3",
    {
      error: "ERR Error compiling script (new function): user_script:1: unexpected symbol near '<'"
    }
  ],
  [
    "return ~1",
    {
      error: "ERR Error compiling script (new function): user_script:1: unexpected symbol near '~'"
    }
  ],
  ["return '\\x41'", "x41"],
  ["return '\\z  a'", "z  a"],
  ["return '\\u{41}'", "u{41}"],
  ["return '\\065'", "A"],
  ["return 0xA", 10],
  [
    "return 0x.8",
    {
      error: "ERR Error compiling script (new function): user_script:1: malformed number near '0x'"
    }
  ],
  ["return 1e2", 100],
  ["return 3 % 0 ~= 3 % 0", 1],
  ["return 5 % -3", -1],
  ["return -5 % 3", 1],
  ["return 5.5 % 2", 1],
  ["for i=1,3 do local x = i end return 'ok'", "ok"],
  ["local n=0 for i=10,1,-2 do n=n+i end return n", 30],
  ["local n=0 for i=1,2,0.5 do n=n+1 end return n", 3],
  ["return 'a' < 'b'", 1],
  ["return 'Z' < 'a'", 1],
  ["return '10' < '9'", 1],
  ["return 10 == '10'", { nil: "$-1" }],
  ["return not nil", 1],
  ["return 1 and 2", 2],
  ["return nil or 'd'", "d"],
  ["return 2^10", 1024],
  ["return 2^0.5", 1],
  ["return 2^-1", 0],
  ["return redis.sha1hex('')", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
  ["return redis.sha1hex('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["return redis.sha1hex()", { error: "ERR wrong number of arguments script: SHA, on @user_script:1." }],
  ["return redis.log(redis.LOG_NOTICE, 'x')", { nil: "$-1" }],
  ["return redis.log(9,'x')", { error: "ERR Invalid debug level. script: SHA, on @user_script:1." }],
  [
    "return redis.log('x')",
    {
      error: "ERR redis.log() requires two arguments or more. script: SHA, on @user_script:1."
    }
  ],
  ["return redis.setresp(3)", { nil: "$-1" }],
  [
    "return redis.setresp(5)",
    {
      error: "ERR RESP version must be 2 or 3. script: SHA, on @user_script:1."
    }
  ],
  [
    "return redis.setresp()",
    {
      error: "ERR redis.setresp() requires one argument. script: SHA, on @user_script:1."
    }
  ],
  ["redis.setresp(3) return redis.call('GET','none')", { nil: "$-1" }],
  ["redis.setresp(3) return type(redis.call('GET','none'))", "nil"],
  ["return {double=3.5}", "3.5"],
  ["return {map={a=1}}", ["a", 1]],
  ["return {set={a=true}}", ["a"]],
  ["return {big_number='123'}", "123"],
  ["return {verbatim_string={format='txt',string='hi'}}", "hi"],
  ["return redis.replicate_commands()", 1],
  ["return redis.set_repl(redis.REPL_ALL)", { nil: "$-1" }],
  [
    "return redis.set_repl(9)",
    {
      error:
        "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE. script: SHA, on @user_script:1."
    }
  ],
  ["return redis.breakpoint()", { nil: "$-1" }],
  ["return redis.debug('x')", { nil: "$-1" }],
  ["return redis.acl_check_cmd('get','k')", 1],
  ["return redis.REPL_ALL", 3],
  ["return redis.LOG_WARNING", 3],
  ["return redis.call('SET', KEYS[1], ARGV[1])", { ok: "OK" }, ["\u0001\u0002"], ["\u0000x"]],
  ["return redis.call('GET', KEYS[1])", "\u0000x", ["\u0001\u0002"], []],
  [
    "return redis.call('set','k','v','nonsense')",
    { error: "ERR syntax error script: SHA, on @user_script:1." }
  ],
  ["return redis.error_reply('')", { error: "ERR " }],
  ["return redis.error_reply(1)", { error: "ERR wrong number or type of arguments" }],
  ["return redis.status_reply()", { error: "ERR wrong number or type of arguments" }],
  ["return {err='a\\r\\nb'}", { error: "a  b" }],
  ["return {ok='a\\r\\nb'}", { ok: "a  b" }],
  ["return {err='ERR x', ignored=1}", { error: "ERR x" }],
  ["return {1, {err='ERR inner'}}", [1, { error: "ERR inner" }]],
  ["return {1, {ok='inner'}}", [1, { ok: "inner" }]],
  ["return 'a\\r\\nb'", "a\r\nb"],
  ["return coroutine.wrap(function() return 5 end)()", 5],
  [
    "local co = coroutine.create(function() coroutine.yield(1) return 2 end) local _,a = coroutine.resume(co) local _,b = coroutine.resume(co) return {a,b}",
    [1, 2]
  ],
  [
    "coroutine.yield()",
    {
      error: "ERR attempt to yield across metamethod/C-call boundary script: SHA, on @user_script:1."
    }
  ],
  [
    "local function f() return f() + 1 end return f()",
    {
      error: "ERR user_script:1: stack overflow script: SHA, on @user_script:1."
    }
  ],
  ["local function f(n) if n == 0 then return 0 end return 1 + f(n-1) end return f(1000)", 1000],
  ["return string.format('%d', '10')", "10"],
  [
    "return string.format('%s', nil)",
    {
      error:
        "ERR user_script:1: bad argument #2 to 'format' (string expected, got nil) script: SHA, on @user_script:1."
    }
  ],
  [
    "return string.format('%d', 'x')",
    {
      error:
        "ERR user_script:1: bad argument #2 to 'format' (number expected, got string) script: SHA, on @user_script:1."
    }
  ],
  ["return ('%d'):format(2^31)", "2147483648"],
  ["return string.format('%5s|%-5s|', 'a', 'b')", "    a|b    |"],
  ["return string.format('%c', 65)", "A"],
  ["return string.format('%e', 12345.678)", "1.234568e+04"],
  ["return string.format('%.3g', 0.0001)", "0.0001"],
  ["return string.format('%%')", "%"],
  ["return tostring(1e300*1e10)", "inf"],
  ["return 1e15", 1000000000000000],
  ["return 123456789012", 123456789012],
  ["return tostring(123456789012)", "123456789012"],
  ["return tostring(1e16)", "1e+16"],
  ["return 9007199254740993", { big: "9007199254740992" }],
  ["return 9223372036854775807", { big: "-9223372036854775808" }],
  ["return -9223372036854775808", { big: "-9223372036854775808" }],
  ["return redis.call('INCRBY','big','9223372036854775807')", { big: "-9223372036854775808" }],
  ["return redis.call('GET','big')", "9223372036854775807"],
  [
    "return redis.call('INCR','big')",
    {
      error: "ERR increment or decrement would overflow script: SHA, on @user_script:1."
    }
  ],
  ["return tostring(redis.call('DECR','big'))", "9.2233720368548e+18"],
  ["return tostring(table.maxn({1,2,nil,4}))", "4"],
  ["local t = {3,1,2} table.sort(t) return t", [1, 2, 3]],
  ["local t = {'b','a'} table.sort(t, function(a,b) return a > b end) return t", ["b", "a"]],
  ["local t={1,2,3} table.remove(t,1) return t", [2, 3]],
  ["return table.unpack == nil", 1],
  ["return math.type == nil", 1],
  [
    "return utf8 == nil",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'utf8' script: SHA, on @user_script:1."
    }
  ],
  ["return string.pack == nil", 1],
  [
    "return bit32 == nil",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'bit32' script: SHA, on @user_script:1."
    }
  ],
  [
    "return rawlen == nil",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'rawlen' script: SHA, on @user_script:1."
    }
  ],
  [
    "return setfenv ~= nil",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'setfenv' script: SHA, on @user_script:1."
    }
  ],
  [
    "return getfenv ~= nil",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'getfenv' script: SHA, on @user_script:1."
    }
  ],
  [
    "return newproxy ~= nil",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'newproxy' script: SHA, on @user_script:1."
    }
  ],
  ["return xpcall(function() error('x') end, function(e) return 'handled' end)", { nil: "$-1" }],
  [
    "return {xpcall(function() error('x') end, function(e) return 'handled '..e end)}",
    [{ nil: "$-1" }, "handled user_script:1: x"]
  ],
  [
    "local a <const> = 1 return a",
    {
      error: "ERR Error compiling script (new function): user_script:1: unexpected symbol near '<'"
    }
  ],
  [
    "return arg == nil",
    {
      error:
        "ERR user_script:1: Script attempted to access nonexistent global variable 'arg' script: SHA, on @user_script:1."
    }
  ]
]
