/**
 * The other devices. Their places on the bus are fixed, so that a guest finds each thing where it was:
 *
 *     pcie.0   1 screen · 2 randomness · 3 balloon · 4 channels · 5.0–7 and 18.0–7 spare ports for hot-plug
 *              6 network plugs · e–10 disks, eight to a slot, each plug and disk behind a port of its own
 *              7 network plugs of old kinds · 11 panic (arm64) · 12 watchdog · 13 SCSI
 *              14 USB · 15 seed · 16 memory that grows · 17 shares · 19–1a devices of the host · 1f chipset
 *
 * A microvm has no PCI bus; there the order of the devices decides.
 */

import { keptPorts, layoutOf } from './layout.ts'
import {
  device,
  isMicrovm,
  object,
  peerChardev,
  place,
  rootPort,
  virtio,
  type Part,
  type Start,
} from './part.ts'

export const randomness = (start: Start): Part => [
  ...object({ 'qom-type': 'rng-builtin', id: 'randomness' }),
  ...virtio(start, 'virtio-rng', place(2), { id: 'rng', rng: 'randomness' }),
]

export const balloon = (start: Start): Part =>
  start.body.spec.shape.hasBalloon
    ? virtio(start, 'virtio-balloon', place(3), {
        id: 'balloon',
        'free-page-reporting': true,
        'deflate-on-oom': true,
      })
    : []

/** The device through which a kernel says that it panicked (qemu.org, docs/specs/pvpanic). */
export function panicNotice(start: Start): Part {
  if (isMicrovm(start)) return []
  return start.architecture === 'aarch64'
    ? device({ driver: 'pvpanic-pci', id: 'panic', ...place(0x11) })
    : device({ driver: 'pvpanic', id: 'panic' })
}

/** Ids of the ports into which disks and network plugs can be put while the guest runs. */
export const spareIds = Array.from({ length: 16 }, (_, n) => `spare${n}`)

export function sparePorts(start: Start): Part {
  if (isMicrovm(start)) return []
  const layout = layoutOf(start.body)
  const spares = spareIds.flatMap((id, n) => rootPort(id, n + 1, place(n < 8 ? 5 : 0x18, n & 7)))
  return layout === null ? spares : [...spares, ...keptPorts(layout)]
}

/** Bites when the guest has not stroked it for a while. */
export const watchdog = (start: Start): Part =>
  start.body.spec.shape.watchdog === 'none'
    ? []
    : device({ driver: 'i6300esb', id: 'watchdog', ...place(0x12) })

/** A TPM 2.0 by the process that listens beside this one. */
export const tpm = ({ body, architecture }: Start): Part =>
  body.spec.shape.hasTpm
    ? [
        '-chardev',
        'socket,id=tpm,path=tpm/tpm.sock',
        '-tpmdev',
        'emulator,id=tpm,chardev=tpm',
        ...device({ driver: architecture === 'aarch64' ? 'tpm-tis-device' : 'tpm-crb', tpmdev: 'tpm' }),
      ]
    : []

/** Folders of the host, each by the process that listens beside this one. */
export const shares = (start: Start): Part =>
  start.body.spec.shape.shares.flatMap(({ tag }, n) => [
    ...peerChardev(`share${n}`),
    ...virtio(
      start,
      'vhost-user-fs',
      { ...place(0x17, n), multifunction: true },
      { id: `share${n}`, chardev: `share${n}`, tag },
    ),
  ])

/** Devices of the host that the guest has to itself. */
export function hostDevices({ body, usbNodes }: Start): Part {
  const pci = body.spec.shape.hostDevices.filter(({ bus }) => bus === 'pci')
  return [
    ...pci.flatMap(({ address }, n) => [
      ...rootPort(`slot${n}`, 0x20 + n, place(0x19 + (n >> 3), n & 7)),
      ...device({ driver: 'vfio-pci', id: `host${n}`, bus: `slot${n}`, host: address }),
    ]),
    ...usbNodes.flatMap((hostdevice, n) =>
      device({ driver: 'usb-host', id: `usb${n}`, bus: 'usb.0', hostdevice }),
    ),
  ]
}
