/** One simulated host: what outlives its agent, and the agent that comes and goes. */

import type { Random } from '#base/random.ts'
import { FakeDatastore, newFakeDisk, type FakeDisk } from '#drivers/datastore/fake/datastore.ts'
import { growFile } from '#drivers/datastore/fake/disk.ts'
import { openFake, type Act } from '#drivers/hypervisor/fake/open.ts'
import { FakeWorld } from '#drivers/hypervisor/fake/world.ts'
import { FakeImageMaker, newFakeWork } from '#drivers/image/fake/image.ts'
import type { LinkClient } from '#drivers/link/port.ts'
import { FakeNetwork, newFakePorts } from '#drivers/network/fake/network.ts'
import { MemoryNotebook } from '#drivers/notebook/memory/notebook.ts'
import { runAgent } from '#program/agent/agent.ts'
import type { AgentPorts } from '#program/agent/world.ts'
import { ClockFace, type VirtualTime } from './clock.ts'
import { Killed, Life, mortal, mortalClock, type Strike } from './mortal.ts'
import { idsFrom, wordsFrom } from './seed.ts'

const none: ReadonlySet<string> = new Set()

/** Methods that change the world, by port. */
const effects: Readonly<Record<string, ReadonlySet<string>>> = {
  hypervisor: new Set([
    'spawn',
    'powerdown',
    'pause',
    'resume',
    'kill',
    'remove',
    'attachDisk',
    'detachDisk',
    'resizeDisk',
    'limitDisk',
    'changeMedium',
    'attachNic',
    'detachNic',
    'setLink',
    'setCpus',
    'setMemory',
    'setBalloon',
    'overlay',
    'merge',
    'mirror',
    'freeze',
    'thaw',
  ]),
  notebook: new Set(['put', 'remove']),
  network: new Set(['plug', 'unplug']),
  datastore: new Set([
    'create',
    'grow',
    'remove',
    'draft',
    'seal',
    'removeImage',
    'prepareTop',
    'raiseTop',
    'lowerTop',
    'revert',
    'dropLayer',
    'merge',
    'merged',
    'arrived',
    'removeMemory',
  ]),
  imageMaker: none,
  link: none,
}

export type HostSetting = {
  readonly name: string
  readonly time: VirtualTime
  readonly random: Random
  readonly client: LinkClient
  /** The disk that all hosts share. */
  readonly pool: FakeDisk
  readonly cpus: number
  readonly memoryMib: number
  readonly log: (line: string) => void
}

/** What the simulator does to a program: strikes at its effects, and the moment before each step. */
export type Fortune = {
  readonly strike: Strike
  readonly beforeStep: (loop: string, id: string, step: { readonly do: string }) => void
}

export class SimHost {
  readonly name: string
  readonly clock: ClockFace
  readonly world: FakeWorld
  readonly disk = newFakeDisk({ delayMs: 20 })
  readonly notebook = new MemoryNotebook()
  readonly ports = newFakePorts()
  readonly setting: HostSetting
  /** The agent's life; undefined while none runs. */
  life: Life | undefined
  boots = 1
  starts = 0
  /** Told of each act of the hypervisor, before and after. */
  onAct: (act: Act) => void = () => {}

  constructor(setting: HostSetting) {
    this.name = setting.name
    this.setting = setting
    this.clock = new ClockFace(setting.time)
    this.world = new FakeWorld(this.clock)
    this.world.onGrown = (file, sizeBytes) => {
      for (const disk of [this.disk, setting.pool]) growFile(disk, file, sizeBytes)
    }
  }

  get isUp() {
    return this.life !== undefined
  }

  async start(fortune: Fortune): Promise<void> {
    if (this.life !== undefined) return
    const life = new Life()
    this.life = life
    this.starts += 1
    await runAgent(this.#ports(life, fortune), { host: this.name, version: 'simulated' })
  }

  /** Like kill -9; guests run on. */
  kill() {
    this.life?.end()
    this.life = undefined
  }

  /** The power fails: every process is gone, what was written stays. */
  cyclePower() {
    this.kill()
    this.boots += 1
    this.ports.held.clear()
    this.world.reboot()
  }

  #ports(life: Life, { strike, beforeStep }: Fortune): AgentPorts {
    const { name, setting } = this
    const clock = mortalClock(this.clock, life)
    const wrap = <Port extends object>(port: string, inner: Port): Port =>
      mortal(inner, { life, port, effects: effects[port] ?? none, strike })
    const datastores = new Map(
      [new FakeDatastore(setting.pool, { name: 'pool', clock }), this.#local(clock)].map((inner) => [
        inner.name,
        wrap('datastore', inner),
      ]),
    )
    return {
      link: wrap('link', setting.client),
      notebook: wrap('notebook', this.notebook),
      hypervisor: wrap(
        'hypervisor',
        openFake(this.world, (act) => this.onAct(act)),
      ),
      datastore: (wanted) => datastores.get(wanted),
      network: wrap('network', new FakeNetwork(this.ports)),
      imageMaker: wrap('imageMaker', new FakeImageMaker(newFakeWork({ buildMs: 800 }), clock)),
      clock,
      facts: {
        architecture: 'x86_64',
        cpus: setting.cpus,
        memoryMib: setting.memoryMib,
        kernel: 'simulated',
        hostname: name,
        bootId: `${name}-boot-${this.boots}`,
      },
      newId: idsFrom(setting.random),
      newWord: wordsFrom(setting.random),
      log: (line) => (life.isOver ? undefined : setting.log(`${name}: ${line}`)),
      beforeStep: (loop, id, step) => {
        beforeStep(loop, id, step)
        if (life.isOver) throw new Killed(`before ${step.do}`)
      },
    }
  }

  #local(clock: ReturnType<typeof mortalClock>) {
    return new FakeDatastore(this.disk, { name: localOf(this.name), clock })
  }
}

/** The datastore that only this host reaches. */
export const localOf = (host: string) => `local-${host}`
