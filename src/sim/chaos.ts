/** What befalls a datacenter: programs die, power fails, guests crash, disks fill, clocks jump, cables break. */

import { oneOf, wholeFrom, type Random } from '#base/random.ts'
import type { Datacenter } from './datacenter.ts'
import type { FaultName, Weather } from './faults.ts'
import type { SimHost } from './host.ts'

export type Blow = { readonly name: FaultName; readonly on: string }

/** A bad store is good again within this. */
export const spoiltMs = 20_000

export type ChaosSetting = {
  readonly center: Datacenter
  readonly weather: Weather
  readonly random: Random
  readonly faults: ReadonlySet<FaultName>
  /** Told of each blow, before it falls. */
  readonly onBlow: (blow: Blow) => void
}

export class Chaos {
  readonly #on: ChaosSetting

  constructor(on: ChaosSetting) {
    this.#on = on
  }

  /** One blow by chance, if any fault may strike. */
  strike() {
    const { random, faults } = this.#on
    const names = this.#names.filter((name) => faults.has(name))
    if (names.length === 0) return
    this.#blow(oneOf(random, names))
  }

  /** Kills a program at this very moment and has it started again a while later. */
  killProgram(program: string) {
    if (program === 'controller') this.#restartController('controller-kill')
    else this.#restartAgent('agent-kill', program, false)
  }

  /** Everything is mended and runs again. */
  heal() {
    const { center, weather } = this.#on
    weather.heal()
    center.clock.mend()
    center.pool.capacityBytes = 2 ** 44
    for (const host of center.hosts.values()) {
      host.clock.mend()
      host.world.deaf.clear()
      host.disk.capacityBytes = 2 ** 40
      for (const [id, guest] of host.world.guests)
        if (guest.process === 'strange') host.world.turn(id, 'lost')
      center.startAgent(host.name)
    }
    void center.startController()
  }

  readonly #names: readonly FaultName[] = [
    'agent-kill',
    'controller-kill',
    'host-cycle',
    'link-down',
    'link-cut',
    'store-full',
    'store-failing',
    'store-lost',
    'clock-jump',
    'guest-crash',
    'guest-crash',
    'guest-panic',
    'guest-off',
    'guest-deaf',
    'guest-strange',
    'disk-full',
  ]

  #blow(name: FaultName) {
    const { center, weather } = this.#on
    switch (name) {
      case 'controller-kill':
        return this.#restartController(name)
      case 'agent-kill':
        return this.#restartAgent(name, this.#anyHost().name, false)
      case 'host-cycle':
        return this.#restartAgent(name, this.#anyHost().name, true)
      case 'store-full':
        return this.#spoilStore(name, 'full')
      case 'store-failing':
        return this.#spoilStore(name, 'failing')
      case 'store-lost':
        return this.#loseStore()
      case 'clock-jump':
        return this.#jump()
      case 'disk-full':
        return this.#fillDisk()
      case 'link-cut':
        return this.#onHost(name, (host) => center.link.cut(host.name))
      case 'link-down':
        return this.#onHost(name, ({ name: host }) => {
          weather.unplugged.add(host)
          this.#later(60_000, () => weather.unplugged.delete(host))
        })
      default:
        return this.#guestBlow(name)
    }
  }

  #guestBlow(name: FaultName) {
    const { random } = this.#on
    const host = this.#anyHost()
    const live = [...host.world.guests].filter(
      ([, { process }]) => process === 'running' || process === 'paused',
    )
    if (live.length === 0) return
    const [id] = oneOf(random, live)
    this.#on.onBlow({ name, on: `${host.name} guest ${id}` })
    if (name === 'guest-crash') host.world.crash(id, 'simulated')
    else if (name === 'guest-panic') host.world.panic(id)
    else if (name === 'guest-off') host.world.powerOff(id)
    else if (name === 'guest-deaf') host.world.deaf.add(id)
    else {
      host.world.estrange(id)
      this.#later(
        30_000,
        () => host.world.guests.get(id)?.process === 'strange' && host.world.turn(id, 'lost'),
      )
    }
  }

  #onHost(name: FaultName, act: (host: SimHost) => void) {
    const host = this.#anyHost()
    this.#on.onBlow({ name, on: host.name })
    act(host)
  }

  #restartController(name: FaultName) {
    const { center, weather } = this.#on
    this.#on.onBlow({ name, on: 'controller' })
    center.killController()
    this.#later(weather.isHealed ? 1_000 : 20_000, () => void center.startController())
  }

  #restartAgent(name: FaultName, host: string, withPower: boolean) {
    const { center } = this.#on
    this.#on.onBlow({ name, on: host })
    if (withPower) center.cyclePower(host)
    else center.killAgent(host)
    this.#later(withPower ? 60_000 : 15_000, () => center.startAgent(host))
  }

  #spoilStore(name: FaultName, state: 'full' | 'failing') {
    const { weather } = this.#on
    this.#on.onBlow({ name, on: 'store' })
    weather.store = state
    this.#later(spoiltMs, () => (weather.store = 'ok'))
  }

  /** Rare: it costs a run its memory of what was acknowledged. */
  #loseStore() {
    if (this.#on.random() > 0.2) return
    this.#restartController('store-lost')
    this.#on.center.loseStore()
  }

  #jump() {
    const { center, random } = this.#on
    const byMs = (random() < 0.5 ? -1 : 1) * (1 + wholeFrom(random, 7_200_000))
    const host = this.#anyHost()
    const face = random() < 0.3 ? center.clock : host.clock
    this.#on.onBlow({
      name: 'clock-jump',
      on: `${face === center.clock ? 'controller' : host.name} by ${byMs} ms`,
    })
    face.jump(byMs)
  }

  #fillDisk() {
    const { center } = this.#on
    this.#on.onBlow({ name: 'disk-full', on: 'pool' })
    center.pool.capacityBytes = center.pool.usedBytes
    this.#later(20_000, () => (center.pool.capacityBytes = 2 ** 44))
  }

  #anyHost(): SimHost {
    return oneOf(this.#on.random, [...this.#on.center.hosts.values()])
  }

  #later(withinMs: number, act: () => void) {
    const { center, random } = this.#on
    center.time.after(100 + wholeFrom(random, withinMs), act)
  }
}
