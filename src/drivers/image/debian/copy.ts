/** Makes an image of what lies in a volume that nobody writes to. */

import { open } from 'node:fs/promises'
import type { Datastore, DiskChain } from '#drivers/datastore/port.ts'
import type { MakeOrder, Report } from '#drivers/image/port.ts'
import { Problem } from '#model/problem.ts'
import { chainDisk } from './convert.ts'
import { rewritten, type Admitted } from './intake.ts'
import { readerOf } from './format/verdict.ts'
import { refused } from './refusal.ts'

type Copying = {
  readonly into: Datastore
  readonly draft: string
  readonly order: MakeOrder
  readonly report: Report
  readonly signal: AbortSignal
}

export async function copyVolume(work: Copying): Promise<Admitted> {
  const { volume } = work.order
  if (volume === null) throw refused('the volume is not on this host')
  const virtualBytes = await sizeOf(volume.chain)
  const content = await rewritten(chainDisk(volume.chain), { virtualBytes }, work)
  if (!(await volume.isUntouched()))
    throw new Problem('object/refused', { why: 'The volume came into use meanwhile.' })
  const facts = { virtualBytes, sha256: content, format: 'qcow2', boot: 'disk', commandLine: '' } as const
  return { content, facts: { ...facts, architecture: 'any', cameAs: 'volume', medium: 'disk' } }
}

/** Size that a guest sees. */
export async function sizeOf({ file, format }: Pick<DiskChain, 'file' | 'format'>): Promise<number> {
  await using handle = await open(file, 'r')
  const { size } = await handle.stat()
  if (format === 'raw') return size
  const head = await readerOf(handle, size).read(0, 32)
  // Our own file, which may stand on another: only the size is asked for.
  return head.length < 32 ? 0 : Number(head.readBigUInt64BE(24))
}
