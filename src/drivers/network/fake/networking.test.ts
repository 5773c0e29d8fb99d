import { obeysNetworkingContract } from '#drivers/network/contract-networking.ts'
import { noNetworks } from '#drivers/network/port.ts'
import type { HostBridge, HostNetworks } from '#kinds/network/parts.ts'
import { Problem } from '#model/problem.ts'
import { FakeNetworking } from './networking.ts'

const bridge = (at: number): HostBridge => ({
  interface: `dc0000b0000000${at}`,
  network: `n${at}`,
  mac: `02:dc:00:00:00:0${at}`,
  mode: 'nat',
  mtu: 1500,
  gateway4: null,
  gateway6: null,
  uplink: null,
  leaves: true,
  isFiltered: true,
  naming: null,
})

obeysNetworkingContract('fake', async () => {
  const driver = new FakeNetworking()
  return {
    driver,
    world: (count): HostNetworks => ({
      ...noNetworks,
      bridges: Array.from({ length: count }, (_, at) => bridge(at)),
    }),
    standing: () => driver.standing,
    obstruct: ({ bridges }) => {
      const { network = '' } = bridges[0] ?? {}
      driver.refusals.set(network, new Problem('network/name-taken', { interface: 'dc' }))
    },
    breakOne: async () => driver.drift(),
    dispose: async () => undefined,
  }
})
