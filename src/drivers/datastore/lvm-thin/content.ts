/** Puts content into pieces with QEMU's tools, in their jail: copies of chains, empty qcow2 files, LUKS. */

import { constants } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import type { DiskChain, Keys, Progress } from '#drivers/datastore/port.ts'
import type { FileLayer } from '#drivers/hypervisor/port.ts'
import { nodesOf } from '#drivers/ground/bench.ts'
import { keyFiles, runJailed } from '#drivers/ground/jail.ts'

export type Making = {
  readonly signal: AbortSignal
  readonly report?: Progress | undefined
  readonly keys: Keys
}

/** Copies what a chain shows; the target reads as zeros and is at least as large. */
export async function copyInto(target: FileLayer, from: DiskChain, { signal, report, keys }: Making) {
  const layers = [from, ...from.backing]
  const { values, fileOf, names } = keyFiles(keys, [...layers.map(({ key }) => key), target.key])
  const secret = (name: string) => `k${names.indexOf(name)}`
  const argv = [
    'convert',
    '-p',
    '-n',
    '--target-is-zero',
    '-W',
    '-O',
    target.format,
    ...names.flatMap((name) => ['--object', `secret,id=${secret(name)},file=${fileOf(name)}`]),
    '--',
    `json:${JSON.stringify(nodesOf(from, { isReadOnly: true, secret }))}`,
    `json:${JSON.stringify(nodesOf({ ...target, backing: [] }, { isReadOnly: false, secret, prefix: 't' }))}`,
  ]
  const readable = [...new Set(layers.map(({ file }) => file))]
  await runJailed(
    { tool: 'qemu-img', argv, writable: [target.file], readable, keys: values },
    signal,
    (text) => {
      const percent = Number(/\(([\d.]+)\/100%\)\s*$/.exec(text)?.[1])
      if (percent >= 0) report?.(percent / 100)
    },
  )
}

/** QEMU 7.2 measures its own speed to stretch the key and now and then measures nothing; then it is asked again. */
const attempts = 64
const isMeasuring = (fault: unknown) => /accurate CPU usage/.test((fault as Error)?.message ?? '')

/** Writes an empty qcow2 file into a piece; what it stands on is named for people, and always said when it is opened. */
export async function formatQcow2(
  target: FileLayer,
  { sizeBytes, backing }: { readonly sizeBytes: number; readonly backing: FileLayer | null },
  { signal, keys }: Making,
) {
  const { values } = keyFiles(keys, [target.key])
  // The key is 256 random bits: stretching it would only make each opening slower.
  const luks = 'encrypt.format=luks,encrypt.key-secret=k0,encrypt.iter-time=10'
  const argv = [
    'create',
    '-q',
    '-u',
    '-f',
    'qcow2',
    ...(target.key === null ? [] : ['--object', 'secret,id=k0,file=/key0', '-o', luks]),
    ...(backing === null ? [] : ['-b', backing.file, '-F', backing.format]),
    '--',
    target.file,
    String(sizeBytes),
  ]
  const tool = { tool: 'qemu-img', argv, writable: [target.file], readable: [], keys: values }
  for (let attempt = 1; ; attempt++) {
    const fault: unknown = await runJailed(tool, signal).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (fault === undefined) return
    if (attempt === attempts || !isMeasuring(fault)) throw fault
  }
}

const headBytes = 32
const qcow2Magic = 0x514649fb

/** Size of what a file or device shows: its own where it is raw, else as its header says. */
export async function shownBytesOf({ file, format }: Pick<FileLayer, 'file' | 'format'>): Promise<number> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  if (format === 'raw') {
    const facts = await handle.stat()
    if (!facts.isBlockDevice()) return facts.size
    const { major, minor } = numbersOf(facts.rdev)
    return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, 'utf8')) * 512
  }
  const { buffer } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0)
  const sizeBytes = Number(buffer.readBigUInt64BE(24))
  if (buffer.readUInt32BE(0) !== qcow2Magic || !Number.isSafeInteger(sizeBytes))
    throw new Error('the header of the disk is not one that Decant wrote')
  return sizeBytes
}

/** As the kernel packs a device's numbers (makedev(3)). */
export const rdevOf = ({ major, minor }: { readonly major: number; readonly minor: number }) =>
  (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)

const numbersOf = (rdev: number) => ({
  major: (rdev >> 8) & 0xfff,
  minor: (rdev & 0xff) | ((rdev >> 12) & 0xfff00),
})
