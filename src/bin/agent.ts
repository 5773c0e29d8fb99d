/** The agent as a program: alone touches the host. Ending it ends no guest. */

import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { realClock } from '#drivers/clock/real/clock.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { procGauge } from '#drivers/gauge/procfs/gauge.ts'
import { openQemu } from '#drivers/hypervisor/qemu/qemu.ts'
import { openImageMaker } from '#drivers/image/debian/maker.ts'
import { linkClient } from '#drivers/link/http2/client.ts'
import { noCloudSeeds } from '#drivers/seed/nocloud/nocloud.ts'
import { openUserNetwork } from '#drivers/network/user/network.ts'
import { FolderNotebook } from '#drivers/notebook/folder/notebook.ts'
import { runAgent } from '#program/agent/agent.ts'
import { ownAddresses } from './addresses.ts'
import { datastoreDoor } from './datastores.ts'
import { hostFacts } from './facts.ts'
import { layoutOf } from './layout.ts'
import { networkingOf } from './networking.ts'
import type { AgentOrder } from './orders.ts'
import { tether, type Running } from './tether.ts'
import { version } from './version.ts'

const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`)

tether<AgentOrder>(async (order, tell): Promise<Running> => {
  const layout = layoutOf(order.data)
  const { agent: folder, linkSocket: path } = layout
  const { credentials } = order
  const local = await openDirectory({ folder: join(folder, 'datastore') })
  const measured: Record<string, string> = { [local.name]: join(folder, 'datastore') }
  const agent = await runAgent(
    {
      link: linkClient({ path, credentials }),
      notebook: new FolderNotebook(join(folder, 'notes')),
      hypervisor: await openQemu({
        folder: join(folder, 'guests'),
        clock: realClock,
        shareFolders: order.shareFolders,
        usbDevices: order.usbDevices,
      }),
      datastore: (name) => (name === local.name ? local : undefined),
      datastores: datastoreDoor({ folder, allowed: order.datastoreFolders, measured }),
      network: openUserNetwork([order.port]),
      networking: networkingOf(layout, log),
      imageMaker: await openImageMaker({
        cacheFolder: join(folder, 'packages'),
        importFolders: order.importFolders,
        allowsPrivateAddresses: order.allowsPrivateAddresses,
      }),
      seeds: noCloudSeeds,
      gauge: procGauge({ stores: measured }),
      clock: realClock,
      facts: { ...hostFacts(order.usbDevices), shareFolders: [...order.shareFolders] },
      addresses: ownAddresses,
      newId: randomUUID,
      newWord: () => randomBytes(5).toString('hex'),
      log,
    },
    { host: order.host, version },
  )
  await tell({ say: 'ready', found: await agent.adopted() })
  return { close: () => agent.stop() }
})
