/**
 * `--simulate HOSTS,MACHINES`: the real controller, store and API with simulated hosts in the same
 * program, in real time. The agents that ship run on fakes of what stands on a host.
 */

import { randomBytes, randomUUID } from 'node:crypto'
import { realClock } from '#drivers/clock/real/clock.ts'
import { FakeDatastore, newFakeDisk, type FakeDisk } from '#drivers/datastore/fake/datastore.ts'
import { fakeGauge } from '#drivers/gauge/fake/gauge.ts'
import { openFake } from '#drivers/hypervisor/fake/open.ts'
import { FakeWorld } from '#drivers/hypervisor/fake/world.ts'
import { FakeImageMaker, newFakeWork } from '#drivers/image/fake/image.ts'
import { memoryLink, type MemoryLink } from '#drivers/link/memory/link.ts'
import { FakeNetwork, newFakePorts } from '#drivers/network/fake/network.ts'
import { MemoryNotebook } from '#drivers/notebook/memory/notebook.ts'
import { runAgent, type Agent } from '#program/agent/agent.ts'
import { created, documentOf, type Seed } from '#program/controller/documents.ts'
import type { Desk } from '#program/desk.ts'
import { limits } from '#model/limits.ts'
import { version } from './version.ts'

export type Simulation = { readonly hosts: number; readonly machines: number }

/** As large as a small server: what one rack unit held when virtualization became ordinary. */
const cpusPerHost = 32
const memoryMibPerHost = 131_072

const hostName = (at: number) => `host-${String(at + 1).padStart(5, '0')}`

function* seedsOf({ hosts, machines }: Simulation): Generator<Seed> {
  yield {
    kind: 'datastore',
    name: 'pool',
    spec: { isShared: true },
    description: 'Reached by every simulated host',
  }
  for (let at = 0; at < hosts; at++)
    yield { kind: 'host', name: hostName(at), spec: {}, description: 'A simulated host' }
  for (let at = 0; at < machines; at++) {
    const name = `machine-${String(at + 1).padStart(5, '0')}`
    const spec = { datastore: 'pool', diskMib: 64, memoryMib: 512, cpus: 1 + (at % 4) }
    yield { kind: 'machine', name, project: 'default', spec, description: 'A simulated machine' }
  }
}

/** Commits what is missing, as many documents at once as the store takes. */
async function plant(desk: Desk, simulation: Simulation) {
  const { replica, newId, clock } = desk
  let waiting: ReturnType<typeof created> = []
  for (const seed of seedsOf(simulation)) {
    if (replica.find(seed.kind, seed.project ?? null, seed.name) !== undefined) continue
    waiting.push(...created(documentOf(seed, { newId, nowMs: clock.now() })))
    if (waiting.length < limits.changesPerCommit - 1) continue
    await replica.commit(waiting)
    waiting = []
  }
  if (waiting.length > 0) await replica.commit(waiting)
}

/** One simulated host with the agent that ships. */
function startAgent(
  name: string,
  link: MemoryLink,
  disk: FakeDisk,
  log: (line: string) => void,
): Promise<Agent> {
  const pool = new FakeDatastore(disk, { name: 'pool', clock: realClock })
  return runAgent(
    {
      link: link.client(name),
      notebook: new MemoryNotebook(),
      hypervisor: openFake(new FakeWorld(realClock)),
      datastore: (wanted) => (wanted === pool.name ? pool : undefined),
      network: new FakeNetwork(newFakePorts()),
      imageMaker: new FakeImageMaker(newFakeWork(), realClock),
      gauge: fakeGauge(realClock, { cpus: cpusPerHost, memoryMib: memoryMibPerHost }),
      clock: realClock,
      facts: {
        architecture: 'x86_64',
        cpus: cpusPerHost,
        memoryMib: memoryMibPerHost,
        kernel: 'simulated',
        hostname: name,
        bootId: randomUUID(),
      },
      newId: randomUUID,
      newWord: () => randomBytes(5).toString('hex'),
      log: (line) => log(`${name}: ${line}`),
    },
    { host: name, version },
  )
}

/** A link whose other end is within this program, and the hosts to put there. */
export function simulated(simulation: Simulation, log: (line: string) => void) {
  const link = memoryLink(realClock)
  const disk = newFakeDisk({ capacityBytes: 2 ** 50 })
  let agents: readonly Agent[] = []
  return {
    link: link.server,
    begin: async (desk: Desk) => {
      await plant(desk, simulation)
      const names = Array.from({ length: simulation.hosts }, (_, at) => hostName(at))
      agents = await Promise.all(names.map((name) => startAgent(name, link, disk, log)))
    },
    close: async () => void (await Promise.all(agents.map((agent) => agent.stop()))),
  }
}
