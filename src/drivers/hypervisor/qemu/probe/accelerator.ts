/**
 * Decides how guests run: KVM where a probe guest proves that it works, else emulation. The answer is kept
 * per boot of the host, version of QEMU and user, in a file beside the guests.
 */

import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isObject } from '#base/json.ts'
import type { Accelerator } from '../../port.ts'
import type { Emulator } from '../emulator.ts'
import { hostBootId } from '../process.ts'
import { run } from '../run.ts'
import { probeRom } from './rom.ts'

const probeMs = 1000
/** What isa-debug-exit makes of the value 0x10: (0x10 << 1) | 1. */
const provenStatus = 33

const notOpen =
  'this user may not open /dev/kvm: join the group that may (on Debian: usermod -aG kvm USER), sign in again, restart Decant'

type Answer = { readonly isUsable: boolean; readonly why: string }

/** `folder`: that of the guests. */
export async function decideAccelerator(
  emulator: Emulator | undefined,
  folder: string,
): Promise<Accelerator> {
  if (emulator === undefined)
    return { name: 'none', why: 'QEMU is not installed', version: '', architecture: process.arch }
  const { version, architecture } = emulator
  const answer = await rememberedAnswer(join(dirname(folder), 'accelerator.json'), version, () =>
    probeKvm(emulator),
  )
  return { name: answer.isUsable ? 'kvm' : 'tcg', why: answer.why, version, architecture }
}

async function rememberedAnswer(file: string, version: string, find: () => Promise<Answer>) {
  // Whoever joins the group kvm need not restart the host for it to count.
  const device = `${existsSync('/dev/kvm')} ${isOpenToUs('/dev/kvm')}`
  const key = `${hostBootId()} ${version} ${process.getuid?.()} ${device}`
  const kept = readKept(file)
  if (kept?.key === key) return kept.answer
  const answer = await find()
  writeFileSync(`${file}.new`, JSON.stringify({ key, answer }), { mode: 0o644 })
  renameSync(`${file}.new`, file)
  return answer
}

function readKept(file: string): { key: string; answer: Answer } | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    const answer = isObject(value) ? value['answer'] : undefined
    if (!isObject(value) || !isObject(answer)) return undefined
    const [key, isUsable, why] = [value['key'], answer['isUsable'], answer['why']]
    return typeof key === 'string' && typeof isUsable === 'boolean' && typeof why === 'string'
      ? { key, answer: { isUsable, why } }
      : undefined
  } catch {
    return undefined
  }
}

async function probeKvm(emulator: Emulator): Promise<Answer> {
  if (!existsSync('/dev/kvm')) return { isUsable: false, why: 'this host has no /dev/kvm' }
  if (!isOpenToUs('/dev/kvm')) return { isUsable: false, why: notOpen }
  // The probe is x86 code; on arm64 the kernel offers KVM only where it works.
  if (emulator.architecture !== 'x86_64') return { isUsable: true, why: '/dev/kvm is there' }
  const status = await runProbe(emulator.binary, 'kvm', 'host')
  if (status === provenStatus) return { isUsable: true, why: 'a probe guest reached long mode under KVM' }
  const how = status === -1 ? `did not finish within ${probeMs} ms` : `ended with status ${status}`
  return { isUsable: false, why: `/dev/kvm is there, but a probe guest ${how}` }
}

function isOpenToUs(file: string) {
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Runs the probe guest and gives QEMU's status; -1 when it had to be ended. */
export async function runProbe(binary: string, accelerator: 'kvm' | 'tcg', cpu: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'decant-probe-'))
  const rom = join(folder, 'probe.bin')
  writeFileSync(rom, probeRom())
  const exit = 'isa-debug-exit,iobase=0xf4,iosize=4'
  try {
    const machine = ['-accel', accelerator, '-cpu', cpu, '-M', 'pc', '-m', '16']
    const bare = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot']
    return (await run(binary, [...machine, ...bare, '-bios', rom, '-device', exit], probeMs)).status
  } finally {
    rmSync(folder, { recursive: true })
  }
}
