/**
 * What touches the machine: disk, host, processes. Infrastructure tier, below everything; it holds nothing.
 *
 * One service to replace as a whole: tests let its operations fail, a simulation puts another in its place. Time and
 * random numbers come from Effect's own Clock and Random.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import { type Disk, nodeDisk } from "./disk.js"
import { nodeServerHost, type ServerHost } from "./host.js"
import { nodeProcesses, type Processes } from "./processes.js"

export type { Disk, Synced } from "./disk.js"
export type { ServerHost } from "./host.js"
export type { Processes } from "./processes.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface MachineService {
  readonly disk: Disk
  readonly processes: Processes
  /** The host as server commands see it; `log` is where its lines go. */
  readonly host: (log: ServerHost["log"]) => ServerHost
}

/**
 * The machine; this one, unless another is provided.
 *
 * @since 0.2.0
 * @category tags
 */
export class Machine extends Context.Reference<Machine>()("effect-kv/Machine", {
  defaultValue: (): MachineService => ({
    disk: nodeDisk,
    processes: nodeProcesses,
    host: nodeServerHost
  })
}) {}
