/**
 * The life of one machine, verb by verb, each disturbed by one kill -9 at a chosen instant; after each the
 * machine must stand as if nothing had happened, and after the last nothing of it may be left.
 *
 *     create ─ pause ─ resume ─ edit ─ reboot ─ stop ─ start ─ stop by force ─ start ─ delete
 */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, watch, type FSWatcher } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, until } from '../start/decant.ts'
import { groupsNaming, keptOn, qemuOn, wordsNaming } from './real-host.ts'
import type { Rig, Thing, Victim } from './real-rig.ts'

/** When to kill: so many milliseconds after the request is sent, or at the n-th change of the agent's files. */
export type Moment = { readonly afterMs: number } | { readonly atChange: number }
export type Blow = { readonly victim: Victim; readonly moment: Moment }

/** What must be the same however often programs died; `isSamePid`: the process outlived the verb. */
export type Standing = {
  readonly machine: string
  readonly guests: readonly string[]
  readonly volumes: readonly string[]
  readonly processes: number
  readonly isSamePid: boolean | null
}

type Verb = {
  readonly name: string
  readonly ask: readonly [method: string, path: string, json?: unknown]
  /** Whether the verb is done, as people see it. */
  readonly done: (machine: Thing | undefined) => boolean
  /** The undisturbed end of it. */
  readonly standing: Standing
}

type Guest = { pid: number | null; boot: number; epoch: number; proof: object | null }
const guestOf = ({ status }: Thing) => status.guest as Guest | null

const isIn = (state: string) => (machine: Thing | undefined) =>
  machine?.status.state === state && machine.status.holds.length === 0
const isBooted = (boot: number) => (machine: Thing | undefined) =>
  isIn('running')(machine) &&
  machine !== undefined &&
  guestOf(machine)?.boot === boot &&
  guestOf(machine)?.proof !== null

const told = (facts: Record<string, unknown>) => JSON.stringify(facts)

/** A standing in words: of the machine, and of its one guest. */
function standing(
  [state, power, boot, memoryMib]: readonly [string, string, number, number],
  more: { exit?: string; runs?: number | null; isSamePid?: boolean | null; changes: number },
): Standing {
  const { exit = null, runs = memoryMib, isSamePid = null, changes } = more
  const isWaiting = runs !== null && runs !== memoryMib
  const restartRequired = isWaiting ? ['memoryMib'] : []
  const holds = isWaiting ? ['machine/restart-required'] : []
  return {
    machine: told({ state, power, boot, memoryMib, restartRequired, generation: changes, holds }),
    guests: [told({ phase: state, boot, epoch: boot, exit, crashes: 0, running: runs, isAlone: true })],
    volumes: ['ready'],
    processes: runs === null ? 0 : 1,
    isSamePid,
  }
}

const nothing: Standing = { machine: 'none', guests: [], volumes: [], processes: 0, isSamePid: null }

/** The whole life of a machine of this name. */
export function lifeOf(name: string): Verb[] {
  const spec = {
    image: 'starter',
    memoryMib: 128,
    nics: [{ network: 'default', forwards: [{ guestPort: 80 }] }],
  }
  const at = `machines/${name}`
  const verb = (verb: string, json: unknown = {}) => ['POST', `${at}/${verb}`, json] as const
  return [
    {
      name: 'create',
      ask: ['POST', 'machines', { name, spec }],
      done: isBooted(1),
      standing: standing(['running', 'on', 1, 128], { changes: 1 }),
    },
    {
      name: 'pause',
      ask: verb('pause'),
      done: isIn('paused'),
      standing: standing(['paused', 'paused', 1, 128], { changes: 2, isSamePid: true }),
    },
    {
      name: 'resume',
      ask: verb('resume'),
      done: isIn('running'),
      standing: standing(['running', 'on', 1, 128], { changes: 3, isSamePid: true }),
    },
    {
      name: 'edit',
      ask: ['PATCH', at, { spec: { memoryMib: 144 } }],
      done: (machine) => (machine?.status.restartRequired as string[] | undefined)?.length === 1,
      standing: standing(['running', 'on', 1, 144], { changes: 4, runs: 128, isSamePid: true }),
    },
    {
      name: 'reboot',
      ask: verb('reboot'),
      done: isBooted(2),
      standing: standing(['running', 'on', 2, 144], { changes: 5, isSamePid: false }),
    },
    {
      name: 'stop',
      ask: verb('stop'),
      done: isIn('stopped'),
      standing: standing(['stopped', 'off', 2, 144], { changes: 6, runs: null, exit: 'asked' }),
    },
    {
      name: 'start',
      ask: verb('start'),
      done: isIn('running'),
      standing: standing(['running', 'on', 3, 144], { changes: 7 }),
    },
    {
      name: 'stop by force',
      ask: verb('stop', { forceAfterSeconds: 0 }),
      done: isIn('stopped'),
      standing: standing(['stopped', 'off', 3, 144], { changes: 8, runs: null, exit: 'forced' }),
    },
    {
      name: 'start again',
      ask: verb('start'),
      done: isIn('running'),
      standing: standing(['running', 'on', 4, 144], { changes: 9 }),
    },
    { name: 'delete', ask: ['DELETE', at], done: (machine) => machine === undefined, standing: nothing },
  ]
}

export type Lived = { readonly verb: string; readonly ms: number; readonly blow: Blow | undefined }

/** Leads a machine through its life; `blowFor` says what befalls which verb. Fails when anything differs. */
export async function live(
  rig: Rig,
  name: string,
  blowFor: (verb: string) => Blow | undefined,
): Promise<Lived[]> {
  const before = await surroundings(rig, name)
  const keptBefore = keptOn(rig.data)
  const ids = new Set<string>()
  const lived: Lived[] = []
  let pid: number | null = null
  for (const verb of lifeOf(name)) {
    const blow = blowFor(verb.name)
    const label = `${verb.name}${blow === undefined ? '' : `, ${sentence(blow)}`}`
    const sinceMs = performance.now()
    await disturbed(rig, verb, blow, name)
    lived.push({ verb: verb.name, ms: performance.now() - sinceMs, blow })
    const seen = await standsStill(rig, name, verb, { pid, label })
    pid = seen.pid
    for (const id of seen.ids) ids.add(id)
    assert.deepEqual(await surroundings(rig, name), before, `I-24: ${label}: others were touched`)
  }
  await leavesNothing(rig, keptBefore, [...ids])
  return lived
}

export const sentence = ({ victim, moment }: Blow) =>
  `kill -9 of ${victim} ${'afterMs' in moment ? `after ${moment.afterMs} ms` : `at change ${moment.atChange}`}`

/** Sends the request, strikes at the moment, heals, waits until the verb is done. */
async function disturbed(rig: Rig, { name: verb, ask, done }: Verb, blow: Blow | undefined, machine: string) {
  const asked = rig.insist(...ask)
  const struck = blow === undefined ? Promise.resolve() : strike(rig, blow)
  const [{ status, body }] = await Promise.all([asked, struck])
  assert.ok(status < 300, `${verb}: ${JSON.stringify(body)}`)
  await becomes(rig, machine, done, `${verb} ${blow === undefined ? '' : sentence(blow)}`)
}

async function becomes(rig: Rig, name: string, done: Verb['done'], label: string) {
  const deadline = performance.now() + 90_000
  for (;;) {
    const machine = await rig.find('machines', name).catch(() => null)
    if (machine !== null && done(machine)) return
    if (performance.now() > deadline)
      assert.fail(`I-20: ${label}: not done after 90 s: ${JSON.stringify(machine)}\n${rig.story}`)
    await sleep(40)
  }
}

/** One kill -9 at its moment; what does not come back by itself is started again. */
export async function strike(rig: Rig, { victim, moment }: Blow): Promise<void> {
  if ('afterMs' in moment) await sleep(moment.afterMs)
  else await changes(rig.data, moment.atChange)
  rig.kill(victim)
  if (victim === 'all' || victim === 'supervisor') await rig.restart()
}

/** Resolves at the n-th change of what the agent writes down, or when none came for two seconds. */
async function changes(data: string, n: number): Promise<void> {
  const agent = join(data, 'agent')
  const watched = new Map<string, FSWatcher>()
  let left = n
  await new Promise<void>((resolve) => {
    let late = setTimeout(resolve, 2_000)
    const follow = (folder: string) => {
      if (watched.has(folder) || !existsSync(folder)) return
      watched.set(
        folder,
        watch(folder, () => {
          clearTimeout(late)
          late = setTimeout(resolve, 2_000)
          left -= 1
          if (left <= 0) resolve()
          else followAll()
        }).on('error', () => {}),
      )
    }
    const followAll = () => {
      for (const path of ['guests', 'datastore/volumes', 'notes', 'notes/guest', 'notes/ports', 'notes/wish'])
        follow(join(agent, path))
      for (const path of ['guests', 'notes/wish', 'datastore/volumes']) followWithin(join(agent, path))
    }
    const followWithin = (folder: string) => {
      if (existsSync(folder)) for (const name of readdirSync(folder)) follow(join(folder, name))
    }
    followAll()
  })
  for (const watcher of watched.values()) watcher.close()
}

type Before = { readonly pid: number | null; readonly label: string }

/** What stands, twice alike and a moment apart, must be what stands undisturbed. */
async function standsStill(rig: Rig, name: string, { standing: wanted }: Verb, { pid, label }: Before) {
  const deadline = performance.now() + 20_000
  for (;;) {
    const seen = await standingOf(rig, name, pid)
    const isRight = JSON.stringify(seen.standing) === JSON.stringify(relevant(wanted, seen.standing))
    if (isRight) {
      await sleep(250)
      const again = await standingOf(rig, name, pid)
      assert.deepEqual(again.standing, seen.standing, `${label}: it does not settle`)
      return again
    }
    if (performance.now() > deadline)
      assert.deepEqual(seen.standing, relevant(wanted, seen.standing), `I-20: ${label}`)
    await sleep(100)
  }
}

/** Where a verb begins or ends without a process there is no pid to compare. */
const relevant = (wanted: Standing, seen: Standing): Standing =>
  wanted.isSamePid === null ? { ...wanted, isSamePid: seen.isSamePid } : wanted

async function standingOf(rig: Rig, name: string, pidBefore: number | null) {
  const [machine, guests, volumes] = await Promise.all([
    rig.find('machines', name),
    rig.list('guests'),
    rig.list('volumes'),
  ])
  const own = guests.filter((guest) => guest.name === name)
  const ownVolumes = volumes.filter((volume) => volume.name.startsWith(`${name}-`))
  const pid = machine === undefined ? null : (guestOf(machine)?.pid ?? null)
  const processes = qemuOn(rig.data).filter(({ words }) => own.some(({ id }) => words.includes(id)))
  if (pid !== null)
    assert.deepEqual(
      processes.map(({ pid }) => pid),
      [pid],
      `${name}: exactly its own process`,
    )
  const standing: Standing = {
    machine: machine === undefined ? 'none' : machineTold(machine),
    guests: own.map(guestTold),
    volumes: ownVolumes.map(({ status }) => status.state),
    processes: processes.length,
    isSamePid: pid === null || pidBefore === null ? null : pid === pidBefore,
  }
  return { standing, pid, ids: [...own, ...ownVolumes].map(({ id }) => id) }
}

const machineTold = ({ spec, status, generation }: Thing) =>
  told({
    state: status.state,
    power: spec.power,
    boot: spec.boot,
    memoryMib: spec.memoryMib,
    restartRequired: status.restartRequired,
    generation,
    holds: status.holds.map(({ code }) => code),
  })

function guestTold({ status, spec }: Thing): string {
  const facts = status as unknown as {
    phase: string
    boot: number
    epoch: number
    exit: { why: string } | null
    crashes: number
    running: { memoryMib: number } | null
  }
  return told({
    phase: facts.phase,
    boot: facts.boot,
    epoch: facts.epoch,
    exit: facts.exit?.why ?? null,
    crashes: facts.crashes,
    running: facts.running?.memoryMib ?? null,
    isAlone: spec.epoch === facts.epoch,
  })
}

/** Everything but the machine of this name: their processes and states. */
async function surroundings(rig: Rig, name: string) {
  const machines = (await rig.list('machines')).filter((machine) => machine.name !== name)
  const pids = machines.map((machine) => guestOf(machine)?.pid ?? 0)
  for (const pid of pids) assert.ok(pid === 0 || isAlive(pid), 'I-24: a machine that nobody touched runs on')
  return machines.map(
    (machine, at) => `${machine.name} ${machine.status.state} ${pids[at]} ${machine.generation}`,
  )
}

/** I-20: no file, socket, folder, note, process or control group is left of it. */
async function leavesNothing(rig: Rig, keptBefore: readonly string[], ids: readonly string[]) {
  const left = () => [
    ...keptOn(rig.data).filter((path) => !keptBefore.includes(path)),
    ...groupsNaming(ids),
    ...wordsNaming(rig.data)
      .filter(({ words }) => ids.some((id) => words.includes(id)))
      .map(({ pid, words }) => `process ${pid} ${words.slice(0, 120)}`),
  ]
  await until(
    () => left().length === 0,
    10_000,
    () => `I-20: left over: ${left().join(', ')}`,
  )
  const missing = keptBefore.filter((path) => !keptOn(rig.data).includes(path))
  assert.deepEqual(missing, [], 'what belongs to others is still there')
}
