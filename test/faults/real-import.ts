/** The life of an image that a person sends: imported in spite of a kill, then deleted. */

import assert from 'node:assert/strict'
import { openSync, writeSync, closeSync, ftruncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../start/decant.ts'
import { keptOn } from './real-host.ts'
import { sentence, strike, type Blow, type Lived } from './real-life.ts'
import type { Rig } from './real-rig.ts'

const contentMib = 96

/** A raw disk with something at its beginning, its middle and its end. */
function contentIn(folder: string): string {
  const file = join(folder, 'content.raw')
  const descriptor = openSync(file, 'w')
  for (const atMib of [0, contentMib / 2, contentMib - 1]) {
    writeSync(descriptor, Buffer.alloc(4096, atMib + 1), 0, 4096, atMib * 2 ** 20)
  }
  ftruncateSync(descriptor, contentMib * 2 ** 20)
  closeSync(descriptor)
  return file
}

/** Imports as a person does: the same command again until it has gone well. */
async function importing(rig: Rig, name: string, file: string) {
  let stderr = ''
  for (let tries = 0; tries < 40; tries++) {
    const { status, stderr: said } = await rig.cliMeanwhile('image', 'import', name, '--file', file, '--wait')
    if (status === 0) return
    stderr = said
    await sleep(250)
  }
  assert.fail(`${name} cannot be imported: ${stderr}\n${rig.story}`)
}

/** Leads an image through its life; each of its two verbs meets its blow. */
export async function liveImage(
  rig: Rig,
  name: string,
  blowFor: (verb: string) => Blow | undefined,
): Promise<Lived[]> {
  const before = keptOn(rig.data)
  const file = contentIn(rig.person.home)
  const lived: Lived[] = []
  for (const [verb, act] of [
    ['import', () => importing(rig, name, file)],
    ['delete', () => rig.insist('DELETE', `images/${name}`)],
  ] as const) {
    const blow = blowFor(verb)
    const sinceMs = performance.now()
    const struck = blow === undefined ? Promise.resolve() : strike(rig, blow)
    await Promise.all([act(), struck])
    lived.push({ verb: `image ${verb}`, ms: performance.now() - sinceMs, blow })
    if (verb === 'import') await isWhole(rig, name, blow)
  }
  await until(
    () => JSON.stringify(keptOn(rig.data)) === JSON.stringify(before),
    15_000,
    () =>
      `I-20: not as before: ${keptOn(rig.data)
        .filter((path) => !before.includes(path))
        .join(', ')}`,
  )
  assert.equal(await rig.find('images', name), undefined)
  return lived
}

async function isWhole(rig: Rig, name: string, blow: Blow | undefined) {
  const image = await rig.find('images', name)
  const { state, virtualBytes } = (image?.status ?? {}) as { state?: string; virtualBytes?: number }
  const label = `I-20: import, ${blow === undefined ? '' : sentence(blow)}`
  assert.deepEqual({ state, virtualBytes }, { state: 'ready', virtualBytes: contentMib * 2 ** 20 }, label)
  await until(
    () => !keptOn(rig.data).some((path) => path.startsWith('agent/datastore/drafts/')),
    10_000,
    () => label,
  )
}
