/**
 * The pieces of a thin pool as files that guests and tools open: each has a device node of our own, whose owner and rights
 * are ours to say. The host's own nodes belong to udev, which takes them back at any change.
 */

import { execFile } from 'node:child_process'
import { chmod, chown, lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Problem } from '#model/problem.ts'
import { rdevOf, shownBytesOf } from './content.ts'
import type { Lvm } from './lvm.ts'
import { leftovers, type Piece } from './telling.ts'

const run = promisify(execFile)
/** What was listed is good for so long; every change of ours ends it at once. */
const freshMs = 2_000

export class Pieces {
  readonly #lvm: Lvm
  readonly #folder: string
  #listed: { readonly atMs: number; readonly pieces: Promise<Piece[]> } | undefined

  constructor(lvm: Lvm, folder: string) {
    this.#lvm = lvm
    this.#folder = folder
  }

  /** Makes the folder; ends what an earlier life left half done. */
  async load(named: ReadonlySet<string>): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o711 })
    await chmod(this.#folder, 0o711)
    const pieces = await this.#lvm.pieces()
    const { keep, remove } = leftovers(pieces, named)
    // Images have no records: one that is passing is half a copy.
    for (const id of keep) await this.#lvm.settle(id)
    for (const id of remove) await this.remove(id)
    const there = new Set(pieces.map(({ id }) => id))
    for (const node of await readdir(this.#folder)) if (!there.has(node)) await rm(join(this.#folder, node))
  }

  async list(): Promise<Piece[]> {
    const nowMs = performance.now()
    if (this.#listed === undefined || nowMs - this.#listed.atMs > freshMs) {
      const listed = { atMs: nowMs, pieces: this.#lvm.pieces() }
      this.#listed = listed
      listed.pieces.catch(() => {
        if (this.#listed === listed) this.#listed = undefined
      })
    }
    return await this.#listed.pieces
  }

  async find(id: string): Promise<Piece> {
    const known = (await this.list()).find((piece) => piece.id === id)
    if (known !== undefined) return known
    this.#listed = undefined
    const found = (await this.list()).find((piece) => piece.id === id)
    if (found === undefined) throw new Error(`logical volume decant-${id} is gone`)
    return found
  }

  fileOf = (id: string) => join(this.#folder, id)

  create = (...words: Parameters<Lvm['create']>) => this.#changing(this.#lvm.create(...words))
  snapshot = (...words: Parameters<Lvm['snapshot']>) => this.#changing(this.#lvm.snapshot(...words))
  settle = (id: string) => this.#changing(this.#lvm.settle(id))
  unsettle = (id: string) => this.#changing(this.#lvm.unsettle(id))

  /** Makes it at least so large. */
  async reach(id: string, sizeBytes: number): Promise<void> {
    if ((await this.find(id)).sizeBytes < sizeBytes) await this.#changing(this.#lvm.extend(id, sizeBytes))
  }

  /** One that a process still has open goes later. */
  async remove(id: string): Promise<void> {
    await rm(this.fileOf(id), { force: true })
    await this.#changing(
      this.#lvm.remove(id).catch((fault: unknown) => {
        if (
          !(fault instanceof Problem) ||
          !/in use|failed to find|not found/i.test(String(fault.facts['why']))
        )
          throw fault
      }),
    )
  }

  /** Its node, for the owner alone (`ownerUid`), or for everybody to read (null). */
  async shown(id: string, ownerUid: number | null): Promise<string> {
    if ((await this.find(id)).device === null) await this.#changing(this.#lvm.activate(id))
    const { device } = await this.find(id)
    if (device === null) throw new Error(`logical volume decant-${id} is not active`)
    const file = this.fileOf(id)
    const wanted = { uid: ownerUid ?? 0, mode: ownerUid === null ? 0o444 : 0o600 }
    const facts = await lstat(file).catch(() => undefined)
    const isIt = facts?.isBlockDevice() === true && facts.rdev === rdevOf(device)
    if (!isIt) {
      await rm(file, { force: true })
      await run('mknod', ['-m', '600', '--', file, 'b', String(device.major), String(device.minor)])
    }
    await chown(file, wanted.uid, 0)
    await chmod(file, wanted.mode)
    return file
  }

  /** The size that the qcow2 file in a piece shows. */
  async shownBytes(id: string): Promise<number> {
    return await shownBytesOf({ file: await this.#there(id), format: 'qcow2' })
  }

  async #there(id: string): Promise<string> {
    const file = this.fileOf(id)
    return (await lstat(file).catch(() => undefined)) === undefined ? await this.shown(id, 0) : file
  }

  async #changing<T>(work: Promise<T>): Promise<T> {
    return await work.finally(() => (this.#listed = undefined))
  }
}
