/** The start of a guest, step by step: may it, write it down, build its walls, launch, let its CPUs run. */

import { existsSync } from 'node:fs'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Accelerator, Body, Feature } from '../port.ts'
import { commandLine } from './command/line.ts'
import { isToldFirst } from './command/machine.ts'
import type { Firmware, Start } from './command/part.ts'
import { isUefi, requireHere, requirePlain } from './demands.ts'
import { endProcess, removeGroups } from './ending.ts'
import { machineOf, type Emulator } from './emulator.ts'
import { bootRoms, firmwareOf, vhostNet } from './features.ts'
import { keepSettings, prepareFolder } from './folder.ts'
import { type Guest } from './guest.ts'
import { boundsOf, makeCgroups } from './jail/cgroup.ts'
import type { Means } from './jail/means.ts'
import { pciNodes, shownDevices, usbNodes } from './jail/nodes.ts'
import { scopeName } from './jail/scope.ts'
import type { Uids } from './jail/uids.ts'
import { openedFiles, wrapped, type Jail } from './jail/wrap.ts'
import { launch, type Launched } from './launch.ts'
import { endPartners, startPartners } from './partners.ts'
import { settle, tellFirst } from './parts/settling.ts'
import { hostBootId } from './process.ts'
import { syncRecord, type Record } from './record.ts'

/** What every start on this host stands on. */
export type Ground = {
  readonly accelerator: Accelerator['name']
  readonly emulator: Emulator
  readonly means: Means
  readonly features: readonly Feature[]
  readonly uids: Uids
  /** Frequency of the processor's time stamp counter, where the host's kernel tells it. */
  readonly tscKhz: number | null
  /** Folders of this host below which guests may be shown folders. */
  readonly shareFolders: readonly string[]
  /** USB devices of this host that guests may be given. */
  readonly usbDevices: readonly string[]
  readonly clock: Clock
}

/** Starts the guest; does nothing when it runs with this boot. Problems: `guest/spawn`, `host/stale` and more. */
export async function spawnGuest(guest: Guest, body: Body, ground: Ground, signal: AbortSignal) {
  requirePlain(body)
  requireNotStale(guest.record, body)
  if (isRunningSo(guest, body)) return
  requireHere(body, ground.features, ground.emulator.architecture)
  const devices = [...pciNodes(body), ...usbNodes(body, ground.usbDevices)]
  const uid = ground.means.isRoot ? ground.uids.of(guest.folder) : null
  guest.isSpawning = true
  try {
    await startProcess({ guest, body, ground, uid, signal, devices })
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
  /** Devices of the host that the guest gets. */
  readonly devices: readonly string[]
}

async function startProcess(making: Making) {
  const { guest, body, ground, uid, signal } = making
  const told = { word: body.word, name: body.spec.machineName }
  const seed = body.seed === null ? {} : { 'seed.iso': body.seed }
  await endPartners(guest.folder, ground.clock)
  prepareFolder(guest.folder, { ...told, ...seed }, uid)
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
    await settle(launched.qmp, body)
    await durable.done
    await launched.qmp.ask('cont', {})
    await guest.refresh()
  } catch (error) {
    await endProcess(guest, ground.clock)
    throw error
  }
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

/** With a kept memory comes also what it had got since it was begun. */
const sizeOf = ({ spec, kept }: Body) => ({
  cpus: spec.cpus,
  memoryMib: Math.max(spec.memoryMib, kept?.memoryMib ?? 0),
})

const groupsFor = (id: string, body: Body, { means }: Ground): string[] =>
  means.groups !== 'systemd-scope' && 'version' in means.groups
    ? makeCgroups(means.groups, id, boundsOf(sizeOf(body)))
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
  const { cpus, memoryMib, epoch, boot, shape } = body.spec
  const machine = machineOf(ground.emulator, body, ground.accelerator)
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
    running: {
      ...sizeOf(body),
      machineType: machine.type,
      startMib: memoryMib,
      cpusMax: Math.max(cpus, shape.cpusMax ?? 0),
      memoryMaxMib: Math.max(memoryMib, shape.memoryMaxMib ?? 0),
      cpuModel: machine.cpuModel,
    },
    linksDown: body.plugs.flatMap(({ id, isLinkUp }) => (isLinkUp ? [] : [id])),
    forwards: body.plugs.flatMap((plug) => plug.forwards.map((each) => ({ nic: plug.id, ...each }))),
    detail: '',
  }
}

async function launchRecorded(
  making: Making,
  cgroups: string[],
  born: (pid: number, startTicks: string) => void,
): Promise<Launched> {
  const { guest, body, ground, uid } = making
  const { folder } = guest
  const { emulator, means, clock, uids, shareFolders } = ground
  try {
    const jail = await jailOf(making, cgroups)
    await startPartners({ jail, body, uids, shareFolders, clock })
    const argv = wrapped(jail, [emulator.binary, ...commandLine(startOf(making))])
    const line = kernelLine(body, ground)
    const first = isToldFirst(body) ? tellFirst(body, line) : null
    const { memoryFile } = body
    const tellsPid = means.mounts === 'bubblewrap'
    return await launch({ id: guest.id, folder, argv, uid, first, memoryFile, tellsPid }, clock, born)
  } catch (error) {
    // Nothing came of it: no process is left.
    const detail = error instanceof Error ? error.message.slice(0, 400) : ''
    await endPartners(folder, clock)
    guest.amend({ phase: 'ended', pid: null, startTicks: null, detail })
    await removeGroups(cgroups, clock)
    throw error
  }
}

async function jailOf({ guest, body, ground, uid, devices }: Making, cgroups: string[]): Promise<Jail> {
  const { id, folder } = guest
  const { means, accelerator } = ground
  const kernels = hasVhost(body, ground) ? [vhostNet] : []
  return {
    id,
    folder,
    means,
    uid,
    scope: scopeName(id),
    cgroups,
    bounds: boundsOf(sizeOf(body)),
    isKvm: accelerator === 'kvm',
    shown: [
      ...openedFiles(body),
      ...(await shownDevices(body, { folder, uid, devices: [...devices, ...kernels] })),
    ],
    locksMemory: body.spec.shape.hostDevices.length > 0,
  }
}

function startOf({ guest, body, ground, uid, devices }: Making): Start {
  const { id, folder } = guest
  const { emulator, accelerator } = ground
  const { machineType = '', cpuModel = '' } = guest.record?.running ?? {}
  return {
    id,
    folder,
    body,
    accelerator,
    architecture: emulator.architecture,
    machineType,
    cpuModel,
    firmware: firmwareFor(body, emulator.architecture, (template) =>
      keepSettings(folder, template, body.spec.shape.isSecureBoot, uid),
    ),
    hasVhost: hasVhost(body, ground),
    hasBootRoms: existsSync(bootRoms),
    usbNodes: devices.filter((device) => device.startsWith('/dev/bus/usb/')),
  }
}

const hasVhost = ({ plugs }: Body, { features }: Ground) =>
  plugs.some(({ driver, model }) => driver === 'tap' && model === 'virtio') &&
  features.some(({ name, isHere }) => name === 'vhost' && isHere)

/**
 * The kernel's command line. A microvm has no clock against which a kernel could measure the processor's
 * under emulation: one boot in eight hangs there, unless it is told what the host's kernel measured.
 */
function kernelLine({ kernel, spec }: Body, { accelerator, tscKhz }: Ground): string | null {
  if (kernel === null) return null
  const isBlind = spec.machineType === 'microvm' && accelerator === 'tcg' && tscKhz !== null
  return isBlind ? `${kernel.commandLine} tsc_early_khz=${tscKhz}` : kernel.commandLine
}

/** UEFI: for arm64 from Debian's qemu-efi-aarch64, for PCs where it is wished, with settings that stay. */
function firmwareFor(
  { spec }: Body,
  architecture: Emulator['architecture'],
  keep: (template: string) => string,
): Firmware | null {
  const arm = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'
  if (architecture === 'aarch64') return existsSync(arm) ? { code: arm, settings: null } : null
  if (!isUefi(spec.shape)) return null
  const { code, settings } = firmwareOf(spec.shape.isSecureBoot)
  return { code, settings: keep(settings ?? '') }
}
