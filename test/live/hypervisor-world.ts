/** A folder of real guests for tests, and the means to harm them. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guest, type GuestSpec } from '#kinds/guest/schema.ts'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { HypervisorWorld } from '#drivers/hypervisor/contract.ts'
import type { Body, DiskFile, Hypervisor } from '#drivers/hypervisor/port.ts'
import { openQemu } from '#drivers/hypervisor/qemu/qemu.ts'
import { guestFiles } from './hypervisor-guest.ts'

export const never = new AbortController().signal

export function bodyOf(change: Partial<GuestSpec> = {}, rest: Partial<Body> = {}): Body {
  return {
    spec: guest.spec.parse({
      machine: '0d5e7f0c-0000-4000-8000-000000000001',
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
      ...change,
    }),
    disks: [],
    plugs: [],
    kernel: { ...guestFiles(), commandLine: 'console=ttyS0 quiet panic=0' },
    word: 'seagull',
    cdroms: [],
    seed: null,
    generationId: '0d5e7f0c-0000-4000-8000-00000000000e',
    memoryFile: null,
    machineVersion: null,
    ...rest,
  }
}

/** A disk with what most have. */
export const diskOf = (change: Partial<DiskFile> & Pick<DiskFile, 'file'>): DiskFile => ({
  id: 'disk0',
  format: 'raw',
  key: null,
  isReadOnly: false,
  bus: 'virtio',
  cache: 'writeback',
  io: 'auto',
  discard: true,
  iops: null,
  mibPerSecond: null,
  backing: [],
  keys: {},
  ...change,
})

export type LiveWorld = HypervisorWorld & { readonly folder: string }

/** `folder` lies deep and below a private one, as a data folder may. */
export async function liveWorld(): Promise<LiveWorld> {
  const base = mkdtempSync(join(tmpdir(), 'decant-live-'))
  const folder = join(base, 'a-rather-long-name-for-a-folder-'.repeat(3), 'agent/guests')
  const hold = setInterval(() => undefined, 1000)
  let last: Hypervisor | undefined
  return {
    folder,
    clock: realClock,
    open: async () => (last = await openQemu({ folder, clock: realClock })),
    body: async (change) => bodyOf(change),
    crash: async (id) => {
      const pid = (await last?.observe(id))?.pid
      if (typeof pid === 'number') process.kill(pid, 'SIGKILL')
    },
    powerOff: async (id) => {
      const line = await last?.serial(id)
      await line?.write(Buffer.from('poweroff -f\r'))
      line?.close()
    },
    close: async () => {
      await clear(folder).finally(() => clearInterval(hold))
      rmSync(base, { recursive: true })
    },
  }
}

/** Ends and removes every guest of a folder. */
async function clear(folder: string) {
  const driver = await openQemu({ folder, clock: realClock })
  for (const id of await driver.list()) {
    await driver.kill(id, never)
    await driver.remove(id, never)
  }
  await driver.close()
}
