// Build step, after tsc: puts fengari into dist/lib as a copy of this package's own, so that nothing has to be installed
// beside effect-kv. It must be an own copy: fengari.ts corrects its modules in place, and an application may use fengari
// itself. What imports "fengari/src/x.js" then imports vendor/src/x.js; modules that two of them share stay one.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, posix, relative, resolve, sep } from "node:path"
import { build } from "esbuild"

const root = resolve(import.meta.dirname, "..", "..")
const folder = join(root, "dist", "lib", "lua")
const target = join(folder, "vendor")
const IMPORT = /(\bfrom\s*|\bimport\s*\(?\s*)"(fengari(?:\/[^"]*)?)"/g

/** Where a specifier's module lies under `target`, without its ending. */
const place = (specifier) =>
  specifier === "fengari" ? "fengari" : specifier.slice("fengari/".length).replace(/\.js$/, "")

const files = readdirSync(join(root, "dist", "lib"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".js") && !name.includes(`vendor${sep}`))
  .map((name) => join(root, "dist", "lib", name))
const specifiers = new Set()
for (const file of files) {
  const text = readFileSync(file, "utf8")
  const rewritten = text.replace(IMPORT, (_, before, specifier) => {
    specifiers.add(specifier)
    const path = relative(dirname(file), join(target, `${place(specifier)}.js`)).replaceAll(sep, posix.sep)
    return `${before}"${path.startsWith(".") ? path : `./${path}`}"`
  })
  if (rewritten !== text) writeFileSync(file, rewritten)
}
// tsc has written the files anew, or there would be nothing to bundle from
if (specifiers.size === 0) throw new Error("nothing in dist/lib imports fengari: run tsc first")

rmSync(target, { recursive: true, force: true })
await build({
  entryPoints: Object.fromEntries([...specifiers].map((specifier) => [place(specifier), specifier])),
  absWorkingDir: root,
  outdir: target,
  chunkNames: "shared/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  minify: true,
  logLevel: "warning",
  legalComments: "inline",
  banner: { js: "import{createRequire as r__}from'node:module';const require=r__(import.meta.url);" }
})
