/**
 * What the store counts, for INFO. Pure.
 */
export class KeyspaceStats {
  hits = 0
  misses = 0
  expired = 0
}
