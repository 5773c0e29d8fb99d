/** Whole networks in memory: what was settled last, and how often. */

import type { HostNetworks } from '#kinds/network/parts.ts'
import type { Problem } from '#model/problem.ts'
import { noNetworks, type HostNetworking, type Trouble } from '../port.ts'

export class FakeNetworking implements HostNetworking {
  readonly name = 'fake'
  world: HostNetworks = noNetworks
  settles = 0
  /** Networks that are refused, by id. */
  readonly refusals = new Map<string, Problem>()
  wrong: readonly Trouble[] = []
  /** Called before each effect; throw a problem to play a fault. */
  fault: (() => void) | undefined
  readonly #listeners = new Set<() => void>()

  /** Interfaces of networks, without those that are refused. */
  get standing(): string[] {
    const made = this.world.bridges.filter(({ network }) => !this.refusals.has(network))
    return made.map((bridge) => bridge.interface).toSorted()
  }

  async lack() {
    return null
  }

  async settle(world: HostNetworks) {
    this.fault?.()
    this.settles += 1
    this.world = world
    return { refusals: new Map(this.refusals) }
  }

  async troubles() {
    return this.wrong
  }

  onDrift(call: () => void) {
    this.#listeners.add(call)
    return () => this.#listeners.delete(call)
  }

  drift() {
    for (const call of this.#listeners) call()
  }

  async clear() {
    this.world = noNetworks
  }
}
