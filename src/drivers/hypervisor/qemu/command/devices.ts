/**
 * The devices. Their places on the bus are fixed, so that a guest finds each thing where it was:
 *
 *     pcie.0   1 screen · 2 randomness · 3 balloon · 4 channels · 5.0–3 spare ports for hot-plug
 *              6–d network plugs · e–10 disks, eight to a slot · 1f chipset
 *
 * A microvm has no PCI bus; there the order of the devices decides.
 */

import { assert } from '#base/assert.ts'
import type { JsonObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import type { DiskFile, Plug } from '../../port.ts'
import { device, isMicrovm, json, object, type Part, type Start } from './part.ts'

const place = (slot: number, fn = 0): JsonObject => ({
  bus: 'pcie.0',
  addr: `0x${slot.toString(16)}.${fn}`,
})

/** A virtio device on whichever bus the machine has. */
const virtio = (start: Start, driver: string, slot: JsonObject, rest: JsonObject): Part =>
  isMicrovm(start)
    ? device({ driver: `${driver}-device`, ...rest })
    : device({ driver: `${driver}-pci`, ...slot, ...rest })

export const randomness = (start: Start): Part => [
  ...object({ 'qom-type': 'rng-builtin', id: 'randomness' }),
  ...virtio(start, 'virtio-rng', place(2), { id: 'rng', rng: 'randomness' }),
]

export const balloon = (start: Start): Part =>
  virtio(start, 'virtio-balloon', place(3), {
    id: 'balloon',
    'free-page-reporting': true,
    'deflate-on-oom': true,
  })

/** The device through which a kernel says that it panicked (qemu.org, docs/specs/pvpanic). */
export function panicNotice(start: Start): Part {
  if (isMicrovm(start)) return []
  return start.architecture === 'aarch64'
    ? device({ driver: 'pvpanic-pci', id: 'panic', ...place(0x11) })
    : device({ driver: 'pvpanic', id: 'panic' })
}

/** Ports into which disks and network plugs can be put later, while the guest runs. */
export const sparePorts = (start: Start): Part =>
  isMicrovm(start)
    ? []
    : [0, 1, 2, 3].flatMap((n) =>
        device({
          driver: 'pcie-root-port',
          id: `spare${n}`,
          chassis: n + 1,
          multifunction: true,
          ...place(5, n),
        }),
      )

export function networks(start: Start): Part {
  assert(start.body.plugs.length <= limits.nicsPerMachine, 'plugs are bounded')
  return start.body.plugs.flatMap((plug, n) => [
    '-netdev',
    json(netdev(plug)),
    ...virtio(
      start,
      'virtio-net',
      { ...place(6 + n), romfile: '' },
      {
        id: plug.id,
        netdev: plug.id,
        mac: plug.mac,
      },
    ),
  ])
}

/** QEMU's own user-mode network: no privileges on the host, outbound connections and forwards only. */
const netdev = (plug: Plug): JsonObject => ({
  type: 'user',
  id: plug.id,
  restrict: plug.driver !== 'user' || plug.isRestricted,
  hostfwd: plug.forwards.map(({ protocol, address, hostPort, guestPort }) => ({
    str: `${protocol}:${address}:${hostPort}-:${guestPort}`,
  })),
})

export function disks(start: Start): Part {
  assert(start.body.disks.length <= limits.disksPerMachine, 'disks are bounded')
  return start.body.disks.flatMap((disk, n) => [
    '-blockdev',
    json({ 'node-name': disk.id, ...image(disk) }),
    ...virtio(
      start,
      'virtio-blk',
      { ...place(0xe + (n >> 3), n & 7), multifunction: true },
      {
        id: disk.id,
        drive: disk.id,
        bootindex: n + 1,
        // An error of the store stops the guest instead of reaching it (I-31).
        werror: 'stop',
        rerror: 'stop',
      },
    ),
  ])
}

/** A disk and all that lies beneath it, each with its format said: QEMU must never guess one (I-30). */
function image({ file, format, isReadOnly, backing }: DiskFile): JsonObject {
  const top = layer(file, format, isReadOnly)
  const beneath = backing.reduceRight<JsonObject | null>(
    (below, each) => withBacking(layer(each.file, each.format, true), below),
    null,
  )
  return withBacking(top, beneath)
}

const layer = (file: string, format: 'qcow2' | 'raw', isReadOnly: boolean): JsonObject => ({
  driver: format,
  'read-only': isReadOnly,
  discard: 'unmap',
  file: { driver: 'file', filename: file, 'read-only': isReadOnly, discard: 'unmap' },
})

/** A qcow2 without a backing file says so: its header is not to be believed. */
const withBacking = (top: JsonObject, beneath: JsonObject | null): JsonObject =>
  top['driver'] === 'qcow2' ? { ...top, backing: beneath } : top
