/**
 * The two versions this program answers to: its own, and that of the Redis whose behaviour it has.
 *
 * Pure. A test holds `version` to package.json.
 *
 * @since 0.1.0
 */

/**
 * The version of effect-kv.
 *
 * @since 0.1.0
 * @category constants
 */
export const version = "0.1.0"

/**
 * The version of Redis that clients are told (INFO, HELLO, `--version`), because they choose features by it.
 *
 * @since 0.1.0
 * @category constants
 */
export const redisVersion = "7.2.4"
