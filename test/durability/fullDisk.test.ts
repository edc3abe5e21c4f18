// A disk without room: /dev/full stands in the place of the append-only file.
import { existsSync, mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { connect, plain } from "../support/client.mjs"
import { Server, temporaryDir } from "../support/server.mjs"

describe.skipIf(!existsSync("/dev/full"))("a full disk", () => {
  it.each(["everysec", "always"])(
    "refuses new writes, goes on reading, and never answers what it could not keep, appendfsync %s",
    { timeout: 30_000 },
    async (fsync) => {
      const dir = temporaryDir("full-disk")
      mkdirSync(join(dir, "appendonlydir"))
      symlinkSync("/dev/full", join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
      const server = new Server({ dir, args: ["--appendonly", "yes", "--appendfsync", fsync] })
      try {
        await server.start()
        const client = await connect({ port: server.port })
        const error = { error: expect.stringMatching(/^MISCONF .*No space left on device/) }
        // executed, but not written: neither OK nor an error would be true
        const first = await connect({ port: server.port })
        const unanswered = first.send("SET", "a", "1").then(
          () => "answered",
          () => "closed"
        )
        const status = async () => String(plain(await client.send("INFO", "persistence")))
        while (!(await status()).includes("aof_last_write_status:err")) {
          // reads are answered all the while
        }
        // from now on writes are refused before they are executed
        expect(plain(await client.send("SET", "b", "2"))).toEqual(error)
        expect(plain(await client.send("GET", "b"))).toBe(null)
        expect(plain(await client.send("PING"))).toBe("PONG")
        expect(await unanswered).toBe("closed")
        await client.destroy()
        expect((await server.stop("SIGTERM")).code).toBe(0)
      } finally {
        await server.dispose()
      }
    }
  )
})
