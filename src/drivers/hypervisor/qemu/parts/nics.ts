/** Network plugs that come and go: first the cable (QEMU's netdev), then the card; taken away the other way round. */

import { Problem } from '#model/problem.ts'
import type { Plug } from '../../port.ts'
import { cardOf, netdevOf } from '../command/networks.ts'
import { isPartId, isPlainPlug } from '../demands.ts'
import { showFile } from '../jail/door.ts'
import { openableNode, tun } from '../jail/nodes.ts'
import { pidOf } from './disks.ts'
import type { Change } from './parts.ts'
import { freeSlot, hasPart, letGo, refusedIf } from './slots.ts'

export async function attachNic(on: Change, plug: Plug): Promise<void> {
  const { guest } = on
  if (!isPartId(plug.id) || !isPlainPlug(plug))
    throw new Problem('request/invalid', { field: 'nic', why: 'is not a plain network plug' })
  if (!(await hasPart(on, plug.id))) {
    const place = await freeSlot(on, plug.id)
    await showCable(on, plug)
    await dropCable(on, plug.id)
    await guest.qmp.ask('netdev_add', netdevOf(plug, false))
    try {
      await guest.qmp.ask('device_add', { ...cardOf(plug), ...place, romfile: '' })
    } catch (error) {
      await dropCable(on, plug.id)
      throw error
    }
    noteForwards(on, plug.id, plug.forwards)
  }
  await setLink(on, plug.id, plug.isLinkUp)
}

/** What the cable is made of has to be seen in the jail. */
async function showCable(on: Change, plug: Plug): Promise<void> {
  const { guest, uidOf } = on
  if (plug.driver === 'stream') await showFile(pidOf(on), plug.socket, 'rw')
  if (plug.driver !== 'tap') return
  await showFile(pidOf(on), await openableNode(tun, guest.folder, await uidOf(guest.id)), 'rw', tun)
}

const dropCable = ({ guest }: Change, id: string) =>
  guest.qmp.ask('netdev_del', { id }).catch(refusedIf(/not found|is not a/i))

function noteForwards({ guest }: Change, nic: string, forwards: Plug['forwards']): void {
  const others = (guest.record?.forwards ?? []).filter((each) => each.nic !== nic)
  guest.amend({ forwards: [...others, ...forwards.map((each) => ({ nic, ...each }))] })
}

export async function detachNic(on: Change, id: string): Promise<void> {
  await letGo(on, id)
  await dropCable(on, id)
  noteForwards(on, id, [])
}

export async function setLink({ guest }: Change, id: string, isUp: boolean): Promise<void> {
  await guest.qmp.ask('set_link', { name: id, up: isUp })
  const others = (guest.record?.linksDown ?? []).filter((each) => each !== id)
  guest.amend({ linksDown: isUp ? others : [...others, id] })
}
