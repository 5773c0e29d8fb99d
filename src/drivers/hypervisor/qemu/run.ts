/** Runs a small tool to its end and gives what it said. */

import { execFile } from 'node:child_process'
import { constants } from 'node:os'

export type Ran = { readonly status: number; readonly said: string; readonly complained: string }

/** Status 127 where the tool is missing, -1 where the time was up, 128 and more where a signal ended it. */
export const run = (tool: string, args: readonly string[], timeoutMs = 10_000) =>
  new Promise<Ran>((done) => {
    const bounds = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 2 ** 20 } as const
    execFile(tool, [...args], bounds, (error, said, complained) =>
      done({ status: statusOf(error), said, complained }),
    )
  })

type Failure = { readonly code?: unknown; readonly killed?: boolean; readonly signal?: unknown }

function statusOf(error: Failure | null): number {
  if (error === null) return 0
  if (error.code === 'ENOENT') return 127
  if (error.killed === true) return -1
  if (typeof error.code === 'number') return error.code
  const numbers: Readonly<Record<string, number>> = constants.signals
  return 128 + (numbers[String(error.signal)] ?? 0)
}
