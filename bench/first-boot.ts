/**
 * From `create` until cloud-init is done, beside the same image begun by hand: qemu-img, a seed by xorriso or genisoimage, and
 * QEMU with the same devices, whose serial line says when cloud-init has finished. In turns, one guest at a time.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openLab, type Lab } from '../test/live/first-boot-lab.ts'
import type { BenchOptions } from './main.ts'

export const bench = {
  name: 'first-boot',
  summary:
    'From create until cloud-init is done, beside the same image begun by hand (builds a Debian first)',
  run,
}

const files = [{ path: '/etc/motd', content: 'tamarind\n' }]

/** Seconds; `ratio`: of the medians. */
async function run({ rounds }: BenchOptions) {
  const lab = await openLab()
  try {
    const sinceMs = performance.now()
    await lab.decant('image', 'build', 'debian-12', 'debian', '--wait=3600')
    const builtSeconds = (performance.now() - sinceMs) / 1000
    const [disk = ''] = globSync(join(lab.folder, 'agent/datastore/**/images/*/disk.qcow2'))
    const taken = { decant: [] as number[], byHand: [] as number[] }
    for (let round = 0; round < rounds; round += 1) {
      taken.byHand.push((await byHand(lab.folder, disk)) / 1000)
      taken.decant.push((await lab.boot(`m${round}`, { files })) / 1000)
      await lab.decant('machine', 'delete', `m${round}`, '--yes', '--wait')
    }
    const [decant, hand] = [median(taken.decant), median(taken.byHand)]
    return { builtSeconds, decant, byHand: hand, ratio: Number((decant / hand).toFixed(2)), taken }
  } finally {
    lab.close()
  }
}

const median = (values: readonly number[]) =>
  Number((values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN).toFixed(1))

/** A seed as the documentation of cloud-init says to make one. */
function seedIn(folder: string) {
  const content = join(folder, 'seed')
  mkdirSync(content)
  writeFileSync(join(content, 'meta-data'), 'instance-id: by-hand\nlocal-hostname: by-hand\n')
  writeFileSync(join(content, 'user-data'), `#cloud-config\n${JSON.stringify({ write_files: files })}\n`)
  const hasGenisoimage = spawnSync('genisoimage', ['--version']).error === undefined
  const [tool, before] = hasGenisoimage ? ['genisoimage', []] : ['xorriso', ['-as', 'mkisofs']]
  const file = join(folder, 'seed.iso')
  const argv = [...before, '-quiet', '-output', file, '-volid', 'cidata', '-joliet', '-rock', content]
  execFileSync(tool, argv, { stdio: 'ignore' })
  return file
}

async function byHand(parent: Lab['folder'], image: string): Promise<number> {
  const folder = mkdtempSync(join(parent, 'by-hand-'))
  const sinceMs = performance.now()
  const disk = join(folder, 'disk.qcow2')
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image, disk])
  const argv = [
    ['-accel', 'tcg,tb-size=64', '-M', 'q35', '-cpu', 'max', '-m', '512', '-nodefaults', '-display', 'none'],
    ['-drive', `if=virtio,file=${disk},format=qcow2`],
    ['-drive', `if=virtio,file=${seedIn(folder)},format=raw,readonly=on`],
    ['-netdev', 'user,id=n0', '-device', 'virtio-net-pci,netdev=n0,romfile=', '-device', 'virtio-rng-pci'],
    ['-serial', 'stdio'],
  ].flat()
  const qemu = spawn('qemu-system-x86_64', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    for await (const line of createInterface({ input: qemu.stdout }))
      if (/Cloud-init v\. \S+ finished/.test(line)) return performance.now() - sinceMs
    throw new Error('the guest begun by hand ended before cloud-init had finished')
  } finally {
    qemu.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}
