/** Which reasons wait for no more than a new start, or for a person: whoever waits for a wish need not wait on. */

import type { Reason } from '../plan.ts'
import type { ReasonCode } from './reasons.ts'

const forStart: ReadonlySet<ReasonCode> = new Set([
  'machine/restart-required',
  'guest/restart-required',
  'guest/no-slot',
  'volume/merge-waits',
])

const forPerson: ReadonlySet<ReasonCode> = new Set([
  'guest/crashed',
  'guest/memory-missing',
  'guest/memory-parts',
  'machine/memory-parts',
  'snapshot/unfit',
  'guest/not-ours',
  'guest/paused-changes',
  'guest/powered-itself-off',
  'guest/unclaimed',
  'guest/watchdog',
  'machine/image-failed',
  'machine/memory-parts',
  'machine/snapshot-failed',
  'snapshot/unfit',
  'volume/encrypted-needs-qcow2',
  'volume/move-has-snapshots',
  'volume/shrink',
])

/** What is worth knowing and stands in nobody's way. */
const onlyTold: ReadonlySet<ReasonCode> = new Set([
  'datastore/filling',
  'datastore/metadata-filling',
  'datastore/overcommitted',
  'guest/cloud-init-failed',
  'guest/memory-left',
  'network/needs-bridge',
])

export const waitsForStart = ({ code }: Pick<Reason, 'code'>) => forStart.has(code)
export const waitsForPerson = ({ code }: Pick<Reason, 'code'>) => forPerson.has(code)

/** Whether something is still under way, or may yet come by itself. */
export const isUnderWay = (hold: Pick<Reason, 'code'>) =>
  !waitsForStart(hold) && !waitsForPerson(hold) && !onlyTold.has(hold.code)
