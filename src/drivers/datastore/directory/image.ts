/** Sealing a draft into an image, and reading a sealed one. */

import { constants } from 'node:fs'
import { chmod, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSight } from '#drivers/datastore/port.ts'
import { isAbsent, sizeOf, withFile, type Place } from './place.ts'
import { ImageRecord, readRecord, writeRecord, type ImageFacts } from './record.ts'

export const absentImage: ImageSight = {
  state: 'absent',
  virtualBytes: 0,
  storedBytes: 0,
  sha256: '',
  format: '',
  boot: 'disk',
  commandLine: '',
  architecture: '',
}

const filesFor = ({ format, boot }: ImageRecord) =>
  boot === 'kernel' ? [`disk.${format}`, 'kernel', 'initrd'] : [`disk.${format}`]

/** Checks that a draft holds what its facts say and nothing else; makes it read-only and synced. */
export async function fillImage(draft: string, facts: ImageFacts, content = ''): Promise<void> {
  const record = ImageRecord.parse({ version: 1, ...facts, content })
  const wanted = filesFor(record).toSorted()
  const found = (await readdir(draft)).toSorted()
  if (found.join() !== wanted.join())
    throw new Error(`the draft holds ${found.join(', ') || 'nothing'} instead of ${wanted.join(', ')}`)
  for (const name of wanted) {
    await withFile(join(draft, name), constants.O_RDONLY, async (handle) => {
      await handle.chmod(0o444)
      await handle.sync()
    })
  }
  await writeRecord(join(draft, 'image.json'), record)
  await chmod(draft, 0o755)
}

export async function imageRecord(place: Place, image: string): Promise<ImageRecord | undefined> {
  try {
    return await readRecord(place.path('images', image, 'image.json'), ImageRecord)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

export async function imageSight(place: Place, image: string): Promise<ImageSight> {
  const record = await imageRecord(place, image)
  if (record === undefined) return absentImage
  const { version: _version, content: _content, ...facts } = record
  const sizes = await Promise.all(filesFor(record).map((name) => sizeOf(place.path('images', image, name))))
  const storedBytes = sizes.reduce((sum, size) => sum + (size?.storedBytes ?? 0), 0)
  return { state: 'ready', storedBytes, ...facts }
}

export async function sealedFiles(place: Place, image: string, record: ImageRecord) {
  const file = async (name: string) => {
    const path = place.path('images', image, name)
    return (await lstat(path)).isFile() ? path : null
  }
  const isKernel = record.boot === 'kernel'
  return {
    disk: await file(`disk.${record.format}`),
    kernel: isKernel ? await file('kernel') : null,
    initrd: isKernel ? await file('initrd') : null,
  }
}
