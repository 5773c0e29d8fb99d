/** What every driver of whole networks proves: the promises of `HostNetworking`, one test each. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { HostNetworks } from '#kinds/network/parts.ts'
import { noNetworks, type HostNetworking } from './port.ts'

export type NetworkingRig = {
  readonly driver: HostNetworking
  /** So many networks, each with one NIC; the same for the same number. */
  world(networks: number): HostNetworks
  /** Interfaces of networks as they stand on the host now. */
  standing(): readonly string[]
  /** Puts something in the way of the first network of a world. */
  obstruct(world: HostNetworks): void
  /** Lets something of what was settled end by itself. */
  breakOne(): Promise<void>
  dispose(): Promise<void>
}

export type NetworkingSuite = { readonly skip?: string | false; readonly timeout?: number }

export function obeysNetworkingContract(
  name: string,
  make: (t: TestContext) => Promise<NetworkingRig>,
  suite: NetworkingSuite = {},
) {
  const promise = (title: string, prove: (rig: NetworkingRig) => Promise<void>) =>
    test(`networking ${name}: ${title}`, suite, async (t) => {
      const rig = await make(t)
      t.after(() => rig.dispose())
      await prove(rig)
    })
  const bridgesOf = ({ bridges }: HostNetworks) => bridges.map((bridge) => bridge.interface).toSorted()

  promise('where nothing is wished nothing is made, and clearing it is nothing', async (rig) => {
    assert.equal((await rig.driver.settle(noNetworks)).refusals.size, 0)
    for (const _ of [1, 2]) await rig.driver.clear()
    assert.deepEqual(rig.standing(), [])
    assert.deepEqual(await rig.driver.troubles(), [])
  })

  promise('what is wished stands, the same after a second time; what is wished no more goes', async (rig) => {
    const { driver } = rig
    assert.equal(await driver.lack(), null)
    for (const count of [2, 2, 1]) {
      assert.equal((await driver.settle(rig.world(count))).refusals.size, 0)
      assert.deepEqual(rig.standing(), bridgesOf(rig.world(count)))
      assert.deepEqual(await driver.troubles(), [])
    }
    await driver.settle(noNetworks)
    assert.deepEqual(rig.standing(), [])
  })

  promise('wishes that come at once are settled in their order', async (rig) => {
    await Promise.all([2, 0, 1].map((count) => rig.driver.settle(rig.world(count))))
    assert.deepEqual(rig.standing(), bridgesOf(rig.world(1)))
  })

  promise('a network that cannot be is refused by itself; the others are', async (rig) => {
    const world = rig.world(2)
    rig.obstruct(world)
    const { refusals } = await rig.driver.settle(world)
    assert.deepEqual([...refusals.keys()], [world.bridges[0]?.network])
    assert.ok(rig.standing().includes(world.bridges[1]?.interface ?? ''))
  })

  promise(
    'whoever listens is called when something ends by itself, and not when they stopped',
    async (rig) => {
      let strangers = 0
      rig.driver.onDrift(() => (strangers += 1))()
      await rig.driver.settle(rig.world(1))
      const drifted = new Promise<void>((resolve) => rig.driver.onDrift(resolve))
      await rig.breakOne()
      await drifted
      assert.equal(strangers, 0)
      await rig.driver.settle(rig.world(1))
      assert.deepEqual(rig.standing(), bridgesOf(rig.world(1)))
    },
  )
}
