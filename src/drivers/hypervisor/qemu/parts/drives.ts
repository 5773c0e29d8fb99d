/** Disks and drives as QEMU tells of them. What it tells may come from its guest's hands: it is bounded and checked. */

import { isObject } from '#base/json.ts'
import { inert } from '#base/text.ts'
import type { DiskFile } from '../../port.ts'
import type { Qmp } from '../qmp/client.ts'

export type Drive = {
  /** The part's id. */
  readonly id: string
  /** How QEMU wants the drive to be called: by the device that has it. */
  readonly device: string
  /** Topmost node of what is in it; null: it is empty. */
  readonly node: string | null
  readonly file: string | null
  readonly sizeBytes: number
}

/** More drives than a guest can have are not looked at. */
const mostDrives = 64

/** Everything that hangs from a device of ours. */
export async function findDrives(qmp: Qmp): Promise<readonly Drive[]> {
  const told = await qmp.ask('query-block', {})
  return told.slice(0, mostDrives).flatMap(({ qdev, inserted }) => {
    const id = partIn(qdev ?? '')
    if (id === undefined || qdev === undefined) return []
    const empty = { id, device: qdev, node: null, file: null, sizeBytes: 0 }
    if (inserted === undefined) return [empty]
    const sizeBytes = Number(inserted.image['virtual-size']) || 0
    return [{ ...empty, node: inserted['node-name'] ?? null, file: fileIn(inserted.file), sizeBytes }]
  })
}

/** `/machine/peripheral/disk0/virtio-backend` is of disk0; a device with an id of its own is called by it. */
const partIn = (device: string) =>
  /^(?:\/machine\/peripheral\/)?([a-z][a-z0-9]{0,15})(?:\/|$)/.exec(device)?.[1]

/** QEMU names what a plain file name cannot say in JSON; the file is its innermost one. */
export function fileIn(name: string): string | null {
  if (!name.startsWith('json:')) return inert(name).slice(0, 4096)
  const found = innermost(parsed(name.slice('json:'.length)), 0)
  return found === null ? null : inert(found).slice(0, 4096)
}

function innermost(value: unknown, depth: number): string | null {
  if (!isObject(value) || depth > 8) return null
  const { filename, file } = value
  return typeof filename === 'string' ? filename : innermost(file, depth + 1)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Sets how much a disk may do in a second; nothing set: as much as it can. */
export async function boundDisk(
  qmp: Qmp,
  drives: readonly Drive[],
  id: string,
  { iops, mibPerSecond }: Pick<DiskFile, 'iops' | 'mibPerSecond'>,
): Promise<void> {
  const device = drives.find((drive) => drive.id === id)?.device
  if (device === undefined) return
  await qmp.ask('block_set_io_throttle', {
    id: device,
    bps: (mibPerSecond ?? 0) * 2 ** 20,
    bps_rd: 0,
    bps_wr: 0,
    iops: iops ?? 0,
    iops_rd: 0,
    iops_wr: 0,
  })
}
