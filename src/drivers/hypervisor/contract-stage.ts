/** The stage on which the contracts of live changes are played: one guest for all promises of a contract. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { Problem, type ProblemCode } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Body, Hypervisor, Running, Sight } from './port.ts'

/** A world in which one guest runs for a whole contract. */
export type StageWorld = {
  /** Time as the world has it; virtual time must pass by itself while somebody sleeps. */
  readonly clock: Clock
  /** A further driver object on the same folder, as after a restart of the agent. */
  open(): Promise<Hypervisor>
  body(): Promise<Body>
  /**
   * Resolves once an operating system in the guest heeds hot-plugs and its power button; false when none
   * will: then only promises that need none are played.
   */
  cooperates(id: string): Promise<boolean>
  close(): Promise<void>
}

export type LiveStage<World extends StageWorld> = {
  readonly world: World
  readonly id: string
  readonly body: Body
  readonly driver: Hypervisor
  readonly isCooperative: boolean
  /** A further driver object, closed at the end. */
  readonly open: () => Promise<Hypervisor>
  readonly running: () => Promise<Running>
  readonly until: (is: (sight: Sight) => boolean | Promise<boolean>) => Promise<Sight>
}

export type Promises<World extends StageWorld> = (
  promise: (sentence: string, prove: (stage: LiveStage<World>) => Promise<void>) => void,
  /** A promise about a guest whose operating system heeds; skipped where none does. */
  heeded: (sentence: string, prove: (stage: LiveStage<World>) => Promise<void>) => void,
) => void

/** A bound for anything that a guest under emulation does in these tests. */
const patienceMs = 120_000
export const never = new AbortController().signal

/** Plays the promises in order on one running guest. */
export function playOnOneGuest<World extends StageWorld>(
  name: string,
  make: () => Promise<World>,
  promises: Promises<World>,
): void {
  describe(name, () => {
    let stage: LiveStage<World> | undefined
    let clear = () => Promise.resolve()
    before(async () => {
      const made = await setUp(make)
      stage = made.stage
      clear = made.clear
    })
    after(() => clear())
    const staged = () => {
      assert.ok(stage !== undefined, 'the guest did not start')
      return stage
    }
    promises(
      (sentence, prove) => it(sentence, () => prove(staged())),
      (sentence, prove) =>
        it(sentence, (context) =>
          staged().isCooperative ? prove(staged()) : context.skip('no operating system heeds in this guest'),
        ),
    )
  })
}

async function setUp<World extends StageWorld>(make: () => Promise<World>) {
  const world = await make()
  const opened: Hypervisor[] = []
  const open = async () => {
    const driver = await world.open()
    opened.push(driver)
    return driver
  }
  const id = randomUUID()
  const clear = async () => {
    const last = await world.open()
    await last.kill(id, never)
    await last.remove(id, never)
    for (const each of [last, ...opened]) await each.close()
    await world.close()
  }
  try {
    const driver = await open()
    const body = await world.body()
    await driver.spawn(id, body, never)
    const isCooperative = await world.cooperates(id)
    const until = (is: (sight: Sight) => boolean | Promise<boolean>) => waitUntil(world, driver, id, is)
    const running = async () => runningOf(await driver.observe(id))
    return { stage: { world, id, body, driver, isCooperative, open, running, until }, clear }
  } catch (fault) {
    await clear()
    throw fault
  }
}

function runningOf({ running, process }: Sight): Running {
  assert.ok(running !== null, `the guest is ${process}`)
  return running
}

async function waitUntil(
  { clock }: StageWorld,
  driver: Hypervisor,
  id: string,
  is: (sight: Sight) => boolean | Promise<boolean>,
): Promise<Sight> {
  const deadline = clock.monotonic() + patienceMs
  for (;;) {
    const sight = await driver.observe(id)
    if (await is(sight)) return sight
    assert.ok(clock.monotonic() < deadline, `still ${JSON.stringify(sight)}`)
    await clock.sleep(50)
  }
}

export async function refused(work: Promise<unknown>, ...codes: ProblemCode[]): Promise<void> {
  await assert.rejects(
    work,
    (error) => error instanceof Problem && (codes.length === 0 || codes.includes(error.code)),
  )
}
