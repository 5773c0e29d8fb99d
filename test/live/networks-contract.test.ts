/** The bridge driver keeps the promises of its port, in a network namespace. */

import { execFileSync } from 'node:child_process'
import { obeysNetworkingContract } from '#drivers/network/contract-networking.ts'
import { Lab, lackOf, netOf, nicOn } from './networks-lab.ts'

const serversOf = ({ host }: Lab) =>
  execFileSync('ip', ['netns', 'pids', host], { encoding: 'utf8' })
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 1)

obeysNetworkingContract(
  'bridge',
  async () => {
    const on = new Lab()
    const world = (count: number) => {
      on.networks = Array.from({ length: count }, (_, at) => netOf(at + 1, {}))
      on.plugged = []
      for (const [at, network] of on.networks.entries()) on.plug(`g${at}`, nicOn(network, 10))
      return on.wished
    }
    const inHost = (...words: string[]) =>
      execFileSync('ip', ['netns', 'exec', on.host, ...words], { encoding: 'utf8' })
    return {
      driver: on.driver,
      world,
      standing: () =>
        on
          .left()
          .filter((name) => /^dc[0-9a-f]{4}b/.test(name))
          .toSorted(),
      obstruct: ({ bridges }) =>
        void inHost('ip', 'link', 'add', bridges[0]?.interface ?? '', 'type', 'bridge'),
      breakOne: async () => {
        // It is spawned, but may not be in the namespace yet.
        let pids: number[] = []
        while (pids.length === 0) {
          pids = serversOf(on)
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
        for (const pid of pids) process.kill(pid, 'SIGKILL')
      },
      dispose: () => on.end(),
    }
  },
  { skip: lackOf(), timeout: 120_000 },
)
