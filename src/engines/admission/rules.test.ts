/** The rules of machines: each by a case on every path that yields a wish (I-43), names of parts, and clones. */

import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { at } from '#base/json.ts'
import { present } from '#base/assert.ts'
import type { Document } from '#model/document.ts'
import { Problem } from '#model/problem.ts'
import { kindNamed, kinds } from '#kinds/registry.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import { admitCreate, admitPatch, admitReplace, admitVerb } from './admit.ts'
import type { Around } from './around.ts'
import { withNames } from '#kinds/machine/names.ts'
import { nothing, usageOf } from './usage.ts'

const kind = (name: string) => present(kindNamed(name), name)
const machineKind = kind('machine')

function world(documents: readonly Document[]): Around {
  let ids = 0
  return {
    kinds,
    find: (kind, project, name) =>
      documents.find((one) => one.kind === kind && one.project === project && one.name === name),
    get: (kind, id) => documents.find((one) => one.kind === kind && one.id === id),
    all: (kind) => documents.filter((one) => one.kind === kind),
    usage: () => nothing,
    nowMs: 1000,
    newId: () => `${documents.length}${ids++}`.padStart(36, '0'),
  }
}

function pool() {
  const documents: Document[] = []
  const make = (of: string, name: string, spec: object = {}, status: object = {}) => {
    const project = kind(of).scope === 'pool' ? null : 'p'
    const made = present(admitCreate(kind(of), { name, spec }, { project }, world(documents)).after, 'made')
    documents.push({ ...made, status: { ...(made.status as object), ...status } })
    return documents.at(-1) as Document
  }
  make('project', 'p')
  make('datastore', 'local', { folder: '/srv/local' })
  make('datastore', 'fast', { folder: '/srv/fast' })
  make('network', 'default', {})
  make('network', 'lab', {})
  make('network', 'lan', { driver: 'bridge' })
  make('security-group', 'web', {})
  make('image', 'debian', {}, { state: 'ready', virtualBytes: 2 ** 31 })
  make('volume', 'data', { sizeMib: 64 })
  make('volume', 'logs', { sizeMib: 32, datastore: 'fast' })
  return { documents, make }
}

const refusedAt = (field: string, act: () => unknown) =>
  throws(act, (error: unknown) => error instanceof Problem && error.field === field, field)

const broken: readonly (readonly [field: string, spec: object])[] = [
  ['spec.isSecureBoot', { isSecureBoot: true }],
  ['spec.screens', { screens: 2 }],
  ['spec.firmware', { machineType: 'microvm', firmware: 'uefi' }],
  ['spec.cdroms', { machineType: 'microvm', cdroms: [{}] }],
  ['spec.disks', { machineType: 'microvm', disks: [{ sizeMib: 8, bus: 'scsi' }] }],
  ['spec.cpusMax', { cpus: 4, cpusMax: 2 }],
  ['spec.cpusMax', { cpus: 2, cpusMax: 6, sockets: 2, threads: 2 }],
  ['spec.cpus', { cpus: 3, sockets: 2 }],
  ['spec.numaNodes', { cpus: 2, numaNodes: 3 }],
  ['spec.memoryMaxMib', { memoryMib: 512, memoryMaxMib: 256 }],
  ['spec.balloonMib', { memoryMib: 512, balloonMib: 1024 }],
  ['spec.memoryMib', { memoryMib: 1536, hugePages: '1GiB' }],
  [
    'spec.disks.1.name',
    {
      disks: [
        { name: 'a', sizeMib: 1 },
        { name: 'a', sizeMib: 1 },
      ],
    },
  ],
  ['spec.disks.0.name', { disks: [{ name: 'boot', sizeMib: 1 }] }],
  ['spec.disks.1.volume', { disks: [{ volume: 'data' }, { volume: 'data' }] }],
  ['spec.nics.1.mac', { nics: [{ mac: '52:00:00:00:00:01' }, { mac: '52:00:00:00:00:01' }] }],
  ['spec.nics.0.securityGroups', { nics: [{ securityGroups: ['web'] }] }],
  ['spec.nics.1.mbitIn', { nics: [{ network: 'lan', mbitIn: 5 }, { mbitIn: 5 }] }],
  ['spec.nics.0.mbitOut', { nics: [{ mbitOut: 5 }] }],
  ['spec.nics.0.address4', { nics: [{ address4: '10.0.0.9' }] }],
  ['spec.disks.0.sizeMib', { disks: [{ volume: 'data', sizeMib: 9 }] }],
  ['spec.disks.0.sizeMib', { disks: [{}] }],
  ['spec.disks.0.sizeMib', { disks: [{ image: 'debian', sizeMib: 64 }] }],
  ['spec.bootDisk.isEncrypted', { bootDisk: { format: 'raw', isEncrypted: true } }],
]

test('a wish that breaks a rule is refused when it is created, replaced or patched (I-43)', () => {
  const { documents, make } = pool()
  const sound = make('machine', 'm', {})
  const around = world(documents)
  for (const [field, spec] of broken) {
    refusedAt(field, () => admitCreate(machineKind, { name: 'n', spec }, { project: 'p' }, around))
    if (field.startsWith('spec.bootDisk')) continue
    refusedAt(field, () => admitReplace(machineKind, sound, { spec }, around))
    refusedAt(field, () => admitPatch(machineKind, sound, { spec }, around))
  }
  refusedAt('spec.diskMib', () =>
    admitCreate(
      machineKind,
      { name: 'n', spec: { image: 'debian', diskMib: 1024 } },
      { project: 'p' },
      around,
    ),
  )
  refusedAt('spec.sizeMib', () =>
    admitCreate(
      kind('volume'),
      { name: 'n', spec: { image: 'debian', sizeMib: 1024 } },
      { project: 'p' },
      around,
    ),
  )
})

test('a MAC that another machine has, said or made from its id, is refused (I-27)', () => {
  const { documents, make } = pool()
  make('machine', 'a', { nics: [{ mac: '52:00:00:00:00:01' }] })
  refusedAt('spec.nics.0.mac', () => make('machine', 'b', { nics: [{ mac: '52:00:00:00:00:01' }] }))
  equal(documents.filter(({ kind }) => kind === 'machine').length, 1)
})

const specOf = (document: Document | null) => present(document, 'admitted').spec as MachineSpec
const namesOf = (parts: readonly { readonly name?: string | undefined }[]) => parts.map(({ name }) => name)

test('each part has a name from the first, and keeps it while others come and go', () => {
  const { documents, make } = pool()
  const disks = [{ volume: 'data' }, { sizeMib: 8 }, { name: 'own', sizeMib: 8 }, { volume: 'logs' }]
  const nics = [{ network: 'default' }, { network: 'lab' }]
  const machine = make('machine', 'm', { disks, nics })
  deepEqual(namesOf(specOf(machine).disks), ['disk1', 'disk2', 'own', 'disk3'])
  const patched = (spec: object) => specOf(admitPatch(machineKind, machine, { spec }, world(documents)).after)
  deepEqual(namesOf(patched({ disks: [{ volume: 'logs' }, { sizeMib: 16 }] }).disks), ['disk3', 'disk2'])
  deepEqual(namesOf(patched({ disks: [{ volume: 'data' }] }).disks), ['disk1'])
  deepEqual(namesOf(patched({ nics: [{ network: 'lab' }] }).nics), ['net1'])
  // What is new is nobody's of before.
  const more = [
    { volume: 'logs' },
    { volume: 'data' },
    { sizeMib: 8 },
    { sizeMib: 9 },
    { name: 'own', sizeMib: 8 },
  ]
  deepEqual(namesOf(patched({ disks: more }).disks), ['disk3', 'disk1', 'disk2', 'disk4', 'own'])
})

test('the same wish without names, sent again, changes nothing', () => {
  const { documents, make } = pool()
  const spec = { disks: [{ volume: 'data' }, { sizeMib: 8 }, { sizeMib: 8 }], nics: [{}, { network: 'lab' }] }
  const machine = make('machine', 'm', spec)
  equal(admitReplace(machineKind, machine, { spec }, world(documents)).isChanged, false)
  const { spec: named } = machine as Document<MachineSpec>
  deepEqual(withNames(named, named), named)
})

test('what a disk was made of stays, and it only grows', () => {
  const { documents, make } = pool()
  const machine = make('machine', 'm', { disks: [{ name: 'd', sizeMib: 64 }] })
  const patch = (disk: object) => () =>
    admitPatch(
      machineKind,
      machine,
      { spec: { disks: [{ name: 'd', sizeMib: 64, ...disk }] } },
      world(documents),
    )
  refusedAt('spec.disks.0.sizeMib', patch({ sizeMib: 32 }))
  refusedAt('spec.disks.0.datastore', patch({ datastore: 'fast' }))
  refusedAt('spec.disks.0.isEncrypted', patch({ isEncrypted: true }))
  ok(patch({ sizeMib: 128 })().isChanged)
  equal(usageOf(machine, () => undefined).diskMib, 64)
})

test('a revert goes to a snapshot of the machine itself that is ready, by the verb alone', () => {
  const { documents, make } = pool()
  const machine = make('machine', 'm', {})
  make('machine', 'other', {})
  make('snapshot', 'good', { machine: 'm' }, { state: 'ready' })
  make('snapshot', 'young', { machine: 'm' })
  make('snapshot', 'foreign', { machine: 'other' }, { state: 'ready' })
  const revert = (snapshot: string) => () =>
    admitVerb(machineKind, machine, { verb: 'revert', input: { snapshot } }, world(documents))
  for (const name of ['young', 'foreign', 'none']) refusedAt('snapshot', revert(name))
  const after = present(revert('good')().after, 'reverted')
  deepEqual(at(after.spec, 'revert'), { snapshot: 'good', at: 1 })
  equal(at(after.spec, 'boot'), 2)
  // A file that does not know of it takes nothing back; a patch may not say it.
  const replaced = admitReplace(machineKind, after, { spec: { cpus: 2 } }, world(documents)).after
  deepEqual(at(replaced, 'spec.revert'), { snapshot: 'good', at: 1 })
  refusedAt('spec.revert', () =>
    admitPatch(machineKind, machine, { spec: { revert: { snapshot: 'good', at: 9 } } }, world(documents)),
  )
  const made = admitCreate(
    machineKind,
    { name: 'x', spec: { revert: { snapshot: 'good', at: 9 } } },
    { project: 'p' },
    world(documents),
  )
  equal(at(made.after, 'spec.revert'), null)
})

test('a clone is what its source is, but for what is one machine only', () => {
  const { documents, make } = pool()
  const source = make('machine', 'm', {
    image: 'debian',
    cpus: 3,
    disks: [{ volume: 'logs' }, { name: 'own', sizeMib: 8, bus: 'scsi' }],
    nics: [
      {
        network: 'lan',
        mac: '52:00:00:00:00:01',
        address4: '10.0.0.5',
        forwards: [{ hostPort: 8080, guestPort: 80 }],
      },
    ],
    shares: [{ tag: 'a', folder: '/srv' }],
  })
  documents.splice(documents.indexOf(source), 1, {
    ...source,
    spec: { ...specOf(source), power: 'off', boot: 7 },
  })
  const clone = specOf(make('machine', 'c', { cloneOf: { machine: 'm' }, memoryMib: 512 }))
  deepEqual([clone.image, clone.cpus, clone.memoryMib, clone.power, clone.boot], ['debian', 3, 512, 'on', 1])
  // It is told who it is, also where its source never was.
  deepEqual([specOf(source).firstBoot, clone.firstBoot?.hostname], [null, null])
  ok(clone.firstBoot !== null)
  deepEqual(
    clone.disks.map(({ name, volume, sizeMib, datastore, bus }) => [name, volume, sizeMib, datastore, bus]),
    [
      ['disk1', null, 32, 'fast', 'virtio'],
      ['own', null, 8, null, 'scsi'],
    ],
  )
  deepEqual(
    [clone.nics[0]?.mac, clone.nics[0]?.address4, clone.nics[0]?.forwards[0]?.hostPort],
    [undefined, null, 0],
  )
  deepEqual(clone.shares, [])
  refusedAt('spec.image', () => make('machine', 'd', { cloneOf: { machine: 'm' }, image: null }))
  refusedAt('spec.datastore', () => make('machine', 'd', { cloneOf: { machine: 'm' }, datastore: 'fast' }))
  ok(make('machine', 'd', { cloneOf: { machine: 'm', clone: 'full' }, datastore: 'fast' }))
  refusedAt('spec.cloneOf.machine', () => make('machine', 'e', { cloneOf: { machine: 'none' } }))
  const passing = make('snapshot', 'd-source', { machine: 'm' }, { state: 'ready' })
  documents.splice(documents.indexOf(passing), 1, { ...passing, owner: 'd' })
  refusedAt('spec.cloneOf.snapshot', () =>
    make('machine', 'e', { cloneOf: { machine: 'm', snapshot: 'd-source' } }),
  )
})

test('I-43 what a user-mode network cannot keep is refused by its field; an older wish stands and can be stopped', () => {
  const { documents, make } = pool()
  const refused = (field: string, spec: object) => refusedAt(field, () => make('network', 'n', spec))
  refused('spec.mode', { mode: 'isolated' })
  refused('spec.subnet4', { subnet4: '10.0.0.0/24' })
  refused('spec.isFiltered', { isFiltered: false })
  refused('spec.dns', { dns: ['9.9.9.9'] })
  refused('spec.vlan', { driver: 'bridge', vlan: 5 })
  refused('spec.isRestricted', { driver: 'bridge', mode: 'bridged', interface: 'up0', isRestricted: true })
  const sound = make('machine', 'old', {})
  const { nics } = specOf(sound)
  const old = { ...sound, spec: { ...specOf(sound), nics: [{ ...nics[0], network: 'default', mbitIn: 5 }] } }
  const patch = (spec: object) => () => admitPatch(machineKind, old as Document, { spec }, world(documents))
  equal(patch({ power: 'off' })().isChanged, true)
  refusedAt('spec.nics.0.mbitIn', patch({ nics: [{ network: 'default', mbitIn: 6 }] }))
  ok(admitVerb(machineKind, old as Document, { verb: 'stop', input: {} }, world(documents)).isChanged)
})

test('an image whose content can come from nowhere is refused before anything is made', () => {
  const { make } = pool()
  const refused = (field: string, spec: object) => refusedAt(field, () => make('image', 'i', spec))
  refused('spec.url', { url: 'file:///etc/passwd' })
  refused('spec.url', { url: 'ftp://x.example/a' })
  refused('spec.checksumUrl', { url: 'https://x.example/a', checksumUrl: '/etc/passwd' })
  refused('spec.catalogue', { catalogue: 'no-such' })
  refused('spec.catalogue', { catalogue: 'windows' })
  ok(make('image', 'a', { catalogue: 'debian-12' }))
  ok(make('image', 'b', { url: 'https://x.example/a' }))
})
