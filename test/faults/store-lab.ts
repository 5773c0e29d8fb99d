/** Disks that can be cut off, filled and broken, and a program that writes to them. */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' })

export type Lab = {
  readonly folder: string
  /** Mounts an image file; `commit=600` keeps ext4 from making durable what nobody asked for. */
  mount(image: string, at: string): void
  mountTmpfs(at: string, size: string): void
  unmount(at: string): void
}

/** A folder in which mounts are possible, taken away afterwards; nothing where they are not. */
export function openLab(): (Lab & { close(): void }) | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'decant-disks-'))
  const mounts = new Set<string>()
  const mount = (at: string, ...args: string[]) => {
    mkdirSync(at, { recursive: true })
    run('mount', ...args, at)
    mounts.add(at)
  }
  const unmount = (at: string) => {
    run('umount', at)
    mounts.delete(at)
  }
  const lab = {
    folder,
    mount: (image: string, at: string) => mount(at, '-o', 'loop,commit=600', image),
    mountTmpfs: (at: string, size: string) => mount(at, '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs'),
    unmount,
    close() {
      for (const at of mounts) unmount(at)
      rmSync(folder, { recursive: true })
    },
  }
  if (canMount(lab)) return lab
  lab.close()
  return undefined
}

function canMount(lab: Lab): boolean {
  try {
    const image = newDisk(lab.folder, 'probe')
    lab.mount(image, join(lab.folder, 'probe.at'))
    lab.unmount(join(lab.folder, 'probe.at'))
    return true
  } catch {
    return false
  }
}

/** An ext4 file system in a sparse file of 1 GiB. */
export function newDisk(folder: string, name: string): string {
  const image = join(folder, `${name}.img`)
  writeFileSync(image, '')
  truncateSync(image, 2 ** 30)
  run('mkfs.ext4', '-q', '-F', image)
  return image
}

/** What stood on the disk at one instant, without what the kernel had not yet written to it. */
export const copyDisk = (image: string, copy: string) => run('cp', '--sparse=always', image, copy)

export type Load = {
  /** Ids of the commits acknowledged so far. */
  readonly acknowledged: readonly string[]
  readonly child: ChildProcess
  /** Resolves when so many are acknowledged. */
  reached(count: number): Promise<void>
  kill(): Promise<void>
}

/** Runs `store-load.ts` on a folder. */
export function startLoad(folder: string, mode: 'full' | 'normal' | 'off' = 'full'): Load {
  const file = new URL('./store-load.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [file, folder, mode], { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged: string[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    acknowledged.push(...lines)
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    acknowledged,
    child,
    async reached(count) {
      const deadline = performance.now() + 20_000
      while (acknowledged.length < count) {
        if (child.exitCode !== null || performance.now() > deadline)
          throw new Error('the load does not go on')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
