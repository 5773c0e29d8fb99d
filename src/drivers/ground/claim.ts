/**
 * Folders of the host that a datastore may have for itself. In the folder that people name, Decant has one of its own,
 * `decant/`, with a mark that says whose it is. A folder that was ours once and bears no mark is not ours now: its file
 * system is not mounted, and nothing is written to what lies beneath it.
 */

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, link, lstat, mkdir, open, readdir, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize, sep } from 'node:path'
import { reason, type Reason } from '#model/plan.ts'

/** The mark's file; its content is small and ours. */
const markName = 'datastore.json'
const markBytes = 4096

export type Claim = {
  /** Decant's own folder. */
  readonly folder: string
  /** Why it is not what was claimed any more; undefined: it is. */
  check(): Promise<Reason | undefined>
  /** Forgets it on this host; `isEmpty`: nothing else is left, and the mark goes as well. */
  giveUp(isEmpty: boolean): Promise<void>
}

export type ClaimOrder = {
  readonly id: string
  /** The folder that people named. */
  readonly folder: string
  /** File of the host that remembers the claim, outside of the folder. */
  readonly note: string
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException)?.code ?? ''
const isAbsent = (error: unknown) => ['ENOENT', 'ENOTDIR'].includes(codeOf(error))

/** Why a folder of the host is not to be used; undefined: it is allowed, there, and nobody else's. */
export async function folderFault(
  folder: string,
  allowed: readonly string[],
  ownUid: number,
): Promise<Reason | undefined> {
  if (folder === '' || !isAbsolute(folder) || normalize(folder) !== folder || folder.includes('\0'))
    return reason('datastore/no-folder')
  const isBelow = (above: string) => folder === above || folder.startsWith(above.replace(/\/*$/, sep))
  if (!allowed.some((each) => isBelow(normalize(each)))) return reason('datastore/not-allowed', { folder })
  for (const path of [...ancestors(folder)].toReversed()) {
    const facts = await lstat(path).catch((error: unknown) => {
      if (!isAbsent(error)) throw error
    })
    if (facts === undefined) return reason('datastore/folder-absent', { folder })
    if (facts.isSymbolicLink()) return reason('datastore/symbolic-link', { path })
    if (!facts.isDirectory()) return reason('datastore/folder-absent', { folder })
    const isOpen = (facts.mode & 0o022) !== 0 && (facts.mode & 0o1000) === 0
    const isOurs = facts.uid === 0 || facts.uid === ownUid
    if (isOpen || !isOurs) return reason('datastore/not-safe', { path })
  }
  return undefined
}

function* ancestors(folder: string): Generator<string> {
  for (let at = folder; ; at = dirname(at)) {
    yield at
    if (at === dirname(at)) return
  }
}

/** Makes a folder ours, or finds that it is; a reason when it is another's, or was ours and bears no mark. */
export async function claimFolder({ id, folder, note }: ClaimOrder): Promise<Claim | Reason> {
  const own = join(folder, 'decant')
  const mark = join(own, markName)
  const found = await markIn(mark)
  if (found === undefined) {
    // Where nothing is mounted now, another datastore's folder may look new.
    const other = await otherIn(dirname(note), { id, folder })
    if (other !== undefined) return reason('datastore/foreign', { folder: own, mark: other })
    if ((await markIn(note)) === id) return reason('datastore/mark-missing', { file: mark })
    await mkdir(own, { mode: 0o711 }).catch(unlessThere)
    await writeMark(mark, { datastore: id })
  }
  if (!(await lstat(own)).isDirectory()) return reason('datastore/symbolic-link', { path: own })
  const now = found ?? (await markIn(mark))
  if (now !== id) return reason('datastore/foreign', { folder: own, mark: now ?? '' })
  await chmod(own, 0o711)
  if ((await markIn(note)) !== id) await writeMark(note, { datastore: id, folder })
  let known = await lstat(mark)
  return {
    folder: own,
    check: async () => {
      const seen = await lstat(mark).catch((error: unknown) => {
        if (!isAbsent(error)) throw error
      })
      if (seen === undefined) return reason('datastore/mark-missing', { file: mark })
      // An inode's number may be given to another file; when it was changed tells them apart.
      if (seen.ino === known.ino && seen.dev === known.dev && seen.ctimeMs === known.ctimeMs) return undefined
      // Mounted anew, perhaps: what counts is what the mark says.
      const whose = await markIn(mark)
      if (whose !== id) return reason('datastore/foreign', { folder: own, mark: whose ?? '' })
      known = seen
      return undefined
    },
    giveUp: async (isEmpty) => {
      if (isEmpty) await rm(mark, { force: true })
      await rm(note, { force: true })
    },
  }
}

/** Id of another datastore of this host whose note names the folder. */
async function otherIn(
  notes: string,
  { id, folder }: { readonly id: string; readonly folder: string },
): Promise<string | undefined> {
  for (const name of (await readdir(notes)).filter((each) => each.endsWith('.json'))) {
    const said = await readMark(join(notes, name))
    if (said !== undefined && said.folder === folder && said.datastore !== id) return said.datastore
  }
  return undefined
}

const markIn = async (file: string) => (await readMark(file))?.datastore

type Mark = { readonly datastore: string; readonly folder?: string | undefined }

/** Undefined: there is no mark. What is no mark of ours has the id ''. */
async function readMark(file: string): Promise<Mark | undefined> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(markBytes), 0, markBytes, 0)
    const said = JSON.parse(buffer.toString('utf8', 0, bytesRead)) as { [name: string]: unknown } | null
    const { datastore: id, folder } = said ?? {}
    const isId = typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id)
    return { datastore: isId ? id : '', folder: typeof folder === 'string' ? folder : undefined }
  } catch (error) {
    if (isAbsent(error)) return undefined
    if (error instanceof SyntaxError || codeOf(error) === 'ELOOP') return { datastore: '' }
    throw error
  }
}

/** Whole or not at all; a mark that somebody else was quicker to write stays. */
async function writeMark(file: string, said: Mark): Promise<void> {
  const draft = `${file}.${randomBytes(8).toString('hex')}`
  await using handle = await open(draft, 'wx', 0o644)
  await handle.writeFile(`${JSON.stringify({ version: 1, ...said })}\n`)
  await handle.sync()
  await link(draft, file).catch(unlessThere)
  await rm(draft)
  await using folder = await open(dirname(file), constants.O_RDONLY | constants.O_DIRECTORY)
  await folder.sync()
}

function unlessThere(error: unknown) {
  if (codeOf(error) !== 'EEXIST') throw error
}
