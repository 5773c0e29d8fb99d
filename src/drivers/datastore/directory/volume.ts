/** Making the first file of a volume, reading sizes, giving files to guests and taking them back. */

import { constants } from 'node:fs'
import { join } from 'node:path'
import type { DiskChain, Keys, Progress } from '#drivers/datastore/port.ts'
import type { Base } from '#drivers/ground/strata.ts'
import { nodesOf } from '#drivers/ground/bench.ts'
import { keyFiles, runJailed } from '#drivers/ground/jail.ts'
import { readSmall, withFile, writeNew } from './place.ts'
import { emptyQcow2, headBytes, headFrom, type Backing, type Head } from './qcow2.ts'
import { runTool } from '#drivers/ground/tool.ts'

export type DiskFormat = 'qcow2' | 'raw'

/** What a new file begins with: it stands on it, or its content is copied. */
export type Origin = { readonly chain: DiskChain; readonly on: Base | null }

export type NewFile = {
  readonly file: string
  readonly format: DiskFormat
  readonly sizeBytes: number
  readonly origin: Origin | null
  /** As the header names what it stands on; null: nothing. */
  readonly backing: Backing | null
  readonly isFull: boolean
  readonly key: string | null
  readonly keys: Keys
}

/** Makes a file, synced; what it does not take from its origin is zeros (I-32). */
export async function makeFile(wish: NewFile, signal: AbortSignal, report?: Progress): Promise<void> {
  const { file, format, sizeBytes, origin, backing, key } = wish
  if (key !== null && format === 'raw') throw new Error('a raw volume cannot be encrypted')
  const isCopy = origin !== null && origin.on === null
  if (key !== null) await makeEncrypted(wish, signal)
  else if (format === 'qcow2') {
    const made = emptyQcow2(sizeBytes, backing)
    await writeNew(file, made.pieces, made.fileBytes)
  } else await writeNew(file, [], isCopy ? 0 : sizeBytes)
  if (isCopy) await copyContent(wish, origin.chain, signal, report)
  if (wish.isFull) await fillUp(wish, signal)
}

async function copyContent(wish: NewFile, from: DiskChain, signal: AbortSignal, report?: Progress) {
  const { file, format, sizeBytes } = wish
  const isPlainRaw = format === 'raw' && from.format === 'raw' && from.backing.length === 0
  if (isPlainRaw) {
    // By reference where the file system can (xfs, btrfs).
    const flags = ['--reflink=auto', '--sparse=always', '--no-preserve=all']
    await runTool('cp', [...flags, '--', from.file, file], signal)
  } else if (format === 'raw') {
    await lengthen(file, (await diskSize(from.file, from.format)).sizeBytes)
    await convert(wish, from, signal, report)
  } else await convert(wish, from, signal, report)
  if (format === 'raw') await lengthen(file, sizeBytes)
}

/** Copies what a chain shows into a file that is there already and empty. */
async function convert(wish: NewFile, from: DiskChain, signal: AbortSignal, report?: Progress) {
  const layers = [from, ...from.backing]
  const { values, fileOf, names } = keyFiles(wish.keys, [...layers.map(({ key }) => key), wish.key])
  const secret = (name: string) => `k${names.indexOf(name)}`
  const target = { file: wish.file, format: wish.format, key: wish.key, backing: [] }
  const options = ['-p', '-n', '--target-is-zero', '-W', '-O', wish.format]
  const argv = [
    'convert',
    ...options,
    ...names.flatMap((name) => ['--object', `secret,id=${secret(name)},file=${fileOf(name)}`]),
    '--',
    `json:${JSON.stringify(nodesOf(from, { isReadOnly: true, secret }))}`,
    `json:${JSON.stringify(nodesOf(target, { isReadOnly: false, secret, prefix: 't' }))}`,
  ]
  const readable = [...new Set(layers.map(({ file }) => file))]
  const hear = (text: string) => {
    const percent = Number(/\(([\d.]+)\/100%\)\s*$/.exec(text)?.[1])
    if (percent >= 0) report?.(percent / 100)
  }
  const tool = { tool: 'qemu-img', argv, writable: [wish.file], readable, keys: values }
  await runJailed(tool, signal, hear)
  await withFile(wish.file, constants.O_RDONLY, (handle) => handle.sync())
}

/** QEMU 7.2 measures its own speed to stretch the key and now and then measures nothing; then it is asked again. */
const attempts = 64
const isMeasuring = (fault: unknown) => /accurate CPU usage/.test((fault as Error)?.message ?? '')

async function makeEncrypted(wish: NewFile, signal: AbortSignal) {
  const { file, sizeBytes, backing, key, keys } = wish
  const { values } = keyFiles(keys, [key])
  // The key is 256 random bits: stretching it would only make each opening slower.
  const luks = ['encrypt.format=luks', 'encrypt.key-secret=k0', 'encrypt.iter-time=10']
  const stands = backing === null ? [] : [`backing_file=${backing.file}`, `backing_fmt=${backing.format}`]
  const secret = ['--object', 'secret,id=k0,file=/key0']
  const options = ['-q', '-u', '-f', 'qcow2', ...secret, '-o', [...luks, ...stands].join(',')]
  const argv = ['create', ...options, '--', file, String(sizeBytes)]
  await writeNew(file, [], 0)
  const tool = { tool: 'qemu-img', argv, writable: [file], readable: [], keys: values }
  for (let attempt = 1; ; attempt++) {
    const fault: unknown = await runJailed(tool, signal).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (fault === undefined) break
    if (attempt === attempts || !isMeasuring(fault)) throw fault
    await withFile(file, constants.O_RDWR, (handle) => handle.truncate(0))
  }
  await withFile(file, constants.O_RDONLY, (handle) => handle.sync())
}

/** Takes all its room at once. */
async function fillUp({ file, sizeBytes, format }: NewFile, signal: AbortSignal) {
  // A qcow2 file grows by its tables as well; the data's room is what can run out under a guest.
  const bytes = format === 'raw' ? sizeBytes : Math.ceil(sizeBytes * 1.0002) + 2 ** 20
  await runTool('fallocate', ['--keep-size', '--length', String(bytes), '--', file], signal)
}

export const lengthen = (disk: string, sizeBytes: number) =>
  withFile(disk, constants.O_RDWR, async (handle) => {
    await handle.truncate(sizeBytes)
    await handle.sync()
  })

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

/** Gives the disk to a uid and nobody else; only root can, and only root needs to. */
export const own = (file: string, ownerUid: number) =>
  withFile(file, constants.O_RDONLY, async (handle) => {
    const { uid, gid, mode } = await handle.stat()
    if (uid !== ownerUid) await handle.chown(ownerUid, gid)
    if (uid !== ownerUid || (mode & 0o777) !== 0o600) await handle.chmod(0o600)
  })

/** A layer belongs to nobody who runs a guest and is never written to again. */
export const freeze = (file: string) =>
  withFile(file, constants.O_RDONLY, async (handle) => {
    const { uid, gid } = await handle.stat()
    const own = process.getuid?.() ?? uid
    if (uid !== own) await handle.chown(own, gid)
    await handle.chmod(0o444)
    await handle.sync()
  })

/** Whether the header names exactly what the record says that the file stands on. */
export async function isNaming(file: string, wanted: Backing | null): Promise<boolean> {
  const head = headFrom(await readSmall(file, headBytes))
  return head !== undefined && JSON.stringify(head.backing) === JSON.stringify(wanted)
}

/** Where a merged or copied layer is put together beside the one that it replaces. */
export const besides = (file: string) => `${file}.new`

export const inFolder = (folder: string, node: string, format: DiskFormat) =>
  join(folder, `${node}.${format}`)
