/** Live changes of a real guest's parts: the contract, as a guest of its own user in its jail. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { realClock } from '#drivers/clock/real/clock.ts'
import { obeysPartsContract } from '#drivers/hypervisor/contract-parts.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'
import { filesIn, growingBody, partsWorld, plugOf, promptOf } from './hypervisor-parts.ts'
import { diskOf, liveWorld, never } from './hypervisor-world.ts'

obeysPartsContract('QEMU', () => partsWorld())

const script = new URL('hypervisor-parts-agent.ts', import.meta.url).pathname

/** Runs the agent that dies; true when it lived to the end. */
const lived = (words: readonly string[]) =>
  new Promise<boolean>((done) => {
    const agent = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    agent.stdout.on('data', (bytes) => (said += bytes))
    agent.once('close', () => done(said.includes('done')))
  })

test('an agent killed at any word of a hot-plug leaves nothing half done (I-20)', async (t) => {
  const world = await liveWorld()
  t.after(() => world.close())
  const [id, fileOf] = [randomUUID(), filesIn(world)]
  const begun = await world.open()
  await begun.spawn(id, growingBody(diskOf({ file: fileOf('disk0', 2 ** 24) })), never)
  await promptOf(begun, id)
  await begun.close()
  const file = fileOf('disk1', 2 ** 24)
  let deaths = 0
  while (!(await lived([world.folder, id, String(deaths + 1), file]))) {
    deaths += 1
    const driver = await world.open()
    await endsBoth(driver, id, file).finally(() => driver.close())
  }
  assert.ok(deaths >= 8, `it was killed ${deaths} times`)
})

/** Whatever was begun is ended, forwards and then back, by asking for the same again as a planner does. */
async function endsBoth(driver: Hypervisor, id: string, file: string) {
  const seen = async () => {
    const { running } = await driver.observe(id)
    return [...(running?.disks ?? []), ...(running?.nics ?? [])].map((each) => each.id).toSorted()
  }
  // One that was asked to go before may be seen a moment longer.
  for (let tries = 0; tries === 0 || (await seen()).length < 3; tries += 1) {
    assert.ok(tries < 100, 'both come')
    await driver.parts.attachDisk(id, diskOf({ id: 'disk1', file }), never)
    await driver.parts.attachNic(id, plugOf('net1'), never)
    await realClock.sleep(200)
  }
  assert.deepEqual(await seen(), ['disk0', 'disk1', 'net1'])
  await driver.parts.detachDisk(id, 'disk1', never)
  await driver.parts.detachNic(id, 'net1', never)
  assert.deepEqual(await seen(), ['disk0'])
  const pid = (await driver.observe(id)).pid ?? 0
  assert.doesNotMatch(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'), new RegExp(file))
}
