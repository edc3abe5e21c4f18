// Brings bytes of several clients to the server in one turn of its event loop: the process is stopped while they are
// written, and finds all sockets readable, in that order, when it goes on.
import { readFileSync } from "node:fs"
import type { Arg, Client } from "../support/client.mjs"
import { encode } from "../support/client.mjs"
import { type Server, until } from "../support/server.mjs"

export const bytesOf = (...commands: ReadonlyArray<ReadonlyArray<Arg>>): Buffer =>
  Buffer.concat(commands.map((args) => encode(args)))

const isStopped = (pid: number): boolean => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))

/** Each client's commands, in the order of the list; small enough for the kernel to hold. */
export const inOneTurn = async (
  server: Server,
  sends: ReadonlyArray<readonly [Client, ReadonlyArray<ReadonlyArray<Arg>>]>
): Promise<void> => {
  server.child.kill("SIGSTOP")
  try {
    await until("the process stands still", () => isStopped(server.pid))
    for (const [client, commands] of sends) await client.write(bytesOf(...commands))
  } finally {
    server.child.kill("SIGCONT")
  }
}

/** The value of a field of INFO. */
export const info = async (client: Client, field: string): Promise<string | undefined> => {
  const reply = await client.send("INFO", "everything")
  const text = reply.type === "bulk" || reply.type === "verbatim" ? reply.value.toString() : ""
  return new RegExp(`^${field}:(.*)\r$`, "m").exec(text)?.[1]
}

/** A promise's value, or undefined when it does not come in time. */
export const within = async <A>(promise: Promise<A>, milliseconds: number): Promise<A | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
