/**
 * The file of a Unix socket. No tier: it holds nothing.
 *
 * A server that was killed leaves its file behind, and bind refuses a path that is taken. Redis deletes whatever is
 * there; here it goes only if it is a socket, and nobody answers on it.
 *
 * @since 0.1.0
 */
import * as fs from "node:fs"
import * as net from "node:net"
import { SocketServerError } from "@effect/platform/SocketServer"
import * as Effect from "effect/Effect"

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : ""

const inUse = (text: string): SocketServerError =>
  new SocketServerError({ reason: "Open", cause: Object.assign(new Error(text), { code: "EADDRINUSE" }) })

/** Whether somebody accepts connections there; what else goes wrong than a refusal is not taken for "nobody". */
const answers = (path: string): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    const socket = net.connect({ path })
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", (error) => {
      const code = codeOf(error)
      resume(Effect.succeed(code !== "ECONNREFUSED" && code !== "ENOENT"))
    })
    return Effect.sync(() => socket.destroy())
  })

/**
 * Makes way for a socket of our own: deletes the one that a killed server left. Fails where a server lives there, or
 * where the path is something else than a socket.
 *
 * @since 0.1.0
 */
export const clear = (path: string): Effect.Effect<void, SocketServerError> =>
  Effect.gen(function* () {
    const status = yield* Effect.try({
      try: () => fs.lstatSync(path, { throwIfNoEntry: false }),
      catch: (cause) => new SocketServerError({ reason: "Open", cause })
    })
    if (status === undefined) return
    if (!status.isSocket()) return yield* inUse(`${path} is there and is no socket`)
    if (yield* answers(path)) return yield* inUse(`a server listens on ${path}`)
    yield* Effect.try({
      try: () => fs.rmSync(path, { force: true }),
      catch: (cause) => new SocketServerError({ reason: "Open", cause })
    })
  })
