/**
 * Disks that come and go. An attached disk is: its files shown in the jail, its keys, its node, its device, in
 * that order; detached, in the opposite one. Each step looks whether it is done, so that it can be begun anew
 * wherever an agent died (I-20). Every node of a disk is called by the disk's id, or begins with it and a dash.
 */

import type { JsonObject } from '#base/json.ts'
import { Problem } from '#model/problem.ts'
import type { DiskFile } from '../../port.ts'
import { diskDevice } from '../command/disks.ts'
import { nodeOf } from '../command/image.ts'
import { isPartId, isPlainKeys } from '../demands.ts'
import { hideFile, showFile } from '../jail/door.ts'
import { boundDisk, fileIn, findDrives } from './drives.ts'
import type { Change } from './parts.ts'
import { giveKeys } from './settling.ts'
import { freeSlot, hasPart, letGo, refusedIf } from './slots.ts'

export async function attachDisk(on: Change, disk: DiskFile): Promise<void> {
  const { guest } = on
  if (!isPartId(disk.id) || !isPlainKeys(disk))
    throw new Problem('request/invalid', { field: 'disk', why: 'is not a plain disk' })
  if (await isAttached(on, disk)) return
  const place = await placeFor(on, disk)
  await dropNodes(on, disk.id)
  for (const [file, way] of filesOf(disk)) await showFile(pidOf(on), file, way)
  await giveKeys(guest.qmp, disk.keys)
  await guest.qmp.ask('blockdev-add', nodeOf(disk, disk.id))
  try {
    await guest.qmp.ask('device_add', { ...diskDevice(disk, disk.id), ...place })
  } catch (error) {
    await dropNodes(on, disk.id)
    throw error
  }
  await boundDisk(guest.qmp, await findDrives(guest.qmp), disk.id, disk)
}

/** Problem `object/refused` when another file is in its place. */
async function isAttached({ guest }: Change, { id, file }: DiskFile): Promise<boolean> {
  const found = (await findDrives(guest.qmp)).find((drive) => drive.id === id)
  if (found === undefined) return false
  if (found.file === file) return true
  throw new Problem('object/refused', { why: `Another disk is attached as ${id}.` })
}

async function placeFor(on: Change, { id, bus }: DiskFile): Promise<JsonObject> {
  switch (bus) {
    case 'scsi':
      await ensureController(on, { driver: 'virtio-scsi-pci', id: 'scsi' })
      return { bus: 'scsi.0' }
    case 'usb':
      await ensureController(on, { driver: 'qemu-xhci', id: 'usb' })
      return { bus: 'usb.0' }
    case 'sata':
      throw new Problem('guest/not-live', {
        machine: on.guest.id,
        why: 'disks on SATA come and go only while it is off',
      })
    default:
      return freeSlot(on, id)
  }
}

/** A controller that the guest was not started with is put into a spare port itself. */
async function ensureController(on: Change, controller: { driver: string; id: string }): Promise<void> {
  if (await hasPart(on, controller.id)) return
  await on.guest.qmp.ask('device_add', { ...controller, ...(await freeSlot(on, controller.id)) })
}

/** Its own file is written to, what lies beneath is shared and only read. */
const filesOf = ({ file, isReadOnly, backing }: DiskFile): readonly (readonly [string, 'ro' | 'rw'])[] => [
  ...backing.map((layer) => [layer.file, 'ro'] as const),
  [file, isReadOnly ? 'ro' : 'rw'],
]

export const pidOf = ({ guest }: Change): number => {
  const pid = guest.record?.pid
  if (typeof pid === 'number' && guest.isProven) return pid
  throw new Problem('guest/absent', { machine: guest.id })
}

export async function detachDisk(on: Change, id: string): Promise<void> {
  await letGo(on, id)
  await dropNodes(on, id)
}

/** Nodes in QEMU's memory at once: more than any guest has, and a bound on what it may tell us. */
const mostNodes = 4096

/** Closes what is left of a disk that no device has, and takes its files out of the jail. */
export async function dropNodes(on: Change, id: string): Promise<void> {
  const before = await nodesOf(on)
  const own = before.filter(({ node }) => node === id || node.startsWith(`${id}-`))
  await closeNodes(
    on,
    own.map(({ node }) => node),
  )
  const kept = new Set((await nodesOf(on)).map(({ file }) => file))
  const gone = new Set(before.map(({ file }) => file).filter((file) => !kept.has(file)))
  for (const file of gone) await hideFile(pidOf(on), file)
}

/** How long a device that is gone may still hold its disk: QEMU lets go of it a moment later. */
const holdMs = 5000

/** Closes nodes of which some may stand on others: which do is seen by trying. */
async function closeNodes({ guest, clock, signal }: Change, nodes: readonly string[]): Promise<void> {
  const deadline = clock.monotonic() + holdMs
  for (let left = nodes; left.length > 0;) {
    const refused: string[] = []
    for (const node of left) {
      const isLate = clock.monotonic() > deadline
      const answer = guest.qmp.ask('blockdev-del', { 'node-name': node })
      await answer.then(
        () => undefined,
        (error: unknown) => {
          refusedIf(isLate ? notThere : notYet)(error)
          if (!isNotThere(error)) refused.push(node)
        },
      )
    }
    if (refused.length === left.length) await clock.sleep(10)
    signal.throwIfAborted()
    left = refused
  }
}

const notThere = /Failed to find node/
const notYet = /Failed to find node|in use|is used/

const isNotThere = (error: unknown) => error instanceof Problem && notThere.test(error.message)

type Node = { readonly node: string; readonly file: string }

/** Every node that QEMU has open on a file. */
async function nodesOf({ guest }: Change): Promise<readonly Node[]> {
  const told = await guest.qmp.ask('query-named-block-nodes', { flat: true })
  return told.slice(0, mostNodes).flatMap(({ 'node-name': node, file }) => {
    const path = fileIn(file)
    return node === undefined || path === null || !path.startsWith('/') ? [] : [{ node, file: path }]
  })
}

export async function resizeDisk({ guest }: Change, id: string, sizeBytes: number): Promise<void> {
  const drive = await requireDrive(guest, id)
  if (sizeBytes < drive.sizeBytes)
    throw new Problem('guest/not-live', { machine: guest.id, why: 'a disk can only grow' })
  if (sizeBytes === drive.sizeBytes || drive.node === null) return
  await guest.qmp.ask('block_resize', { 'node-name': drive.node, size: sizeBytes })
}

export async function limitDisk(
  { guest }: Change,
  id: string,
  bounds: Pick<DiskFile, 'iops' | 'mibPerSecond'>,
): Promise<void> {
  await boundDisk(guest.qmp, [await requireDrive(guest, id)], id, bounds)
}

export async function requireDrive(guest: Change['guest'], id: string) {
  const drive = (await findDrives(guest.qmp)).find((each) => each.id === id)
  if (drive === undefined)
    throw new Problem('guest/not-live', { machine: guest.id, why: `nothing is attached as ${id}` })
  return drive
}
