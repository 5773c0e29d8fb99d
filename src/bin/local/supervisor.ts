/** The Decant that runs on a data folder, as others on the same machine see it: its lock and its process. */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Layout } from '../layout.ts'
import { takeLock } from '../lock.ts'

/** The supervisor gives each of its programs 8 seconds. */
const endsWithinMs = 20_000

/** Whether any of a Decant's programs lives; looks without taking the lock for more than an instant. */
export const isHeld = ({ lockFile }: Layout) =>
  existsSync(lockFile) &&
  spawnSync('flock', ['--exclusive', '--nonblock', lockFile, 'true'], { stdio: 'ignore' }).status !== 0

/** Process of the supervisor; nothing when no Decant runs. */
export function supervisorOf(layout: Layout): number | undefined {
  if (!isHeld(layout)) return undefined
  const pid = Number(/^\d{1,10}/.exec(readFileSync(layout.lockFile, 'utf8'))?.[0] ?? 0)
  return pid > 1 ? pid : undefined
}

/** Asks the supervisor to end and waits until its programs have ended too; says whether they did. */
export async function endDecant(layout: Layout): Promise<boolean> {
  const pid = supervisorOf(layout)
  // The lock is held by a program of this very Decant, so the number in it is still its supervisor's.
  if (pid !== undefined) process.kill(pid, 'SIGTERM')
  const untilMs = performance.now() + endsWithinMs
  while (isHeld(layout) && performance.now() < untilMs) await sleep(50)
  return !isHeld(layout)
}

/** Takes the place of the supervisor for what must not meet a running Decant. Problem `store/locked`. */
export const holdPlace = (layout: Layout) => takeLock(layout.lockFile, layout.data)
