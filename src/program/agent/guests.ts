/** The loop of guests on a host: joins their planner to the hypervisor, the datastores and the networks. */

import { isObject } from '#base/json.ts'
import { reason, type Hold, type Plan } from '#model/plan.ts'
import { Problem } from '#model/problem.ts'
import type { Body, DiskFile, Plug, Sight } from '#drivers/hypervisor/port.ts'
import { guest as guestKind, type GuestSpec, type GuestStatus } from '#kinds/guest/schema.ts'
import { guestHands } from '#kinds/guest/execute.ts'
import {
  blankRecord,
  phaseOf,
  planGuest,
  type GuestObserved,
  type GuestRecord,
  type GuestStep,
} from '#kinds/guest/plan.ts'
import type { Reconciler } from '#runtime/reconcile.ts'
import type { AgentReports } from './reports.ts'
import type { Wish, Wishes } from './wishes.ts'
import type { AgentPorts } from './world.ts'

export type GuestSeen = {
  readonly id: string
  readonly wish: Wish
  readonly spec: GuestSpec
  readonly sight: Sight
  readonly observed: GuestObserved
}

export function guestReconciler(
  ports: AgentPorts,
  { wishes, reports, signal }: { wishes: Wishes; reports: AgentReports; signal: AbortSignal },
): Reconciler<GuestSeen, GuestStep, GuestStatus> {
  const phases = new Map<string, GuestStatus['phase']>()
  return {
    name: 'guest',
    observe: async (id) => {
      const wish = wishes.get('guest', id)
      return wish === undefined ? undefined : await observeGuest(ports, wishes, id, wish)
    },
    plan: ({ spec, observed }) => planGuest(spec, observed),
    report: reportGuest(hostTelling(ports)),
    hands: ({ id, spec }) =>
      guestHands(id, {
        hypervisor: ports.hypervisor,
        notebook: ports.notebook,
        prepare: () => prepare(ports, id, spec),
        release: () => release(ports, id, spec),
        signal,
      }),
    tell: async ({ id, wish }, status) => {
      if (status.phase !== phases.get(id)) tellPhase(ports, reports, id, status)
      phases.set(id, status.phase)
      const stray = wish.isClaimed ? {} : { document: wish.document as never }
      reports.report({
        kind: 'guest',
        id,
        generation: wish.document.generation,
        status: status as never,
        ...stray,
      })
    },
  }
}

/** What people should hear of besides the state: a crash with its cause, a guest taken up again. */
function tellPhase(ports: AgentPorts, reports: AgentReports, id: string, status: GuestStatus) {
  const said = { id: ports.newId(), kind: 'guest', objectId: id, atMs: ports.clock.now() }
  if (status.phase === 'crashed' && status.exit !== null) {
    reports.event({
      ...said,
      type: 'guest.crashed',
      facts: { why: status.exit.why, detail: status.exit.detail, crashes: status.crashes },
    })
  }
  if (status.adopted && status.phase === 'running')
    reports.event({ ...said, type: 'guest.adopted', facts: { pid: status.pid ?? 0 } })
}

async function observeGuest(ports: AgentPorts, wishes: Wishes, id: string, wish: Wish): Promise<GuestSeen> {
  const { hypervisor, notebook, clock, facts } = ports
  const spec = guestKind.spec.parse(wish.document.spec)
  const sight = await hypervisor.observe(id)
  const record = { ...blankRecord, ...(notebook.get(`guest/${id}`) as Partial<GuestRecord> | undefined) }
  const mayStart = sight.process === 'absent' && spec.power !== 'off' && spec.power !== 'gone'
  return {
    id,
    wish,
    spec,
    sight,
    observed: {
      process: sight.process,
      pid: sight.pid,
      boot: sight.boot,
      startedAtMs: sight.startedAtMs,
      isIoStopped: sight.isIoStopped,
      detail: sight.detail,
      record,
      unready: mayStart ? await unready(ports, wishes, spec) : [],
      isClaimed: wish.isClaimed,
      hostBoot: facts.bootId,
      nowMs: clock.now(),
    },
  }
}

/** What keeps a guest from starting: disks or a kernel that are not here yet, disks that grow first. */
async function unready({ datastore }: AgentPorts, wishes: Wishes, spec: GuestSpec): Promise<Hold[]> {
  const disks = await Promise.all(
    spec.disks.map(async ({ volume, volumeName, datastore: name }) => {
      const sight = await datastore(name)?.observe(volume)
      if (sight?.state !== 'ready') return [reason('guest/volume-not-ready', { volume: volumeName })]
      const wishedMib = wishes.get('volume', volume)?.document.spec.sizeMib
      const isGrowing = typeof wishedMib === 'number' && wishedMib * 2 ** 20 > sight.sizeBytes
      return isGrowing ? [reason('guest/volume-growing', { volume: volumeName })] : []
    }),
  )
  if (spec.kernelImage === null) return disks.flat()
  const image = await datastore(spec.kernelDatastore ?? '')?.observeImage(spec.kernelImage)
  return [...disks.flat(), ...(image?.state === 'ready' ? [] : [reason('guest/image-not-ready')])]
}

async function prepare(ports: AgentPorts, id: string, spec: GuestSpec): Promise<Body> {
  const { network, notebook } = ports
  const uid = (await ports.hypervisor.uidOf?.(id)) ?? null
  const disks: DiskFile[] = []
  for (const disk of spec.disks) {
    const opened = await reached(ports, disk.datastore).open(disk.volume, uid)
    disks.push({ ...opened, id: disk.id, isReadOnly: disk.isReadOnly })
  }
  const plugs: Plug[] = []
  const before = forwardsBefore(notebook.get(`ports/${id}`))
  for (const nic of spec.nics) plugs.push(await network.plug(id, nic, before[nic.id] ?? []))
  await notebook.put(
    `ports/${id}`,
    Object.fromEntries(plugs.map((plug) => [plug.id, plug.forwards])) as never,
  )
  return { spec, disks, plugs, kernel: await kernelOf(ports, spec), word: ports.newWord() }
}

async function kernelOf(ports: AgentPorts, spec: GuestSpec): Promise<Body['kernel']> {
  if (spec.kernelImage === null || spec.kernelDatastore === null) return null
  const { kernel, initrd } = await reached(ports, spec.kernelDatastore).imageFiles(spec.kernelImage)
  if (kernel === null || initrd === null)
    throw new Problem('image/content-missing', { name: spec.kernelImage })
  return { kernelFile: kernel, initrdFile: initrd, commandLine: spec.commandLine }
}

function reached({ datastore }: AgentPorts, name: string) {
  const found = datastore(name)
  if (found === undefined)
    throw new Problem('datastore/failed', { datastore: name, why: 'this host does not reach it' })
  return found
}

type Forwards = Record<string, { guestPort: number; protocol: string; hostPort: number }[]>

const forwardsBefore = (note: unknown): Forwards => (isObject(note) ? (note as Forwards) : {})

/** Takes back every plug that was made ready, also those that the wish has dropped since. */
async function release({ network, notebook }: AgentPorts, id: string, spec: GuestSpec): Promise<void> {
  const plugged = Object.keys(forwardsBefore(notebook.get(`ports/${id}`)))
  for (const nic of new Set([...plugged, ...spec.nics.map((nic) => nic.id)])) await network.unplug(id, nic)
}

type Told = Pick<GuestStatus, 'accelerator' | 'qemuVersion' | 'walls'>

/** The accelerator and the walls are the host's; they are asked once and then known. */
function hostTelling({ hypervisor }: AgentPorts): () => Told {
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

/** Parts of what it was begun with, as far as they are known: a guest of before may have no such note. */
const shapeTold = ({ shape }: GuestRecord) =>
  shape === null || shape === undefined ? {} : { disks: [...shape.disks], plugs: [...shape.plugs] }

const reportGuest =
  (told: () => Told) =>
  ({ wish, spec, sight, observed }: GuestSeen, plan: Plan<GuestStep>): GuestStatus => {
    const { record } = observed
    const hasProcess = sight.pid !== null && sight.process !== 'absent' && sight.process !== 'lost'
    return {
      conditions: [],
      holds: [...plan.holds].slice(0, 64),
      phase: phaseOf(spec, observed),
      generation: wish.document.generation,
      epoch: record.isRemoved ? Math.max(record.epoch, spec.epoch) : record.epoch,
      boot: record.boot,
      pid: hasProcess ? sight.pid : null,
      startedAtMs: hasProcess ? sight.startedAtMs : null,
      exit: record.exit,
      crashes: record.crashes,
      ...told(),
      running: hasProcess && sight.running !== null ? { ...sight.running, ...shapeTold(record) } : null,
      forwards: hasProcess ? [...sight.forwards] : [],
      proof:
        sight.word !== null && sight.wordSeenAtMs !== null
          ? { word: sight.word, seenAtMs: sight.wordSeenAtMs }
          : null,
      adopted: sight.isAdopted,
    }
  }
