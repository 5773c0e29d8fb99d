/** The start of a guest, step by step: may it, write it down, build its walls, launch, let its CPUs run. */

import { existsSync } from 'node:fs'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Accelerator, Body } from '../port.ts'
import { commandLine } from './command/line.ts'
import { endProcess, removeGroups } from './ending.ts'
import { machineTypeOf, type Emulator } from './emulator.ts'
import { prepareFolder } from './folder.ts'
import { type Guest } from './guest.ts'
import { makeCgroups, type Bounds } from './jail/cgroup.ts'
import type { Means } from './jail/means.ts'
import type { Uids } from './jail/uids.ts'
import { wrapped } from './jail/wrap.ts'
import { launch, type Launched } from './launch.ts'
import { hostBootId } from './process.ts'
import { syncRecord, type Record } from './record.ts'

/** What every start on this host stands on. */
export type Ground = {
  readonly accelerator: Accelerator['name']
  readonly emulator: Emulator
  readonly means: Means
  readonly uids: Uids
  /** Frequency of the processor's time stamp counter, where the host's kernel tells it. */
  readonly tscKhz: number | null
  readonly clock: Clock
}

/** Starts the guest; does nothing when it runs with this boot. Problems: `guest/spawn`, `host/stale` and more. */
export async function spawnGuest(guest: Guest, body: Body, ground: Ground, signal: AbortSignal) {
  requirePlain(body)
  requireNotStale(guest.record, body)
  if (isRunningSo(guest, body)) return
  const uid = ground.means.isRoot ? ground.uids.of(guest.folder) : null
  guest.isSpawning = true
  try {
    await startProcess({ guest, body, ground, uid, signal })
  } finally {
    guest.isSpawning = false
  }
}

type Making = {
  readonly guest: Guest
  readonly body: Body
  readonly ground: Ground
  readonly uid: number | null
  readonly signal: AbortSignal
}

async function startProcess(making: Making) {
  const { guest, body, ground, uid, signal } = making
  prepareFolder(guest.folder, { word: body.word, name: body.spec.machineName }, uid)
  const cgroups = groupsFor(guest.id, body, ground)
  guest.keep(freshRecord({ body, uid, cgroups, ground }))
  // The disk works while QEMU starts; both must be done before the guest's first instruction.
  const durable = { done: Promise.resolve() }
  const launched = await launchRecorded(making, cgroups, (pid, startTicks) => {
    guest.amend({ phase: 'started', pid, startTicks })
    guest.markStarted()
    durable.done = syncRecord(guest.folder)
    durable.done.catch(() => undefined)
  })
  try {
    guest.attach(launched.qmp, launched.serial)
    signal.throwIfAborted()
    await durable.done
    await launched.qmp.ask('cont', {})
    await guest.refresh()
  } catch (error) {
    await endProcess(guest, ground.clock)
    throw error
  }
}

/** Everything is checked once more at this door, whoever it came from. */
function requirePlain({ spec, disks, plugs, word }: Body) {
  const ids = [...disks, ...plugs].map(({ id }) => id)
  const isPlain =
    ids.every((id) => /^[a-z][a-z0-9]{0,15}$/.test(id)) &&
    new Set(ids).size === ids.length &&
    /^[\w-]{1,64}$/.test(word) &&
    spec.cpus >= 1 &&
    spec.cpus <= limits.vcpusPerMachine
  if (!isPlain) throw new Problem('request/invalid', { field: 'guest', why: 'is not a plain body' })
}

/** An older body or boot must never come back (I-01). */
function requireNotStale(record: Record | undefined, { spec }: Body) {
  if (record === undefined) return
  if (spec.epoch < record.epoch) throw new Problem('host/stale', { seen: record.epoch, given: spec.epoch })
  if (spec.epoch === record.epoch && spec.boot < record.boot)
    throw new Problem('host/stale', { seen: record.boot, given: spec.boot })
}

/** Whether nothing is to be done; refuses where another process stands in the way. */
function isRunningSo(guest: Guest, { spec }: Body): boolean {
  const { process, pid, epoch, boot } = guest.sight()
  if (process === 'absent' || process === 'lost') return false
  if (process === 'strange') throw new Problem('guest/not-ours', { pid: pid ?? 0 })
  const isSame = epoch === spec.epoch && boot === spec.boot
  if (isSame && process !== 'shutdown' && process !== 'panicked') return true
  throw new Problem('object/refused', { why: 'Its last process still stands.' })
}

function boundsOf({ spec }: Body): Bounds {
  const overheadMib = limits.guestOverheadMib + limits.tcgCacheMib + limits.guestPageCacheMib
  return {
    memoryBytes: (spec.memoryMib + overheadMib) * 2 ** 20,
    cpus: spec.cpus,
    tasks: limits.guestTasks + spec.cpus,
  }
}

const groupsFor = (id: string, body: Body, { means }: Ground): string[] =>
  means.groups !== 'systemd-scope' && 'version' in means.groups
    ? makeCgroups(means.groups, id, boundsOf(body))
    : []

function freshRecord({
  body,
  uid,
  cgroups,
  ground,
}: {
  body: Body
  uid: number | null
  cgroups: string[]
  ground: Ground
}): Record {
  const { cpus, memoryMib, epoch, boot, machineType } = body.spec
  return {
    version: 1,
    phase: 'spawning',
    epoch,
    boot,
    word: body.word,
    pid: null,
    startTicks: null,
    hostBoot: hostBootId(),
    startedAtMs: ground.clock.now(),
    wordSeenAtMs: null,
    uid,
    cgroups,
    running: { cpus, memoryMib, machineType: machineTypeOf(ground.emulator, machineType) },
    forwards: body.plugs.flatMap((plug) => plug.forwards.map((each) => ({ nic: plug.id, ...each }))),
    detail: '',
  }
}

async function launchRecorded(
  { guest, body, ground, uid }: Making,
  cgroups: string[],
  born: (pid: number, startTicks: string) => void,
): Promise<Launched> {
  const { id, folder } = guest
  const { emulator, means, accelerator, clock } = ground
  const isKvm = accelerator === 'kvm'
  const machineType = guest.record?.running.machineType ?? ''
  const { architecture, binary } = emulator
  const start = { id, folder, body, accelerator, architecture, machineType, firmware: firmware(architecture) }
  const jail = { id, folder, body, means, uid, cgroups, bounds: boundsOf(body), isKvm }
  const argv = wrapped(jail, [binary, ...commandLine(start)])
  const append = kernelLine(body, ground)
  try {
    return await launch(
      { id, folder, argv, uid, append, tellsPid: means.mounts === 'bubblewrap' },
      clock,
      born,
    )
  } catch (error) {
    // Nothing came of it: no process is left.
    const detail = error instanceof Error ? error.message.slice(0, 400) : ''
    guest.amend({ phase: 'ended', pid: null, startTicks: null, detail })
    await removeGroups(cgroups, clock)
    throw error
  }
}

/**
 * The kernel's command line. A microvm has no clock against which a kernel could measure the processor's
 * under emulation: one boot in eight hangs there, unless it is told what the host's kernel measured.
 */
function kernelLine({ kernel, spec }: Body, { accelerator, tscKhz }: Ground): string | null {
  if (kernel === null) return null
  const isBlind = spec.machineType === 'microvm' && accelerator === 'tcg' && tscKhz !== null
  return isBlind ? `${kernel.commandLine} tsc_early_khz=${tscKhz}` : kernel.commandLine
}

/** UEFI for arm64 from Debian's qemu-efi-aarch64; x86 machines bring their own firmware. */
function firmware(architecture: Emulator['architecture']): { code: string } | null {
  const code = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'
  return architecture === 'aarch64' && existsSync(code) ? { code } : null
}
