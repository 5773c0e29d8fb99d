/** What is told of a guest: its phase, what runs, what it has open, what it says of itself. */

import type { Hold, Plan } from '#model/plan.ts'
import { limits } from '#model/limits.ts'
import type { Sight } from '#drivers/hypervisor/port.ts'
import type { GuestSpec, GuestStatus } from '#kinds/guest/schema.ts'
import { openParts, phaseOf, type GuestRecord, type GuestStep } from '#kinds/guest/plan.ts'
import { forwardsNoted } from './guest-body.ts'
import type { GuestSeen } from './guests.ts'
import type { AgentPorts } from './world.ts'

type Told = Pick<GuestStatus, 'accelerator' | 'qemuVersion' | 'walls'>

/** The accelerator and the walls are the host's; they are asked once and then known. */
export function hostTelling({ hypervisor }: AgentPorts): () => Told {
  let told: Told = { accelerator: 'none', qemuVersion: '', walls: [] }
  void Promise.all([hypervisor.accelerator(), hypervisor.walls()]).then(([{ name, version }, walls]) => {
    told = {
      accelerator: name,
      qemuVersion: version,
      walls: walls
        .filter(({ holds }) => holds)
        .map(({ name }) => name)
        .slice(0, 16),
    }
  })
  return () => told
}

export const reportGuest =
  (ports: AgentPorts, told: () => Told, troubles: (nics: GuestSpec['nics']) => readonly Hold[] = () => []) =>
  ({ id, wish, spec, sight, observed }: GuestSeen, plan: Plan<GuestStep>): GuestStatus => {
    const { record } = observed
    const hasProcess = sight.pid !== null && sight.process !== 'absent' && sight.process !== 'lost'
    return {
      conditions: [],
      holds: [...plan.holds, ...(hasProcess ? troubles(spec.nics) : [])].slice(0, 64),
      phase: phaseOf(spec, observed),
      generation: wish.document.generation,
      epoch: record.isRemoved ? Math.max(record.epoch, spec.epoch) : record.epoch,
      boot: record.boot,
      pid: hasProcess ? sight.pid : null,
      startedAtMs: hasProcess ? sight.startedAtMs : null,
      exit: record.exit,
      crashes: record.crashes,
      ...told(),
      machineVersion: record.machineVersion,
      running: hasProcess ? runningOf(sight, record) : null,
      forwards: hasProcess ? forwardsOf(ports, id, record, sight) : [],
      proof:
        sight.word !== null && sight.wordSeenAtMs !== null
          ? { word: sight.word, seenAtMs: sight.wordSeenAtMs }
          : null,
      inside: hasProcess ? observed.inside : null,
      ready: hasProcess ? record.ready : null,
      adopted: sight.isAdopted,
    }
  }

/** Its disks are those noted: each is noted before it is opened, and until it is closed for certain (I-01). */
function runningOf({ running }: Sight, record: GuestRecord): GuestStatus['running'] {
  if (running === null) return null
  const { cpus, memoryMib, machineType, cpusMax, memoryMaxMib } = running
  const { disks, plugs } = openParts(record)
  return {
    cpus,
    memoryMib,
    machineType,
    cpusMax,
    memoryMaxMib,
    disks: disks.slice(0, limits.disksPerMachine),
    plugs: plugs.slice(0, limits.nicsPerMachine),
    ...(record.begun === null ? {} : { shape: record.begun.shape, memoryMinMib: record.begun.memoryMib }),
  }
}

/** Forwards of bridges are the host's and change without the process; those of user networks are the process's. */
function forwardsOf(
  ports: AgentPorts,
  id: string,
  { nics }: GuestRecord,
  { forwards }: Sight,
): GuestStatus['forwards'] {
  const bridged = new Set(nics.filter(({ driver }) => driver === 'bridge').map((nic) => nic.id))
  const noted = Object.entries(forwardsNoted(ports, id)).flatMap(([nic, list]) =>
    bridged.has(nic) ? list.map((forward) => ({ nic, ...forward })) : [],
  )
  return [...forwards.filter(({ nic }) => !bridged.has(nic)), ...noted].slice(0, 512)
}
