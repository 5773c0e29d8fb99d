/** Networks for real: the bridge driver in network namespaces, with guests that mean well and others (I-44). */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { groupOf, Lab, lackOf, netOf, nicOn } from './networks-lab.ts'

const proves = { skip: lackOf(), timeout: 60_000 }

function lab(t: TestContext) {
  const made = new Lab()
  t.after(() => made.end())
  return made
}

test(
  'machines reach what a group opens and nothing else; answers come back; a rule change keeps flows',
  proves,
  async (t) => {
    const on = lab(t)
    const net = netOf(1, {})
    const web = groupOf(1, { rules: [{ protocol: 'udp', fromPort: 53, toPort: 60 }] })
    on.networks = [net]
    on.groups = [web]
    on.plug('a', nicOn(net, 10))
    on.plug('b', nicOn(net, 11, { groups: [web.id] }))
    await on.settle()
    const [a, b] = [on.guest('a', nicOn(net, 10)), on.guest('b', nicOn(net, 11))]
    const [pa, pb] = [on.puppet(a), on.puppet(b)]
    for (const port of [53, 61]) await pb.listen(port)
    for (const port of [53, 61]) await pb.listen(port, 6)
    await pa.send('10.77.1.11', 61, 'closed')
    await pa.send('10.77.1.11', 53, '?open')
    assert.deepEqual(await pb.hears('?open'), ['?open'])
    await pa.hears('!open')
    await pa.send('fd00:77:1::b', 61, 'closed6')
    await pa.send('fd00:77:1::b', 53, '?open6')
    assert.deepEqual(await pb.hears('?open6'), ['?open', '?open6'])
    // Link-local is no way around.
    // b may not open a flow to a, who is in no group.
    await pa.listen(70)
    await pb.send('10.77.1.10', 70, 'uninvited', 41_000)
    await pb.send('10.77.1.10', 40_000, 'answer', 53)
    assert.ok(!(await pa.hears('answer')).includes('uninvited'))
  },
)
