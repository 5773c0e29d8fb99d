/**
 * Rewrites a disk as a clean file of our own, in a jail. The header was judged before; every format, every file and the
 * absence of every other file is stated: nothing is guessed.
 */

import { chmod, chown, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DiskChain } from '#drivers/datastore/port.ts'
import { Problem } from '#model/problem.ts'
import type { DiskFormat } from './format/verdict.ts'
import { isRoot, jailed, jailUid } from './jail.ts'
import { runTool } from './tool.ts'

/** A slow disk and processor still convert this many bytes of a disk in a second; compressing takes far longer. */
const bytesPerSecond = 10 * 1024 ** 2
const compressedPerSecond = 1024 ** 2

/** A block node as QEMU knows it, whose files are those that the jail shows. */
type Node = { readonly [key: string]: Node | string | number | boolean | null }

export type Disk = {
  /** Files of the host, which the node calls `/in0`, `/in1`, … */
  readonly files: readonly string[]
  readonly node: Node
}

const fileNode = (index: number): Node => ({ driver: 'file', filename: `/in${index}` })

/** A stranger's file, or the part of it that lies at `window`. */
export function strangerDisk(file: string, format: DiskFormat, window?: { at: number; bytes: number }): Disk {
  const bytes: Node =
    window === undefined
      ? fileNode(0)
      : { driver: 'raw', offset: window.at, size: window.bytes, file: fileNode(0) }
  return { files: [file], node: strangerNode(format, bytes) }
}

function strangerNode(format: DiskFormat, file: Node): Node {
  if (format === 'raw' || format === 'iso') return { driver: 'raw', file }
  // Left alone, QEMU works the size out from cylinders and heads for some writers, and loses the rest of the disk.
  if (format === 'vpc') return { driver: 'vpc', force_size_calc: 'current_size', file }
  const hasBacking = format === 'qcow2' || format === 'vmdk'
  return { driver: format, file, ...(hasBacking ? { backing: null } : {}) }
}

/** Layers of our own, each standing on the next. */
export function chainDisk({ file, format, key, backing }: DiskChain): Disk {
  const layers = [{ file, format, key }, ...backing]
  if (layers.some((layer) => layer.key !== null))
    throw new Problem('object/refused', { why: 'The volume is encrypted; its content is not given out.' })
  const node = layers.reduceRight<Node | null>(
    (below, layer, index) => ({
      driver: layer.format,
      file: { ...fileNode(index), locking: 'off' },
      ...(layer.format === 'qcow2' ? { backing: below } : {}),
    }),
    null,
  )
  return { files: layers.map((layer) => layer.file), node: node ?? {} }
}

export type Conversion = {
  readonly disk: Disk
  readonly to: 'qcow2' | 'raw' | 'vmdk'
  /** Bytes that a guest sees at most: a measure of the time that it may take. */
  readonly virtualBytes: number
  /** The most that the result may take. */
  readonly largestBytes: number
  /** Folder for the work, on the file system of the result. */
  readonly folder: string
  /** Name of the result in it. */
  readonly name: string
  /** Told how much is done, from 0 to 1. */
  readonly onFraction?: (fraction: number) => void
}

const written = {
  qcow2: ['-O', 'qcow2', '-o', 'compat=1.1'],
  raw: ['-O', 'raw'],
  vmdk: ['-O', 'vmdk', '-o', 'subformat=streamOptimized'],
}

/** Resolves with the file. Problem `image/refused` when qemu-img cannot read the disk. */
export async function convertJailed(conversion: Conversion, signal: AbortSignal): Promise<string> {
  const { disk, to, virtualBytes, largestBytes, folder, name, onFraction } = conversion
  const pace = to === 'vmdk' ? compressedPerSecond : bytesPerSecond
  const cpuSeconds = 60 + Math.ceil(virtualBytes / pace)
  const out = join(folder, 'out')
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { mode: 0o700 })
  if (isRoot()) await chown(out, jailUid, jailUid)
  const source = `json:${JSON.stringify(disk.node)}`
  const convert = ['qemu-img', 'convert', '-p', ...written[to], '--', source, '/out/disk']
  const argv = jailed(convert, { reads: disk.files, writes: out, cpuSeconds, fileBytes: largestBytes })
  const onAnswer = (text: string) => {
    const percent = /\(([\d.]+)\/100%\)[^(]*$/.exec(text)?.[1]
    if (percent !== undefined) onFraction?.(Math.min(1, Number(percent) / 100))
  }
  const run = {
    signal,
    folder,
    timeoutMs: Math.min(cpuSeconds * 2000, 2 ** 31 - 1),
    as: 'qemu-img',
    onAnswer,
  }
  await runTool('bwrap', argv, run).catch((error: unknown) => {
    throw refusal(error)
  })
  const made = join(folder, name)
  if (isRoot()) await chown(join(out, 'disk'), 0, 0)
  await chmod(join(out, 'disk'), 0o600)
  await rename(join(out, 'disk'), made)
  await rm(out, { recursive: true, force: true })
  return made
}

/** The jail itself could not be built: that says nothing about the content. */
export const isOfJail = (complaint: string) => /^(bwrap|prlimit|setpriv):/.test(complaint)

function refusal(error: unknown): unknown {
  if (!(error instanceof Problem) || error.code !== 'tool/failed') return error
  const complaint = String(error.facts['why'])
  if (isOfJail(complaint))
    return new Problem('tool/failed', { tool: 'The jail for images', why: complaint }, { cause: error })
  // The description of the disk is ours, and long.
  const said = complaint.replace(/^qemu-img: /, '').replaceAll(/'json:[^']*'/g, 'it')
  const why = `qemu-img cannot read it (${said})`
  return new Problem('image/refused', { why }, { cause: error })
}
