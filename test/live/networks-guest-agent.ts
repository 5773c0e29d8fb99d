/** The part of an agent that runs in a namespace: one guest at a tap. `node … FOLDER GUEST`, a line of JSON each way. */

import { createInterface } from 'node:readline'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { Plug } from '#drivers/hypervisor/port.ts'
import { openQemu } from '#drivers/hypervisor/qemu/qemu.ts'
import { guestFiles } from './hypervisor-guest.ts'
import { answerOf, promptOf } from './hypervisor-parts.ts'
import { bodyOf, never } from './hypervisor-world.ts'

const [, , folder = '', id = ''] = process.argv
// The driver's own timers hold no program up.
const hold = setInterval(() => undefined, 1000)
const driver = await openQemu({ folder, clock: realClock })
const kernel = { ...guestFiles('parts'), commandLine: 'console=ttyS0 quiet panic=0' }

async function answerTo({ plug, command }: { plug?: Plug; command?: string }): Promise<unknown> {
  if (command !== undefined) return await answerOf(driver, id, command)
  if (plug === undefined) return await driver.uidOf(id)
  await driver.spawn(id, { ...bodyOf(), kernel, plugs: [plug] }, never)
  await promptOf(driver, id)
  return 'running'
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await answerTo(JSON.parse(line) as object))}\n`)
await driver.kill(id, never)
await driver.remove(id, never)
await driver.close()
clearInterval(hold)
