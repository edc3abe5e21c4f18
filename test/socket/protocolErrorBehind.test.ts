// A protocol error ends a connection behind everything that came before it, as in Redis.
import { afterEach, expect, it } from "vitest"
import { bytesOf, within } from "../seams/turn.js"
import { connect, plain } from "../support/client.mjs"
import { type Server, start } from "../support/server.mjs"

let server: Server
afterEach(() => server.dispose())

const ERROR = { error: expect.stringMatching(/^ERR Protocol error/) }

it.each([
  ["replies too long to be sent at once", "x".repeat(100_000), ["GET", "big"], "x".repeat(100_000)],
  ["scripts", "x", ["EVAL", "return 'done'", "0"], "done"]
])("commands before it are all executed: %s", async (_name, big, command, expected) => {
  server = await start()
  const client = await connect({ port: server.port })
  await client.send("SET", "big", big)
  const replies = Array.from({ length: 21 }, () => client.read().then(plain, () => "closed"))
  await client.write(
    Buffer.concat([bytesOf(...Array.from({ length: 20 }, () => command)), Buffer.from("*1\r\n+bad\r\n")])
  )
  const all = await within(Promise.all(replies), 5000)
  expect(all?.map((reply) => (reply === expected ? "expected" : reply))).toEqual([
    ...Array.from({ length: 20 }, () => "expected"),
    ERROR
  ])
})
