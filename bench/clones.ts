/** Linked clones of an image: Decant's datastore beside `qemu-img create -b`, in turns on the same folder. */

import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import type { Bench, BenchOptions } from './main.ts'

const counts = [1, 100, 1000]
const imageBytes = 64 * 2 ** 20
const never = new AbortController().signal

type Turn = { readonly decantMs: number; readonly qemuImgMs: number }

async function lab(folder: string) {
  const datastore = await openDirectory({ folder: join(folder, 'decant') })
  const image = randomUUID()
  const draft = await datastore.draft(image)
  writeFileSync(join(draft, 'disk.raw'), Buffer.alloc(imageBytes, 1))
  const facts = { virtualBytes: imageBytes, sha256: 'a'.repeat(64), format: 'raw', boot: 'disk' } as const
  await datastore.seal(image, { ...facts, commandLine: '', architecture: 'any' } as never)
  const { disk } = await datastore.imageFiles(image)
  return { datastore, image, disk: disk ?? '' }
}

async function turn(
  { datastore, image, disk }: Awaited<ReturnType<typeof lab>>,
  count: number,
  folder: string,
) {
  const ids = Array.from({ length: count }, () => randomUUID())
  const beforeMs = performance.now()
  for (const id of ids) await datastore.create(id, { format: 'qcow2', sizeBytes: null, image }, never)
  const decantMs = performance.now() - beforeMs
  const others = join(folder, `others-${randomUUID()}`)
  mkdirSync(others)
  const peerMs = performance.now()
  for (const id of ids)
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', disk, '-F', 'raw', join(others, id)])
  const qemuImgMs = performance.now() - peerMs
  for (const id of ids) await datastore.remove(id, never)
  rmSync(others, { recursive: true })
  return { decantMs, qemuImgMs }
}

const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

export const bench: Bench = {
  name: 'clones',
  summary: 'Linked clones, 1, 100 and 1,000 of them: Decant (durable when told) beside qemu-img create',
  run: async ({ rounds, folder }: BenchOptions) => {
    const place = mkdtempSync(join(folder, 'decant-bench-clones-'))
    try {
      const at = await lab(place)
      const results: Record<string, object> = {}
      for (const count of counts) {
        const turns: Turn[] = []
        for (let round = 0; round < (count === 1000 ? 1 : rounds); round++)
          turns.push(await turn(at, count, place))
        const decantMs = middle(turns.map((each) => each.decantMs))
        const qemuImgMs = middle(turns.map((each) => each.qemuImgMs))
        results[`clones${count}`] = {
          decantMs: Math.round(decantMs * 10) / 10,
          qemuImgMs: Math.round(qemuImgMs * 10) / 10,
          ratio: Math.round((100 * decantMs) / qemuImgMs) / 100,
        }
      }
      return results
    } finally {
      rmSync(place, { recursive: true })
    }
  },
}
