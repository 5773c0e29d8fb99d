/**
 * QEMU's own long works on disks. They outlive this program: one that is found under way is waited for, one that
 * ended is taken note of. Nothing of theirs is dismissed before it was seen how it ended (I-20).
 */

import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Progress } from '../../port-layers.ts'
import type { Qmp } from '../qmp/client.ts'

const everyMs = 50
/** How long a cancelled work may take to let go. */
const cancelMs = 10_000

export type Job = Awaited<ReturnType<typeof jobIn>>

export const jobIn = async (qmp: Qmp, id: string) =>
  (await qmp.ask('query-jobs', {})).find((job) => job.id === id)

/** Waits until the work stands still at `ready`, or is over; tells how far it is. Problem `qmp/refused` when it failed. */
export async function untilOver(
  { qmp, clock, id, signal }: { qmp: Qmp; clock: Clock; id: string; signal: AbortSignal },
  report: Progress,
): Promise<'ready' | 'over'> {
  let last = 0
  for (;;) {
    signal.throwIfAborted()
    const job = await jobIn(qmp, id)
    if (job === undefined) return 'over'
    const { 'current-progress': done, 'total-progress': total, status } = job
    last = Math.max(last, total > 0 ? Math.min(1, done / total) : 0)
    report(last)
    if (status === 'concluded') {
      await qmp.ask('job-dismiss', { id })
      if (job.error !== undefined)
        throw new Problem('qmp/refused', { command: job.type, why: inert(job.error).slice(0, 400) })
      return 'over'
    }
    if (status === 'ready') return 'ready'
    await clock.sleep(everyMs, signal)
  }
}

/** Ends a work without effect; quiet when there is none. */
export async function cancelJob(qmp: Qmp, clock: Clock, id: string): Promise<void> {
  const deadline = clock.monotonic() + cancelMs
  for (;;) {
    const job = await jobIn(qmp, id).catch(() => undefined)
    if (job === undefined || clock.monotonic() > deadline) return
    const isOver = job.status === 'concluded'
    await qmp.ask(isOver ? 'job-dismiss' : 'job-cancel', { id }).catch(() => undefined)
    if (!isOver) await clock.sleep(everyMs)
  }
}
