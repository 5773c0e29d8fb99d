/** Looks once a day whether a certificate has less than a third of its life left, while the program runs on. */

import { story } from '#model/problem.ts'

const dayMs = 24 * 3_600_000

/** Calls `renew` every day until the returned function is called; a failure is told and tried again. */
export function everyDay(renew: () => Promise<void>, log: (line: string) => void): () => void {
  const timer = setInterval(() => void renew().catch((fault) => log(`certificates: ${story(fault)}`)), dayMs)
  timer.unref()
  return () => clearInterval(timer)
}
