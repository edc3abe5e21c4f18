/**
 * The directives that `--help` and shell completions show, with what they are for. All others work all the
 * same.
 *
 * Pure. Choices and defaults come from the directives themselves.
 *
 * @since 0.1.0
 */

/**
 * Directive, what its argument is, what it is for.
 *
 * @since 0.1.0
 * @category table
 */
export const featured: ReadonlyArray<readonly [name: string, argument: string, about: string]> = [
  ["port", "number", "TCP port to listen on; 0 for none"],
  ["bind", "addresses", "addresses to listen on"],
  ["unixsocket", "path", "Unix socket to listen on"],
  ["protected-mode", "", "without a password, accept clients of this machine only"],
  ["requirepass", "password", "password that clients must give (AUTH)"],
  ["maxclients", "number", "clients connected at once"],
  ["timeout", "seconds", "close clients idle for so long; 0 for never"],
  ["databases", "number", "databases for SELECT"],
  ["dir", "directory", "where data files are kept"],
  ["appendonly", "", "append every write to a file, and load it at start"],
  ["appendfsync", "", "when that file is forced to disk"],
  ["save", "seconds changes", 'take snapshots; --save "" for none'],
  ["maxmemory", "bytes", "limit for data, such as 512mb; 0 for none"],
  ["maxmemory-policy", "policy", "what to evict at that limit, such as allkeys-lru"],
  ["client-output-buffer-limit", "class hard soft seconds", "replies that may wait to be read"],
  ["proto-max-bulk-len", "bytes", "largest argument of a command"],
  ["busy-reply-threshold", "milliseconds", "after how long a script makes other clients get BUSY"],
  ["notify-keyspace-events", "classes", "publish changes of keys, such as KEA"],
  ["loglevel", "level", "debug, verbose, notice, warning or nothing"],
  ["logfile", "path", 'log to a file instead of standard output ("")'],
  ["pidfile", "path", "file for the process id"],
  ["enable-debug-command", "", "who may use DEBUG"],
  ["enable-protected-configs", "", "who may CONFIG SET dir and the like"],
  ["shutdown-timeout", "seconds", "how long a shutdown may wait for replicas"]
]
