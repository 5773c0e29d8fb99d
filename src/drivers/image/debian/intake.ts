/**
 * The one intake: whatever the source, a content that lies in a file is unpacked, its format decided by our own reader,
 * what is dangerous refused, and the rest made ours: qcow2 by conversion in a jail; raw disks and ISO media as they are.
 */

import { chmod, open, rename, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { Report } from '#drivers/image/port.ts'
import type { Appliance } from '#kinds/image/parts.ts'
import type { ImageSpec } from '#kinds/image/schema.ts'
import { Problem } from '#model/problem.ts'
import { chosenDisk } from './appliance.ts'
import { convertJailed, strangerDisk, type Disk } from './convert.ts'
import { judge, kindOf, type Packing } from './format/header.ts'
import { readerOf, windowOf, type Reader, type Verdict } from './format/verdict.ts'
import { paceFrom, sumsOf, type Sums } from './pouring.ts'
import { checkRoom, refused } from './refusal.ts'
import { unpackTo } from './unpack.ts'

export type Facts = Parameters<Datastore['seal']>[1]

/** A content that is whole, in a file that is ours alone. */
export type Arrived = {
  readonly file: string
  readonly fileBytes: number
  /** Null: nobody asked for them, and it was not hashed on its way. */
  readonly sums: Sums | null
}

export type Intake = {
  readonly into: Datastore
  /** Folder in which the image is put together; on the file system of the file that arrived. */
  readonly draft: string
  readonly spec: ImageSpec
  readonly report: Report
  readonly signal: AbortSignal
}

/** Where the disk lies: a file, or a part of one. */
type Lying = {
  readonly file: string
  readonly reader: Reader
  readonly window: { readonly at: number; readonly bytes: number } | undefined
  /** SHA-256 of the whole file, when it is the disk and was hashed on its way. */
  readonly sha256: string | null
  readonly cameAs: readonly string[]
  readonly appliance: Appliance | null
}

export type Admitted = {
  readonly facts: Facts
  /** SHA-256 of the disk as it will lie there. */
  readonly content: string
}

/** Makes the disk of what arrived, which is moved or removed. Problems `image/refused`, `image/checksum`, `datastore/full`. */
export async function admit(arrived: Arrived, intake: Intake): Promise<Admitted> {
  const { draft, spec } = intake
  if (arrived.sums !== null) checkSums(arrived.sums, spec)
  const opened: Closer[] = []
  try {
    const lying = await unwrapped(arrived, intake, opened)
    const verdict = await judge(lying.reader, spec.format)
    if ('why' in verdict) throw refused(verdict.why)
    const { format, virtualBytes } = verdict
    const isAsItIs = format === 'raw' || format === 'iso'
    const content =
      isAsItIs && lying.window === undefined
        ? await kept(lying, virtualBytes, intake)
        : await rewritten(strangerDisk(lying.file, format, lying.window), verdict, intake)
    return {
      content,
      facts: factsOf(lying, verdict, {
        arrived,
        content,
        isRewritten: !isAsItIs || lying.window !== undefined,
      }),
    }
  } finally {
    for (const { close } of opened) await close()
    for (const name of ['unpacked', 'unpacked-disk', 'out'])
      await rm(join(draft, name), { recursive: true, force: true })
  }
}

type Closer = { readonly close: () => Promise<void> }
type Sound = Exclude<Verdict, { readonly why: string }>

export function checkSums({ sha256, sha512 }: Sums, spec: Pick<ImageSpec, 'sha256' | 'sha512'>) {
  if (spec.sha256 !== undefined && spec.sha256 !== sha256)
    throw new Problem('image/checksum', { found: sha256, wanted: spec.sha256 })
  if (spec.sha512 !== undefined && spec.sha512 !== sha512)
    throw new Problem('image/checksum', { found: sha512 ?? '?', wanted: spec.sha512 })
}

function factsOf(
  { cameAs, appliance }: Lying,
  { format, virtualBytes }: Sound,
  {
    arrived,
    content,
    isRewritten,
  }: { readonly arrived: Arrived; readonly content: string; readonly isRewritten: boolean },
): Facts {
  return {
    virtualBytes,
    sha256: arrived.sums?.sha256 ?? content,
    format: isRewritten ? 'qcow2' : 'raw',
    boot: 'disk',
    commandLine: '',
    architecture: 'any',
    cameAs: [...cameAs, format].join(' '),
    medium: format === 'iso' ? 'cdrom' : 'disk',
    appliance,
  }
}

async function unwrapped(arrived: Arrived, intake: Intake, opened: Closer[]): Promise<Lying> {
  const { spec, draft } = intake
  const { file, fileBytes, sums } = arrived
  const plain = {
    file,
    reader: await readerAt(file, fileBytes, opened),
    window: undefined,
    sha256: sums?.sha256 ?? null,
    cameAs: [],
    appliance: null,
  }
  if (spec.format === 'raw') return plain
  const kind = await kindOf(plain.reader)
  if (kind.is === 'archive') return await fromArchive(plain, intake, opened)
  if (kind.is !== 'packed') {
    if (spec.format === 'ova') throw refused('it is no archive of a machine (OVA)')
    return plain
  }
  const packed = { file, at: 0, bytes: fileBytes, packing: kind.packing }
  const unpacked = await unpackedTo(
    join(draft, 'unpacked'),
    { ...packed, cameAs: [kind.packing] },
    { intake, opened },
  )
  const inner = await kindOf(unpacked.reader)
  return inner.is === 'archive' ? await fromArchive(unpacked, intake, opened) : unpacked
}

async function fromArchive(archive: Lying, intake: Intake, opened: Closer[]): Promise<Lying> {
  const { spec, draft, signal, report } = intake
  if (spec.format !== 'auto' && spec.format !== 'ova')
    throw refused(`it is an archive, no ${spec.format} image`)
  report({ step: 'Reading the archive', fraction: null, etaSeconds: null })
  const { appliance, member, isPacked } = await chosenDisk(archive.reader, spec.member, signal)
  const reader = windowOf(archive.reader, member.at, member.bytes)
  const kind = await kindOf(reader)
  const cameAs = [...archive.cameAs, 'ova']
  if (isPacked !== (kind.is === 'packed'))
    throw refused('its description is wrong about how its disk is packed')
  if (kind.is !== 'packed') {
    const window = { at: member.at, bytes: member.bytes }
    return { file: archive.file, reader, window, sha256: null, cameAs, appliance }
  }
  if (kind.packing !== 'gz')
    throw refused(`its disk is packed with ${kind.packing}; only gzip has a place in an OVA`)
  const packed = { file: archive.file, at: member.at, bytes: member.bytes, packing: kind.packing }
  const disk = await unpackedTo(
    join(draft, 'unpacked-disk'),
    { ...packed, cameAs: [...cameAs, 'gz'] },
    { intake, opened },
  )
  return { ...disk, appliance }
}

type Wrapped = {
  readonly file: string
  readonly at: number
  readonly bytes: number
  readonly packing: Packing
  readonly cameAs: readonly string[]
}

async function unpackedTo(
  to: string,
  { cameAs, ...packed }: Wrapped,
  { intake, opened }: { readonly intake: Intake; readonly opened: Closer[] },
): Promise<Lying> {
  const { into, draft, report, signal } = intake
  const step = `Unpacking (${packed.packing})`
  report({ step, fraction: null, etaSeconds: null })
  const onWay = () => report({ step, fraction: null, etaSeconds: null })
  const { fileBytes, sums } = await unpackTo(to, { ...packed, folder: draft }, { into, onWay, signal })
  const reader = await readerAt(to, fileBytes, opened)
  return { file: to, reader, window: undefined, sha256: sums.sha256, cameAs, appliance: null }
}

async function readerAt(file: string, fileBytes: number, opened: Closer[]): Promise<Reader> {
  // The jail reads it under a uid of its own; on the host the folder keeps everybody else out.
  await chmod(file, 0o644)
  const handle = await open(file, 'r')
  opened.push(handle)
  return readerOf(handle, fileBytes)
}

/** Raw disks and media stay as they are; a last sector that is short is filled up. */
async function kept(
  { file, reader, sha256 }: Lying,
  virtualBytes: number,
  { draft, signal }: Intake,
): Promise<string> {
  const disk = join(draft, 'disk.raw')
  await truncate(file, virtualBytes)
  await rename(file, disk)
  return sha256 !== null && virtualBytes === reader.fileBytes ? sha256 : await sha256Of(disk, signal)
}

/** Converts a disk to qcow2 within the room that there is; the SHA-256 of the result. */
export async function rewritten(
  disk: Disk,
  { virtualBytes }: Pick<Sound, 'virtualBytes'>,
  { into, draft, report, signal }: Pick<Intake, 'into' | 'draft' | 'report' | 'signal'>,
): Promise<string> {
  const step = 'Checking and rewriting the image in a jail'
  report({ step, fraction: null, etaSeconds: null })
  const pace = paceFrom(0, virtualBytes)
  const room = await checkRoom(into, 0)
  // A qcow2 file is never larger than its disk and its tables.
  const neededBytes = Math.ceil(virtualBytes * 1.01) + 16 * 1024 ** 2
  const largestBytes = Math.min(room, neededBytes)
  const onFraction = (fraction: number) => report({ step, ...pace(fraction * virtualBytes) })
  const work = {
    disk,
    to: 'qcow2',
    virtualBytes,
    largestBytes,
    folder: draft,
    name: 'disk.qcow2',
    onFraction,
  } as const
  const made = await convertJailed(work, signal).catch((error: unknown) => {
    const isTooLarge = error instanceof Problem && /too large|No space/i.test(String(error.facts['why']))
    if (!isTooLarge || largestBytes === neededBytes) throw error
    throw new Problem(
      'datastore/full',
      { datastore: into.name, freeBytes: room, neededBytes },
      { cause: error },
    )
  })
  await checkOwn(made)
  return await sha256Of(made, signal)
}

/** What came out of the jail is judged like what went in. */
async function checkOwn(file: string) {
  await using handle = await open(file, 'r')
  const verdict = await judge(readerOf(handle, (await handle.stat()).size), 'qcow2')
  if ('why' in verdict) throw refused(`its conversion went wrong: ${verdict.why}`)
}

export const sha256Of = async (file: string, signal: AbortSignal) =>
  (await sumsOf(file, false, signal)).sha256
