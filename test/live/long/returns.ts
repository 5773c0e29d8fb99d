/** A kept memory of a real guest that has grown since its start comes back into what the guest knows. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { realClock } from '#drivers/clock/real/clock.ts'
import { growingBody } from '../hypervisor-parts.ts'
import { diskOf, liveWorld, never } from '../hypervisor-world.ts'
import { inGuest } from '../layers-world.ts'

test('CPUs, memory and disks that came while it ran are there again, in their places (I-29)', async (t) => {
  const live = await liveWorld()
  const folder = mkdtempSync(join(tmpdir(), 'decant-live-returns-'))
  chmodSync(folder, 0o755)
  const driver = await live.open()
  t.after(async () => {
    await driver.close()
    await live.close()
    rmSync(folder, { recursive: true })
  })
  const fileFor = (name: string, ...how: string[]) => {
    const file = join(folder, `${name}.qcow2`)
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...how, file, '16M'])
    chmodSync(file, 0o666)
    return file
  }
  const id = randomUUID()
  const ids = ['disk0', 'data', 'more', 'last']
  const bases = Object.fromEntries(ids.map((disk) => [disk, fileFor(disk)]))
  const disk = (name: string, bus: 'virtio' | 'scsi' = 'virtio') =>
    diskOf({ id: name, file: bases[name] ?? '', format: 'qcow2', bus })
  const begun = { ...growingBody(disk('disk0')), cdroms: [] }
  await driver.spawn(id, { ...begun, disks: [disk('disk0'), disk('data')] }, never)
  while ((await driver.observe(id)).wordSeenAtMs === null) await realClock.sleep(50)
  await inGuest(driver, id, 'while [ ! -b /dev/vdb ]; do sleep 1; done')
  await driver.parts.attachDisk(id, disk('more'), never)
  await driver.parts.attachDisk(id, disk('last', 'scsi'), never)
  await driver.parts.detachDisk(id, 'data', never)
  await driver.parts.setCpus(id, 2, never)
  await driver.parts.setMemory(id, 320, never)
  await inGuest(driver, id, 'while [ ! -b /dev/sda ]; do sleep 1; done; word=seagull')
  const memory = join(folder, 'memory')
  const ran = ['disk0', 'more', 'last']
  const tops = ran.map((name) => {
    const file = fileFor(`${name}-top`, '-b', bases[name] ?? '', '-F', 'qcow2')
    return { disk: name, top: { file, format: 'qcow2' as const, key: null }, keys: {} }
  })
  const { kept } = await driver.layers.overlay(id, tops, memory, never)
  assert.ok(kept !== null)
  assert.deepEqual([kept.running.cpus, kept.running.memoryMib], [2, 320])
  const inside =
    'echo $word; ls /sys/block | grep -c "^[sv]d"; nproc; dd if=/dev/sda bs=1M count=1 2>/dev/null | wc -c'
  const before = await inGuest(driver, id, inside)
  await driver.kill(id, never)
  const back = ran.map((name) =>
    diskOf({
      id: name,
      file: fileFor(`${name}-new`, '-b', bases[name] ?? '', '-F', 'qcow2'),
      format: 'qcow2',
      bus: name === 'last' ? 'scsi' : 'virtio',
      backing: [{ file: bases[name] ?? '', format: 'qcow2', key: null }],
    }),
  )
  const goesOn = { memoryFile: memory, kept: { memoryMib: 320, layout: kept.layout }, disks: back }
  await driver.spawn(id, { ...begun, spec: { ...begun.spec, cpus: 2, boot: 2, epoch: 2 }, ...goesOn }, never)
  assert.equal(await inGuest(driver, id, inside), before)
  assert.match(before, /^seagull/)
  const { running } = await driver.observe(id)
  assert.deepEqual([running?.cpus, running?.memoryMib], [2, 320])
  // The guest still heeds what is plugged in and out.
  await driver.parts.detachDisk(id, 'more', never)
  await driver.parts.setMemory(id, 192, never)
})
