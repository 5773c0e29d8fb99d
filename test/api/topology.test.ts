/** The picture of a network shows who is on it, to each caller those of the projects they see (I-42). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bench, call, person, plant } from './desk.ts'

const guestSpec = (network: string, machine: string, last: number) => ({
  machine,
  machineName: machine,
  epoch: 1,
  power: 'on',
  boot: 1,
  forceAfterSeconds: 60,
  restart: 'never',
  cpus: 1,
  memoryMib: 64,
  machineType: 'q35',
  kernelImage: null,
  kernelDatastore: null,
  commandLine: '',
  disks: [],
  nics: [
    {
      id: 'net0',
      network,
      driver: 'bridge',
      mac: `52:00:00:00:00:0${last}`,
      isRestricted: false,
      address4: `10.0.0.${last}`,
      forwards: [],
    },
  ],
  machineSpec: {},
})

test('a shared network is drawn with hosts, addresses and links; others’ machines are not there', async (t) => {
  const on = await bench()
  t.after(() => on.close())
  const { replica } = on.desk
  for (const name of ['p', 'q']) await plant(replica, { kind: 'project', name })
  const spec = { driver: 'bridge', subnet4: '10.0.0.0/24', isShared: true }
  const net = await plant(replica, { kind: 'network', name: 'lan', project: 'default', spec })
  for (const [project, name, last] of [
    ['p', 'web', 2],
    ['q', 'secret', 3],
  ] as const)
    await plant(replica, {
      kind: 'guest',
      name,
      project,
      host: 'h1',
      spec: guestSpec(net.id, name, last),
      status: { phase: 'running' },
    })
  const address = '/api/v1/networks/lan/topology?project=default'
  const whole = await call(on.api, address)
  assert.equal(whole.at('hosts.0.gateway4'), '10.0.0.1')
  assert.equal(whole.at('hosts.0.nics.1.machine'), 'secret')
  assert.equal(whole.at('hosts.0.nics.0.link'), 'up')
  const token = await person(on, 'pia', [{ project: 'p', role: 'viewer' }])
  const part = await call(on.api, address, { token })
  assert.equal(part.at('hosts.0.nics.0.address4'), '10.0.0.2')
  assert.ok(!part.text.includes('secret') && !part.text.includes('10.0.0.3'))
})
