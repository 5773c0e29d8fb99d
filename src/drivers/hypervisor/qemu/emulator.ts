/** The installed QEMU: where it is, which version, and what its machine types are really called. */

import { Problem } from '#model/problem.ts'
import type { Architecture } from './command/part.ts'
import { run } from './run.ts'

export type Emulator = {
  readonly binary: string
  readonly version: string
  readonly architecture: Architecture
  /** Versioned names of the machine types that people choose from. */
  readonly machines: Readonly<Record<string, string>>
}

export const architecture: Architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64'

/** Looks at the QEMU of this host; nothing when there is none. */
export async function findEmulator(binary = `qemu-system-${architecture}`): Promise<Emulator | undefined> {
  const [version, machines] = await Promise.all([
    run(binary, ['--version']),
    run(binary, ['-machine', 'help']),
  ])
  if (version.status !== 0) return undefined
  return {
    binary,
    version: versionIn(version.said),
    architecture,
    machines: machinesIn(machines.said),
  }
}

/** What the host's kernel measured of its time stamp counter, from its log; null where that is not to be read. */
export async function findTscKhz(): Promise<number | null> {
  return tscKhzIn((await run('dmesg', [])).said)
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

/** The versioned machine type for a wish; arm64 has one machine for all wishes. Problem `feature/not-here`. */
export function machineTypeOf({ machines, architecture }: Emulator, wished: string): string {
  const name = architecture === 'aarch64' ? 'virt' : wished
  const found = machines[name]
  if (found === undefined)
    throw new Problem('feature/not-here', { what: `machine type ${name}`, why: 'QEMU lacks it' })
  return found
}
