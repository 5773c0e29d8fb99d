/**
 * The controller: serves people, parses what they send, decides. Given ports only; which drivers stand
 * behind them, and whether time is real, is the business of `bin/` and `sim/`.
 */

import type { JsonObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import { Problem, story } from '#model/problem.ts'
import { kinds } from '#kinds/registry.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Ledger } from '#drivers/ledger/port.ts'
import type { LinkServer } from '#drivers/link/port.ts'
import type { Metrics } from '#drivers/metrics/port.ts'
import type { Store } from '#drivers/store/port.ts'
import type { Vault } from '#drivers/vault/port.ts'
import { WorkQueue } from '#runtime/queue.ts'
import { round, type BeforeStep, type Reconciler } from '#runtime/reconcile.ts'
import { Replica } from '#runtime/replica.ts'
import type { Desk } from '../desk.ts'
import { HostAllocations } from './allocations.ts'
import { Census } from './census.ts'
import { Chronicle } from './chronicle.ts'
import { custodyReconciler } from './custody.ts'
import { Findings } from './findings.ts'
import { Hosts } from './hosts.ts'
import { liftAll } from './lifting.ts'
import { machineReconciler, machinesConcerned, namesOf } from './machines.ts'
import { Measurements } from './measurements.ts'
import { NetworkHealth } from './network-health.ts'
import { Outbox } from './outbox.ts'
import { snapshotCustody, snapshotsConcerned } from './snapshots.ts'
import { keyKind, VolumeKeys } from './volume-keys.ts'
import { rehearseWith } from './rehearse.ts'
import { Reports } from './reports.ts'
import { plant } from './seeds.ts'
import { ProjectUsage } from './usage.ts'
import { assignDatastores } from './datastores.ts'
import { carriedKinds, Sessions } from './sessions.ts'

export type ControllerPorts = {
  readonly store: Store
  readonly ledger: Ledger
  readonly link: LinkServer
  /** Without one no volume can be encrypted. */
  readonly vault?: Vault | undefined
  /** Absent: what is measured is not kept. */
  readonly metrics?: Metrics
  readonly clock: Clock
  readonly newId: () => string
  /** Addresses at which this controller is reached from elsewhere: no guest of a network is led there. */
  readonly ownAddresses?: () => readonly string[]
  readonly log: (line: string) => void
  readonly beforeStep?: BeforeStep
}

export type ControllerOptions = {
  readonly version: string
  /** Name of the host that this pool starts on; null: hosts come by themselves. */
  readonly host: string | null
  readonly withHello: boolean
}

export type Controller = { readonly desk: Desk; readonly stop: () => Promise<void> }

/** Resolves once the store is read, the seeds are planted and agents may come. */
export async function runController(ports: ControllerPorts, options: ControllerOptions): Promise<Controller> {
  const abort = new AbortController()
  const replica = indexed(new Replica(ports.store, [...kinds.map(({ name }) => name), 'allocation', keyKind]))
  await replica.start(abort.signal)
  await liftAll(replica)
  await plant(replica, {
    newId: ports.newId,
    nowMs: ports.clock.now(),
    host: options.host,
    withHello: options.withHello,
  })
  const parts = assemble(ports, options, replica)
  const { hosts, sessions, outbox, queues, measurements } = parts
  const watching = Promise.all([
    hosts.watch((host) => sessions.isConnected(host), abort.signal),
    measurements.run(abort.signal),
  ])
  ports.link.onSession((session) => sessions.welcome(session))
  outbox.wake()
  for (const { document } of replica.all('machine')) queues.machine.wake(document.id)
  for (const kind of ['volume', 'image', 'snapshot'] as const)
    for (const { document } of replica.all(kind)) queues[kind].wake(document.id)
  return {
    desk: deskOf(ports, options, replica, parts),
    stop: async () => {
      outbox.stop()
      await Promise.all(Object.values(queues).map((queue) => queue.stop()))
      sessions.close()
      abort.abort()
      await watching
    },
  }
}

type Parts = ReturnType<typeof assemble>

function assemble(ports: ControllerPorts, options: ControllerOptions, replica: Replica) {
  const { clock, ledger, newId } = ports
  new ProjectUsage(replica, clock).follow()
  new NetworkHealth(replica, (fault) => ports.log(story(fault))).follow()
  const chronicle = new Chronicle(ledger, clock, newId)
  const allocations = new HostAllocations(replica)
  const keys = new VolumeKeys(replica, ports.vault)
  const hosts = new Hosts({ replica, clock, allocations, chronicle })
  const reports = new Reports(replica, hosts, chronicle, () => ({ newId, nowMs: clock.now(), keys }))
  const measurements = new Measurements({ replica, clock, metrics: ports.metrics, log: ports.log })
  const census = new Census(replica, clock, ports.ownAddresses)
  const sessions = new Sessions(
    replica,
    { census, keys },
    {
      onConnect: (host) => void hosts.connected(host).catch((fault) => ports.log(story(fault))),
      onLost: (host) => ports.log(`host ${host}: connection lost`),
      onUp: (host, up) => {
        if (up.say === 'heartbeat') measurements.take(host, up.usage)
        return reports.take(host, up)
      },
    },
  )
  // Silence by the bound, not by the connection: after our own restart nobody is connected yet (I-03).
  const isConnected = (host: string) => allocations.silentSince(host) === null
  const queues = {
    machine: queueOf(ports, machineReconciler({ replica, allocations, chronicle, clock, newId })),
    volume: queueOf(ports, custodyReconciler('volume', { replica, allocations, isConnected, keys })),
    image: queueOf(ports, custodyReconciler('image', { replica, allocations, isConnected, keys })),
    snapshot: queueOf(ports, snapshotCustody({ replica, clock, isConnected })),
  }
  replica.onChange((seen) => {
    for (const change of seen) {
      for (const id of machinesConcerned(replica, change)) queues.machine.wake(id)
      for (const id of snapshotsConcerned(replica, change)) queues.snapshot.wake(id)
      if (change.kind === 'volume' || change.kind === 'image') queues[change.kind].wake(change.id)
      if (change.kind === 'host' || change.kind === 'datastore') {
        wakeUnassigned(replica, queues)
        void assignDatastores(replica).catch((fault: unknown) => ports.log(`datastores: ${story(fault)}`))
      }
    }
  })
  return {
    chronicle,
    allocations,
    hosts,
    measurements,
    findings: new Findings(replica, measurements),
    reports,
    sessions,
    queues,
    outbox: new Outbox(ports.store, ledger, clock),
  }
}

function queueOf<Seen, Step extends { readonly do: string }, Status>(
  ports: ControllerPorts,
  reconciler: Reconciler<Seen, Step, Status>,
) {
  return new WorkQueue({
    clock: ports.clock,
    work: (id) => round(reconciler, id, ports.beforeStep),
    onFault: (id, fault) => ports.log(`${reconciler.name} ${id}: ${story(fault)}`),
  })
}

function wakeUnassigned(replica: Replica, queues: { readonly volume: WorkQueue; readonly image: WorkQueue }) {
  for (const kind of ['volume', 'image'] as const) {
    for (const { document } of replica.by('unassigned', kind)) queues[kind].wake(document.id)
    for (const { document } of replica.by('unassigned-image', kind)) queues[kind].wake(document.id)
  }
}

/** The indexes by which the loops find what belongs together. */
function indexed(replica: Replica): Replica {
  replica.index('guest-of', 'guest', ({ owner }) => (owner === null ? [] : [owner]))
  replica.index('volume-of', 'volume', ({ owner }) => (owner === null ? [] : [owner]))
  replica.index('snapshot-of', 'snapshot', ({ owner }) => (owner === null ? [] : [owner]))
  replica.index('machine-in', 'machine', ({ project }) => [project ?? ''])
  replica.index('volume-in', 'volume', ({ project }) => [project ?? ''])
  replica.index('machines-naming', 'machine', namesOf)
  replica.index('machines-on', 'machine', ({ host }) => [host ?? ''])
  replica.index('snapshots-of', 'snapshot', ({ status }) => [
    (status as { machine?: string | null }).machine ?? '',
  ])
  replica.index('snapshots-naming', 'snapshot', ({ spec }) => {
    const { machine } = spec as { machine: string }
    return [machine.slice(machine.indexOf('/') + 1)]
  })
  replica.index('unassigned', 'volume', ({ host }) => (host === null ? ['volume'] : []))
  replica.index('unassigned-image', 'image', ({ host }) => (host === null ? ['image'] : []))
  Census.index(replica)
  for (const kind of carriedKinds) {
    replica.index(`carried-by-${kind}`, kind, ({ host }) => (host === null ? [] : [host]))
  }
  return replica
}

function deskOf(ports: ControllerPorts, options: ControllerOptions, replica: Replica, parts: Parts): Desk {
  const { findings, sessions, reports, outbox, allocations } = parts
  return {
    version: options.version,
    replica,
    store: ports.store,
    ledger: ports.ledger,
    clock: ports.clock,
    newId: ports.newId,
    live: (kind, id) => findings.live(kind, id),
    figures: figuresOf(ports, parts),
    ask: (host, ask) => sessions.ask(host, ask),
    open: (host, open) => sessions.open(host, open),
    rehearse: rehearseWith(replica, allocations),
    act: async (signal, document, input) => await act(reports, { signal, document, input }),
    audited: () => outbox.wake(),
  }
}

/** Nothing is kept where nothing keeps it; what is measured now is known all the same. */
const figuresOf = (
  { metrics, clock }: ControllerPorts,
  { measurements, findings }: Parts,
): Desk['figures'] => ({
  read: async (span) =>
    (await metrics?.read({ ...span, nowMs: clock.now() })) ?? { stepMs: span.stepMs, times: [], series: {} },
  recent: (kind, id) => measurements.recent(kind, id),
  totals: (kind, id) => measurements.totals(kind, id),
  finding: (machine) => findings.of(machine),
  health: () => measurements.health(),
})

async function act(
  reports: Reports,
  { signal, document, input }: { signal: string; document: Document; input: JsonObject },
): Promise<JsonObject> {
  if (document.kind !== 'host' || signal !== 'adopt') throw new Problem('request/not-found')
  const adopted = await reports.adopt(
    document.name,
    typeof input.guest === 'string' ? input.guest : undefined,
  )
  return { adopted }
}
