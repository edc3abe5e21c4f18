/**
 * effect-kv: a Redis-protocol key-value server on Effect.
 *
 * @since 0.1.0
 */

/** The in-process client and its store. */
export * as Kv from "./Kv.js"
/** The Stream face of the request decoder. */
export * as RespDecoder from "./resp/RespDecoder.js"
/** The server: the store on a port. */
export * as Server from "./Server.js"
/** The settings, as a service. */
export * as ServerConfig from "./ServerConfig.js"
