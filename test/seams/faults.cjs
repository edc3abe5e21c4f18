// Preloaded into the server under test (NODE_OPTIONS=--require): while a file with an operation's name is in
// FAULTS, that operation fails on files of the append-only directory, and `<name>.hit` says that it did.
const fs = require("node:fs")
const { join } = require("node:path")
const { syncBuiltinESMExports } = require("node:module")

const dir = process.env.FAULTS
const real = { ...fs }
const ours = new Set()
const exists = (name) => real.existsSync(join(dir, name))

function fault(name, code, text) {
  if (!exists(name)) return undefined
  real.appendFileSync(join(dir, `${name}.hit`), ".")
  return Object.assign(new Error(`${code}: ${text}`), { code, syscall: name })
}
const sync = () => fault("sync", "EIO", "i/o error, fdatasync")
const write = () => fault("write", "ENOSPC", "no space left on device, write")

fs.openSync = (path, ...rest) => {
  const fd = real.openSync(path, ...rest)
  if (String(path).includes("appendonlydir")) ours.add(fd)
  return fd
}
fs.open = (path, ...rest) => {
  const done = rest.pop()
  real.open(path, ...rest, (error, fd) => {
    if (!error && String(path).includes("appendonlydir")) ours.add(fd)
    done(error, fd)
  })
}
fs.closeSync = (fd) => {
  ours.delete(fd)
  return real.closeSync(fd)
}
fs.close = (fd, ...rest) => {
  ours.delete(fd)
  return real.close(fd, ...rest)
}
for (const [name, failure] of [
  ["fsync", sync],
  ["fdatasync", sync],
  ["write", write],
  ["writev", write]
]) {
  fs[`${name}Sync`] = (fd, ...rest) => {
    if (name === "write" && ours.has(fd) && exists("short")) {
      // the disk takes half of a write, and nothing more
      const first = !exists("short.hit")
      real.appendFileSync(join(dir, "short.hit"), ".")
      if (!first) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })
      const [bytes, start, length] = rest
      return real.writeSync(fd, bytes, start, length >> 1)
    }
    const error = ours.has(fd) ? failure() : undefined
    if (error) throw error
    return real[`${name}Sync`](fd, ...rest)
  }
  fs[name] = (fd, ...rest) => {
    if (ours.has(fd) && failure === sync && exists("hold")) {
      // an fsync that takes as long as the file "hold" is there
      real.appendFileSync(join(dir, "hold.hit"), ".")
      const poll = setInterval(() => {
        if (exists("hold")) return
        clearInterval(poll)
        fs[name](fd, ...rest)
      }, 5)
      return
    }
    const error = ours.has(fd) ? failure() : undefined
    if (error === undefined) return real[name](fd, ...rest)
    setImmediate(rest.at(-1), error)
  }
}
syncBuiltinESMExports()
