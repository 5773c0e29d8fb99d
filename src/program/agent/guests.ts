/** The loop of guests on a host: joins their planner to the hypervisor, the datastores and the networks. */

import { reason, type Hold } from '#model/plan.ts'
import type { Problem } from '#model/problem.ts'
import type { Sight } from '#drivers/hypervisor/port.ts'
import { guest as guestKind, type GuestSpec, type GuestStatus } from '#kinds/guest/schema.ts'
import { guestHands } from '#kinds/guest/execute.ts'
import { planGuest, type GuestObserved, type GuestStep, type LiveStep } from '#kinds/guest/plan.ts'
import type { Hands, Reconciler } from '#runtime/reconcile.ts'
import { Attempts, type Patience } from './attempts.ts'
import { prepareBody, prepareDisk, preparePlug, releasePlug, releasePlugs } from './guest-body.ts'
import type { GuestRecords } from './guest-records.ts'
import { hostTelling, reportGuest } from './guest-report.ts'
import { waitsOf } from './guest-waits.ts'
import { notedMoment } from './moments.ts'
import type { HostNets } from './networks.ts'
import type { Insides } from './insides.ts'
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

type With = {
  readonly wishes: Wishes
  readonly reports: AgentReports
  readonly insides: Insides
  readonly patience: Patience
  readonly records: GuestRecords
  readonly signal: AbortSignal
  /** Of the networks that guests are on. */
  readonly nets?: Pick<HostNets, 'holdsOf'>
}

type Eyes = With & { readonly attempts: Attempts }

export function guestReconciler(ports: AgentPorts, on: With): Reconciler<GuestSeen, GuestStep, GuestStatus> {
  const phases = new Map<string, GuestStatus['phase']>()
  const eyes = { ...on, attempts: new Attempts(ports.clock) }
  return {
    name: 'guest',
    observe: async (id) => {
      const wish = on.wishes.get('guest', id)
      if (wish === undefined) on.insides.follow(id, null)
      return wish === undefined ? undefined : await observeGuest(ports, eyes, id, wish)
    },
    plan: ({ spec, observed }) => planGuest(spec, observed),
    report: reportGuest(ports, hostTelling(ports), (nics) => on.nets?.holdsOf(nics) ?? []),
    hands: (seen) => handsOf(ports, eyes, seen),
    explain,
    tell: async ({ id, wish }, status) => {
      if (status.phase !== phases.get(id)) tellPhase(ports, on.reports, id, status)
      phases.set(id, status.phase)
      const stray = wish.isClaimed ? {} : { document: wish.document as never }
      on.reports.report({
        kind: 'guest',
        id,
        generation: wish.document.generation,
        status: status as never,
        ...stray,
      })
    },
  }
}

function handsOf(ports: AgentPorts, eyes: Eyes, { id, wish, spec, observed }: GuestSeen): Hands<GuestStep> {
  const { record, media } = observed
  const patience = eyes.patience.with(id, eyes.signal)
  // It was wished otherwise while this round was looking.
  if (eyes.wishes.get('guest', id) !== wish) eyes.patience.end(id)
  const prepared = { ports, wishes: eyes.wishes, id, spec, record, media }
  const hands = guestHands(id, {
    hypervisor: ports.hypervisor,
    notebook: eyes.records,
    prepare: (goesOn) => prepareBody(prepared, goesOn),
    release: () => releasePlugs(prepared),
    disk: (disk) => prepareDisk(prepared, disk),
    plug: (nic) => preparePlug(prepared, nic),
    unplug: (nic) => releasePlug(prepared, nic),
    signal: eyes.signal,
    patience,
  })
  const remembered = Object.entries(hands).map(([act, hand]) => {
    const work = hand as (step: LiveStep) => Promise<void>
    return [act, isLive(act) ? (step: LiveStep) => eyes.attempts.tried(id, step, () => work(step)) : work]
  })
  return Object.fromEntries(remembered) as Hands<GuestStep>
}

const whole: ReadonlySet<string> = new Set<GuestStep['do']>([
  'note',
  'spawn',
  'pause',
  'resume',
  'powerdown',
  'kill',
  'remove',
])
const isLive = (act: string) => !whole.has(act)

/** A part that does not go or come is a state of the guest, not a fault. */
function explain({ code, facts }: Problem): Hold | undefined {
  return code === 'guest/clings' || code === 'guest/no-slot'
    ? reason(code, { part: String(facts.part ?? '') })
    : undefined
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

async function observeGuest(ports: AgentPorts, eyes: Eyes, id: string, wish: Wish): Promise<GuestSeen> {
  const { wishes, records, attempts, insides } = eyes
  const spec = guestKind.spec.parse(wish.document.spec)
  const sight = await ports.hypervisor.observe(id)
  const record = records.get(id)
  const [waits, media] = await waitsOf({ ports, wishes, records }, id, spec, sight)
  if (sight.process === 'absent') attempts.forget(id)
  follow(insides, id, spec, { sight, isReady: record.ready !== null })
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
      running: sight.running,
      isIoStopped: sight.isIoStopped,
      isWatchdogStopped: sight.isWatchdogStopped ?? false,
      wordSeenAtMs: sight.wordSeenAtMs,
      inside: insides.of(id),
      detail: sight.detail,
      record,
      waits,
      media,
      attempts: attempts.of(id),
      moment:
        spec.memoryOf?.boot === spec.boot
          ? (notedMoment(ports, spec.memoryOf.snapshot)?.moment ?? null)
          : null,
      isClaimed: wish.isClaimed,
      hostBoot: ports.facts.bootId,
      nowMs: ports.clock.now(),
    },
  }
}

/** A guest that runs is asked of itself, if there is an agent to ask. */
function follow(
  insides: Insides,
  id: string,
  { shape }: GuestSpec,
  { sight, isReady }: { readonly sight: Sight; readonly isReady: boolean },
) {
  const { process, pid, isAdopted } = sight
  if (process === 'running' && pid !== null && shape.hasGuestAgent)
    insides.follow(id, { pid, isReady, isAdopted })
  else if (process !== 'paused') insides.follow(id, null)
}
