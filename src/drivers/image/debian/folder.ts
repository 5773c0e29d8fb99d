/** Takes a file of the host in: only below folders that the agent was told, and never through a symbolic link. */

import { constants } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { dirname, isAbsolute, relative, sep } from 'node:path'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { MakeOrder, Report } from '#drivers/image/port.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Arrived } from './intake.ts'
import type { Landing } from './landing.ts'
import { sumsOf } from './pouring.ts'
import { checkRoom, refused } from './refusal.ts'
import { runTool } from './tool.ts'

type Copying = {
  readonly into: Datastore
  readonly landing: Landing
  readonly order: MakeOrder
  readonly report: Report
  readonly signal: AbortSignal
}

/** Copying terabytes from a slow disk takes a day. */
const timeoutMs = 24 * 3_600_000

/** Copies it first: nobody may change it after it was judged. Problems `image/path`, `image/refused`. */
export async function copyFromFolder(work: Copying, folders: readonly string[]): Promise<Arrived> {
  const { into, landing, order, report, signal } = work
  const { sha256, sha512, path } = order.spec
  await using source = await openBelow(path ?? '', folders)
  const { size, blocks } = await source.stat()
  if (size > limits.uploadBytes) throw refused(`it is larger than ${limits.uploadBytes} bytes`)
  await checkRoom(into, blocks * 512)
  report({
    step: 'Copying the file',
    fraction: null,
    etaSeconds: null,
    receivedBytes: 0,
    expectedBytes: size,
  })
  await (await landing.open(true)).close()
  // Of what is open, whatever the path means by now; holes stay holes, and blocks are shared where they can be.
  const open = `/proc/${process.pid}/fd/${source.fd}`
  const how = ['--reflink=auto', '--sparse=always', '--no-preserve=all']
  await runTool('cp', [...how, '--', open, landing.file], {
    signal,
    folder: dirname(landing.file),
    timeoutMs,
  })
  const { size: fileBytes } = await stat(landing.file)
  const arrived = { file: landing.file, fileBytes }
  if (sha256 === undefined && sha512 === undefined) return { ...arrived, sums: null }
  return { ...arrived, sums: await sumsOf(landing.file, sha512 !== undefined, signal) }
}

/** Opens a plain file below one of the folders, step by step from the folder's own descriptor. */
async function openBelow(path: string, folders: readonly string[]): Promise<FileHandle> {
  const folder = folders.find((one) => isBelow(path, one))
  const isPlain = isAbsolute(path) && !path.includes('\0') && !path.split(sep).includes('..')
  if (folder === undefined || !isPlain)
    throw new Problem('image/path', { path: path.slice(0, 200), folders: folders.join(', ') || '–' })
  const names = relative(folder, path).split(sep)
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  // The folder itself is the administrator's own choice, links and all.
  let handle = await opened(folder, constants.O_RDONLY | constants.O_DIRECTORY, path)
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1
    const next = await opened(
      `/proc/self/fd/${handle.fd}/${name}`,
      flags | (isLast ? 0 : constants.O_DIRECTORY),
      path,
    ).finally(() => handle.close())
    handle = next
  }
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw refused('it is no plain file')
}

const isBelow = (path: string, folder: string) => {
  const way = relative(folder, path)
  return way !== '' && !way.startsWith('..') && !isAbsolute(way)
}

async function opened(path: string, flags: number, shown: string): Promise<FileHandle> {
  try {
    return await open(path, flags)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '?'
    const why = code === 'ELOOP' || code === 'ENOTDIR' ? 'a symbolic link stands in its path' : code
    throw new Problem('image/unreadable', { path: shown.slice(0, 200), why }, { cause })
  }
}
