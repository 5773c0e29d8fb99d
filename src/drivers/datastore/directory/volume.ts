/** Making, growing and opening the disk of a volume. */

import { constants } from 'node:fs'
import { join } from 'node:path'
import type { DiskChain } from '#drivers/datastore/port.ts'
import { isAbsent, readSmall, withFile, writeNew, type Place } from './place.ts'
import { emptyQcow2, headBytes, headFrom, type Backing, type Head } from './qcow2.ts'
import { readRecord, writeRecord, VolumeRecord } from './record.ts'
import { runTool } from './tool.ts'

export type DiskFormat = 'qcow2' | 'raw'

/** The image beneath a new volume: its file and what is in it. */
export type Base = {
  readonly image: string
  readonly file: string
  readonly format: DiskFormat
}

export type NewVolume = {
  readonly format: DiskFormat
  readonly sizeBytes: number
  readonly base: Base | null
}

/**
 * Relative, so that the data folder can be moved; it means the same in the jail of a guest, where every
 * file lies under the path that it has outside.
 */
const backingOf = (image: string, format: DiskFormat): Backing => ({
  file: `../../images/${image}/disk.${format}`,
  format,
})

/** Puts disk and record into a draft folder, synced. */
export async function fillVolume(
  draft: string,
  { format, sizeBytes, base }: NewVolume,
  signal: AbortSignal,
): Promise<void> {
  const disk = join(draft, `disk.${format}`)
  const isClone = format === 'qcow2' && base !== null
  if (format === 'qcow2') {
    const made = emptyQcow2(sizeBytes, base === null ? null : backingOf(base.image, base.format))
    await writeNew(disk, made.pieces, made.fileBytes)
  } else if (base === null) {
    await writeNew(disk, [], sizeBytes)
  } else {
    await copyToRaw(base, disk, signal)
    await lengthen(disk, sizeBytes)
  }
  const record: VolumeRecord = { version: 1, format, image: isClone ? base.image : null }
  await writeRecord(join(draft, 'volume.json'), record)
}

async function copyToRaw({ file, format }: Base, disk: string, signal: AbortSignal): Promise<void> {
  await writeNew(disk, [], 0)
  if (format === 'raw')
    await runTool('cp', ['--reflink=auto', '--sparse=always', '--no-preserve=all', '--', file, disk], signal)
  else await runTool('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', '--', file, disk], signal)
}

const lengthen = (disk: string, sizeBytes: number) =>
  withFile(disk, constants.O_RDWR, async (handle) => {
    await handle.truncate(sizeBytes)
    await handle.sync()
  })

/** The record of a volume; nothing when there is no such volume. */
export async function volumeRecord(place: Place, volume: string): Promise<VolumeRecord | undefined> {
  try {
    return await readRecord(place.path('volumes', volume, 'volume.json'), VolumeRecord)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

export const volumeFile = (place: Place, volume: string, format: DiskFormat) =>
  place.path('volumes', volume, `disk.${format}`)

/** Size that a guest sees, and space taken. */
export const diskSize = (file: string, format: DiskFormat) =>
  withFile(file, constants.O_RDONLY, async (handle) => {
    const { size, blocks } = await handle.stat()
    if (format === 'raw') return { sizeBytes: size, storedBytes: blocks * 512 }
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    return {
      sizeBytes: known(headFrom(buffer.subarray(0, bytesRead))).virtualBytes,
      storedBytes: blocks * 512,
    }
  })

function known(head: Head | undefined): Head {
  if (head === undefined) throw new Error('the header of the disk is not one that Decant wrote')
  return head
}

/** The formats of the images beneath volumes never change, so the record and the image's name say all. */
export async function chainOf(
  place: Place,
  record: VolumeRecord,
  formatOf: (image: string) => Promise<DiskFormat>,
) {
  if (record.image === null) return []
  const format = await formatOf(record.image)
  return [{ file: place.path('images', record.image, `disk.${format}`), format, key: null }]
}

/** Gives the disk to a uid and nobody else; only root can, and only root needs to. */
export const own = (file: string, ownerUid: number) =>
  withFile(file, constants.O_RDONLY, async (handle) => {
    const { uid, gid } = await handle.stat()
    if (uid !== ownerUid) await handle.chown(ownerUid, gid)
    if (uid !== ownerUid) await handle.chmod(0o600)
  })

/**
 * Grows a disk. The guest owned the file: before qemu-img opens it, its header must name exactly the
 * backing file that the record stands for, or a guest could make root read any file of the host.
 */
export async function growDisk(
  disk: DiskChain & { readonly image: string | null },
  sizeBytes: number,
  signal: AbortSignal,
): Promise<void> {
  if (disk.format === 'raw') return await lengthen(disk.file, sizeBytes)
  const { backing } = known(headFrom(await readSmall(disk.file, headBytes)))
  const below = disk.backing[0]
  const wanted = below === undefined || disk.image === null ? null : backingOf(disk.image, below.format)
  if (JSON.stringify(backing) !== JSON.stringify(wanted))
    throw new Error('the header of the disk names another backing file than Decant wrote')
  await runTool('qemu-img', ['resize', '-q', '-f', 'qcow2', '--', disk.file, String(sizeBytes)], signal)
}
