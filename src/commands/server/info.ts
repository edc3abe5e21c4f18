/**
 * INFO: the server's figures by section, under the names that Redis gives them. Pure.
 *
 * A field whose subject does not exist here (forks, replicas, defragmentation) has the value it has in a Redis that
 * makes no use of it, for tools fail on fields that are missing.
 */
import { redisVersion, version } from "../../config/version.js"
import type { CommandContext } from "../../engine/context.js"
import type { Invocation } from "../../engine/invocation.js"
import { memoryAccount } from "../../engine/memory.js"
import type { CommandRecord } from "../../engine/record.js"
import type { Command } from "../../engine/table.js"

type Fields = ReadonlyArray<readonly [name: string, value: string | number]>

const KB = 1024
const UNITS = ["K", "M", "G", "T", "P"] as const
const DAY_SECONDS = 86400
const NO_REPLICATION_ID = "0".repeat(40)

/** An amount of memory as people read it: 1.50M. */
export const humanBytes = (bytes: number): string => {
  if (bytes < KB) return `${bytes}B`
  let amount = bytes / KB
  let unit = 0
  for (; amount >= KB && unit < UNITS.length - 1; unit++) amount /= KB
  return `${amount.toFixed(2)}${UNITS[unit]}`
}

const ratio = (part: number, whole: number): string => (whole === 0 ? 0 : part / whole).toFixed(2)
const percent = (part: number, whole: number): string =>
  `${(whole === 0 ? 0 : (part / whole) * 100).toFixed(2)}%`
const bit = (condition: boolean): number => (condition ? 1 : 0)
const status = (ok: boolean): string => (ok ? "ok" : "err")
const seconds = (microseconds: number): string => (microseconds / 1e6).toFixed(6)

const server = ({
  keyspace,
  server: { host, runId, settings, startedAt, tcpPort }
}: CommandContext): Fields => {
  const uptimeSeconds = Math.max(0, Math.floor((keyspace.now - startedAt) / 1000))
  return [
    ["redis_version", redisVersion],
    ["redis_git_sha1", "00000000"],
    ["redis_git_dirty", 0],
    ["redis_build_id", "0000000000000000"],
    ["server_name", "effect-kv"],
    ["effect_kv_version", version],
    ["redis_mode", "standalone"],
    ["os", host.operatingSystem],
    ["arch_bits", 64],
    ["monotonic_clock", "hrtime"],
    ["multiplexing_api", "libuv"],
    ["atomicvar_api", "none"],
    ["gcc_version", "0.0.0"],
    ["node_version", host.nodeVersion],
    ["process_id", host.processId],
    ["process_supervised", settings.supervised === "auto" ? "unknown" : settings.supervised],
    ["run_id", runId],
    ["tcp_port", tcpPort],
    ["server_time_usec", host.unixMicroseconds()],
    ["uptime_in_seconds", uptimeSeconds],
    ["uptime_in_days", Math.floor(uptimeSeconds / DAY_SECONDS)],
    ["hz", settings.hz],
    ["configured_hz", settings.hz],
    ["lru_clock", keyspace.clock],
    ["executable", host.executable],
    ["config_file", settings.configFile],
    ["io_threads_active", 0],
    ...(tcpPort === 0
      ? []
      : [
          [
            "listener0",
            `name=tcp,${settings.bind.map((one) => `bind=${one},`).join("")}port=${tcpPort}`
          ] as const
        ])
  ]
}

const clients = ({ blocking, server: { settings }, sessions }: CommandContext): Fields => {
  let blocked = 0
  let queryBytesMax = 0
  for (const session of sessions.values()) {
    if (session.blocked !== null) blocked++
    queryBytesMax = Math.max(queryBytesMax, session.decoder.heldBytes)
  }
  return [
    ["connected_clients", sessions.size],
    ["cluster_connections", 0],
    ["maxclients", settings.maxclients],
    ["client_recent_max_input_buffer", queryBytesMax],
    ["client_recent_max_output_buffer", 0],
    ["blocked_clients", blocked],
    ["tracking_clients", 0],
    ["clients_in_timeout_table", blocking.timedCount],
    ["total_blocking_keys", blocking.keyCount],
    ["total_blocking_keys_on_nokey", 0]
  ]
}

/** A figure in bytes, and the same for people. */
const sized = (name: string, bytes: number): Fields => [
  [name, bytes],
  [`${name}_human`, humanBytes(bytes)]
]

const memory = (context: CommandContext): Fields => {
  const { scripts, server: state } = context
  const { settings } = state
  const account = memoryAccount(context)
  const { active, peak, resident, rss, used } = account
  return [
    ...sized("used_memory", used),
    ...sized("used_memory_rss", rss),
    ...sized("used_memory_peak", peak),
    ["used_memory_peak_perc", percent(used, peak)],
    ["used_memory_overhead", account.overhead],
    ["used_memory_startup", account.startup],
    ["used_memory_dataset", account.dataset],
    ["used_memory_dataset_perc", percent(account.datasetPercent, 100)],
    ...sized("used_memory_heap", account.heapUsed),
    ["allocator_allocated", used],
    ["allocator_active", active],
    ["allocator_resident", resident],
    ...sized("total_system_memory", account.system),
    ["used_memory_lua", account.vm],
    ["used_memory_vm_eval", account.vm],
    ["used_memory_lua_human", humanBytes(account.vm)],
    ["used_memory_scripts_eval", account.scripts],
    ["number_of_cached_scripts", scripts.size],
    ["number_of_functions", 0],
    ["number_of_libraries", 0],
    ["used_memory_vm_functions", 0],
    ...sized("used_memory_vm_total", account.vm),
    ["used_memory_functions", 0],
    ...sized("used_memory_scripts", account.scripts),
    ...sized("maxmemory", settings.maxmemoryBytes),
    ["maxmemory_policy", settings.value("maxmemory-policy")],
    ["allocator_frag_ratio", ratio(active, used)],
    ["allocator_frag_bytes", active - used],
    ["allocator_rss_ratio", ratio(resident, active)],
    ["allocator_rss_bytes", resident - active],
    ["rss_overhead_ratio", ratio(rss, resident)],
    ["rss_overhead_bytes", rss - resident],
    ["mem_fragmentation_ratio", ratio(rss, used)],
    ["mem_fragmentation_bytes", rss - used],
    ["mem_not_counted_for_evict", used - account.limited],
    ["mem_replication_backlog", 0],
    ["mem_total_replication_buffers", 0],
    ["mem_clients_slaves", 0],
    ["mem_clients_normal", account.clients],
    ["mem_cluster_links", 0],
    ["mem_aof_buffer", account.aofBuffer],
    ["mem_allocator", "v8-segments"],
    ["active_defrag_running", 0],
    ["lazyfree_pending_objects", 0],
    ["lazyfreed_objects", 0]
  ]
}

const persistence = ({ keyspace, loading, changes, server: state }: CommandContext): Fields => {
  const { aof } = state
  const fields: Array<readonly [string, string | number]> = [
    ["loading", bit(loading)],
    ["async_loading", 0],
    ["current_cow_peak", 0],
    ["current_cow_size", 0],
    ["current_cow_size_age", 0],
    ["current_fork_perc", "0.00"],
    ["current_save_keys_processed", 0],
    ["current_save_keys_total", 0],
    ["rdb_changes_since_last_save", changes.count - state.changesAtLastSave],
    ["rdb_bgsave_in_progress", 0],
    ["rdb_last_save_time", state.lastSaveAt],
    ["rdb_last_bgsave_status", "ok"],
    ["rdb_last_bgsave_time_sec", -1],
    ["rdb_current_bgsave_time_sec", -1],
    ["rdb_saves", 0],
    ["rdb_last_cow_size", 0],
    ["rdb_last_load_keys_expired", 0],
    ["rdb_last_load_keys_loaded", 0],
    ["aof_enabled", bit(aof.enabled)],
    ["aof_rewrite_in_progress", 0],
    ["aof_rewrite_scheduled", 0],
    ["aof_last_rewrite_time_sec", -1],
    ["aof_current_rewrite_time_sec", -1],
    ["aof_last_bgrewrite_status", "ok"],
    ["aof_rewrites", 0],
    ["aof_rewrites_consecutive_failures", 0],
    ["aof_last_write_status", status(aof.lastWriteOk)],
    ["aof_last_cow_size", 0],
    ["module_fork_in_progress", 0],
    ["module_fork_last_cow_size", 0]
  ]
  if (aof.enabled) {
    fields.push(
      ["aof_current_size", aof.currentBytes],
      ["aof_base_size", aof.baseBytes],
      ["aof_pending_rewrite", 0],
      ["aof_buffer_length", changes.log.length + aof.bufferBytes],
      ["aof_pending_bio_fsync", aof.pendingFsyncs],
      ["aof_delayed_fsync", aof.delayedFsyncs]
    )
  }
  if (state.loading !== null) {
    const { loadedBytes, startedAt, totalBytes } = state.loading
    const elapsed = Math.max(0, Math.floor(keyspace.now / 1000) - startedAt)
    const eta = elapsed === 0 ? 1 : Math.floor((elapsed * (totalBytes - loadedBytes)) / (loadedBytes + 1))
    fields.push(
      ["loading_start_time", startedAt],
      ["loading_total_bytes", totalBytes],
      ["loading_rdb_used_mem", 0],
      ["loading_loaded_bytes", loadedBytes],
      ["loading_loaded_perc", ((loadedBytes / Math.max(1, totalBytes)) * 100).toFixed(2)],
      ["loading_eta_seconds", eta]
    )
  }
  return fields
}

const stats = ({ keyspace, server: state, stats: counted }: CommandContext): Fields => [
  ["total_connections_received", counted.connections],
  ["total_commands_processed", counted.commands],
  ["instantaneous_ops_per_sec", Math.round(state.opsPerSecond)],
  ["total_net_input_bytes", counted.netInputBytes],
  ["total_net_output_bytes", counted.netOutputBytes],
  ["total_net_repl_input_bytes", 0],
  ["total_net_repl_output_bytes", 0],
  ["instantaneous_input_kbps", (state.inputBytesPerSecond / KB).toFixed(2)],
  ["instantaneous_output_kbps", (state.outputBytesPerSecond / KB).toFixed(2)],
  ["instantaneous_input_repl_kbps", "0.00"],
  ["instantaneous_output_repl_kbps", "0.00"],
  ["rejected_connections", counted.rejectedConnections],
  ["sync_full", 0],
  ["sync_partial_ok", 0],
  ["sync_partial_err", 0],
  ["expired_keys", keyspace.stats.expired],
  ["expired_stale_perc", "0.00"],
  ["expired_time_cap_reached_count", 0],
  ["expire_cycle_cpu_milliseconds", 0],
  ["evicted_keys", 0],
  ["evicted_clients", 0],
  ["total_eviction_exceeded_time", 0],
  ["current_eviction_exceeded_time", 0],
  ["keyspace_hits", keyspace.stats.hits],
  ["keyspace_misses", keyspace.stats.misses],
  ["pubsub_channels", 0],
  ["pubsub_patterns", 0],
  ["pubsubshard_channels", 0],
  ["latest_fork_usec", 0],
  ["total_forks", 0],
  ["migrate_cached_sockets", 0],
  ["slave_expires_tracked_keys", 0],
  ["active_defrag_hits", 0],
  ["active_defrag_misses", 0],
  ["active_defrag_key_hits", 0],
  ["active_defrag_key_misses", 0],
  ["total_active_defrag_time", 0],
  ["current_active_defrag_time", 0],
  ["tracking_total_keys", 0],
  ["tracking_total_items", 0],
  ["tracking_total_prefixes", 0],
  ["unexpected_error_replies", 0],
  ["total_error_replies", counted.errorReplies],
  ["dump_payload_sanitizations", 0],
  ["total_reads_processed", 0],
  ["total_writes_processed", 0],
  ["io_threaded_reads_processed", 0],
  ["io_threaded_writes_processed", 0],
  ["reply_buffer_shrinks", 0],
  ["reply_buffer_expands", 0],
  ["acl_access_denied_auth", 0],
  ["acl_access_denied_cmd", 0],
  ["acl_access_denied_key", 0],
  ["acl_access_denied_channel", 0]
]

const replication = ({ server: { replicationId, settings } }: CommandContext): Fields => [
  ["role", "master"],
  ["connected_slaves", 0],
  ["master_failover_state", "no-failover"],
  ["master_replid", replicationId],
  ["master_replid2", NO_REPLICATION_ID],
  ["master_repl_offset", 0],
  ["second_repl_offset", -1],
  ["repl_backlog_active", 0],
  ["repl_backlog_size", settings.value("repl-backlog-size")],
  ["repl_backlog_first_byte_offset", 0],
  ["repl_backlog_histlen", 0]
]

const cpu = ({ server: { host } }: CommandContext): Fields => {
  const { systemMicroseconds, userMicroseconds } = host.cpu()
  return [
    ["used_cpu_sys", seconds(systemMicroseconds)],
    ["used_cpu_user", seconds(userMicroseconds)],
    ["used_cpu_sys_children", seconds(0)],
    ["used_cpu_user_children", seconds(0)],
    ["used_cpu_sys_main_thread", seconds(systemMicroseconds)],
    ["used_cpu_user_main_thread", seconds(userMicroseconds)]
  ]
}

const commandstats = ({ table }: CommandContext): Fields => {
  const fields: Array<readonly [string, string]> = []
  const add = (command: Command): void => {
    const { calls, failed, fullName, microseconds, rejected, subcommands } = command
    if (calls + failed + rejected > 0) {
      fields.push([
        `cmdstat_${fullName}`,
        `calls=${calls},usec=${Math.round(microseconds)},usec_per_call=${ratio(microseconds, calls)},` +
          `rejected_calls=${rejected},failed_calls=${failed}`
      ])
    }
    if (subcommands !== undefined) for (const sub of subcommands.values()) add(sub)
  }
  table.all.forEach(add)
  return fields
}

const errorstats = ({ server: { errors } }: CommandContext): Fields =>
  [...errors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([word, count]) => [`errorstat_${word.replace(/[#:\n\r]/g, "_")}`, `count=${count}`])

const keyspaceSizes = ({ keyspace }: CommandContext): Fields => {
  const fields: Array<readonly [string, string]> = []
  for (const database of keyspace.databases) {
    const keys = keyspace.size(database)
    if (keys === 0) continue
    fields.push([`db${database.index}`, `keys=${keys},expires=${keyspace.volatileSize(database)},avg_ttl=0`])
  }
  return fields
}

interface Section {
  readonly title: string
  /** Shown where INFO is asked for nothing in particular. */
  readonly isDefault: boolean
  readonly fields: (engine: CommandContext) => Fields
}

const none = (): Fields => []

/** By the names that INFO takes, in the order it shows them. */
const SECTIONS: ReadonlyMap<string, Section> = new Map(
  Object.entries({
    server: { title: "Server", isDefault: true, fields: server },
    clients: { title: "Clients", isDefault: true, fields: clients },
    memory: { title: "Memory", isDefault: true, fields: memory },
    persistence: { title: "Persistence", isDefault: true, fields: persistence },
    stats: { title: "Stats", isDefault: true, fields: stats },
    replication: { title: "Replication", isDefault: true, fields: replication },
    cpu: { title: "CPU", isDefault: true, fields: cpu },
    modules: { title: "Modules", isDefault: true, fields: none },
    commandstats: {
      title: "Commandstats",
      isDefault: false,
      fields: commandstats
    },
    errorstats: { title: "Errorstats", isDefault: true, fields: errorstats },
    latencystats: { title: "Latencystats", isDefault: false, fields: none },
    cluster: {
      title: "Cluster",
      isDefault: true,
      fields: () => [["cluster_enabled", 0]]
    },
    keyspace: { title: "Keyspace", isDefault: true, fields: keyspaceSizes }
  } satisfies Record<string, Section>)
)

/** The text of the sections that are named; nothing named is the default ones. */
export const infoText = (engine: CommandContext, names: ReadonlyArray<string>): string => {
  const wanted = new Set(names.length === 0 ? ["default"] : names.map((name) => name.toLowerCase()))
  const all = wanted.has("all") || wanted.has("everything")
  const parts: Array<string> = []
  for (const [name, { fields, isDefault, title }] of SECTIONS) {
    if (!all && !wanted.has(name) && !(isDefault && wanted.has("default"))) continue
    const lines = fields(engine).map(([field, value]) => `${field}:${value}\r\n`)
    parts.push(`# ${title}\r\n${lines.join("")}`)
  }
  return parts.join("\r\n")
}

const handler = (c: Invocation): void => {
  const names: Array<string> = []
  for (let i = 1; i < c.argc; i++) names.push(c.text(i))
  c.reply.verbatim("txt", infoText(c.context, names))
}

export const info: CommandRecord = {
  name: "info",
  arity: -1,
  flags: ["loading", "stale"],
  categories: ["dangerous"],
  keys: [],
  group: "server",
  since: "1.0.0",
  summary: "Returns information and statistics about the server.",
  complexity: "O(1)",
  synopsis: "[section [section ...]]",
  tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
  handler
}
