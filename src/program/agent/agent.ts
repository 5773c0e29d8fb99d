/**
 * The agent: alone touches the host. Carries out the wishes it was given, also while the controller is
 * away, for ever; says what is. Given ports only.
 */

import { story } from '#model/problem.ts'
import type { Json } from '#base/json.ts'
import type { AgentDoor, Down, Uplink } from '#drivers/link/port.ts'
import { limits } from '#model/limits.ts'
import { reason } from '#model/plan.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import { host as hostKind } from '#kinds/host/schema.ts'
import { pauseMs, WorkQueue } from '#runtime/queue.ts'
import { round, type Reconciler } from '#runtime/reconcile.ts'
import { answer, openChannel } from './door.ts'
import { Patience } from './attempts.ts'
import { GuestRecords } from './guest-records.ts'
import { guestReconciler } from './guests.ts'
import { Insides } from './insides.ts'
import { HostNets, networkKinds } from './networks.ts'
import { AgentReports } from './reports.ts'
import { Sampler } from './samples.ts'
import { imageReconciler } from './images.ts'
import { snapshotReconciler } from './snapshots.ts'
import { reportDatastore } from './storage.ts'
import { Stores } from './stores.ts'
import { volumeReconciler } from './volumes.ts'
import { Wishes } from './wishes.ts'
import { Workshop } from './workshop.ts'
import type { AgentOptions, AgentPorts } from './world.ts'

/** A guest found running: its machine's name (its own id where no name is known), and its process. */
export type Found = { readonly name: string; readonly pid: number }

export type Agent = {
  /** Guests that were found running at the start rather than started. */
  readonly adopted: () => Promise<readonly Found[]>
  /** Stops the agent, never a guest. */
  readonly stop: () => Promise<void>
}

/** How often the room in a datastore is looked at. */
const datastoreEveryMs = 30_000
/** How often the host's own addresses are looked at. */
const hostEveryMs = 30_000
/** A connection is tried again after at most this. */
const reconnectAtMostMs = 5_000
/** After a wish could not be written down, all are asked for again this much later. */
const resyncMs = 1_000

type Parts = {
  readonly wishes: Wishes
  readonly reports: AgentReports
  readonly workshop: Workshop
  readonly insides: Insides
  readonly patience: Patience
  readonly records: GuestRecords
  readonly sampler: Sampler
  readonly nets: HostNets
  readonly queues: ReturnType<typeof queuesOf>
}

export async function runAgent(given: AgentPorts, options: AgentOptions): Promise<Agent> {
  const abort = new AbortController()
  const stores = new Stores(given.datastores, given.datastore, given.log)
  const ports = { ...given, datastore: stores.named, stores }
  const parts = assemble(ports, options, abort.signal)
  const { wishes, queues, workshop } = parts
  const unwatch = ports.hypervisor.onChange((id) => wakeGuest(parts, id))
  for (const kind of ['image', 'volume', 'guest', 'snapshot'] as const) {
    for (const { document } of wishes.of(kind)) queues[kind].wake(document.id)
  }
  parts.nets.onNews((networks) => {
    void reportHost(ports, options, parts)
    for (const network of networks) wakeGuestsOn(parts, network)
  })
  parts.nets.begin()
  const working = Promise.all([
    keepConnected(ports, options, parts, abort.signal),
    watchDatastores(ports, parts, abort.signal),
    watchHost(ports, options, parts, abort.signal),
    parts.insides.run(abort.signal),
    parts.sampler.run(abort.signal),
  ])
  void reportHost(ports, options, parts)
  return {
    adopted: () => adoptedGuests(ports, wishes),
    stop: async () => {
      abort.abort()
      unwatch()
      parts.nets.end()
      await Promise.all(Object.values(queues).map((queue) => queue.stop()))
      await workshop.stop()
      await working
      await stores.close()
      await ports.hypervisor.close()
    },
  }
}

function assemble(ports: AgentPorts, options: AgentOptions, signal: AbortSignal): Parts {
  const reports = new AgentReports()
  // The queues and what they work on know each other: what changes a wish wakes its loop.
  const wake = (kind: string, id: string) => wakeFor(parts, kind, id)
  const patience = new Patience()
  const wishes = new Wishes(ports.notebook, (kind, id) => {
    if (kind === 'guest') patience.end(id)
    wake(kind, id)
  })
  const workshop = new Workshop(ports, (image) => wake('image', image))
  const insides = new Insides(ports, (guest) => wake('guest', guest))
  const records = new GuestRecords(ports.notebook)
  const on = {
    wishes,
    reports,
    workshop,
    insides,
    patience,
    records,
    sampler: new Sampler(ports),
    nets: new HostNets(ports, wishes, options.host),
  }
  const parts: Parts = { ...on, queues: queuesOf(ports, { ...on, signal, wake }) }
  return parts
}

type Around = Omit<Parts, 'queues'> & {
  readonly signal: AbortSignal
  readonly wake: (kind: string, id: string) => void
}

function queuesOf(ports: AgentPorts, on: Around) {
  return {
    guest: queueOf(ports, on.wishes, guestReconciler({ ...ports, network: on.nets }, on)),
    volume: queueOf(ports, on.wishes, volumeReconciler(ports, on)),
    image: queueOf(ports, on.wishes, imageReconciler(ports, on)),
    snapshot: queueOf(ports, on.wishes, snapshotReconciler(ports, on)),
    nets: on.nets.queue,
    datastore: new WorkQueue({
      clock: ports.clock,
      work: async (id) => {
        if (on.wishes.isOver('datastore', id)) {
          await ports.stores?.drop(id)
          await on.wishes.drop('datastore', id)
        }
        const wish = on.wishes.get('datastore', id)
        if (wish === undefined) return {}
        await ports.stores?.refresh(wish)
        await reportDatastore(ports, on, wish)
        return {}
      },
      onFault: (id, fault) => ports.log(`datastore ${id}: ${story(fault)}`),
    }),
  }
}

function queueOf<Seen, Step extends { readonly do: string }, Status>(
  ports: AgentPorts,
  wishes: Wishes,
  reconciler: Reconciler<Seen, Step, Status>,
) {
  const { name } = reconciler
  return new WorkQueue({
    clock: ports.clock,
    work: async (id) => {
      if (!wishes.isOver(name, id)) return await round(reconciler, id, ports.beforeStep)
      await wishes.drop(name, id)
      return {}
    },
    onFault: (id, fault) => ports.log(`${reconciler.name} ${id}: ${story(fault)}`),
  })
}

const looped = ['guest', 'volume', 'image', 'snapshot', 'datastore'] as const
const isLooped = (kind: string): kind is (typeof looped)[number] => looped.some((each) => each === kind)

/** Wakes the loop of what changed, and of those that wait for it. */
function wakeFor({ wishes, queues }: Parts, kind: string, id: string) {
  if (kind === 'guest' || networkKinds.some((each) => each === kind)) queues.nets.wake('host')
  if (kind === 'network') wakeGuestsOn({ wishes, queues }, id)
  if (isLooped(kind)) queues[kind].wake(id)
  if (kind === 'image')
    for (const { document } of wishes.of('volume'))
      if (document.resolved?.image === id) queues.volume.wake(document.id)
}

function wakeGuestsOn({ wishes, queues }: Pick<Parts, 'wishes' | 'queues'>, id: string) {
  for (const { document } of wishes.of('guest'))
    if ((document.spec as GuestSpec).nics.some(({ network }) => network === id))
      queues.guest.wake(document.id)
}

/** A guest looks different: its volumes may be free to grow or to go. */
function wakeGuest({ wishes, queues }: Parts, id: string) {
  queues.guest.wake(id)
  const disks = (wishes.get('guest', id)?.document.spec.disks ?? []) as GuestSpec['disks']
  for (const { volume } of disks) queues.volume.wake(volume)
  for (const { document } of wishes.of('snapshot'))
    if (document.resolved?.guest === id) queues.snapshot.wake(document.id)
}

async function keepConnected(ports: AgentPorts, options: AgentOptions, parts: Parts, signal: AbortSignal) {
  const incarnation = ports.newId()
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const uplink = await ports.link.connect(doorOf(ports, options, parts, incarnation), signal)
      failures = 0
      parts.reports.connected(uplink)
      await beat(ports, parts, uplink, signal)
      parts.reports.disconnected(uplink)
    } catch (fault) {
      if (!signal.aborted && (failures === 0 || failures % 20 === 0))
        ports.log(`the controller does not answer: ${story(fault)}`)
    }
    await ports.clock.sleep(Math.min(reconnectAtMostMs, pauseMs(failures)), signal).catch(() => {})
  }
}

/** Says that this host is alive, until the connection ends. */
async function beat({ clock }: AgentPorts, { reports, sampler }: Parts, uplink: Uplink, signal: AbortSignal) {
  const connection = { isOpen: true }
  void uplink.closed.then(() => (connection.isOpen = false))
  while (connection.isOpen && !signal.aborted) {
    reports.heartbeat(clock.now(), sampler.due())
    await Promise.race([uplink.closed, clock.sleep(limits.heartbeatMs, signal).catch(() => {})])
  }
  uplink.close()
}

/** The door for one connection. What comes before its greeting is late news of an older one. */
function doorOf(ports: AgentPorts, options: AgentOptions, parts: Parts, incarnation: string): AgentDoor {
  let isGreeted = false
  return {
    hello: () => ({ host: options.host, incarnation, version: options.version, have: parts.wishes.have() }),
    down: (down) => {
      if (down.say === 'sync') isGreeted = true
      if (isGreeted) void takeDown(ports, options, parts, down)
    },
    ask: (ask) => answer(ports, parts.wishes, ask),
    open: (open) => openChannel(ports, parts, open),
  }
}

async function takeDown(
  ports: AgentPorts,
  options: AgentOptions,
  { wishes, reports, queues, nets }: Parts,
  down: Down,
) {
  switch (down.say) {
    case 'wish':
    case 'forget':
      return await wishes.take(down).catch((fault) => resync(ports, reports, fault))
    case 'received':
      return reports.received(down.sequence)
    case 'synced':
      // A controller that was restored from a backup may know less than it once received.
      reports.forgetSaid()
      void reportHost(ports, options, { reports, nets })
      for (const kind of ['datastore', 'image', 'volume', 'guest', 'snapshot'] as const)
        for (const { document } of wishes.of(kind)) queues[kind].wake(document.id)
      return
    case 'sync':
      return
  }
}

/** A wish that could not be written down was not taken: a new connection brings it again. */
async function resync({ clock, log }: AgentPorts, reports: AgentReports, fault: unknown) {
  log(`a wish could not be kept: ${story(fault)}`)
  await clock.sleep(resyncMs).catch(() => {})
  reports.reconnect()
}

async function watchDatastores(ports: AgentPorts, { wishes, queues }: Parts, signal: AbortSignal) {
  while (!signal.aborted) {
    for (const { document } of wishes.of('datastore')) queues.datastore.wake(document.id)
    await ports.clock.sleep(datastoreEveryMs, signal).catch(() => {})
  }
}

/** A host gets other addresses while it runs; what is as before is not said again. */
async function watchHost(ports: AgentPorts, options: AgentOptions, parts: Parts, signal: AbortSignal) {
  while (!signal.aborted) {
    await ports.clock.sleep(hostEveryMs, signal).catch(() => {})
    if (!signal.aborted) await reportHost(ports, options, parts)
  }
}

async function reportHost(ports: AgentPorts, options: AgentOptions, parts: Pick<Parts, 'reports' | 'nets'>) {
  const [accelerator, walls, nets, features = []] = await Promise.all([
    ports.hypervisor.accelerator(),
    ports.hypervisor.walls(),
    parts.nets.wall(),
    ports.hypervisor.features?.(),
  ])
  const missing = walls.filter(({ holds }) => !holds).map(({ name }) => name)
  const status = {
    ...hostKind.status.parse({}),
    ...ports.facts,
    networkDrivers: ports.networking === undefined ? ['user'] : ['user', 'bridge'],
    cpuModels: [...(accelerator.cpuModels ?? [])],
    accelerator: accelerator.name,
    acceleratorWhy: accelerator.why.slice(0, 400),
    qemuVersion: accelerator.version,
    agentVersion: options.version,
    addresses: [...(ports.addresses?.() ?? [])],
    networkTroubles: parts.nets.troubles(),
    walls: [...walls, ...nets].slice(0, 16),
    features: features.filter(({ isHere }) => isHere).map(({ name }) => name),
    holds: [
      ...(accelerator.name === 'tcg' ? [reason('host/tcg')] : []),
      ...(missing.length > 0 ? [reason('host/no-sandbox', { missing: missing.join(', ') })] : []),
    ],
  }
  parts.reports.report({ kind: 'host', id: options.host, generation: 0, status: status as unknown as Json })
}

async function adoptedGuests({ hypervisor }: AgentPorts, wishes: Wishes): Promise<Found[]> {
  const found = await Promise.all(
    (await hypervisor.list()).map(async (id): Promise<Found[]> => {
      const { isAdopted, pid } = await hypervisor.observe(id)
      return isAdopted && pid !== null ? [{ name: wishes.get('guest', id)?.document.name ?? id, pid }] : []
    }),
  )
  return found.flat()
}
