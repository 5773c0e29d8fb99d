/** What every hypervisor driver promises, as tests. The fake and the real ones obey the same sentences. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import { Problem, type ProblemCode } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { Body, Hypervisor, Sight } from './port.ts'

/** A world in which guests can be run, and in which things can happen to them. */
export type HypervisorWorld = {
  /** Time as the world has it; virtual time must pass by itself while somebody sleeps. */
  readonly clock: Clock
  /** A further driver object on the same folder, as after a restart of the agent. */
  open(): Promise<Hypervisor>
  /** A guest that prints `decant-proof: WORD`, answers the power button and echoes its serial line. */
  body(change?: Partial<GuestSpec>): Promise<Body>
  /** Its process dies as by kill -9 from outside. */
  crash(id: string): Promise<void>
  /** The guest switches itself off. */
  powerOff(id: string): Promise<void>
  close(): Promise<void>
}

/** A bound for anything that a guest under emulation does in these tests. */
const patienceMs = 60_000
const never = new AbortController().signal

export function obeysHypervisorContract(name: string, make: () => Promise<HypervisorWorld>): void {
  describe(`the hypervisor contract, by ${name}`, () => {
    const promise = (sentence: string, prove: (stage: Stage) => Promise<void>) =>
      it(sentence, (context) => onStage(context, make, prove))

    promise('a guest that never was is absent, with boot and epoch 0', async ({ driver, id }) => {
      const sight = await driver.observe(id)
      assert.deepEqual(
        [sight.process, sight.pid, sight.boot, sight.epoch, sight.running, sight.word],
        ['absent', null, 0, 0, null, null],
      )
      assert.deepEqual(await driver.list(), [])
      assert.equal(await driver.usage(id), null)
    })

    promise('a spawned guest runs and reports what it was started with', async ({ driver, id, world }) => {
      const body = await world.body({ epoch: 3, boot: 2 })
      await driver.spawn(id, body, never)
      const sight = await driver.observe(id)
      assert.equal(sight.process, 'running')
      assert.deepEqual([sight.epoch, sight.boot, sight.word], [3, 2, body.word])
      assert.equal(sight.running?.cpus, body.spec.cpus)
      assert.equal(sight.running?.memoryMib, body.spec.memoryMib)
      assert.equal(sight.isAdopted, false)
      assert.ok((sight.pid ?? 0) > 1)
      assert.ok(Math.abs((sight.startedAtMs ?? 0) - world.clock.now()) < patienceMs)
      assert.deepEqual(await driver.list(), [id])
      assert.ok(((await driver.usage(id))?.residentBytes ?? 0) > 0)
    })

    promise('what it uses is told of one process, counts up, and ends with it', async (stage) => {
      const { driver, id, world, until } = stage
      const body = await world.body({ cpus: 2 })
      await driver.spawn(id, body, never)
      await until(id, (now) => now.wordSeenAtMs !== null)
      const before = (await driver.usage(id)) ?? assert.fail('it runs')
      await world.clock.sleep(300)
      const after = (await driver.usage(id)) ?? assert.fail('it runs')
      assert.equal(after.process, before.process)
      assert.ok(after.cpuSeconds >= before.cpuSeconds && after.cpuSeconds > 0)
      assert.equal(after.vcpus.length, 2)
      for (const [at, { runSeconds }] of after.vcpus.entries())
        assert.ok(runSeconds >= (before.vcpus[at]?.runSeconds ?? 0))
      assert.equal(after.memoryBytes, body.spec.memoryMib * 2 ** 20)
      assert.deepEqual(
        Object.keys(after.disks),
        body.disks.map((disk) => disk.id),
      )
      assert.deepEqual(after.nics, {}, 'nobody counts where there is no NIC')
      await driver.kill(id, never)
      assert.equal(await driver.usage(id), null)
      await driver.spawn(id, body, never)
      assert.notEqual((await driver.usage(id))?.process, before.process)
    })

    promise('spawning twice, at once or in turn, is spawning once', async ({ driver, id, world }) => {
      const body = await world.body()
      await Promise.all([driver.spawn(id, body, never), driver.spawn(id, body, never)])
      const { pid } = await driver.observe(id)
      await driver.spawn(id, body, never)
      assert.equal((await driver.observe(id)).pid, pid)
    })

    promise('an older epoch or boot is refused and changes nothing (I-01)', async ({ driver, id, world }) => {
      await driver.spawn(id, await world.body({ epoch: 5, boot: 2 }), never)
      const before = await driver.observe(id)
      await refused('host/stale', driver.spawn(id, await world.body({ epoch: 4, boot: 2 }), never))
      await refused('host/stale', driver.spawn(id, await world.body({ epoch: 5, boot: 1 }), never))
      assert.equal((await driver.observe(id)).pid, before.pid)
      await driver.kill(id, never)
      await refused('host/stale', driver.spawn(id, await world.body({ epoch: 4, boot: 2 }), never))
      assert.equal((await driver.observe(id)).process, 'absent')
    })

    promise('a newer boot waits until the older process was killed', async ({ driver, id, world }) => {
      await driver.spawn(id, await world.body({ boot: 1 }), never)
      const first = await driver.observe(id)
      await refused('object/refused', driver.spawn(id, await world.body({ boot: 2 }), never))
      await driver.kill(id, never)
      await driver.spawn(id, await world.body({ boot: 2 }), never)
      const second = await driver.observe(id)
      assert.deepEqual([second.process, second.boot], ['running', 2])
      assert.notEqual(second.pid, first.pid)
    })

    promise('the guest proves its life with the word it was given', async ({ driver, id, world, until }) => {
      await driver.spawn(id, await world.body(), never)
      const sight = await until(id, (now) => now.wordSeenAtMs !== null)
      assert.equal(sight.process, 'running')
      assert.match(textOf(await driver.serialLog(id)), new RegExp(`decant-proof: ${sight.word}`))
    })

    promise('pausing and resuming can be repeated', async ({ driver, id, world }) => {
      await driver.spawn(id, await world.body(), never)
      await driver.pause(id, never)
      await driver.pause(id, never)
      assert.equal((await driver.observe(id)).process, 'paused')
      await driver.spawn(id, await world.body(), never)
      assert.equal((await driver.observe(id)).process, 'paused')
      await driver.resume(id, never)
      await driver.resume(id, never)
      assert.equal((await driver.observe(id)).process, 'running')
    })

    promise('the power button leads to shutdown; the process stands until killed', async (stage) => {
      const { driver, id, world, until } = stage
      await driver.spawn(id, await world.body(), never)
      await until(id, (now) => now.wordSeenAtMs !== null)
      await driver.powerdown(id, never)
      await driver.powerdown(id, never)
      const ended = await until(id, (now) => now.process === 'shutdown')
      assert.ok((ended.pid ?? 0) > 1)
      await refused('object/refused', driver.spawn(id, await world.body(), never))
      await driver.kill(id, never)
      assert.equal((await driver.observe(id)).process, 'absent')
    })

    promise('a guest that switches itself off is seen as shutdown', async (stage) => {
      const { driver, id, world, until } = stage
      await driver.spawn(id, await world.body({ boot: 4 }), never)
      await until(id, (now) => now.wordSeenAtMs !== null)
      await world.powerOff(id)
      const ended = await until(id, (now) => now.process === 'shutdown')
      assert.equal(ended.boot, 4)
    })

    promise('killing and removing can be repeated and leave nothing (I-20)', async (stage) => {
      const { driver, id, world } = stage
      await driver.kill(id, never)
      await driver.remove(id, never)
      await driver.spawn(id, await world.body({ epoch: 2, boot: 3 }), never)
      await refused('object/refused', driver.remove(id, never))
      await driver.kill(id, never)
      await driver.kill(id, never)
      const killed = await driver.observe(id)
      assert.deepEqual([killed.process, killed.pid, killed.epoch, killed.boot], ['absent', null, 2, 3])
      assert.deepEqual(await driver.list(), [id])
      await driver.remove(id, never)
      await driver.remove(id, never)
      assert.deepEqual(await driver.list(), [])
      assert.equal((await driver.observe(id)).epoch, 0)
    })

    promise('a process lost is noticed within a second', async ({ driver, id, world, until }) => {
      await driver.spawn(id, await world.body(), never)
      const called = new Promise<void>((tell) => driver.onChange((changed) => changed === id && tell()))
      const diedAtMs = world.clock.monotonic()
      await world.crash(id)
      await called
      const sight = await until(id, (now) => now.process === 'lost')
      assert.ok(world.clock.monotonic() - diedAtMs <= 1000)
      assert.equal(sight.boot, 1)
      await driver.spawn(id, await world.body(), never)
      assert.equal((await driver.observe(id)).process, 'running')
    })

    promise('what is lost can be killed and removed', async ({ driver, id, world, until }) => {
      await driver.spawn(id, await world.body(), never)
      await world.crash(id)
      await until(id, (now) => now.process === 'lost')
      await driver.kill(id, never)
      assert.equal((await driver.observe(id)).process, 'absent')
      await driver.remove(id, never)
    })

    promise(
      'another driver object finds the same guest again (I-24)',
      async ({ driver, id, world, open }) => {
        const body = await world.body({ epoch: 7, boot: 6 })
        await driver.spawn(id, body, never)
        const before = await driver.observe(id)
        await driver.close()
        const again = await open()
        const after = await again.observe(id)
        assert.deepEqual(
          [after.process, after.pid, after.startedAtMs, after.epoch, after.boot, after.word],
          ['running', before.pid, before.startedAtMs, 7, 6, body.word],
        )
        assert.equal(after.isAdopted, true)
        await again.spawn(id, body, never)
        assert.equal((await again.observe(id)).pid, before.pid)
        await again.kill(id, never)
      },
    )

    promise('the serial line echoes, to many at once, and keeps what was', async (stage) => {
      const { driver, id, world, until } = stage
      await driver.spawn(id, await world.body(), never)
      const { word } = await until(id, (now) => now.wordSeenAtMs !== null)
      const [one, two] = [await driver.serial(id), await driver.serial(id)]
      await one.write(Buffer.from('echo me-back\r'))
      for (const channel of [one, two]) await heard(channel, new RegExp(`${word}[^]*me-back`))
      one.close()
      const three = await driver.serial(id)
      await heard(three, /me-back/)
      two.close()
      three.close()
    })

    promise('what needs a running guest says guest/absent without one', async ({ driver, id }) => {
      await refused('guest/absent', driver.powerdown(id, never))
      await refused('guest/absent', driver.pause(id, never))
      await refused('guest/absent', driver.resume(id, never))
      await refused('guest/absent', driver.reset(id))
      await refused('guest/absent', driver.sendKeys(id, ['a']))
      await refused('guest/absent', driver.screenshot(id))
      await refused('guest/absent', driver.serial(id))
      await refused('guest/absent', driver.vnc(id))
      assert.equal((await driver.serialLog(id)).length, 0)
    })

    promise('an aborted signal stops work before it begins', async ({ driver, id, world }) => {
      await assert.rejects(driver.spawn(id, await world.body(), AbortSignal.abort()))
      assert.equal((await driver.observe(id)).process, 'absent')
    })
  })
}

type Stage = {
  readonly world: HypervisorWorld
  readonly driver: Hypervisor
  readonly id: string
  readonly open: () => Promise<Hypervisor>
  /** Waits until a sight of the guest is as wanted. */
  readonly until: (id: string, is: (sight: Sight) => boolean) => Promise<Sight>
}

async function onStage(
  context: TestContext,
  make: () => Promise<HypervisorWorld>,
  prove: (stage: Stage) => Promise<void>,
) {
  const world = await make()
  const opened: Hypervisor[] = []
  context.after(async () => {
    for (const each of opened) await each.close()
    await world.close()
  })
  const driver = await world.open()
  opened.push(driver)
  const open = async () => {
    const further = await world.open()
    opened.push(further)
    return further
  }
  const until = async (id: string, is: (sight: Sight) => boolean) => {
    const deadline = world.clock.monotonic() + patienceMs
    for (;;) {
      const sight = await driver.observe(id)
      if (is(sight)) return sight
      const log = textOf(await driver.serialLog(id)).slice(-600)
      assert.ok(world.clock.monotonic() < deadline, `still ${JSON.stringify(sight)}\n${log}`)
      await world.clock.sleep(20)
    }
  }
  const id = randomUUID()
  await prove({ world, driver, id, open, until })
  await driver.kill(id, never)
}

async function refused(code: ProblemCode, work: Promise<unknown>) {
  await assert.rejects(work, (error) => error instanceof Problem && error.code === code)
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')

/** Reads a channel until a pattern was heard. */
async function heard(channel: ByteChannel, pattern: RegExp) {
  let text = ''
  for await (const bytes of channel.bytes) {
    text += textOf(bytes)
    if (pattern.test(text)) return
  }
  assert.fail(`the channel ended; it said ${JSON.stringify(text.slice(-400))}`)
}
