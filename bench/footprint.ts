/**
 * What Decant takes when nothing happens: memory (PSS) and processor of supervisor, controller and agent
 * with one running machine, and with 1,000 simulated ones, beside libvirtd with none.
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BenchOptions } from './main.ts'

const checkout = fileURLToPath(new URL('..', import.meta.url))
const ticksPerSecond = 100
const settleMs = 10_000

export const bench = {
  name: 'footprint',
  summary: 'memory and processor of an idle Decant with one machine, beside libvirtd',
  run,
}

type Idle = { readonly pssMib: number; readonly cpuPercent: number; readonly processes: number }

/** Proportional set size: shared pages count in parts (proc_pid_smaps(5)). */
const pssKib = (pid: number) =>
  Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)

function ticks(pid: number) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** A process and all that descend from it, but for guests. */
function familyOf(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = readText(`/proc/${name}/stat`)
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]))
  }
  const isOurs = (pid: number): boolean => pid === root || (parents.has(pid) && isOurs(parents.get(pid) ?? 0))
  return [...parents.keys()].filter(
    (pid) => isOurs(pid) && !readText(`/proc/${pid}/cmdline`).includes('qemu-system'),
  )
}

function readText(path: string) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function idleOf(root: number, seconds: number): Promise<Idle> {
  await sleep(settleMs)
  const pids = familyOf(root)
  if (pids.length === 0) throw new Error('what was to be measured has ended')
  const before = pids.map(ticks)
  await sleep(seconds * 1000)
  const used = pids.reduce((sum, pid, at) => sum + ticks(pid) - (before[at] ?? 0), 0)
  const pss = pids.reduce((sum, pid) => sum + pssKib(pid), 0)
  const rounded = (value: number) => Number(value.toFixed(1))
  return {
    pssMib: rounded(pss / 1024),
    cpuPercent: rounded((used / ticksPerSecond / seconds) * 100),
    processes: pids.length,
  }
}

async function startDecant(data: string, ...more: readonly string[]): Promise<ChildProcess> {
  const argv = [join(checkout, 'src/bin/start.ts'), '--data', data, '--port', '0', ...more]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const bytes of child.stdout) if (/^Decant is ready/m.test(String(bytes))) return child
  throw new Error('Decant did not become ready')
}

async function decantIdle(folder: string, seconds: number): Promise<Idle> {
  const data = join(folder, 'decant')
  // The first start builds an image and compiles the code; idle is what every later one is.
  const first = await startDecant(data)
  first.kill('SIGTERM')
  await once(first, 'exit')
  const child = await startDecant(data)
  try {
    return await idleOf(child.pid ?? 0, seconds)
  } finally {
    spawnSync(join(checkout, 'decant'), ['--data', data, 'down', '--force-after', '0'], { stdio: 'ignore' })
    if (child.exitCode === null) await once(child, 'exit')
  }
}

async function simulatedIdle(folder: string, seconds: number): Promise<Idle> {
  const child = await startDecant(join(folder, 'simulated'), '--simulate', '100,1000')
  try {
    return await idleOf(child.pid ?? 0, seconds)
  } finally {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
}

/** libvirtd on folders of its own: in a mount namespace, empty ones lie over those of the system. */
async function libvirtIdle(folder: string, seconds: number): Promise<Idle> {
  const own = join(folder, 'libvirt')
  mkdirSync(own)
  const config = join(own, 'libvirtd.conf')
  writeFileSync(config, `unix_sock_dir = "${own}"\nauth_unix_rw = "none"\n`)
  const hidden = [
    '/etc/libvirt',
    '/var/lib/libvirt',
    '/var/cache/libvirt',
    '/var/log/libvirt',
    '/run/libvirt',
  ]
  const hide = hidden.map((path) => `mkdir -p ${path} && mount -t tmpfs tmpfs ${path}`).join(' && ')
  // The account that libvirt's package would make.
  const accounts = ['passwd', 'group'].map(
    (file) =>
      `(cat /etc/${file}; echo libvirt-qemu:x:64055:64055::/:/bin/false) >"$3/${file}" && mount --bind "$3/${file}" /etc/${file}`,
  )
  const script = [hide, ...accounts, 'exec libvirtd --config "$1" --pid-file "$2"'].join(' && ')
  const argv = ['--mount', 'sh', '-c', script, 'libvirtd', config, join(own, 'pid'), own]
  const child = spawn('unshare', argv, { stdio: 'ignore' })
  try {
    const idle = await idleOf(child.pid ?? 0, seconds)
    if (child.exitCode !== null)
      throw new Error('libvirtd did not start: apt-get install libvirt-daemon-system')
    return idle
  } finally {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
}

async function run({ seconds, folder }: BenchOptions) {
  const own = mkdtempSync(join(folder, 'decant-footprint-'))
  try {
    return {
      decant: await decantIdle(own, seconds),
      decantWith1000Simulated: await simulatedIdle(own, seconds),
      libvirtd: await libvirtIdle(own, seconds),
      aim: 'decant.pssMib <= 150',
    }
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}
