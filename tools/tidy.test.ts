/** Tidy catches each fault that it is there for, and the architecture paper quotes the real layers. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { apart, faultsOf, importFault, layerTable, layers } from './tidy.ts'

const head = '/** Owns something. */\n'

const sampleOf: Readonly<Record<string, string>> = {
  base: 'src/base/order.ts',
  model: 'src/model/kind.ts',
  schema: 'src/kinds/guest/schema.ts',
  decision: 'src/kinds/guest/plan.ts',
  port: 'src/drivers/store/port.ts',
  hands: 'src/kinds/guest/execute.ts',
  ground: 'src/drivers/ground/files.ts',
  driver: 'src/drivers/store/sqlite/open.ts',
  runtime: 'src/runtime/queue.ts',
  program: 'src/program/agent.ts',
  client: 'src/client/client.ts',
  cli: 'src/cli/run.ts',
  console: 'src/console/shell.tsx',
  api: 'src/api/http.ts',
  sim: 'src/sim/world.ts',
  bin: 'src/bin/agent.ts',
}

const path = (layer: string) => {
  const sample = sampleOf[layer]
  assert.ok(sample !== undefined, `a sample for layer ${layer}`)
  return sample
}

test('each layer is told by the path of its files', () => {
  for (const [name] of layers) assert.equal(importFault(path(name), path(name)), undefined, name)
})

test('no layer imports from one below it', () => {
  for (const [rank, [name]] of layers.entries())
    for (const [below] of layers.slice(rank + 1))
      assert.ok(importFault(path(name), path(below)), `${name} → ${below}`)
})

test('pairs that are kept apart are told', () => {
  for (const [from, to] of apart) assert.ok(importFault(path(from), path(to)), `${from} → ${to}`)
})

test('one driver does not import another, but files of the same driver do', () => {
  const sqlite = 'src/drivers/store/sqlite/open.ts'
  assert.ok(importFault(sqlite, 'src/drivers/store/memory/open.ts'))
  assert.ok(importFault(sqlite, 'src/drivers/hypervisor/qemu/open.ts'))
  assert.equal(importFault(sqlite, 'src/drivers/store/sqlite/schema.ts'), undefined)
})

test('a file outside every layer is told', () => {
  assert.ok(importFault('src/elsewhere/thing.ts', 'src/base/order.ts'))
})

test('imports are read from the text of a file', () => {
  const text = `${head}import { open } from '#drivers/store/sqlite/open.ts'\n`
  assert.equal(faultsOf('src/runtime/queue.ts', text).length, 1)
  assert.deepEqual(faultsOf('src/bin/controller.ts', text), [])
  assert.equal(faultsOf('src/base/order.ts', `${head}export * from '../model/kind.ts'\n`).length, 1)
})

test('a file without a head, too long, or named for nothing is told', () => {
  assert.match(faultsOf('src/base/order.ts', 'export const one = 1\n').join(), /no head/)
  assert.match(faultsOf('src/base/order.ts', head + '\n'.repeat(500)).join(), /lines, at most/)
  assert.match(faultsOf('src/base/order-utils.ts', head).join(), /the name says nothing/)
})

test('time, chance, processes and waiting are told in pure files, and only there', () => {
  for (const impure of ['Date.now()', 'new Date()', 'Math.random()', 'process.env', 'async () => {}']) {
    assert.match(faultsOf(path('decision'), `${head}const x = ${impure}\n`).join(), /impure/, impure)
    assert.deepEqual(faultsOf(path('runtime'), `${head}const x = ${impure}\n`), [], impure)
  }
  assert.deepEqual(faultsOf(path('decision'), `${head}const x = 1 // not Date.now()\n`), [])
})

test('ARCHITECTURE.md quotes the layer table as it is', () => {
  assert.ok(existsSync('ARCHITECTURE.md'), 'ARCHITECTURE.md is missing')
  const paper = readFileSync('ARCHITECTURE.md', 'utf8')
  const quoted = /<!-- layers -->\n([\s\S]*?)<!-- \/layers -->/.exec(paper)?.[1]
  assert.ok(
    quoted !== undefined,
    'ARCHITECTURE.md has no section between <!-- layers --> and <!-- /layers -->; `node tools/tidy.ts --table` prints it',
  )
  assert.equal(quoted.trim(), layerTable().trim())
})
