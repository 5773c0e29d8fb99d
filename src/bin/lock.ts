/**
 * One Decant per data folder. The lock is the kernel's (flock(2) by util-linux's `flock`): it is on the
 * open file, which the two programs inherit, and so falls exactly when the last of the three has ended,
 * however it ended.
 */

import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from '#model/problem.ts'

/** How long programs of a Decant that was killed may take to notice and end. */
const leavingMs = 5_000

const isTaken = (descriptor: number) => {
  const { status, error } = spawnSync('flock', ['--exclusive', '--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
  })
  if (error !== undefined)
    throw new Problem('tool/missing', { tool: 'flock', package: 'util-linux' }, { cause: error })
  return status !== 0
}

const holderOf = (file: string) => /^\d{1,10}/.exec(readFileSync(file, 'utf8'))?.[0] ?? ''

// A holder that is alive will not let go; one that is dead leaves programs that are about to end.
const isAlive = (pid: string) => {
  try {
    return pid !== '' && process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Takes the lock and writes our pid into it, for people. Gives the descriptor to hand to both programs.
 * Problem `store/locked` when another Decant has it.
 */
export async function takeLock(file: string, data: string): Promise<number> {
  const descriptor = openSync(file, 'a+', 0o600)
  const untilMs = performance.now() + leavingMs
  while (isTaken(descriptor)) {
    const pid = holderOf(file)
    if (isAlive(pid) || performance.now() > untilMs) {
      closeSync(descriptor)
      throw new Problem('store/locked', { pid: pid === '' ? '?' : pid, path: data })
    }
    await sleep(50)
  }
  ftruncateSync(descriptor)
  writeSync(descriptor, `${process.pid}\n`)
  return descriptor
}
