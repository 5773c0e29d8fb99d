/** What a running guest's disk stands on, as its QEMU says: nodes, files, and which are only left over. */

import { createHash } from 'node:crypto'
import { isObject } from '#base/json.ts'
import { Problem } from '#model/problem.ts'
import { keyObject } from '../command/image.ts'
import type { Guest } from '../guest.ts'
import { hideFile } from '../jail/door.ts'
import type { Qmp } from '../qmp/client.ts'
import type { DiskFile, FileLayer } from '../../port.ts'

export type LiveDisk = {
  /** Node that the guest's device is on. */
  readonly node: string
  /** Files from the top down, as QEMU has them open. */
  readonly files: readonly string[]
  readonly ways: Pick<DiskFile, 'cache' | 'io' | 'discard'>
}

/** QEMU names a node by its file, or by all of its options where they differ from what the header says. */
export function fileNamed(name: string): string {
  if (!name.startsWith('json:')) return name
  const options = optionsIn(name.slice('json:'.length))
  const file = isObject(options) ? options['file'] : undefined
  if (isObject(file) && typeof file['filename'] === 'string') return file['filename']
  return isObject(options) && typeof options['filename'] === 'string' ? options['filename'] : name
}

function optionsIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Problem `guest/not-live` when the guest has no such disk. */
export async function diskIn(guest: Guest, disk: string): Promise<LiveDisk> {
  const blocks = await guest.qmp.ask('query-block', {})
  const found = blocks.find(({ qdev, device }) => device === disk || isOf(qdev, disk))
  const inserted = found?.inserted
  const node = inserted?.['node-name']
  if (inserted === undefined || node === undefined)
    throw new Problem('guest/not-live', { machine: guest.id, why: `it has no disk ${disk}` })
  const files: string[] = []
  type Image = { readonly filename: string; readonly 'backing-image'?: Image }
  for (let at = inserted.image as Image | undefined; at !== undefined; at = at['backing-image'])
    files.push(fileNamed(at.filename))
  const { direct, 'no-flush': isUnsafe } = inserted.cache
  const cache = direct ? 'none' : isUnsafe ? 'unsafe' : 'writeback'
  return { node, files, ways: { cache, io: 'auto', discard: true } }
}

const isOf = (qdev: string | undefined, disk: string) =>
  qdev !== undefined && (qdev === disk || qdev.includes(`/peripheral/${disk}/`) || qdev.endsWith(`/${disk}`))

/** Nodes of our formats by their file; the node of a file that is open twice is the last one. */
export async function nodesByFile(qmp: Qmp): Promise<ReadonlyMap<string, string>> {
  const nodes = await qmp.ask('query-named-block-nodes', { flat: true })
  return new Map(
    nodes
      .filter(({ drv }) => drv === 'qcow2' || drv === 'raw')
      .map(({ file, 'node-name': name }) => [fileNamed(file), name ?? '']),
  )
}

/** A name for the node of a file; QEMU takes 31 characters. */
export const nodeNamed = (file: string) => `l-${createHash('sha256').update(file).digest('hex').slice(0, 24)}`

/** Gives QEMU the keys that layers need, over QMP; those that it has already are left. */
export async function giveKeys(
  qmp: Qmp,
  keys: DiskFile['keys'],
  layers: readonly FileLayer[],
): Promise<void> {
  const known = new Set((await qmp.ask('qom-list', { path: '/objects' })).map(({ name }) => name))
  for (const name of new Set(layers.map(({ key }) => key))) {
    if (name === null || known.has(keyObject(name))) continue
    const data = keys[name]
    if (data === undefined) throw new Problem('guest/spawn', { why: 'a key of a disk is not known here' })
    await qmp.ask('object-add', { 'qom-type': 'secret', id: keyObject(name), data })
  }
}

/** Closes files that no disk stands on any more, and takes them out of the guest's sight. */
export async function closeFiles(guest: Guest, files: readonly string[]): Promise<void> {
  // From the top down: what stands on another is closed first.
  for (const file of files) {
    const node = (await nodesByFile(guest.qmp)).get(file)
    // Refused while something stands on it: then it is not left over.
    const isClosed =
      node === undefined ||
      (await guest.qmp.ask('blockdev-del', { 'node-name': node }).then(
        () => true,
        () => false,
      ))
    if (isClosed) await hideFile(guest.record?.pid ?? 0, file).catch(() => undefined)
  }
}
