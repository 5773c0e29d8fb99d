/** A machine: what a person wishes for. Its guest is the body that it has for now. */

import type { Document } from '#model/document.ts'
import { isUnderWay, waitsForPerson } from '#model/catalogue/waits.ts'
import { defineKind } from '#model/kind.ts'
import { firstBootSecrets } from './first-boot.ts'
import { withNames } from './names.ts'
import { MachineSpec, MachineStatus } from './spec.ts'
import { machineLooks, machineSignals, machineVerbs } from './verbs.ts'

export { MachineSpec, MachineStatus } from './spec.ts'

type Told = { readonly generation: number; readonly spec: MachineSpec; readonly status: MachineStatus }

const wishedState = { on: 'running', off: 'stopped', paused: 'paused' } as const

const isAsWished = ({ spec, status }: Pick<Told, 'spec' | 'status'>) =>
  status.state === wishedState[spec.power]

/** Whether what is told of it is of this very wish. */
const hasReached = ({ status, generation }: Told) => status.reached >= generation

export const machine = defineKind({
  name: 'machine',
  plural: 'machines',
  title: { en: 'Machine', ko: '머신' },
  summary: 'What a person wishes to run; its guest is the body it has for now',
  scope: 'project',
  version: 2,
  access: { read: 'viewer', write: 'operator' },
  spec: MachineSpec,
  status: MachineStatus,
  fixed: ['image', 'datastore', 'cloneOf', 'bootDisk.format', 'bootDisk.isEncrypted', 'bootDisk.clone'],
  secrets: firstBootSecrets.map((path) => `firstBoot.${path}`),
  lines: ['files', 'commands', 'userData', 'vendorData', 'networkConfig'].map(
    (field) => `firstBoot.${field}`,
  ),
  growing: ['diskMib'],
  references: {
    image: 'image',
    datastore: 'datastore',
    'disks.[].volume': 'volume',
    'disks.[].image': 'image',
    'disks.[].datastore': 'datastore',
    'cdroms.[].image': 'image',
    'nics.[].network': 'network',
    'nics.[].securityGroups.[]': 'security-group',
    'cloneOf.machine': 'machine',
    'cloneOf.snapshot': 'snapshot',
  },
  completed: withNames,
  deletion: 'planned',
  columns: [
    { title: { en: 'State', ko: '상태' }, path: 'status.state' },
    { title: { en: 'CPUs', ko: 'CPU' }, path: 'spec.cpus' },
    { title: { en: 'Memory', ko: '메모리' }, path: 'spec.memoryMib', as: 'MiB' },
    { title: { en: 'Host', ko: '호스트' }, path: 'status.host' },
    { title: { en: 'Since', ko: '경과' }, path: 'status.sinceMs', as: 'age' },
  ],
  verbs: machineVerbs,
  signals: machineSignals,
  looks: machineLooks,
  isReady: (document) =>
    isAsWished(document) && hasReached(document) && !document.status.holds.some(isUnderWay),
  hasFailed: (document) =>
    document.status.holds.find(({ code }) => code === 'machine/image-failed') ??
    (hasReached(document) && !isAsWished(document) ? document.status.holds.find(waitsForPerson) : undefined),
})

export type MachineDocument = Document<MachineSpec, MachineStatus>
