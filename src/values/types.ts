/**
 * The table of value types: what everything that handles keys asks, rather than to assume a type. Pure.
 */
import type { Keyspace } from "../store/database.js"
import { stringType } from "./stringType.js"
import type { ValueType } from "./type.js"

/** By the number of a type in a record (record.ts). */
export const types: ReadonlyArray<ValueType> = [stringType]

/** The type of what a record holds. */
export const typeOf = (keyspace: Keyspace, ref: number): ValueType => types[keyspace.records.type(ref)]!
