/** A program that starts one guest and then stands there, to be killed: `node … FOLDER GUEST`. */

import { realClock } from '#drivers/clock/real/clock.ts'
import { openQemu } from '#drivers/hypervisor/qemu/qemu.ts'
import { bodyOf, never } from './hypervisor-world.ts'

const [, , folder = '', id = ''] = process.argv
setInterval(() => undefined, 1000)
const driver = await openQemu({ folder, clock: realClock })
console.log('open')
await driver.spawn(id, bodyOf(), never)
console.log(`running ${(await driver.observe(id)).pid}`)
