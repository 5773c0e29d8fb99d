/** The kernel modules that the starter image needs, with all that they stand on, in the order of loading. */

import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Problem } from '#model/problem.ts'

export type Module = { readonly name: string; readonly content: Uint8Array }

/** How a module file is opened: Debian 13 compresses them. */
export type Unpack = (file: string) => Promise<Uint8Array>

/** So that the proof of life comes before anything else. */
export const firstModules = ['qemu_fw_cfg']
/** Without these there is no disk. */
export const diskModules = ['virtio_pci', 'virtio_mmio', 'virtio_blk']
/** Power button, network, entropy, memory that comes and goes, console ports, word of a panic; as far as the kernel has them. */
export const laterModules = [
  'virtio_net',
  'button',
  'evdev',
  'virtio_rng',
  'virtio_balloon',
  'virtio_mem',
  'virtio_console',
  'pvpanic_pci',
  'pvpanic_mmio',
]

/** The kernel takes `-` and `_` in names of modules for the same. */
const nameOf = (file: string) =>
  basename(file)
    .replace(/\.ko(\.xz|\.zst|\.gz)?$/, '')
    .replaceAll('-', '_')

/** What a module stands on, as it says itself in its `.modinfo`; no other tool of the host is needed. */
export function dependenciesIn(content: Uint8Array): string[] {
  const [, names = ''] = /\0depends=([^\0]*)\0/.exec(Buffer.from(content).toString('latin1')) ?? []
  return names
    .split(',')
    .filter((name) => name !== '')
    .map((name) => name.replaceAll('-', '_'))
}

export type ModuleSet = {
  /**
   * The modules with what they stand on, each once, what others need first. Built-in ones are left out, and
   * missing ones too if they are `optional`.
   */
  take(names: readonly string[], need?: 'optional'): Promise<Module[]>
}

/** Finds modules below the folder of one kernel, `lib/modules/VERSION`. */
export async function openModules(folder: string, unpack: Unpack): Promise<ModuleSet> {
  const files = new Map<string, string>()
  for (const path of await readdir(folder, { recursive: true }))
    if (/\.ko(\.xz|\.zst|\.gz)?$/.test(path)) files.set(nameOf(path), join(folder, path))
  const builtin = new Set((await readFile(join(folder, 'modules.builtin'), 'utf8')).split('\n').map(nameOf))
  const taken = new Set<string>()

  async function one(name: string): Promise<Module[]> {
    if (taken.has(name) || builtin.has(name)) return []
    taken.add(name)
    const path = files.get(name)
    if (path === undefined)
      throw new Problem('tool/failed', { tool: 'The starter image', why: `the kernel has no module ${name}` })
    const content = await unpack(path)
    const below: Module[] = []
    for (const dependency of dependenciesIn(content)) below.push(...(await one(dependency)))
    return [...below, { name, content }]
  }

  return {
    async take(names, need) {
      const modules: Module[] = []
      const wanted = need === 'optional' ? names.filter((name) => files.has(name)) : names
      for (const name of wanted) modules.push(...(await one(name)))
      return modules
    },
  }
}
