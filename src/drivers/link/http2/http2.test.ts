/** The real link keeps the contract, over a Unix socket and over TCP, through a wire that can be cut. */

import { setTimeout as sleep } from 'node:timers/promises'
import { openLab } from '../../../../test/faults/link-lab.ts'
import { obeysLinkContract } from '../contract.ts'

for (const kind of ['unix', 'tcp'] as const) {
  obeysLinkContract(`the http2 link over ${kind}`, async () => {
    const lab = await openLab(kind, { pingMs: 2000, silentMs: 10_000 })
    for (const host of ['h-1', 'h-2']) await lab.wire(host)
    return {
      server: lab.server,
      client: (host) => ({
        name: 'http2',
        connect: (door, signal) => lab.connect(door, host, signal),
      }),
      cut: (host) => void lab.wire(host).then(({ wire }) => wire.cut()),
      pass: async (ms) => sleep(ms),
      close: () => lab.close(),
    }
  })
}
