/** A whole datacenter in memory: hosts, their agents, one controller, and the cables between them. */

import { newFakeDisk } from '#drivers/datastore/fake/datastore.ts'
import { ledgerPages, memoryLedger } from '#drivers/ledger/memory/ledger.ts'
import type { Faults } from '#drivers/link/memory/faults.ts'
import { memoryLink, type MemoryLink } from '#drivers/link/memory/link.ts'
import type { Change, Store } from '#drivers/store/port.ts'
import { memoryDisk, memoryStore, type MemoryDisk } from '#drivers/store/memory/store.ts'
import { runController, type Controller } from '#program/controller/controller.ts'
import { ClockFace, VirtualTime } from './clock.ts'
import { SimHost, type Fortune } from './host.ts'
import { Killed, Life, mortal, mortalClock } from './mortal.ts'
import { idsFrom, type Chances } from './seed.ts'

const storeEffects = new Set(['commit'])
const none = new Set<string>()

export type DatacenterSetting = {
  readonly hosts: number
  readonly chances: Chances
  readonly cables: Faults
  readonly fortune: { readonly controller: Fortune; readonly agent: (host: string) => Fortune }
  /** Called before each commit; a problem that it throws is the store's answer. */
  readonly beforeCommit: (changes: readonly Change[]) => void
  readonly onController: (controller: Controller) => void
  readonly log: (line: string) => void
}

export class Datacenter {
  readonly time = new VirtualTime()
  readonly hosts: ReadonlyMap<string, SimHost>
  readonly clock: ClockFace
  readonly pool = newFakeDisk({ delayMs: 20, capacityBytes: 2 ** 44 })
  readonly link: MemoryLink
  readonly #setting: DatacenterSetting
  readonly #pages = ledgerPages()
  readonly #newId: () => string
  storeDisk: MemoryDisk = memoryDisk()
  controller: Controller | undefined
  life: Life | undefined

  constructor(setting: DatacenterSetting) {
    this.#setting = setting
    this.clock = new ClockFace(this.time)
    this.#newId = idsFrom(setting.chances.stream('controller'))
    const { connect, message } = setting.cables
    this.link = memoryLink(this.clock, {
      connect: (host) => (this.controller === undefined ? 'refuse' : (connect?.(host) ?? 'pass')),
      ...(message === undefined ? {} : { message }),
    })
    this.hosts = new Map(
      Array.from({ length: setting.hosts }, (_, at) => {
        const host = this.#host(`h${at + 1}`)
        return [host.name, host]
      }),
    )
  }

  #host(name: string): SimHost {
    const { chances, log } = this.#setting
    const random = chances.stream(name)
    return new SimHost({
      name,
      time: this.time,
      random,
      client: this.link.client(name),
      pool: this.pool,
      cpus: 2,
      memoryMib: 4096,
      log,
    })
  }

  /** Starts the controller; it may die of a bad store on the way, as the real one would. */
  async startController(): Promise<void> {
    if (this.life !== undefined) return
    const life = new Life()
    this.life = life
    try {
      const controller = await this.#run(life)
      if (this.life !== life) return
      this.controller = controller
      this.#setting.onController(controller)
    } catch (fault) {
      this.#setting.log(`controller: did not start: ${String(fault)}`)
      if (this.life === life) this.killController()
    }
  }

  killController() {
    this.life?.end()
    this.life = undefined
    this.controller = undefined
    this.link.cut()
  }

  /** The disk of the store is lost; there is no backup. */
  loseStore() {
    this.storeDisk = memoryDisk()
  }

  startAgent(name: string) {
    void this.hosts.get(name)?.start(this.#setting.fortune.agent(name))
  }

  killAgent(name: string) {
    this.hosts.get(name)?.kill()
    this.link.cut(name)
  }

  cyclePower(name: string) {
    this.hosts.get(name)?.cyclePower()
    this.link.cut(name)
  }

  #run(life: Life): Promise<Controller> {
    const { fortune, beforeCommit, log } = this.#setting
    const { strike, beforeStep } = fortune.controller
    const store = mortal<Store>(memoryStore({ disk: this.storeDisk, beforeCommit }), {
      life,
      port: 'store',
      effects: storeEffects,
      strike,
    })
    const wrapped = { life, effects: none, strike }
    return runController(
      {
        store,
        ledger: mortal(memoryLedger(this.#pages), { ...wrapped, port: 'ledger' }),
        link: mortal(this.link.server, { ...wrapped, port: 'link' }),
        clock: mortalClock(this.clock, life),
        newId: this.#newId,
        log: (line) => (life.isOver ? undefined : log(`controller: ${line}`)),
        beforeStep: (loop, id, step) => {
          beforeStep(loop, id, step)
          if (life.isOver) throw new Killed(`before ${step.do}`)
        },
      },
      { version: 'simulated', host: null, withHello: false },
    )
  }
}
