/**
 * Every directive of Redis 7.2: the single source of truth for the configuration file, CONFIG GET, SET and
 * REWRITE, the environment and the command line.
 *
 * Pure. Names, aliases, defaults, limits and flags are Redis's, but for `save` ("") and
 * `aof-use-rdb-preamble` (no) until RDB files are written. "accepted" marks what is read, checked, kept and
 * reported while nothing depends on it yet; a directive becomes "live" in the change that makes the server
 * act on it.
 *
 * @since 0.1.0
 */
import {
  bool,
  count,
  type Directive,
  directive,
  FIXED,
  HIDDEN,
  INT_MAX,
  int,
  LIVE,
  LIVE_FIXED,
  LONG_MAX,
  MB,
  memory,
  number,
  oneOf,
  onSignal,
  size,
  special,
  text,
  UINT_MAX,
  ULONG_MAX
} from "./describe.js"
import * as specials from "./specials.js"

const noDefrag =
  "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified Jemalloc " +
  "like the one shipped by default with the Redis source distribution"

const network: ReadonlyArray<Directive> = [
  special("bind", specials.readBind, "127.0.0.1 -::1", LIVE),
  int("port", 0n, 65535n, 6379n, LIVE),
  text("unixsocket", null, LIVE_FIXED),
  number("octal", "unixsocketperm", [0n, 0o777n], 0n, LIVE_FIXED, {
    unsigned: true
  }),
  int("tcp-backlog", 0n, INT_MAX, 511n, LIVE_FIXED),
  int("tcp-keepalive", 0n, INT_MAX, 300n, LIVE),
  int("timeout", 0n, INT_MAX, 0n, LIVE),
  count("maxclients", 1n, UINT_MAX, 10000n, LIVE),
  bool("protected-mode", "yes", LIVE),
  text("bind-source-addr", null),
  count("socket-mark-id", 0n, UINT_MAX, 0n, FIXED),
  memory("proto-max-bulk-len", MB, LONG_MAX, 512n * MB, LIVE),
  size("client-query-buffer-limit", MB, LONG_MAX, 1024n * MB, LIVE),
  special(
    "client-output-buffer-limit",
    specials.readOutputBufferLimit,
    "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    LIVE
  ),
  int("io-threads", 1n, 128n, 1n, FIXED),
  bool("io-threads-do-reads", "no", FIXED)
]

const tls: ReadonlyArray<Directive> = [
  int("tls-port", 0n, 65535n, 0n),
  int("tls-session-cache-size", 0n, INT_MAX, 20480n),
  int("tls-session-cache-timeout", 0n, INT_MAX, 300n),
  bool("tls-cluster", "no"),
  bool("tls-replication", "no"),
  oneOf("tls-auth-clients", "no yes optional", "yes"),
  bool("tls-prefer-server-ciphers", "no"),
  bool("tls-session-caching", "yes"),
  text("tls-cert-file", null),
  text("tls-key-file", null),
  text("tls-key-file-pass", null, { sensitive: true }),
  text("tls-client-cert-file", null),
  text("tls-client-key-file", null),
  text("tls-client-key-file-pass", null, { sensitive: true }),
  text("tls-dh-params-file", null),
  text("tls-ca-cert-file", null),
  text("tls-ca-cert-dir", null),
  text("tls-protocols", null),
  text("tls-ciphers", null),
  text("tls-ciphersuites", null)
]

const general: ReadonlyArray<Directive> = [
  int("databases", 1n, INT_MAX, 16n, LIVE_FIXED),
  directive("dir", { type: "directory" }, ".", { live: true, protected: true, denyLoading: true }, false),
  oneOf("loglevel", "debug verbose notice warning nothing", "notice", LIVE),
  text("logfile", "", LIVE_FIXED),
  text("pidfile", null, LIVE_FIXED),
  number("integer", "hz", [0n, INT_MAX], 10n, LIVE, {
    capped: { min: 1n, max: 500n }
  }),
  bool("dynamic-hz", "yes"),
  bool("daemonize", "no", FIXED),
  oneOf("supervised", "upstart systemd auto no", "no", LIVE_FIXED),
  bool("syslog-enabled", "no", FIXED),
  text("syslog-ident", "redis", FIXED),
  oneOf("syslog-facility", "user local0 local1 local2 local3 local4 local5 local6 local7", "local0", FIXED),
  bool("always-show-logo", "no", FIXED),
  bool("set-proc-title", "yes", FIXED),
  text("proc-title-template", "{title} {listen-addr} {server-mode}", {}, specials.checkTitleTemplate),
  text("locale-collate", ""),
  bool("crash-log-enabled", "yes"),
  bool("crash-memcheck-enabled", "yes"),
  bool("use-exit-on-panic", "no", HIDDEN),
  int("watchdog-period", 0n, INT_MAX, 0n, HIDDEN),
  int("shutdown-timeout", 0n, INT_MAX, 10n, LIVE),
  onSignal("shutdown-on-sigint"),
  onSignal("shutdown-on-sigterm"),
  int("busy-reply-threshold", 0n, LONG_MAX, 5000n, {
    live: true,
    alias: "lua-time-limit"
  }),
  oneOf("enable-protected-configs", "no yes local", "no", LIVE_FIXED),
  oneOf("enable-debug-command", "no yes local", "no", LIVE_FIXED),
  oneOf("enable-module-command", "no yes local", "no", FIXED),
  oneOf("propagation-error-behavior", "ignore panic panic-on-replicas", "ignore", LIVE),
  text("ignore-warnings", ""),
  bool("disable-thp", "yes", FIXED),
  oneOf("oom-score-adj", "no yes relative absolute", "no"),
  special("oom-score-adj-values", specials.readOomScores, "0 200 800"),
  text("server_cpulist", null, FIXED),
  text("bio_cpulist", null, FIXED),
  text("aof_rewrite_cpulist", null, FIXED),
  text("bgsave_cpulist", null, FIXED)
]

const security: ReadonlyArray<Directive> = [
  text("requirepass", null, { live: true, sensitive: true }),
  text("aclfile", "", FIXED),
  oneOf("acl-pubsub-default", "allchannels resetchannels", "resetchannels"),
  int("acllog-max-len", 0n, LONG_MAX, 128n),
  oneOf("sanitize-dump-payload", "no yes clients", "no"),
  count("tracking-table-max-keys", 0n, LONG_MAX, 1000000n)
]

const memoryUse: ReadonlyArray<Directive> = [
  size("maxmemory", 0n, ULONG_MAX, 0n, LIVE),
  oneOf(
    "maxmemory-policy",
    "volatile-lru volatile-lfu volatile-random volatile-ttl " +
      "allkeys-lru allkeys-lfu allkeys-random noeviction",
    "noeviction"
  ),
  int("maxmemory-samples", 1n, INT_MAX, 5n),
  int("maxmemory-eviction-tenacity", 0n, 100n, 10n),
  number("memory-or-percent", "maxmemory-clients", [-100n, LONG_MAX], 0n, {}),
  int("lfu-log-factor", 0n, INT_MAX, 10n),
  int("lfu-decay-time", 0n, INT_MAX, 1n),
  int("active-expire-effort", 1n, 10n, 1n),
  bool("lazyfree-lazy-eviction", "no", LIVE),
  bool("lazyfree-lazy-expire", "no", LIVE),
  bool("lazyfree-lazy-server-del", "no", LIVE),
  bool("lazyfree-lazy-user-del", "no", LIVE),
  bool("lazyfree-lazy-user-flush", "no", LIVE),
  bool("activerehashing", "yes"),
  bool("jemalloc-bg-thread", "yes"),
  bool("activedefrag", "no", {}, noDefrag),
  size("active-defrag-ignore-bytes", 1n, LONG_MAX, 100n * MB),
  int("active-defrag-cycle-min", 1n, 99n, 1n),
  int("active-defrag-cycle-max", 1n, 99n, 25n),
  int("active-defrag-threshold-lower", 0n, 1000n, 10n),
  int("active-defrag-threshold-upper", 0n, 1000n, 100n),
  int("active-defrag-max-scan-fields", 1n, LONG_MAX, 1000n)
]

const encodings: ReadonlyArray<Directive> = [
  count("hash-max-listpack-entries", 0n, LONG_MAX, 512n, {
    alias: "hash-max-ziplist-entries"
  }),
  size("hash-max-listpack-value", 0n, LONG_MAX, 64n, {
    alias: "hash-max-ziplist-value"
  }),
  int("list-max-listpack-size", -INT_MAX - 1n, INT_MAX, -2n, {
    alias: "list-max-ziplist-size"
  }),
  int("list-compress-depth", 0n, INT_MAX, 0n),
  count("set-max-intset-entries", 0n, LONG_MAX, 512n),
  count("set-max-listpack-entries", 0n, LONG_MAX, 128n),
  size("set-max-listpack-value", 0n, LONG_MAX, 64n),
  count("zset-max-listpack-entries", 0n, LONG_MAX, 128n, {
    alias: "zset-max-ziplist-entries"
  }),
  size("zset-max-listpack-value", 0n, LONG_MAX, 64n, {
    alias: "zset-max-ziplist-value"
  }),
  size("hll-sparse-max-bytes", 0n, LONG_MAX, 3000n),
  size("stream-node-max-bytes", 0n, LONG_MAX, 4096n),
  int("stream-node-max-entries", 0n, LONG_MAX, 100n)
]

const observing: ReadonlyArray<Directive> = [
  special("notify-keyspace-events", specials.readKeyspaceEvents, "", {}, false),
  int("latency-monitor-threshold", 0n, LONG_MAX, 0n),
  bool("latency-tracking", "yes"),
  special("latency-tracking-info-percentiles", specials.readPercentiles, "50 99 99.9"),
  int("slowlog-log-slower-than", -1n, LONG_MAX, 10000n),
  int("slowlog-max-len", 0n, LONG_MAX, 128n)
]

const persistence: ReadonlyArray<Directive> = [
  special("save", specials.readSave, "", LIVE),
  text("dbfilename", "dump.rdb", { protected: true }, specials.checkFileName("dbfilename", "filename", true)),
  bool("rdbchecksum", "yes", FIXED),
  bool("rdbcompression", "yes"),
  bool("rdb-del-sync-files", "no"),
  bool("rdb-save-incremental-fsync", "yes"),
  int("rdb-key-save-delay", -INT_MAX - 1n, INT_MAX, 0n, HIDDEN),
  int("key-load-delay", -INT_MAX - 1n, INT_MAX, 0n, HIDDEN),
  int("loading-process-events-interval-bytes", 1024n, INT_MAX, 2n * MB, HIDDEN),
  bool("stop-writes-on-bgsave-error", "yes"),
  bool("appendonly", "no", { live: true, denyLoading: true }),
  oneOf("appendfsync", "everysec always no", "everysec", LIVE),
  text(
    "appendfilename",
    "appendonly.aof",
    LIVE_FIXED,
    specials.checkFileName("appendfilename", "filename", false)
  ),
  text(
    "appenddirname",
    "appendonlydir",
    LIVE_FIXED,
    specials.checkFileName("appenddirname", "dirname", false)
  ),
  bool("no-appendfsync-on-rewrite", "no"),
  bool("aof-load-truncated", "yes", LIVE),
  bool("aof-use-rdb-preamble", "no"),
  bool("aof-timestamp-enabled", "no"),
  bool("aof-rewrite-incremental-fsync", "yes"),
  bool("aof-disable-auto-gc", "no", HIDDEN),
  int("auto-aof-rewrite-percentage", 0n, INT_MAX, 100n),
  memory("auto-aof-rewrite-min-size", 0n, LONG_MAX, 64n * MB)
]

const replication: ReadonlyArray<Directive> = [
  special("replicaof", specials.readReplicaOf, "", {
    immutable: true,
    alias: "slaveof"
  }),
  text("masteruser", null, { sensitive: true }),
  text("masterauth", null, { sensitive: true }),
  bool("replica-serve-stale-data", "yes", { alias: "slave-serve-stale-data" }),
  bool("replica-read-only", "yes", { alias: "slave-read-only" }),
  bool("replica-lazy-flush", "no", { alias: "slave-lazy-flush" }),
  bool("replica-ignore-maxmemory", "yes", { alias: "slave-ignore-maxmemory" }),
  bool("replica-ignore-disk-write-errors", "no"),
  bool("replica-announced", "yes"),
  text("replica-announce-ip", null, { alias: "slave-announce-ip" }),
  int("replica-announce-port", 0n, 65535n, 0n, {
    alias: "slave-announce-port"
  }),
  int("replica-priority", 0n, INT_MAX, 100n, { alias: "slave-priority" }),
  bool("repl-disable-tcp-nodelay", "no"),
  bool("repl-diskless-sync", "yes"),
  int("repl-diskless-sync-delay", 0n, INT_MAX, 5n),
  int("repl-diskless-sync-max-replicas", 0n, INT_MAX, 0n),
  oneOf("repl-diskless-load", "disabled on-empty-db swapdb", "disabled", {
    denyLoading: true
  }),
  int("repl-timeout", 1n, INT_MAX, 60n),
  int("repl-ping-replica-period", 1n, INT_MAX, 10n, {
    alias: "repl-ping-slave-period"
  }),
  memory("repl-backlog-size", 1n, LONG_MAX, MB),
  int("repl-backlog-ttl", 0n, LONG_MAX, 3600n),
  int("min-replicas-to-write", 0n, INT_MAX, 0n, {
    alias: "min-slaves-to-write"
  }),
  int("min-replicas-max-lag", 0n, INT_MAX, 10n, {
    alias: "min-slaves-max-lag"
  })
]

const cluster: ReadonlyArray<Directive> = [
  bool("cluster-enabled", "no", FIXED),
  text("cluster-config-file", "nodes.conf", FIXED),
  int("cluster-node-timeout", 0n, LONG_MAX, 15000n),
  int("cluster-port", 0n, 65535n, 0n, FIXED),
  bool("cluster-require-full-coverage", "yes"),
  bool("cluster-replica-no-failover", "no", {
    alias: "cluster-slave-no-failover"
  }),
  int("cluster-replica-validity-factor", 0n, INT_MAX, 10n, {
    alias: "cluster-slave-validity-factor"
  }),
  bool("cluster-allow-reads-when-down", "no"),
  bool("cluster-allow-pubsubshard-when-down", "yes"),
  bool("cluster-allow-replica-migration", "yes"),
  int("cluster-migration-barrier", 0n, INT_MAX, 1n),
  size("cluster-link-sendbuf-limit", 0n, ULONG_MAX, 0n),
  text("cluster-announce-ip", null),
  text("cluster-announce-hostname", null, {}, specials.checkHostname),
  text("cluster-announce-human-nodename", null),
  int("cluster-announce-port", 0n, 65535n, 0n),
  int("cluster-announce-tls-port", 0n, 65535n, 0n),
  int("cluster-announce-bus-port", 0n, 65535n, 0n),
  oneOf("cluster-preferred-endpoint-type", "ip hostname unknown-endpoint", "ip")
]

export type { Directive }

/**
 * All directives, grouped as redis.conf groups them.
 *
 * @since 0.1.0
 * @category table
 */
export const directives: ReadonlyArray<Directive> = [
  ...network,
  ...tls,
  ...general,
  ...security,
  ...memoryUse,
  ...encodings,
  ...observing,
  ...persistence,
  ...replication,
  ...cluster
]

const byName: ReadonlyMap<string, Directive> = new Map(
  directives.flatMap(
    (one): Array<[string, Directive]> =>
      one.alias === null
        ? [[one.name, one]]
        : [
            [one.name, one],
            [one.alias, one]
          ]
  )
)

/**
 * All names a directive may be called by, aliases among them, in alphabetical order.
 *
 * @since 0.1.0
 * @category table
 */
export const names: ReadonlyArray<string> = [...byName.keys()].sort()

/**
 * The directive of a name or alias, in any case.
 *
 * @since 0.1.0
 * @category table
 */
export const find = (name: string): Directive | undefined => byName.get(name.toLowerCase())

/**
 * Directives of older Redis versions that take one argument and mean nothing any more.
 *
 * @since 0.1.0
 * @category table
 */
export const retired: ReadonlySet<string> = new Set([
  "list-max-ziplist-entries",
  "list-max-ziplist-value",
  "lua-replicate-commands"
])
