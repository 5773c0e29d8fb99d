/** What a light agent says of the documents it is given: as they are wished, at once. Pure. */

import type { Document } from '#model/document.ts'
import { guest as guestKind, type GuestSpec, type GuestStatus } from '#kinds/guest/schema.ts'
import type { ImageStatus } from '#kinds/image/schema.ts'
import type { VolumeSpec } from '#kinds/volume/schema.ts'
import { wishedPhase } from '#kinds/machine/foresee.ts'

const mib = 2 ** 20

export const imageFacts = {
  virtualBytes: 128 * mib,
  storedBytes: 40 * mib,
  sha256: '5'.repeat(64),
  format: 'raw',
  boot: 'kernel',
  commandLine: 'console=ttyS0 quiet',
  architecture: 'x86_64',
} as const satisfies Partial<ImageStatus>

export const hostFacts = (name: string) => ({
  accelerator: 'simulated' as const,
  acceleratorWhy: 'the whole host is simulated',
  architecture: 'x86_64',
  cpus: 32,
  memoryMib: 262_144,
  qemuVersion: 'simulated',
  agentVersion: 'simulated',
  kernel: 'simulated',
  hostname: name,
  bootId: `${name}-boot`,
})

/** `sim-00042` */
export const hostName = (at: number) => `sim-${String(at + 1).padStart(5, '0')}`

/** A number that is always the same for an id, as a process id could be. */
const pidOf = (id: string) => 2 + (Number.parseInt(id.slice(0, 8), 16) % 4_000_000)

/** A guest that is as wished. */
export function guestStatusOf({ id, spec, generation, createdAtMs }: Document): GuestStatus {
  const { power, epoch, boot, cpus, memoryMib, machineType, disks } = spec as GuestSpec
  const hasProcess = power === 'on' || power === 'paused'
  const exit = { why: 'asked' as const, atMs: createdAtMs, detail: '' }
  return {
    ...guestKind.status.parse({}),
    generation,
    phase: wishedPhase(power),
    epoch,
    boot,
    pid: hasProcess ? pidOf(id) : null,
    startedAtMs: hasProcess ? createdAtMs : null,
    exit: hasProcess ? null : exit,
    accelerator: 'simulated',
    qemuVersion: 'simulated',
    running: hasProcess
      ? { cpus, memoryMib, machineType, disks: disks.map(({ volume }) => volume), plugs: [] }
      : null,
    walls: ['simulated'],
  }
}

/** What is said of a document of any carried kind; nothing of those that a light agent does not know. */
export function lightStatus(document: Document): object | undefined {
  const isGoing = document.deletingAtMs !== null
  switch (document.kind) {
    case 'guest':
      return guestStatusOf(document)
    case 'volume': {
      const bytes = ((document.spec as VolumeSpec).sizeMib ?? imageFacts.virtualBytes / mib) * mib
      return { state: isGoing ? 'gone' : 'ready', sizeBytes: bytes, storedBytes: 196_608 }
    }
    case 'image':
      return isGoing ? { state: 'gone' } : { ...imageFacts, state: 'ready' }
    case 'datastore':
      return { state: 'ready', capacityMib: 4_194_304, freeMib: 2_097_152 }
    default:
      return undefined
  }
}
