import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { Health } from './health.ts'

test('a server that does not start is in trouble until one has served, and what it said is told', () => {
  const health = new Health()
  const course = health.started('n', 0)
  deepEqual([...health.troubles(10)], [])
  health.says('n', 'port 53 is taken')
  equal(health.ended('n', 20, course), true)
  deepEqual([...health.troubles(30)], [['n', 'port 53 is taken']])
  health.started('n', 5_000)
  equal(health.troubles(5_010).size, 1)
  equal(health.troubles(10_000).size, 0)
})

test('one end of a server that has long served is no trouble, three in a minute are', () => {
  const health = new Health()
  for (const [at, count] of [
    [10_000, 0],
    [20_000, 0],
    [30_000, 1],
  ] as const) {
    health.started('n', at - 9_000)
    equal(health.ended('n', at), false)
    health.started('n', at)
    equal(health.troubles(at + 6_000).size, count)
  }
  equal(health.troubles(75_000).size, 0)
})

test('the end of a server that was replaced is not that of the new one', () => {
  const health = new Health()
  const old = health.started('n', 0)
  health.forget('n')
  health.started('n', 10)
  equal(health.ended('n', 20, old), false)
  equal(health.troubles(30).size, 0)
})
