/** Layers in a real folder: QEMU's own tools write and read what a guest would. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { blockBytes, obeysLayersContract } from '../contract-layers.ts'
import type { DiskChain } from '../port.ts'
import { nodesOf } from '#drivers/ground/bench.ts'
import { openDirectory } from './directory.ts'

const named = (chain: DiskChain, isReadOnly: boolean) =>
  `json:${JSON.stringify(nodesOf(chain, { isReadOnly, secret: () => 'k0' }))}`

const io = (chain: DiskChain, isReadOnly: boolean, ...commands: string[]) =>
  execFileSync(
    'qemu-io',
    [...(isReadOnly ? ['-r'] : []), ...commands.flatMap((each) => ['-c', each]), named(chain, isReadOnly)],
    { encoding: 'utf8' },
  )

obeysLayersContract('directory', async (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-layers-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return {
    datastore: await openDirectory({ folder }),
    reopen: () => openDirectory({ folder }),
    write: async (chain, block, value) =>
      void io(chain, false, `write -P ${value} ${block * blockBytes} ${blockBytes}`),
    read: async (chain, blocks) => {
      const each = Array.from({ length: blocks }, (_, at) => `read -v ${at * blockBytes} 16`)
      const lines = io(chain, true, ...each).split('\n')
      return lines.flatMap((line) => {
        const [, first] = /^[0-9a-f]{8}:\s+([0-9a-f]{2})/.exec(line) ?? []
        return first === undefined ? [] : [Number.parseInt(first, 16)]
      })
    },
    keep: async (file) => writeFileSync(file, 'memory'),
    has: async (file) => existsSync(file),
    dispose: async () => undefined,
  }
})
