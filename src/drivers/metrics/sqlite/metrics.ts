/** Figures on SQLite, in a file of their own; a thread (`worker.ts`) does all disk work. */

import { limits } from '#model/limits.ts'
import { Thread } from '../../ground/thread.ts'
import type { Metrics } from '../port.ts'
import type { MetricsAsks } from './worker.ts'

export type MetricsPlace = {
  readonly folder: string
  readonly bytesAtMost?: number
  /** Room on the disk that is left to others. */
  readonly spareBytes?: number
}

/**
 * The figures in `metrics.db` of a folder. The file is opened with the first call that needs it and again
 * after a failure: no trouble with it keeps its program from starting.
 */
export function openSqliteMetrics({ folder, bytesAtMost, spareBytes }: MetricsPlace): Metrics {
  const thread = new Thread<MetricsAsks>(new URL('./worker.ts', import.meta.url), 'metrics')
  const given = thread.ask('open', {
    folder,
    bytesAtMost: bytesAtMost ?? limits.metricsBytes,
    spareBytes: spareBytes ?? limits.metricsSpareBytes,
  })
  given.catch(() => undefined)
  let closed: Promise<void> | undefined
  const close = async () => {
    try {
      await thread.ask('close', undefined)
    } finally {
      await thread.end()
    }
  }
  return {
    name: 'sqlite',
    write: async (samples) => {
      if (samples.length > 0) await thread.ask('write', samples)
    },
    read: (span) => thread.ask('read', span),
    tend: async (tending) => ({ isDone: await thread.ask('tend', tending) }),
    size: () => thread.ask('size', undefined),
    close: () => (closed ??= close()),
  }
}
