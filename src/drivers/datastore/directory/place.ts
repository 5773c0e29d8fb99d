/**
 * The folders of a directory datastore. Everything in them appears whole or not at all: it is put
 * together under a draft name, synced, renamed, and the folder synced. Removing goes the other way.
 *
 *   volumes/<id>/   disk.qcow2 or disk.raw, volume.json; with layers also <node>.qcow2 and chain.json
 *   memory/<id>     a guest's memory as a snapshot kept it
 *   images/<id>/    disk.*, kernel, initrd, image.json
 *   drafts/         what is being made or removed; ours of an earlier life goes at the next open
 */

import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Piece } from './qcow2.ts'

export const shelves = ['volumes', 'images', 'memory', 'drafts'] as const
export type Shelf = (typeof shelves)[number]

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const wholeUuid = new RegExp(`^${uuid}$`)

/** Only a uuid ever becomes part of a path. `$` alone would let a line break through. */
export const isId = (id: string) => id.length === 36 && wholeUuid.test(id)

/** Drafts carry the mark of their host: a shared folder has drafts of others in it. */
const mark = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
const ourDraft = new RegExp(`^${uuid}-${mark}-[0-9a-f]{16}$`)

export const isAbsent = (error: unknown) => (error as NodeJS.ErrnoException)?.code === 'ENOENT'
const isThere = (error: unknown) =>
  ['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException)?.code ?? '')

export class Place {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  path(shelf: Shelf, ...names: string[]) {
    return join(this.folder, shelf, ...names)
  }

  /** Makes the folders and removes what an earlier life of this host left half done. */
  async prepare(): Promise<void> {
    for (const shelf of shelves) {
      await mkdir(this.path(shelf), { recursive: true, mode: 0o711 })
      if (!(await lstat(this.path(shelf))).isDirectory()) throw new Error(`${this.path(shelf)} is no folder`)
      await chmod(this.path(shelf), 0o711)
    }
    const left = await readdir(this.path('drafts'))
    for (const name of left.filter((name) => ourDraft.test(name)))
      await rm(this.path('drafts', name), { recursive: true, force: true })
  }

  async list(shelf: 'volumes' | 'images' | 'memory'): Promise<string[]> {
    return (await readdir(this.path(shelf))).filter(isId).toSorted()
  }

  async has(shelf: 'volumes' | 'images', id: string): Promise<boolean> {
    return (await sizeOf(this.path(shelf, id))) !== undefined
  }

  async draft(id: string): Promise<string> {
    const folder = this.path('drafts', `${id}-${mark}-${randomBytes(8).toString('hex')}`)
    await mkdir(folder, { mode: 0o700 })
    return folder
  }

  async discard(draft: string): Promise<void> {
    await rm(draft, { recursive: true, force: true })
  }

  /** Gives a finished draft its name. When the name is taken the draft is discarded: both are the same. */
  async publish(draft: string, shelf: 'volumes' | 'images' | 'memory', id: string): Promise<void> {
    await syncFolder(draft)
    await rename(draft, this.path(shelf, id)).catch(async (error: unknown) => {
      if (!isThere(error)) throw error
      await this.discard(draft)
    })
    await syncFolder(this.path(shelf))
  }

  /** Takes the name away at once, then removes what bore it. Does nothing when it is not there. */
  async remove(shelf: 'volumes' | 'images' | 'memory', id: string): Promise<void> {
    const trash = this.path('drafts', `${id}-${mark}-${randomBytes(8).toString('hex')}`)
    await rename(this.path(shelf, id), trash).catch((error: unknown) => {
      if (!isAbsent(error)) throw error
    })
    await syncFolder(this.path(shelf))
    await this.discard(trash)
  }
}

export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  await handle.sync()
}

/** Opens a plain file, never through a symbolic link, and hands it to `work`. */
export async function withFile<T>(
  file: string,
  flags: number,
  work: (handle: Awaited<ReturnType<typeof open>>) => Promise<T>,
): Promise<T> {
  // O_NONBLOCK: a pipe put in the place of a file must not make us wait.
  await using handle = await open(file, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600)
  if (!(await handle.stat()).isFile()) throw new Error(`${file} is no plain file`)
  return await work(handle)
}

/** Writes a new file and syncs it; what lies between and after its pieces is zeros (I-32). */
export const writeNew = (file: string, pieces: readonly Piece[], length: number) =>
  withFile(file, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, async (handle) => {
    await handle.truncate(length)
    for (const { at, bytes } of pieces) await handle.write(bytes, 0, bytes.length, at)
    await handle.sync()
  })

export const readSmall = (file: string, atMostBytes: number) =>
  withFile(file, constants.O_RDONLY, async (handle) => {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(atMostBytes), 0, atMostBytes, 0)
    return buffer.subarray(0, bytesRead)
  })

/** Size and space of a file or folder; nothing when it is not there. */
export async function sizeOf(path: string) {
  try {
    const { size, blocks } = await lstat(path)
    return { sizeBytes: size, storedBytes: blocks * 512 }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}
