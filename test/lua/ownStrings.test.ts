// What a script has been told stays what it was, whatever the script asks next.
import { afterEach, expect, it } from "vitest"
import { connect, plain } from "../support/client.mjs"
import { type Server, start } from "../support/server.mjs"

let server: Server
afterEach(() => server.dispose())

it("a value that a script has read is not changed by its next command", async () => {
  server = await start()
  const client = await connect({ port: server.port })
  await client.pipeline([
    ["MSET", "first", "one", "second", "b"],
    ["SELECT", "0"]
  ])
  const read = (script: string) => client.send("EVAL", script, "0").then(plain)
  expect(
    await read("local a=redis.call('GET','first') local b=redis.call('GET','second') return {a,b}")
  ).toEqual(["one", "b"])
  expect(await read("local a=redis.call('GET','first') redis.call('PTTL','first') return a")).toBe("one")
  expect(
    await read("local keys=redis.call('MGET','first','second') redis.call('GET','second') return keys")
  ).toEqual(["one", "b"])
})
