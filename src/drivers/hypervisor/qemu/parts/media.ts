/** Media in drives: taken out, put in. A guest that has locked its tray is told, and then the tray opens anyway. */

import type { Medium } from '../../port.ts'
import { mediumNode } from '../command/disks.ts'
import { showFile } from '../jail/door.ts'
import { dropNodes, pidOf, requireDrive } from './disks.ts'
import type { Change } from './parts.ts'

export async function changeMedium(on: Change, { id, file }: Medium): Promise<void> {
  const { qmp } = on.guest
  const drive = await requireDrive(on.guest, id)
  if (drive.file !== file) {
    await qmp.ask('blockdev-open-tray', { id: drive.device, force: true })
    await qmp.ask('blockdev-remove-medium', { id: drive.device })
    await dropNodes(on, id)
    if (file !== null) {
      await showFile(pidOf(on), file, 'ro')
      await qmp.ask('blockdev-add', mediumNode(id, file))
      await qmp.ask('blockdev-insert-medium', { id: drive.device, 'node-name': id })
    }
  }
  await qmp.ask('blockdev-close-tray', { id: drive.device })
}
