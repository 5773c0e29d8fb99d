/** The installed QEMU: where it is, which version, and what its machine types are really called. */

import { readFileSync } from 'node:fs'
import { Problem } from '#model/problem.ts'
import type { Accelerator, Body } from '../port.ts'
import type { Architecture } from './command/part.ts'
import { run } from './run.ts'

export type Emulator = {
  readonly binary: string
  readonly version: string
  readonly architecture: Architecture
  /** Every machine type, by its own name and by those that people choose from. */
  readonly machines: Readonly<Record<string, string>>
  readonly hasIoUring: boolean
}

export const architecture: Architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64'

/** Looks at the QEMU of this host; nothing when there is none. */
export async function findEmulator(binary = `qemu-system-${architecture}`): Promise<Emulator | undefined> {
  const [version, machines, hasIoUring] = await Promise.all([
    run(binary, ['--version']),
    run(binary, ['-machine', 'help']),
    hasQueue(binary, 'io_uring'),
  ])
  if (version.status !== 0) return undefined
  return {
    binary,
    version: versionIn(version.said),
    architecture,
    machines: machinesIn(machines.said),
    hasIoUring,
  }
}

/** Whether it is built with a way of I/O: where it is not, it complains of the word rather than of the file. */
async function hasQueue(binary: string, queue: string): Promise<boolean> {
  const disk = `driver=file,node-name=none,filename=/nonexistent,aio=${queue}`
  const { complained } = await run(binary, ['-M', 'none', '-display', 'none', '-blockdev', disk])
  return complained.includes('No such file')
}

/**
 * What the host's kernel measured of its time stamp counter, from its log. A log forgets: then what it says of the
 * processor's speed, which is that of the counter where the host is itself a guest. Null where nothing is to be read.
 */
export async function findTscKhz(): Promise<number | null> {
  return tscKhzIn((await run('dmesg', [])).said) ?? speedKhzIn(textOf('/proc/cpuinfo'))
}

export function speedKhzIn(cpuinfo: string): number | null {
  const mhz = /^cpu MHz\s*: (\d+\.\d{3})$/m.exec(cpuinfo)?.[1]
  return mhz === undefined ? null : Math.round(Number(mhz) * 1000)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Reads `tsc: Refined TSC clocksource calibration: 2596.123 MHz`, or the first guess, `tsc: Detected …`. */
export function tscKhzIn(log: string): number | null {
  const mhz =
    /tsc: Refined TSC clocksource calibration: (\d+\.\d{3}) MHz/.exec(log)?.[1] ??
    /tsc: Detected (\d+\.\d{3}) MHz/.exec(log)?.[1]
  return mhz === undefined ? null : Math.round(Number(mhz) * 1000)
}

export const versionIn = (said: string) => /version (\d+(?:\.\d+)*)/.exec(said)?.[1] ?? 'unknown'

/** Reads `-machine help`: `q35   Standard PC … (alias of pc-q35-7.2)`. */
export function machinesIn(help: string): Readonly<Record<string, string>> {
  const lines = help.split('\n').map((line) => /^(\S+) .*?(?:\(alias of (\S+)\))?$/.exec(line.trim()))
  return Object.fromEntries(lines.flatMap((m) => (m === null ? [] : [[m[1], m[2] ?? m[1]]])))
}

/**
 * What the guest is given: the machine and CPU that it was first begun with where that is known, else this
 * host's newest. Problem `feature/not-here` where this QEMU has that machine no more; arm64 has one machine
 * for all wishes.
 */
export function machineOf(
  { machines, architecture, version }: Emulator,
  { spec, machineVersion }: Pick<Body, 'spec' | 'machineVersion'>,
  accelerator: Accelerator['name'],
): { readonly type: string; readonly cpuModel: string } {
  const wished = architecture === 'aarch64' ? 'virt' : spec.machineType
  const [keptType = '', keptCpu] = (spec.shape.machineVersion ?? machineVersion ?? '').split('/')
  const name = keptType.includes(wished) ? keptType : wished
  const type = machines[name]
  if (type === undefined)
    throw new Problem('feature/not-here', { what: `machine type ${name}`, why: `QEMU ${version} lacks it` })
  return { type, cpuModel: cpuModelOf(spec.shape.cpuModel, keptCpu, accelerator) }
}

function cpuModelOf(wished: string, kept: string | undefined, accelerator: Accelerator['name']): string {
  if (wished !== 'auto') return wished
  const all = accelerator === 'kvm' ? 'host' : 'max'
  return kept === undefined || !/^[\w.-]{1,64}$/.test(kept) || (kept === 'host' && all !== 'host')
    ? all
    : kept
}

/** What `Body.machineVersion` has to say to get the same again. */
export const machineVersionOf = (type: string, cpuModel: string) => `${type}/${cpuModel}`
