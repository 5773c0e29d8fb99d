/** What tells a guest that it is another one now. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guest as guestKind } from '#kinds/guest/schema.ts'
import { generationOf } from './guest-body.ts'

const specOf = (some: object) =>
  guestKind.spec.parse({
    machine: 'm',
    machineName: 'web',
    epoch: 1,
    power: 'on',
    boot: 1,
    forceAfterSeconds: 60,
    restart: 'never',
    cpus: 1,
    memoryMib: 128,
    machineType: 'q35',
    kernelImage: null,
    kernelDatastore: null,
    commandLine: '',
    disks: [],
    nics: [],
    machineSpec: {},
    instance: 'm',
    ...some,
  })

test('the generation is another for each identity and each return to a snapshot, and the same over boots', () => {
  const revert = (at: number) => ({ machineSpec: { revert: { snapshot: 's', at } } })
  const one = generationOf(specOf({}))
  assert.match(one, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(generationOf(specOf({ boot: 4, epoch: 4, cpus: 2 })), one)
  const others = [
    specOf({ instance: 'c', machine: 'c' }),
    specOf(revert(1)),
    specOf(revert(2)),
    specOf({ ...revert(2), memoryOf: { snapshot: 's', boot: 2 }, boot: 2 }),
  ].map(generationOf)
  assert.equal(new Set([one, ...others]).size, 5)
})
