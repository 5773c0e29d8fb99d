/** The machine itself: what it is, what runs it, how it boots, and the walls QEMU builds around itself. */

import { limits } from '#model/limits.ts'
import { isMicrovm, type Part, type Start } from './part.ts'

/**
 * Who it is. The folder stands in the arguments so that one can tell whose process it is. An ended or
 * panicked guest leaves its process standing, which says why. CPUs wait for `cont` (`-S`).
 */
export const identity = ({ id, folder }: Start): Part =>
  [
    ['-name', id],
    ['-uuid', id],
    ['-pidfile', `${folder}/qemu.pid`],
    ['-nodefaults', '-no-user-config'],
    ['-S', '-no-shutdown'],
    ['-action', 'panic=pause'],
  ].flat()

export function machine(start: Start): Part {
  if (start.architecture === 'aarch64') return ['-machine', `${start.machineType},gic-version=max`]
  return ['-machine', isMicrovm(start) ? `${start.machineType},rtc=on` : `${start.machineType},vmport=off`]
}

export const accelerator = ({ accelerator }: Start): Part => [
  '-accel',
  accelerator === 'kvm' ? 'kvm' : `tcg,tb-size=${limits.tcgCacheMib}`,
]

export const cpu = ({ accelerator, body }: Start): Part =>
  [
    ['-cpu', accelerator === 'kvm' ? 'host' : 'max'],
    ['-smp', `cpus=${body.spec.cpus}`],
  ].flat()

export const memory = ({ body }: Start): Part => ['-m', `size=${body.spec.memoryMib}M`]

/**
 * A kernel that QEMU loads itself, or the firmware. The kernel's own command line is text from a person:
 * it is set over QMP before the machine is built (`-preconfig`), never here.
 */
export function kernel({ body, firmware }: Start): Part {
  if (body.kernel !== null)
    return ['-preconfig', '-kernel', body.kernel.kernelFile, '-initrd', body.kernel.initrdFile]
  return firmware === null ? [] : ['-bios', firmware.code]
}

/**
 * What the guest can read below `opt/decant/` (qemu.org, docs/specs/fw_cfg): the word of its proof of life, and
 * its machine's name. Both lie in files of the run folder: a person's text stays out of the arguments.
 */
export const firmwareConfig = (): Part =>
  ['word', 'name'].flatMap((file) => ['-fw_cfg', `name=opt/decant/${file},file=${file}`])

/** Seccomp: no new programs, no new privileges (see `-sandbox` in qemu(1)). */
export const sandbox = (): Part => [
  '-sandbox',
  'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
]
