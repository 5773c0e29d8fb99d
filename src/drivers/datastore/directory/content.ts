/**
 * Contents that several images share, and what has come of contents that are not images yet.
 *
 *   contents/<sha256>.<format>   the disk of every image that has this content: the same file under several names (hard
 *                                links), so that all paths stay as they are. It goes when no image bears it any more.
 *   landings/<image>/            kept over restarts; goes when the image is sealed or removed, or after a day
 */

import { chmod, link, lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '#model/limits.ts'
import { isAbsent, isId, type Place } from './place.ts'

const folders = ['contents', 'landings'] as const
const contentName = /^[0-9a-f]{64}\.(qcow2|raw)$/

const contentsOf = (place: Place) => join(place.folder, 'contents')
const landingsOf = (place: Place) => join(place.folder, 'landings')

/** Makes the folders; removes contents that no image bears, and landings that nobody goes on with. */
export async function prepareContents(place: Place): Promise<void> {
  for (const name of folders) {
    const folder = join(place.folder, name)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if (!(await lstat(folder)).isDirectory()) throw new Error(`${folder} is no folder`)
    await chmod(folder, 0o700)
  }
  for (const name of await readdir(contentsOf(place)))
    if (contentName.test(name)) await dropUnborne(place, name)
  await sweepLandings(place)
}

/**
 * Before an image is sealed: its disk becomes the file that others with the same content bear already, or the first to be
 * borne. Where the file system has no links, every image keeps its own.
 */
export async function shareContent(
  place: Place,
  draft: string,
  { sha256, format }: { sha256: string; format: string },
) {
  const name = `${sha256}.${format}`
  if (!contentName.test(name)) throw new Error('a content is not named by its SHA-256')
  const [shared, own, twin] = [
    join(contentsOf(place), name),
    join(draft, `disk.${format}`),
    join(draft, 'disk.shared'),
  ]
  if ((await lstat(own)).nlink > 1) return
  try {
    await link(shared, twin)
    // Half a file could bear the name after a power cut of a file system that does not order its work.
    if ((await lstat(twin)).size === (await lstat(own)).size) await rename(twin, own)
    else await rm(twin)
  } catch (error) {
    if (isAbsent(error)) await link(own, shared).catch(ifLinksFail)
    else ifLinksFail(error)
  }
}

/** After an image went. Does nothing while another one bears the content. */
export async function dropUnborne(place: Place, name: string): Promise<void> {
  const file = join(contentsOf(place), name)
  const there = await lstat(file).catch(ifAbsent)
  if (there !== undefined && there.nlink <= 1) await rm(file, { force: true })
}

export async function landingOf(place: Place, image: string): Promise<string> {
  await sweepLandings(place)
  const folder = join(landingsOf(place), image)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return folder
}

export const dropLanding = (place: Place, image: string) =>
  rm(join(landingsOf(place), image), { recursive: true, force: true })

async function sweepLandings(place: Place): Promise<void> {
  const names = (await readdir(landingsOf(place))).filter(isId)
  for (const name of names) {
    const folder = join(landingsOf(place), name)
    const there = await Promise.all([stat(folder), stat(join(folder, 'content')).catch(ifAbsent)]).catch(
      ifAbsent,
    )
    const newestMs = Math.max(...(there ?? []).map((entry) => entry?.mtimeMs ?? 0))
    if (Date.now() - newestMs > limits.landingKeepMs) await rm(folder, { recursive: true, force: true })
  }
}

function ifAbsent(error: unknown): undefined {
  if (!isAbsent(error)) throw error
}

/** No links here (EPERM, ENOTSUP, EXDEV), too many (EMLINK), or somebody else was quicker (EEXIST). */
function ifLinksFail(error: unknown) {
  const code = (error as NodeJS.ErrnoException)?.code ?? ''
  if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EMLINK', 'EEXIST'].includes(code)) throw error
}
