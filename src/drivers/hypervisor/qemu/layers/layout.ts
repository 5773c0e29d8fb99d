/** Where the parts of a guest that runs sit, asked of QEMU. */

import type { Layout } from '../command/layout.ts'
import { findParts } from '../parts/running.ts'
import type { Qmp } from '../qmp/client.ts'

/** Parts that people wish for, and the controllers that came with them; all else has a place of its own. */
const moving =
  /^(virtio-blk-pci|nvme|scsi-hd|virtio-scsi-pci|qemu-xhci|virtio-net-pci|e1000e?|rtl8139|vmxnet3)$/

/** What the number of queues is called, where it follows that of the processors. */
const queues: Readonly<Record<string, string>> = {
  'virtio-blk-pci': 'num-queues',
  'virtio-scsi-pci': 'num_queues',
}

export async function askLayout(qmp: Qmp): Promise<Layout> {
  const parts = await findParts(qmp)
  const ports = await Promise.all(
    parts
      .filter(({ name, type }) => type === 'pcie-root-port' && name.startsWith('port-'))
      .map(async ({ name }) => ({
        id: name,
        chassis: Number(await asked(qmp, name, 'chassis')),
        address: Number(await asked(qmp, name, 'addr')),
      })),
  )
  const places: Layout['places'] = {}
  for (const { name, type } of parts) {
    if (!moving.test(type)) continue
    const bus = String(await asked(qmp, name, 'parent_bus'))
      .split('/')
      .at(-1)
    if (bus === undefined || bus === '') continue
    places[name] = {
      bus,
      ...(bus === 'pcie.0' ? { address: Number(await asked(qmp, name, 'addr')) } : {}),
      ...(type in queues ? { queues: Number(await asked(qmp, name, queues[type] ?? '')) } : {}),
      ...(type === 'scsi-hd' ? { scsiId: Number(await asked(qmp, name, 'scsi-id')) } : {}),
    }
  }
  return { ports, places }
}

const asked = (qmp: Qmp, part: string, property: string) =>
  qmp.ask('qom-get', { path: `/machine/peripheral/${part}`, property })
