/** What every hypervisor driver promises of the agent inside a guest. The fake and the real ones obey the same. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { GuestInside } from '#kinds/guest/schema.ts'
import { never, playOnOneGuest, refused, type Promises, type StageWorld } from './contract-stage.ts'
import type { Command } from './port-agent.ts'

export type AgentMood = 'answers' | 'silent' | 'hangs' | 'floods' | 'lies'

/** `cooperates(id)`: resolves once the agent inside answers. */
export type AgentWorld = StageWorld & {
  /** Whether the guest's file systems are frozen, seen from inside or outside; null where nobody can see. */
  isFrozen(id: string): Promise<boolean | null>
  /** How the agent inside behaves from now on; undefined where it cannot be had otherwise. */
  readonly behave: ((id: string, mood: AgentMood) => Promise<void>) | undefined
}

export function obeysAgentContract(name: string, make: () => Promise<AgentWorld>): void {
  playOnOneGuest<AgentWorld>(`the contract of the agent inside, by ${name}`, make, (promise, heeded) => {
    looks(promise, heeded)
    commands(promise, heeded)
    frozen(promise, heeded)
    hostile(promise, heeded)
    last(promise, heeded)
  })
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')
const command = (argv: readonly string[], rest: Partial<Command> = {}): Command => ({
  argv,
  timeoutMs: 10_000,
  ...rest,
})

const looks: Promises<AgentWorld> = (promise, heeded) => {
  heeded('it says who it is, in bounds', async ({ driver, id }) => {
    const inside = await driver.agent.look(id, never)
    assert.ok(inside !== null && inside.isAnswering)
    GuestInside.parse(inside)
    assert.ok(inside.agentVersion !== '')
  })

  promise('where no guest runs nobody answers', async ({ driver }) => {
    const nobody = randomUUID()
    assert.equal(await driver.agent.look(nobody, never), null)
    await refused(driver.agent.run(nobody, command(['true']), never), 'guest/absent')
    await refused(driver.agent.freeze(nobody, never), 'guest/absent')
  })
}

const commands: Promises<AgentWorld> = (promise, heeded) => {
  heeded('a command runs, with its arguments, input and exit code', async ({ driver, id }) => {
    const run = (wish: Command) => driver.agent.run(id, wish, never)
    const said = await run(command(['/bin/echo', 'a b', '$HOME; id']))
    assert.deepEqual([said.exitCode, textOf(said.output)], [0, 'a b $HOME; id\n'])
    assert.equal((await run(command(['/bin/false']))).exitCode, 1)
    const input = Buffer.from([0, 255, 10, 13, 128])
    assert.deepEqual([...(await run(command(['/bin/cat'], { input }))).output], [...input])
  })

  heeded('output beyond the bound is cut and said to be', async ({ driver, id }) => {
    const wish = command(['/usr/bin/head', '-c', '3000000', '/dev/zero'])
    const cut = await driver.agent.run(id, wish, never)
    assert.equal(cut.isTruncated, true)
    assert.ok(cut.output.length <= limits.agentOutputBytes)
  })

  heeded('a command that takes too long is left, and others are answered', async ({ driver, id }) => {
    await refused(
      driver.agent.run(id, command(['/bin/sleep', '30'], { timeoutMs: 500 }), never),
      'guest/agent-timeout',
    )
    assert.equal((await driver.agent.run(id, command(['/bin/true']), never)).exitCode, 0)
  })

  heeded('several at once each get their own answer', async ({ driver, id }) => {
    const words = ['one', 'two', 'three', 'four']
    const said = await Promise.all(
      words.map((word) => driver.agent.run(id, command(['/bin/echo', word]), never)),
    )
    assert.deepEqual(
      said.map(({ output }) => textOf(output).trim()),
      words,
    )
  })

  heeded('a file goes in and comes out bit for bit', async ({ driver, id }) => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, at) => (at * 7 + (at >> 8)) % 256)
    await driver.agent.write(id, '/tmp/decant-file', inParts(bytes), never)
    const parts: Uint8Array[] = []
    for await (const part of await driver.agent.read(id, '/tmp/decant-file', never)) parts.push(part)
    assert.ok(Buffer.concat(parts).equals(bytes))
    await refused(wholeOf(driver.agent.read(id, '/tmp/decant-none', never)))
  })
}

async function wholeOf(reading: Promise<AsyncIterable<Uint8Array>>) {
  for await (const part of await reading) void part
}

async function* inParts(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 30_000) yield bytes.subarray(at, at + 30_000)
}

const frozen: Promises<AgentWorld> = (promise, heeded) => {
  heeded('file systems freeze and thaw; each twice is once', async ({ driver, id, world }) => {
    assert.ok((await driver.agent.freeze(id, never)) >= 1)
    assert.notEqual(await world.isFrozen(id), false)
    await driver.agent.freeze(id, never)
    await driver.agent.thaw(id, never)
    assert.notEqual(await world.isFrozen(id), true)
    await driver.agent.thaw(id, never)
  })

  heeded('what was left frozen is thawed by itself (I-38)', async ({ driver, id, world }) => {
    await driver.agent.freeze(id, never)
    await world.clock.sleep(limits.frozenMs + 1_000)
    assert.notEqual(await world.isFrozen(id), true)
    assert.ok((await driver.agent.look(id, never)) !== null)
  })

  heeded('what a dead program left frozen, the next one can thaw (I-38)', async ({ open, id, world }) => {
    const dying = await open()
    await dying.agent.freeze(id, never)
    await dying.close()
    await (await open()).agent.thaw(id, never)
    assert.notEqual(await world.isFrozen(id), true)
  })

  heeded('its clock is set', async ({ driver, id }) => {
    await driver.agent.setTime(id, never).catch((fault: unknown) => {
      // A guest without a real time clock refuses; that must be said as a problem.
      if (!(fault instanceof Problem)) throw fault
    })
  })
}

const hostile: Promises<AgentWorld> = (promise, heeded) => {
  heeded('an agent that is silent or hangs costs a bounded time', async ({ driver, id, world }) => {
    for (const mood of ['silent', 'hangs'] as const) {
      if (world.behave === undefined) return
      await world.behave(id, mood)
      const sinceMs = world.clock.monotonic()
      assert.equal(await driver.agent.look(id, never), null)
      await refused(driver.agent.run(id, command(['/bin/true']), never), 'guest/agent-silent')
      assert.ok(world.clock.monotonic() - sinceMs < 4 * limits.agentAnswerMs)
    }
  })

  heeded(
    'an agent that floods is refused, one that lies is made inert; then it is heard again',
    async (stage) => {
      const { driver, id, world } = stage
      if (world.behave === undefined) return
      await world.behave(id, 'floods')
      await refused(
        driver.agent.run(id, command(['/bin/true']), never),
        'guest/agent-broken',
        'guest/agent-silent',
      )
      await world.behave(id, 'lies')
      const inside = await driver.agent.look(id, never).catch(() => null)
      if (inside !== null) {
        GuestInside.parse(inside)
        assert.doesNotMatch(JSON.stringify(inside), /\\u00[01]|\\u007f|\\u009/)
      }
      await world.behave(id, 'answers')
      assert.equal((await driver.agent.run(id, command(['/bin/true']), never)).exitCode, 0)
    },
  )
}

const last: Promises<AgentWorld> = (promise, heeded) => {
  heeded('it powers the guest down from inside', async ({ driver, id, until }) => {
    await driver.agent.shutdown(id, 'powerdown', never)
    await until(({ process }) => process === 'shutdown')
  })
}
