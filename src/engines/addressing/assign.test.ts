import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { canonical, isWithin, merged, numberOf, overlaps, subnetFrom, subnetText, textOf } from './address.ts'
import { addressClaims, giveAddresses, isUsable, type Addressing, type Asking } from './assign.ts'

const on = (more: Partial<Addressing> = {}): Addressing => ({
  network: 'n',
  name: 'lan',
  subnet4: '10.0.0.0/29',
  subnet6: 'fd00::/64',
  gives: true,
  taken: new Set(),
  ...more,
})
const ask = (more: Partial<Asking> = {}): Asking => ({
  on: on(),
  fixed4: null,
  fixed6: null,
  before4: null,
  before6: null,
  ...more,
})

test('the lowest free address is given; ends of the subnet and the gateway never are', () => {
  assert.deepEqual(giveAddresses([ask()]), [{ address4: '10.0.0.2', address6: 'fd00::2', refusal: null }])
  const taken = new Set(['10.0.0.2', '10.0.0.3', 'fd00::2'])
  const [next] = giveAddresses([ask({ on: on({ taken }) })])
  assert.deepEqual([next?.address4, next?.address6], ['10.0.0.4', 'fd00::3'])
  for (const address of ['10.0.0.0', '10.0.0.1', '10.0.0.7', '10.0.0.8'])
    assert.equal(isUsable(address, '10.0.0.0/29'), false)
})

test('what a NIC had it keeps, also when lower ones are free; a fixed one goes before it', () => {
  const [kept] = giveAddresses([ask({ before4: '10.0.0.5' })])
  assert.equal(kept?.address4, '10.0.0.5')
  const [fixed] = giveAddresses([ask({ before4: '10.0.0.5', fixed4: '10.0.0.6', fixed6: 'FD00:0:0::9' })])
  assert.deepEqual([fixed?.address4, fixed?.address6], ['10.0.0.6', 'fd00::9'])
})

test('a full subnet, a foreign address and a taken one are refused with their reason', () => {
  const taken = new Set(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
  const codes = (asking: Asking) => giveAddresses([asking])[0]?.refusal?.code
  assert.equal(codes(ask({ on: on({ taken }) })), 'network/full')
  assert.equal(codes(ask({ fixed4: '10.0.1.2' })), 'network/address-outside')
  assert.equal(codes(ask({ fixed4: '10.0.0.1' })), 'network/address-outside')
  assert.equal(codes(ask({ on: on({ taken }), fixed4: '10.0.0.2' })), 'network/address-taken')
  assert.equal(codes(ask({ on: on({ subnet4: null }), fixed4: '10.0.0.2' })), 'network/address-outside')
})

const address6 = fc.ipV6().filter((text) => !text.includes('%'))

test('every address has one text, and the same number', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), address6), (text) => {
      const one = canonical(text)
      assert.equal(canonical(one), one)
      assert.equal(numberOf(one), numberOf(text))
      assert.ok(!text.includes(':') || isIPv6(one))
      assert.ok(!text.includes(':') || new URL(`http://[${text}]/`).hostname === `[${one}]`)
    }),
  )
})

test('I-27 NICs of one machine and of all others never share, and all lie in their subnet', () => {
  const wish = fc.record({
    count: fc.integer({ min: 1, max: 8 }),
    taken: fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 40 }),
    before: fc.option(fc.integer({ min: 0, max: 40 }), { nil: null }),
  })
  fc.assert(
    fc.property(wish, ({ count, taken, before }) => {
      const four = (last: number) => textOf(4, numberOf('10.0.0.0') + BigInt(last))
      const others = new Set(taken.map(four))
      const asking = Array.from({ length: count }, () =>
        ask({
          on: on({ subnet4: '10.0.0.0/27', taken: others }),
          before4: before === null ? null : four(before),
        }),
      )
      const given = giveAddresses(asking)
      const fours = given.flatMap(({ address4 }) => address4 ?? [])
      assert.equal(new Set(fours).size, fours.length)
      for (const address of fours)
        assert.ok(isUsable(address, '10.0.0.0/27') && !others.has(address), address)
      const usable = Array.from({ length: 32 }, (_, last) => four(last)).filter(
        (each) => isUsable(each, '10.0.0.0/27') && !others.has(each),
      )
      assert.equal(fours.length, Math.min(count, usable.length))
      assert.equal(
        addressClaims(given.map((each) => ({ ...each, network: 'n' }))).length,
        fours.length + count,
      )
    }),
  )
})

test('merged subnets hold the same addresses and do not overlap', () => {
  const subnet = fc
    .tuple(fc.ipV4(), fc.integer({ min: 4, max: 32 }))
    .map(([address, prefix]) => subnetFrom(`${address}/${prefix}`))
  fc.assert(
    fc.property(fc.array(subnet, { maxLength: 12 }), fc.ipV4(), (subnets, address) => {
      const kept = merged(subnets)
      for (const [at, each] of kept.entries())
        for (const other of kept.slice(at + 1))
          assert.ok(!overlaps(each, other), `${subnetText(each)} ${subnetText(other)}`)
      const probe = subnets[0] === undefined ? address : textOf(4, subnets[0].last)
      for (const text of [address, probe])
        assert.equal(
          kept.some((each) => isWithin(text, each)),
          subnets.some((each) => isWithin(text, each)),
        )
    }),
  )
})
