/**
 * A durable store inside a program, and the same data on a port for Redis clients.
 *
 * The store is a Layer: what it has to close (the port, the append-only file) is closed in order when the program
 * ends. Opened again on the same directory, everything is there.
 */
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Kv } from "../src/index.js"
import * as Server from "../src/Server.js"

/** The store, and a port that the system chooses. */
const served = (dir: string) =>
  Server.layer({ port: 0 }).pipe(Layer.provideMerge(Kv.layer({ dir, appendonly: true })))

/** What a Redis client sends and is answered, in one line of the inline protocol. */
const askOverSocket = (port: number, line: string): Effect.Effect<string> =>
  Effect.async<string>((resume) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(`${line}\r\nQUIT\r\n`))
    let text = ""
    socket.on("data", (bytes) => {
      text += bytes.toString("utf8")
    })
    socket.on("close", () => resume(Effect.succeed(text.split("\r\n")[1] ?? "")))
  })

const firstRun = Effect.gen(function* () {
  const kv = yield* Kv.Kv
  const server = yield* Server.Server
  yield* kv.set("user:1", "Ada")
  yield* kv.set("user:2", "Grace", { ttl: "1 hour" })
  yield* kv.incrBy("visits", 41)
  const visits = yield* kv.eval("return redis.call('INCR', KEYS[1])", ["visits"])
  yield* Console.log(`in-process: ${visits} visits`)

  const address = server.addresses[0]
  if (address?._tag !== "TcpAddress") return yield* Effect.dieMessage("it listens on no port")
  yield* Console.log(`over the socket: user:1 is ${yield* askOverSocket(address.port, "GET user:1")}`)
  yield* askOverSocket(address.port, "SET user:3 Edsger")
  yield* Console.log(`in-process: user:3 is ${Option.getOrNull(yield* kv.get("user:3"))}`)
})

const secondRun = Effect.gen(function* () {
  const kv = yield* Kv.Kv
  const users = yield* Stream.runCollect(kv.scan({ match: "user:*" }))
  yield* Console.log(`opened again: ${[...users].sort().join(", ")}`)
  const wrong = yield* Effect.flip(kv.incr("user:1"))
  yield* Console.log(`an error is a value: ${wrong.code}, ${wrong.message}`)
})

/** Runs the example in a directory of its own, which it removes. */
export const program = Effect.scoped(
  Effect.gen(function* () {
    const dir = yield* Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "effect-kv-embedded-"))),
      (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
    )
    yield* Effect.provide(firstRun, served(dir))
    yield* Effect.provide(secondRun, Kv.layer({ dir, appendonly: true }))
  })
)

if (import.meta.url === `file://${process.argv[1]}`) await Effect.runPromise(program)
