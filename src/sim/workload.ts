/** What people do in a run, by chance: machines, volumes and images come, change and go. */

import { oneOf, wholeFrom, type Random } from '#base/random.ts'
import type { Wish } from './people.ts'
import { localOf } from './host.ts'

export type Scale = { readonly hosts: number; readonly machines: number }

type Make = (random: Random, scale: Scale) => Wish

const machineName = (random: Random, { machines }: Scale) => `m${wholeFrom(random, machines)}`
const volumeName = (random: Random) => `data${wholeFrom(random, 2)}`
const snapshotName = (random: Random) => `s${wholeFrom(random, 4)}`
const hostName = (random: Random, { hosts }: Scale) => `h${1 + wholeFrom(random, hosts)}`

/** Wishes that the pool needs to be of use; repeated, they are refused as standing already. */
export const foundations = ({ hosts }: Scale): Wish[] => [
  { op: 'create', kind: 'datastore', name: 'pool', body: { isShared: true } },
  ...Array.from({ length: hosts }, (_, at): Wish => ({ op: 'create', kind: 'host', name: `h${at + 1}` })),
  ...imageWishes(),
]

const imageWishes = (): Wish[] => [
  { op: 'create', kind: 'image', name: 'base', body: { source: 'starter', datastore: 'pool' } },
]

/** Further disks: one that several machines may want, one that is made for the machine, both, none. */
const someDisks = (random: Random): object[] =>
  oneOf<() => object[]>(random, [
    () => [],
    () => [{ volume: volumeName(random) }],
    () => [{ name: 'own', sizeMib: 32 * (1 + wholeFrom(random, 3)) }],
    () => [{ volume: volumeName(random) }, { name: 'own', sizeMib: 96, bus: 'scsi' }],
    () => [{ volume: 'data0' }, { volume: 'data1', iops: 100 }],
    () => [{ volume: volumeName(random), bus: 'sata' }],
  ])()

/** Bounds within which it can grow while it runs, or none. */
const someBounds = (random: Random): object => (random() < 0.5 ? { cpusMax: 8, memoryMaxMib: 4096 } : {})

function machineSpec(random: Random, scale: Scale): object {
  const isLocal = random() < 0.2
  const host = hostName(random, scale)
  const forwards =
    random() < 0.3 ? [{ guestPort: 80, hostPort: random() < 0.3 ? 8080 + wholeFrom(random, 2) : 0 }] : []
  return {
    ...(isLocal
      ? { image: null, datastore: localOf(host), diskMib: 64 }
      : { image: 'base', datastore: 'pool' }),
    cpus: 1 + wholeFrom(random, 3),
    memoryMib: oneOf(random, [64, 256, 512, 1024]),
    power: oneOf(random, ['on', 'on', 'on', 'off', 'paused']),
    forceAfterSeconds: oneOf(random, [0, 5, 20, 60]),
    restart: oneOf(random, ['on-failure', 'on-failure', 'always', 'never']),
    ...someBounds(random),
    disks: someDisks(random),
    nics: random() < 0.7 ? [{ network: 'default', forwards }] : [],
  }
}

function machinePatch(random: Random): object {
  const spec = oneOf<() => object>(random, [
    () => ({ cpus: 1 + wholeFrom(random, 4) }),
    () => ({ memoryMib: oneOf(random, [64, 128, 512, 2048]) }),
    () => ({ disks: [] }),
    () => ({ disks: someDisks(random) }),
    () => ({ disks: someDisks(random) }),
    () => ({ diskMib: 512 * (1 + wholeFrom(random, 4)) }),
    () => ({ forceAfterSeconds: wholeFrom(random, 30) }),
    () => ({ restart: oneOf(random, ['on-failure', 'always', 'never']) }),
    () => ({ nics: [{ network: 'default' }, { network: 'default', isLinkUp: random() < 0.5 }] }),
    () => ({ hasTpm: random() < 0.5 }),
    () => ({ nics: random() < 0.5 ? [] : [{ forwards: [{ guestPort: 22, hostPort: 8080 }] }] }),
  ])()
  return { spec }
}

const verbs = ['start', 'start', 'stop', 'stop', 'reboot', 'pause', 'resume'] as const

const acts: readonly (readonly [weight: number, make: Make])[] = [
  [
    6,
    (random, scale) => ({
      op: 'create',
      kind: 'machine',
      name: machineName(random, scale),
      body: machineSpec(random, scale),
    }),
  ],
  [
    8,
    (random, scale) => ({
      op: 'verb',
      kind: 'machine',
      name: machineName(random, scale),
      verb: oneOf(random, verbs),
    }),
  ],
  [
    1,
    (random, scale) => ({
      op: 'verb',
      kind: 'machine',
      name: machineName(random, scale),
      verb: 'stop',
      body: { forceAfterSeconds: 0 },
    }),
  ],
  [
    3,
    (random, scale) => ({
      op: 'patch',
      kind: 'machine',
      name: machineName(random, scale),
      body: machinePatch(random),
    }),
  ],
  [2, (random, scale) => ({ op: 'delete', kind: 'machine', name: machineName(random, scale) })],
  [
    2,
    (random) => ({
      op: 'create',
      kind: 'volume',
      name: volumeName(random),
      body: { datastore: 'pool', sizeMib: 64 },
    }),
  ],
  [
    1,
    (random) => ({
      op: 'patch',
      kind: 'volume',
      name: volumeName(random),
      body: { spec: { sizeMib: 64 * (1 + wholeFrom(random, 4)) } },
    }),
  ],
  [1, (random) => ({ op: 'delete', kind: 'volume', name: volumeName(random) })],
  [
    2,
    (random, scale) => ({
      op: 'create',
      kind: 'snapshot',
      name: snapshotName(random),
      body: { machine: machineName(random, scale), withMemory: random() < 0.4, freeze: 'never' },
    }),
  ],
  [1, (random) => ({ op: 'delete', kind: 'snapshot', name: snapshotName(random) })],
  [
    1.5,
    (random, scale) => ({
      op: 'verb',
      kind: 'machine',
      name: machineName(random, scale),
      verb: 'revert',
      body: { snapshot: snapshotName(random) },
    }),
  ],
  [
    1,
    (random, scale) => ({
      op: 'create',
      kind: 'machine',
      name: machineName(random, scale),
      body: {
        cloneOf: {
          machine: machineName(random, scale),
          snapshot: random() < 0.5 ? snapshotName(random) : null,
          clone: random() < 0.7 ? 'linked' : 'full',
        },
      },
    }),
  ],
  [
    0.5,
    () => ({ op: 'create', kind: 'image', name: 'base2', body: { source: 'starter', datastore: 'pool' } }),
  ],
  [0.5, () => ({ op: 'delete', kind: 'image', name: 'base2' })],
  [
    0.5,
    (random, scale) => ({
      op: 'verb',
      kind: 'host',
      name: hostName(random, scale),
      verb: oneOf(random, ['cordon', 'uncordon']),
    }),
  ],
]

const whole = acts.reduce((sum, [weight]) => sum + weight, 0)

export function nextWish(random: Random, scale: Scale): Wish {
  let left = random() * whole
  for (const [weight, make] of acts) {
    left -= weight
    if (left < 0) return make(random, scale)
  }
  return { op: 'verb', kind: 'machine', name: machineName(random, scale), verb: 'start' }
}
