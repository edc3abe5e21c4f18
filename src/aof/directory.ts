/**
 * The directory of a multi-part AOF: manifest, base and incremental files. Plain synchronous TypeScript.
 *
 * The manifest is the truth: it is replaced by an atomic rename, after the files it lists are on disk. Files that it
 * does not list are never loaded.
 */
import * as path from "node:path"
import type { Disk } from "../machine/disk.js"
import * as Manifest from "./manifest.js"

export class AofDirectory {
  manifest: Manifest.Manifest = Manifest.empty

  constructor(
    private readonly disk: Disk,
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

  /** Makes the directory, where it is not there. */
  make(): void {
    this.disk.makeDirectory(this.directory)
  }

  /** Reads the manifest; an AOF of one file, as Redis 6 wrote it, is moved in as the base. Throws ManifestError. */
  open(): void {
    const { disk } = this
    const file = path.join(this.directory, Manifest.manifestName(this.fileName))
    const single = path.join(this.dataDirectory, this.fileName)
    if (disk.isFile(file)) this.manifest = Manifest.parse(disk.readText(file))
    else if (disk.isFile(single)) this.write(Manifest.upgrade(this.fileName))
    // the manifest came first: a kill in between leaves the file outside
    const moved = path.join(this.directory, this.fileName)
    if (this.manifest.base?.name !== this.fileName || disk.isFile(moved) || !disk.isFile(single)) return
    disk.rename(single, moved)
    disk.syncDirectory(this.directory)
  }

  /** The files to load, in order. */
  files(): ReadonlyArray<Manifest.FileInfo> {
    const { base, incremental } = this.manifest
    return base === null ? incremental : [base, ...incremental]
  }

  /** Makes a manifest the one in force. */
  write(manifest: Manifest.Manifest): void {
    const { disk } = this
    const temporary = path.join(this.directory, Manifest.temporaryManifestName(this.fileName))
    const text = Buffer.from(Manifest.format(manifest))
    const file = disk.openEmpty(temporary)
    try {
      for (let at = 0; at < text.length; ) at += disk.write(file, text, at, text.length)
      disk.syncNow(file)
    } finally {
      disk.close(file)
    }
    disk.rename(temporary, path.join(this.directory, Manifest.manifestName(this.fileName)))
    // from here on it is the truth, whatever else fails
    this.manifest = manifest
    disk.syncDirectory(this.directory)
  }

  /** Deletes the files that a newer base has replaced. */
  removeHistory(): void {
    if (this.manifest.history.length === 0) return
    for (const file of this.manifest.history) this.disk.remove(this.pathOf(file))
    this.write(Manifest.withoutHistory(this.manifest))
  }
}
