/** Takes a file of the host in: only below folders that the agent was told, and never through a symbolic link. */

import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { isAbsolute, relative, sep } from 'node:path'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { MakeOrder, Report } from '#drivers/image/port.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Arrived } from './intake.ts'
import type { Landing } from './landing.ts'
import { paceFrom, Pouring } from './pouring.ts'
import { checkRoom, refused } from './refusal.ts'

type Copying = {
  readonly into: Datastore
  readonly landing: Landing
  readonly order: MakeOrder
  readonly report: Report
  readonly signal: AbortSignal
}

const pieceBytes = 1_048_576
const step = 'Copying the file'

/** Copies it first: nobody may change it after it was judged. Problems `image/path`, `image/refused`. */
export async function copyFromFolder(work: Copying, folders: readonly string[]): Promise<Arrived> {
  const { into, landing, order, report, signal } = work
  await using source = await openBelow(order.spec.path ?? '', folders)
  const { size } = await source.stat()
  if (size > limits.uploadBytes) throw refused(`it is larger than ${limits.uploadBytes} bytes`)
  await checkRoom(into, 0)
  await using handle = await landing.open(true)
  const pace = paceFrom(0, size)
  const onWay = (bytes: number) => report({ step, ...pace(bytes), receivedBytes: bytes, expectedBytes: size })
  const pouring = new Pouring(handle, {
    into,
    mostBytes: limits.uploadBytes,
    tooLong: 'it grows while it is read',
    wantsSha512: order.spec.sha512 !== undefined,
    onWay,
  })
  onWay(0)
  const buffer = Buffer.alloc(pieceBytes)
  for (;;) {
    signal.throwIfAborted()
    const { bytesRead } = await source.read(buffer, 0, buffer.length, pouring.bytes)
    if (bytesRead === 0) break
    await pouring.take(buffer.subarray(0, bytesRead))
  }
  await pouring.mark()
  return { file: landing.file, fileBytes: pouring.bytes, sums: pouring.sums() }
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
