/** A short, seeded piece of the campaign: one life, each verb disturbed by one kill -9. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blowsFrom } from './real-blows.ts'
import { lifeOf, live, sentence } from './real-life.ts'
import { openWitnessed } from './real-rig.ts'

const seed = 7

test('I-20, I-24: every verb ends as undisturbed, whichever program is killed in its course', async (t) => {
  const rig = await openWitnessed()
  try {
    const blows = blowsFrom(seed)
    const lived = await live(rig, 'subject', (verb) => {
      const blow = blows(verb)
      t.diagnostic(`${verb}: ${sentence(blow)}`)
      return blow
    })
    assert.equal(lived.length, lifeOf('subject').length)
  } finally {
    await rig.close()
  }
})
