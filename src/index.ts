/**
 * effect-kv: a Redis-protocol key-value store on Effect. What needs nothing beside `effect`; the server, which needs
 * `@effect/platform` and `@effect/platform-node` as well, is a module of its own: "effect-kv/Server".
 *
 * @since 0.1.0
 */

/** The in-process client and its store. */
export * as Kv from "./Kv.js"
/** The Stream face of the request decoder. */
export * as RespDecoder from "./resp/RespDecoder.js"
/** The settings, as a service. */
export * as ServerConfig from "./ServerConfig.js"
