/** What bounds a real guest is found: its own CPU while it is busy, its neighbours while they take the host's. */

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findBottleneck } from '#engines/bottleneck/find.ts'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { Figures } from '#model/metrics.ts'
import { Sampler } from '#program/agent/samples.ts'
import { liveWorld, never } from './hypervisor-world.ts'

/** Long enough for the scheduler to be fair, short enough for a test. */
const windowMs = 3_000

const findingOf = (figures: Figures) =>
  findBottleneck({
    name: 'hello',
    cpus: 1,
    figures,
    disks: [],
    nics: [],
    host: { name: 'here', figures: {} },
  })

test('a busy guest is bound by its CPU; with another program on that CPU, by its neighbour', async (t) => {
  const world = await liveWorld()
  const driver = await world.open()
  t.after(async () => {
    await driver.close()
    await world.close()
  })
  const id = randomUUID()
  await driver.spawn(id, await world.body({ cpus: 1 }), never)
  while ((await driver.observe(id)).wordSeenAtMs === null) await sleep(50)
  const line = await driver.serial(id)
  await line.write(Buffer.from('while true; do :; done\r'))
  line.close()
  const { pid } = await driver.observe(id)

  const sampler = new Sampler({ clock: realClock, hypervisor: driver, newId: randomUUID })
  /** Figures of the guest over a window. */
  const measured = async (): Promise<Figures> => {
    await sampler.take()
    await sleep(windowMs)
    await sampler.take()
    const { samples } = sampler.due() as unknown as { samples: { guests: Record<string, Figures> }[] }
    return samples.at(-1)?.guests[id] ?? {}
  }
  const until = async (is: (figures: Figures) => boolean) => {
    for (let tries = 0; ; tries++) {
      const figures = await measured()
      if (is(figures)) return figures
      assert.ok(tries < 12, JSON.stringify(figures))
    }
  }

  // The host of a test is shared with other tests: what is not run is waited for.
  const busy = await until(({ vcpu = 0, steal = 0 }) => vcpu + steal > 0.9)
  const expected = (busy['steal'] ?? 0) > 0.15 ? 'neighbours' : 'cpu'
  assert.equal(findingOf(busy).resource, expected, JSON.stringify(busy))
  assert.ok((busy['cpu'] ?? 0) >= (busy['vcpu'] ?? 1) * 0.9, 'the process took what its CPU took')

  execFileSync('taskset', ['-a', '-p', '-c', '0', String(pid)], { stdio: 'ignore' })
  const neighbour = spawn('taskset', ['-c', '0', process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' })
  t.after(() => neighbour.kill('SIGKILL'))
  const crowded = await until(({ steal = 0 }) => steal > 0.3)
  assert.equal(findingOf(crowded).reason.code, 'bound/neighbours', JSON.stringify(crowded))
})
