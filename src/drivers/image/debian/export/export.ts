/** Gives disks out: as they lie where the format allows, else converted in a jail to a copy that goes with the stream. */

import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

import type { Datastore, DiskChain } from '#drivers/datastore/port.ts'
import type { Exported, ExportOrder, Report } from '#drivers/image/port.ts'
import { Problem } from '#model/problem.ts'
import { chainDisk, convertJailed } from '../convert.ts'
import { sizeOf } from '../copy.ts'
import { sha256Of } from '../intake.ts'
import { paceFrom } from '../pouring.ts'
import { checkRoom } from '../refusal.ts'
import { ovfText } from './ovf.ts'
import { tar, tarBytes, type TarFile } from './tar.ts'

const pieceBytes = 262_144

type Work = {
  readonly into: Datastore
  readonly folder: string
  readonly report: Report
  readonly signal: AbortSignal
}

export async function exported(
  into: Datastore,
  order: ExportOrder,
  report: Report,
  signal: AbortSignal,
): Promise<Exported> {
  const [first] = order.disks
  if (first === undefined) throw new Problem('object/refused', { why: 'There is no disk to give out.' })
  const isAsItLies =
    order.isImmutable && first.backing.length === 0 && first.key === null && first.format === order.format
  if (isAsItLies) return await streamed(first.file, async () => {})
  // A name of its own: what is left of it after a crash goes with the drafts.
  const id = randomUUID()
  const close = () => into.dropDraft(id)
  try {
    const work = { into, folder: await into.draft(id), report, signal }
    return order.format === 'ova'
      ? await archived(order, work, close)
      : await streamed(await converted(first, order.format, 'disk', work), close)
  } catch (error) {
    await close()
    throw error
  }
}

async function streamed(file: string, close: () => Promise<void>): Promise<Exported> {
  const { size } = await stat(file)
  return { bytes: size, content: piecesOf(file), close }
}

const piecesOf = (file: string): AsyncIterable<Uint8Array> =>
  createReadStream(file, { highWaterMark: pieceBytes, emitClose: true })

async function converted(
  chain: DiskChain,
  to: 'qcow2' | 'raw' | 'vmdk',
  name: string,
  { into, folder, report, signal }: Work,
): Promise<string> {
  const virtualBytes = await sizeOf(chain)
  const room = await checkRoom(into, 0)
  const step = 'Converting for export'
  const pace = paceFrom(0, virtualBytes)
  report({ step, fraction: 0, etaSeconds: null })
  const largestBytes = Math.min(room, Math.ceil(virtualBytes * 1.05) + 16 * 1024 ** 2)
  const onFraction = (fraction: number) => report({ step, ...pace(fraction * virtualBytes) })
  return await convertJailed(
    { disk: chainDisk(chain), to, virtualBytes, largestBytes, folder, name, onFraction },
    signal,
  )
}

/** Description, manifest, disks: DSP0243 §5.3 asks for this order. */
async function archived(
  { disks, appliance }: ExportOrder,
  work: Work,
  close: () => Promise<void>,
): Promise<Exported> {
  const stem = appliance.name.replaceAll(/[^A-Za-z0-9-]/g, '-').slice(0, 60) || 'machine'
  const parts: {
    readonly file: string
    readonly name: string
    readonly bytes: number
    readonly capacityBytes: number
  }[] = []
  for (const [index, chain] of disks.entries()) {
    const name = `${stem}-disk${index + 1}.vmdk`
    const file = await converted(chain, 'vmdk', name, work)
    parts.push({ file, name, bytes: (await stat(file)).size, capacityBytes: await sizeOf(chain) })
  }
  work.report({ step: 'Computing checksums', fraction: null, etaSeconds: null })
  const description = Buffer.from(ovfText(appliance, parts))
  const sums = [`SHA256(${stem}.ovf)= ${createHash('sha256').update(description).digest('hex')}`]
  for (const { file, name } of parts) sums.push(`SHA256(${name})= ${await sha256Of(file, work.signal)}`)
  const files = [
    inMemory(`${stem}.ovf`, description),
    inMemory(`${stem}.mf`, Buffer.from(`${sums.join('\n')}\n`)),
    ...parts.map(({ file, name, bytes }): TarFile => ({ name, bytes, content: () => piecesOf(file) })),
  ]
  return { bytes: tarBytes(files), content: tar(files), close }
}

const inMemory = (name: string, content: Buffer): TarFile => ({
  name,
  bytes: content.length,
  content: () => [content],
})
