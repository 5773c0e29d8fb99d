/** What is said to a new QEMU before its guest's first instruction. */

import type { Body } from '../../port.ts'
import { isEncrypted, keyObject, nodeOf } from '../command/image.ts'
import type { Qmp } from '../qmp/client.ts'
import { boundDisk, findDrives } from './drives.ts'

/** Before the machine is built: keys and what they open, the kernel's command line. Nothing of it is for other eyes. */
export const tellFirst = (body: Body, kernelLine: string | null) => async (qmp: Qmp) => {
  if (kernelLine !== null)
    await qmp.ask('qom-set', { path: '/machine', property: 'append', value: kernelLine })
  for (const disk of body.disks.filter(isEncrypted)) {
    await giveKeys(qmp, disk.keys)
    await qmp.ask('blockdev-add', nodeOf(disk, disk.id))
  }
}

/** Hands keys in; those that QEMU has are the same. */
export async function giveKeys(qmp: Qmp, keys: Readonly<Record<string, string>>): Promise<void> {
  const known = new Set((await qmp.ask('qom-list', { path: '/objects' })).map(({ name }) => name))
  for (const [name, data] of Object.entries(keys))
    if (!known.has(keyObject(name)))
      await qmp.ask('object-add', { 'qom-type': 'secret', id: keyObject(name), data, format: 'raw' })
}

/** After the machine is built: bounds of its disks, cables that are not in, what the balloon leaves. */
export async function settle(qmp: Qmp, { disks, plugs, spec, memoryFile }: Body): Promise<void> {
  const bounded = disks.filter(({ iops, mibPerSecond }) => iops !== null || mibPerSecond !== null)
  const drives = bounded.length === 0 ? [] : await findDrives(qmp)
  for (const disk of bounded) await boundDisk(qmp, drives, disk.id, disk)
  for (const { id, isLinkUp } of plugs) if (!isLinkUp) await qmp.ask('set_link', { name: id, up: false })
  // A kept memory comes with what the balloon had taken.
  if (spec.balloonMib !== null && spec.shape.hasBalloon && memoryFile === null)
    await qmp.ask('balloon', { value: spec.balloonMib * 2 ** 20 })
}
