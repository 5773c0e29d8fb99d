/** Network plugs: the card that the guest sees, and where its cable leads. */

import { assert } from '#base/assert.ts'
import type { JsonObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import type { Plug } from '../../port.ts'
import { bootIndexes } from './disks.ts'
import { keptPlace, layoutOf } from './layout.ts'
import { device, isMicrovm, json, place, portOf, rootPort, type Part, type Start } from './part.ts'

export function networks(start: Start): Part {
  const { plugs } = start.body
  assert(plugs.length <= limits.nicsPerMachine, 'plugs are bounded')
  const order = bootIndexes(start)
  const hasPorts = isMicrovm(start) || layoutOf(start.body) !== null
  return plugs.flatMap((plug, n) => [
    '-netdev',
    json(netdevOf(plug, start.hasVhost)),
    ...(hasPorts || isOldKind(plug) ? [] : rootPort(portOf(plug.id), 0x60 + n, place(6, n))),
    ...device({
      ...cardOf(plug),
      ...(isMicrovm(start)
        ? { driver: 'virtio-net-device' }
        : {
            ...cardPlace(plug, n),
            ...keptPlace(start.body, plug.id),
            ...bootProgram(start),
            ...order(plug.id),
          }),
    }),
  ])
}

const cardPlace = (plug: Plug, n: number): JsonObject =>
  isOldKind(plug) ? { ...place(7, n), multifunction: true } : { bus: portOf(plug.id) }

/** Cards from before PCI Express sit on the root bus itself. */
const isOldKind = ({ model }: Plug) => model === 'e1000' || model === 'rtl8139'

/** The program by which a card boots is left out where nobody boots from it: each costs start-up time. */
const bootProgram = ({ body, hasBootRoms, firmware }: Start): JsonObject =>
  hasBootRoms && firmware === null && body.kernel === null && body.spec.shape.bootOrder[0] === 'network'
    ? {}
    : { romfile: '' }

/** The card without its place. Host and guest agree on the size of packets where the card can be told. */
export const cardOf = ({ id, mac, model, mtu }: Plug): JsonObject => ({
  driver: model === 'virtio' ? 'virtio-net-pci' : model,
  id,
  netdev: id,
  mac,
  ...(model === 'virtio' && mtu !== 1500 ? { host_mtu: mtu } : {}),
})

/** The other end of the card. */
export function netdevOf(plug: Plug, hasVhost: boolean): JsonObject {
  const { id } = plug
  switch (plug.driver) {
    case 'tap':
      return {
        type: 'tap',
        id,
        ifname: plug.interface,
        script: 'no',
        downscript: 'no',
        ...(hasVhost && plug.model === 'virtio' ? { vhost: true } : {}),
      }
    case 'stream':
      return { type: 'stream', id, server: false, addr: { type: 'unix', path: plug.socket } }
    case 'user':
      // QEMU's own: no privileges on the host, outbound connections and forwards only.
      return {
        type: 'user',
        id,
        restrict: plug.isRestricted,
        hostfwd: plug.forwards.map(({ protocol, address, hostPort, guestPort }) => ({
          str: `${protocol}:${address}:${hostPort}-:${guestPort}`,
        })),
      }
  }
}
