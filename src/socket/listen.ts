/**
 * Has a server listen. Plain Node.
 *
 * `server.listen` loads Node's cluster, datagrams and child processes (a tenth of a start) to find that this process is
 * nobody's worker, and its resolver for what is an address already. Where neither is in question, the server is told
 * what they would tell it: by `_listen2`, which is undocumented, and kept by Node for those who wrap it.
 */
import { isIP, type Server } from "node:net"

/** Where to listen, as `server.listen` has it. */
export interface Endpoint {
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly backlog?: number
  readonly ipv6Only?: boolean
}

interface Bound {
  readonly _listen2?: (
    host: string,
    port: number,
    family: number,
    backlog: number,
    descriptor: undefined,
    flags: number
  ) => void
}

/** libuv's UV_TCP_IPV6ONLY. */
const IPV6_ONLY = 1
/** As Node has it. */
const BACKLOG = 511
const PORT_MAX = 65_535

/** A worker of a cluster shares its primary's sockets; every worker was forked with a channel. */
const mayBeWorker = process.send !== undefined

/** Listens, then calls back; a failure is the server's `error` event. */
export const listen = (server: Server, endpoint: Endpoint, listening: () => void): void => {
  const { backlog = BACKLOG, host = "", ipv6Only = false, port = 0 } = endpoint
  const family = isIP(host)
  const { _listen2 } = server as Bound
  const isPlain = family !== 0 && endpoint.path === undefined && port === (port & PORT_MAX)
  if (mayBeWorker || !isPlain || typeof _listen2 !== "function") {
    server.listen(endpoint, listening)
    return
  }
  server.once("listening", listening)
  _listen2.call(server, host, port, family, backlog, undefined, ipv6Only ? IPV6_ONLY : 0)
}
