/**
 * One run: people wish, blows fall, programs work, and after every step the invariants are looked at. Then
 * all faults are healed, and everything must come true without a hand (I-47).
 */

import { wholeFrom, type Random } from '#base/random.ts'
import { Problem } from '#model/problem.ts'
import type { Fate, Passing, Way } from '#drivers/link/memory/faults.ts'
import type { Controller } from '#program/controller/controller.ts'
import { created, documentOf } from '#program/controller/documents.ts'
import { Chaos } from './chaos.ts'
import { Datacenter } from './datacenter.ts'
import { Weather, type FaultName } from './faults.ts'
import { localOf, type Fortune } from './host.ts'
import { Invariants, type Violation } from './invariants.ts'
import { Journal } from './journal.ts'
import { wishFor, type Wish } from './people.ts'
import { chancesFrom, type Chances } from './seed.ts'
import { unsettled } from './settled.ts'
import { foundations, nextWish, type Scale } from './workload.ts'

export type RunOptions = {
  readonly seed: number
  readonly hosts: number
  readonly machines: number
  /** Wishes and blows of a run. */
  readonly steps: number
  readonly faults: ReadonlySet<FaultName>
}

export type Outcome = {
  readonly options: RunOptions
  readonly violation: Violation | undefined
  /** What happened last, oldest first. */
  readonly journal: readonly string[]
  readonly events: number
  readonly virtualMs: number
}

/** Everything must be as wished this long after all faults were healed: the longest crash pause and its like. */
const healMs = 20 * 60_000
/** And stay so for this long. */
const calmMs = 60_000

export class Simulation {
  readonly #options: RunOptions
  readonly #chances: Chances
  readonly #random: Random
  readonly #weather: Weather
  readonly #journal: Journal
  readonly #scale: Scale
  readonly center: Datacenter
  readonly #chaos: Chaos
  readonly #invariants: Invariants
  #events = 0
  #step = 0

  constructor(options: RunOptions) {
    this.#options = options
    this.#scale = options
    this.#chances = chancesFrom(options.seed)
    this.#random = this.#chances.stream('people')
    this.#weather = new Weather(this.#chances.stream('weather'), options.faults)
    this.center = this.#datacenter()
    this.#journal = new Journal(() => `${(this.center.time.elapsedMs / 1000).toFixed(3)}s #${this.#step}`)
    this.#invariants = new Invariants(this.center)
    this.#chaos = new Chaos({
      center: this.center,
      weather: this.#weather,
      random: this.#chances.stream('chaos'),
      faults: options.faults,
      onBlow: (blow) => {
        this.#journal.note(`! ${blow.name} on ${blow.on}`)
        this.#invariants.blow(blow)
      },
    })
  }

  async run(): Promise<Outcome> {
    await this.#open()
    for (this.#step = 1; this.#step <= this.#options.steps && this.#isFine(); this.#step++)
      await this.#oneStep()
    if (this.#isFine()) await this.#end()
    this.center.killController()
    for (const name of this.center.hosts.keys()) this.center.killAgent(name)
    return {
      options: this.#options,
      violation: this.#invariants.violation,
      journal: this.#journal.lines,
      events: this.#events,
      virtualMs: this.center.time.elapsedMs,
    }
  }

  #isFine() {
    return this.#invariants.violation === undefined
  }

  async #open() {
    void this.center.startController()
    await this.center.time.settle()
    for (const name of this.center.hosts.keys()) this.center.startAgent(name)
    this.#found()
    await this.#pass(3_000)
  }

  async #oneStep() {
    const random = this.#random
    if (random() < 0.7) this.#wish(nextWish(random, this.#scale))
    else this.#chaos.strike()
    if (this.#step % 25 === 0) this.#found()
    if (this.#step % 10 === 0) this.#adopt()
    await this.#pass(random() < 0.5 ? wholeFrom(random, 200) : wholeFrom(random, 8_000))
  }

  /** Heals everything, then waits until all is as wished, and that it stays so. */
  async #end() {
    this.#journal.note('all faults are healed')
    this.#chaos.heal()
    const lastMs = this.center.time.elapsedMs + healMs
    let open: readonly string[] = ['not looked yet']
    while (open.length > 0 && this.#isFine()) {
      if (this.center.time.elapsedMs > lastMs)
        return this.#invariants.fail('I-47', `not as wished: ${open.join('; ')}`)
      this.#found()
      this.#adopt()
      await this.#pass(5_000)
      open = unsettled(this.center)
    }
    await this.#pass(calmMs)
    open = this.#isFine() ? unsettled(this.center) : []
    if (open.length > 0) this.#invariants.fail('I-47', `did not stay as wished: ${open.join('; ')}`)
    this.#invariants.atRest()
  }

  /** Lets virtual time go by, looking after each event. */
  async #pass(ms: number) {
    const untilMs = this.center.time.elapsedMs + ms
    await this.center.time.settle()
    do {
      this.#events++
      this.#invariants.look()
    } while (this.#isFine() && (await this.center.time.step(untilMs)))
  }

  #wish(wish: Wish) {
    const desk = this.center.controller?.desk
    if (desk === undefined) return
    this.#journal.note(
      `> ${wish.op} ${wish.verb ?? ''} ${wish.kind} ${wish.name} ${JSON.stringify(wish.body ?? {})}`,
    )
    this.#invariants.wished(wish)
    void wishFor(desk, wish).then((told) => {
      if (told.is === 'done') return this.#invariants.acknowledged(told)
      if (!(told.why instanceof Problem))
        this.#invariants.fail('bug', `${wish.op} ${wish.kind}: ${String(told.why)}`)
    })
  }

  /** Lays what is missing of the foundations: at first, and after the store was lost. */
  #found() {
    const desk = this.center.controller?.desk
    if (desk === undefined) return
    const exists = ({ kind, name }: Wish) =>
      desk.replica.find(kind, kind === 'image' ? 'default' : null, name) !== undefined
    for (const wish of foundations(this.#scale)) if (!exists(wish)) this.#wish(wish)
    for (const host of this.center.hosts.keys()) {
      const name = localOf(host)
      if (desk.replica.find('datastore', null, name) !== undefined) continue
      const seed = { kind: 'datastore', name, host, spec: {}, description: '' }
      const document = documentOf(seed, { newId: desk.newId, nowMs: desk.clock.now() })
      void desk.replica.commit(created(document)).catch(() => {})
    }
  }

  /** Somebody takes back the guests that a lost store forgot. */
  #adopt() {
    const desk = this.center.controller?.desk
    if (desk === undefined) return
    for (const { document } of desk.replica.all('host'))
      void desk
        .act('adopt', document, {})
        .catch((why: unknown) => this.#journal.note(`adopt: ${String(why)}`))
  }

  #datacenter(): Datacenter {
    return new Datacenter({
      hosts: this.#options.hosts,
      chances: this.#chances,
      cables: {
        connect: (host) => this.#weather.connect(host),
        message: (way, host, passing) => this.#passed(way, host, passing),
      },
      fortune: { controller: this.#fortune('controller'), agent: (host) => this.#fortune(host) },
      beforeCommit: (changes) => {
        this.#weather.beforeCommit()
        this.#invariants.committing(changes)
      },
      onController: (controller) => this.#welcome(controller),
      log: (line) => this.#journal.note(`  ${line}`),
    })
  }

  #passed(way: Way, host: string, passing: Passing): Fate {
    const fate = this.#weather.fate(way, host, passing)
    const what = 'say' in passing ? passing.say : 'something else'
    if (fate !== 'pass') this.#journal.note(`  ~ ${what} ${way} ${host}: ${JSON.stringify(fate)}`)
    return fate
  }

  #welcome(controller: Controller) {
    this.#journal.note('the controller is up')
    this.#invariants.controllerUp(controller)
  }

  #fortune(program: string): Fortune {
    return {
      beforeStep: (loop, id, step) => {
        this.#journal.note(`  ${program}: ${loop} ${id.slice(0, 8)} ${step.do}`)
        if (this.#weather.strikes('crash-step', 60)) this.#chaos.killProgram(program)
      },
      strike: async ({ port, does, moment }) => {
        if (moment === 'before') await this.#delay()
        if (this.#weather.strikes('crash-effect', 150)) this.#chaos.killProgram(program)
        else if (moment === 'before' && port !== 'store' && this.#weather.strikes('effect-fail', 40))
          throw new Problem('datastore/failed', { datastore: port, why: `simulated: ${does}` })
      },
    }
  }

  async #delay() {
    const ms = this.#weather.delayMs()
    if (ms > 0) await this.center.clock.sleep(ms)
  }
}

export const simulate = (options: RunOptions): Promise<Outcome> => new Simulation(options).run()
