/**
 * The door into a running guest's jail: shows it a file that it was not started with, at the very path where it
 * is, and takes it away again. Where there is no jail of mounts, nothing is to be done. Each can be repeated.
 */

import { readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import { run } from '../run.ts'

/** See there for what it does and why it is not TypeScript. */
export const mountsScript = fileURLToPath(new URL('mounts.pl', import.meta.url))

export const perl = '/usr/bin/perl'

/** The file (or device, or socket) `source` is at `target` from now on. */
export async function showFile(
  pid: number,
  source: string,
  way: 'ro' | 'rw',
  target: string = source,
): Promise<void> {
  if (isWalled(pid)) await mounts(['show', String(pid), source, target, way])
}

export async function hideFile(pid: number, target: string): Promise<void> {
  if (isWalled(pid)) await mounts(['hide', String(pid), target])
}

/** Whether the process sees other mounts than we do. */
function isWalled(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt')
  } catch {
    return false
  }
}

async function mounts(words: readonly string[]): Promise<void> {
  const { status, complained } = await run(perl, [mountsScript, ...words])
  if (status === 127) throw new Problem('tool/missing', { tool: 'perl', package: 'perl-base' })
  if (status !== 0)
    throw new Problem('tool/failed', { tool: 'mount', why: inert(complained).trim().slice(0, 400) })
}
