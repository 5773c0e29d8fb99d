/** What tests of the fake begin with: a plain body, a disk, a plug, and time that passes by itself. */

import type { Clock } from '#drivers/clock/port.ts'
import { guest as guestKind, type GuestSpec } from '#kinds/guest/schema.ts'
import type { Body, DiskFile, FileLayer, Plug } from '../port.ts'

/** Virtual time that passes by itself, one due call at a time. */
export function hurriedClock(): Clock {
  const due: { at: number; call: () => void }[] = []
  let now = 1_000_000
  const step = () => {
    const next = due.toSorted((a, b) => a.at - b.at)[0]
    if (next === undefined) return
    due.splice(due.indexOf(next), 1)
    now = Math.max(now, next.at)
    next.call()
  }
  const after = (ms: number, call: () => void) => {
    const entry = { at: now + ms, call }
    due.push(entry)
    setImmediate(step)
    return () => {
      entry.call = () => undefined
    }
  }
  return {
    now: () => now,
    monotonic: () => now,
    after,
    sleep: (ms, signal) =>
      new Promise((wake, fail) => {
        after(ms, wake)
        signal?.addEventListener('abort', () => fail(signal.reason as Error), { once: true })
      }),
  }
}

export const bodyOf = (change: Partial<GuestSpec> = {}, rest: Partial<Body> = {}): Body => ({
  spec: { ...plainSpec, ...change },
  disks: [],
  plugs: [],
  kernel: null,
  word: 'seagull',
  cdroms: [],
  seed: null,
  generationId: '5a4b2f0e-0000-4000-8000-000000000001',
  memoryFile: null,
  machineVersion: null,
  ...rest,
})

const plainSpec: GuestSpec = guestKind.spec.parse({
  machine: 'm1',
  machineName: 'hello',
  epoch: 1,
  power: 'on',
  boot: 1,
  forceAfterSeconds: 30,
  restart: 'on-failure',
  cpus: 1,
  memoryMib: 128,
  machineType: 'q35',
  kernelImage: null,
  kernelDatastore: null,
  commandLine: '',
  disks: [],
  nics: [],
  machineSpec: {},
})

export const layerOf = (file: string): FileLayer => ({ file, format: 'qcow2', key: null })

export const diskOf = (id: string, file: string): DiskFile => ({
  ...layerOf(file),
  id,
  backing: [],
  keys: {},
  isReadOnly: false,
  bus: 'virtio',
  cache: 'writeback',
  io: 'auto',
  discard: true,
  iops: null,
  mibPerSecond: null,
})

export const plugOf = (id: string): Plug => ({
  id,
  mac: `52:54:00:00:00:0${id.slice(-1)}`,
  model: 'virtio',
  mtu: 1500,
  isLinkUp: true,
  forwards: [],
  driver: 'user',
  isRestricted: false,
})
