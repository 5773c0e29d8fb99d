/** A machine: what a person wishes for. Its guest is the body that it has for now. */

import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { firstBootSecrets } from './first-boot.ts'
import { withNames } from './names.ts'
import { MachineSpec, MachineStatus } from './spec.ts'
import { machineLooks, machineSignals, machineVerbs } from './verbs.ts'

export { MachineSpec, MachineStatus } from './spec.ts'

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
  isReady: ({ spec, status }) =>
    spec.power === 'on'
      ? status.state === 'running'
      : spec.power === 'off'
        ? status.state === 'stopped'
        : status.state === 'paused',
  hasFailed: ({ status }) => status.holds.find(({ code }) => code === 'machine/image-failed'),
})

export type MachineDocument = Document<MachineSpec, MachineStatus>
