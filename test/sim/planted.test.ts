/** Two faults planted in copies of the real planners: some seed finds each. All of them: `npm run sim:planted`. */

import { ok } from 'node:assert/strict'
import { test } from 'node:test'
import { mutations } from './mutations.ts'
import { plant } from './planted.ts'

for (const name of ['hasty-gone', 'restless'])
  test(`a fault planted in a planner is found: ${name}`, async () => {
    const mutation = mutations.find((one) => one.name === name)
    ok(mutation !== undefined)
    const { seed, told } = await plant(mutation, 300)
    ok(seed !== undefined, `no seed finds it: ${told}`)
  })
