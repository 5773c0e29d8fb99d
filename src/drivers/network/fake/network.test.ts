import { obeysNetworkContract } from '#drivers/network/contract.ts'
import { FakeNetwork, newFakePorts } from './network.ts'

obeysNetworkContract('fake', async () => {
  const ports = newFakePorts()
  let next = 40_000
  return {
    network: new FakeNetwork(ports),
    async occupy(protocol) {
      const port = (next += 1)
      ports.busy.add(`${protocol}/${port}`)
      return { port, free: async () => void ports.busy.delete(`${protocol}/${port}`) }
    },
    dispose: async () => undefined,
  }
})
