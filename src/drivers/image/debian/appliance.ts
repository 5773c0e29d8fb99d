/** Opens an OVA where it lies: reads its table and description, chooses a disk, checks what the manifest says. */

import { createHash } from 'node:crypto'
import type { Appliance } from '#kinds/image/parts.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { ovfFrom, type Ovf } from './format/ovf.ts'
import { membersOf, type ArchiveMember } from './format/tar.ts'
import { windowOf, type Reader } from './format/verdict.ts'
import { refused } from './refusal.ts'

export type ChosenDisk = {
  readonly appliance: Appliance
  readonly member: ArchiveMember
  readonly isPacked: boolean
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const manifestChars = 65_536
const pieceBytes = 1_048_576

/** The disk that is wished, or the first. Problems `image/refused`, `image/checksum`. */
export async function chosenDisk(
  archive: Reader,
  wished: string | null,
  signal: AbortSignal,
): Promise<ChosenDisk> {
  const members = await membersOf(archive)
  if ('why' in members) throw refused(members.why)
  const description = members.find(({ name }) => /\.ovf$/i.test(name))
  if (description === undefined) throw refused('the archive holds no machine description (.ovf)')
  const ovf = ovfFrom(await textOf(archive, description, limits.ovfChars))
  if ('why' in ovf) throw refused(ovf.why)
  const disk = diskOf(ovf, wished)
  const member = members.find(({ name }) => name === disk.member)
  if (member === undefined) throw refused('the disk that its description names is not in the archive')
  const manifest = members.find(({ name }) => /\.mf$/i.test(name))
  if (manifest !== undefined) {
    const sums = sumsFrom(await textOf(archive, manifest, manifestChars))
    for (const one of [description, member])
      await checkSum(windowOf(archive, one.at, one.bytes), sums.get(one.name), signal)
  }
  return { appliance: ovf.appliance, member, isPacked: disk.isPacked }
}

function diskOf({ disks }: Ovf, wished: string | null) {
  const full = disks.filter(({ member }) => member !== '')
  const found = wished === null ? full[0] : full.find(({ member }) => member === wished)
  if (found !== undefined) return found
  const there = full
    .map(({ member }) => member)
    .join(', ')
    .slice(0, 200)
  throw refused(
    wished === null ? 'its machine has no disk with content' : `it holds no such disk, but: ${there}`,
  )
}

async function textOf(archive: Reader, { at, bytes }: ArchiveMember, most: number): Promise<string> {
  if (bytes > most) throw refused('a description in the archive is too long')
  try {
    return utf8.decode(await archive.read(at, bytes))
  } catch {
    throw refused('a description in the archive is not UTF-8')
  }
}

type Sum = { readonly algorithm: 'sha1' | 'sha256' | 'sha512'; readonly hex: string }

/** Lines such as `SHA256(disk.vmdk)= 0123…` (DSP0243 §5.1); others are passed over. */
function sumsFrom(text: string): ReadonlyMap<string, Sum> {
  const lines = [
    ...text.matchAll(/^(SHA1|SHA256|SHA512)\s?\(([^)\n]{1,200})\)\s?=\s?([0-9a-f]{40,128})\s*$/gim),
  ]
  return new Map(
    lines.map(([, algorithm = '', name = '', hex = '']) => [
      name,
      { algorithm: algorithm.toLowerCase() as Sum['algorithm'], hex: hex.toLowerCase() },
    ]),
  )
}

async function checkSum(reader: Reader, wanted: Sum | undefined, signal: AbortSignal) {
  if (wanted === undefined) return
  const hash = createHash(wanted.algorithm)
  for (let at = 0; at < reader.fileBytes; at += pieceBytes) {
    signal.throwIfAborted()
    hash.update(await reader.read(at, pieceBytes))
  }
  const found = hash.digest('hex')
  if (found !== wanted.hex) throw new Problem('image/checksum', { found, wanted: wanted.hex })
}
