/**
 * A program that attaches and detaches a disk and a NIC of a running guest, and dies right after its n-th word to
 * QEMU that changes something: `node … FOLDER GUEST N DISK-FILE`. Says `done` when there was no n-th.
 */

import { realClock } from '#drivers/clock/real/clock.ts'
import { openQemu } from '#drivers/hypervisor/qemu/qemu.ts'
import { Qmp } from '#drivers/hypervisor/qemu/qmp/client.ts'
import { plugOf } from './hypervisor-parts.ts'
import { diskOf, never } from './hypervisor-world.ts'

const [, , folder = '', id = '', last = '', file = ''] = process.argv
const changing = /^(blockdev-add|blockdev-del|device_add|device_del|netdev_add|netdev_del|set_link)$/
let said = 0
const ask = Qmp.prototype.ask
Qmp.prototype.ask = function (this: Qmp, command, ...rest) {
  const answer = ask.call(this, command, ...rest)
  if (changing.test(command)) said += 1
  if (said === Number(last)) process.kill(process.pid, 'SIGKILL')
  return answer as never
}

const { parts, close } = await openQemu({ folder, clock: realClock }).then((driver) => ({
  parts: driver.parts,
  close: () => driver.close(),
}))
await parts.attachDisk(id, diskOf({ id: 'disk1', file }), never)
await parts.attachNic(id, plugOf('net1'), never)
await parts.detachNic(id, 'net1', never)
await parts.detachDisk(id, 'disk1', never)
await close()
console.log('done')
