/**
 * The directory of a multi-part AOF: manifest, base and incremental files. Plain synchronous TypeScript.
 *
 * The manifest is the truth: it is replaced by an atomic rename, after the files it lists are on disk. Files that it
 * does not list are never loaded.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Manifest from "./manifest.js"

export class AofDirectory {
  manifest: Manifest.Manifest = Manifest.empty

  constructor(
    /** The server's `dir`. */
    private readonly dataDirectory: string,
    readonly directoryName: string,
    readonly fileName: string
  ) {}

  get directory(): string {
    return path.join(this.dataDirectory, this.directoryName)
  }

  pathOf(file: Manifest.FileInfo): string {
    return path.join(this.directory, file.name)
  }

  /** Reads the manifest; an AOF of one file, as Redis 6 wrote it, is moved in as the base. Throws ManifestError. */
  open(): void {
    // `dir` is there; Node's recursive mkdir would never end where nothing can be made (/proc)
    if (!fs.existsSync(this.directory)) fs.mkdirSync(this.directory)
    const file = path.join(this.directory, Manifest.manifestName(this.fileName))
    if (fs.existsSync(file)) {
      this.manifest = Manifest.parse(fs.readFileSync(file, "utf8"))
      return
    }
    const single = path.join(this.dataDirectory, this.fileName)
    if (!fs.existsSync(single) || !fs.statSync(single).isFile()) return
    this.write(Manifest.upgrade(this.fileName))
    fs.renameSync(single, path.join(this.directory, this.fileName))
    this.sync()
  }

  /** The files to load, in order. */
  files(): ReadonlyArray<Manifest.FileInfo> {
    const { base, incremental } = this.manifest
    return base === null ? incremental : [base, ...incremental]
  }

  /** Makes a manifest the one in force. */
  write(manifest: Manifest.Manifest): void {
    const temporary = path.join(this.directory, Manifest.temporaryManifestName(this.fileName))
    const file = fs.openSync(temporary, "w")
    try {
      fs.writeSync(file, Manifest.format(manifest))
      fs.fsyncSync(file)
    } finally {
      fs.closeSync(file)
    }
    fs.renameSync(temporary, path.join(this.directory, Manifest.manifestName(this.fileName)))
    this.sync()
    this.manifest = manifest
  }

  /** Deletes the files that a newer base has replaced. */
  removeHistory(): void {
    if (this.manifest.history.length === 0) return
    for (const file of this.manifest.history) fs.rmSync(this.pathOf(file), { force: true })
    this.write(Manifest.withoutHistory(this.manifest))
  }

  private sync(): void {
    const directory = fs.openSync(this.directory, "r")
    try {
      fs.fsyncSync(directory)
    } catch {
      // some systems cannot sync a directory; the rename is atomic all the same
    } finally {
      fs.closeSync(directory)
    }
  }
}
