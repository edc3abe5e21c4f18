/**
 * A store as a service that says nothing of what is in it. Infrastructure tier.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/** Marks a store's handle. */
export const StoreTypeId: unique symbol = Symbol.for("effect-kv/Kv/Store")

/**
 * A running store, for what is built on it within this package: clients and servers.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoreHandle {
  readonly [StoreTypeId]: typeof StoreTypeId
}

/**
 * The store that a client works on and a server serves.
 *
 * @since 0.1.0
 * @category tags
 */
export class Store extends Context.Tag("effect-kv/Kv/Store")<Store, StoreHandle>() {}
