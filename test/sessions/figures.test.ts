/** Sessions: `decant top` and `decant machine metrics`, once and watched, for people and for scripts. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { findBottleneck } from '#engines/bottleneck/find.ts'
import { recentAfter, type Recent } from '#engines/metering/recent.ts'
import { memoryMetrics } from '#drivers/metrics/memory/metrics.ts'
import { main } from '#cli/main.ts'
import type { World } from '#cli/command.ts'
import { noFigures, plant } from '../api/desk.ts'
import { paperWorld, sessionFor } from './terminal.ts'

const busy = {
  cpu: 1.9,
  vcpu: 0.95,
  steal: 0.02,
  memory: 2 ** 30,
  memoryUsed: 3 * 2 ** 28,
  'disk0.readBytes': 2 ** 20,
  'disk0.writeBytes': 0,
  'disk0.latency': 0.0025,
}

/** A pool in which one machine was measured for an hour and another never. */
async function measuredSession(t: TestContext) {
  const metrics = memoryMetrics()
  const known = new Map<string, Recent>()
  const nowMs = Date.now()
  const session = await sessionFor(t, {
    figures: {
      ...noFigures,
      read: (span) => metrics.read({ ...span, nowMs }),
      recent: (_, id) => known.get(id),
      finding: (id) => {
        const figures = known.get(id)?.mean
        if (figures === undefined) return findBottleneck(undefined)
        return findBottleneck({
          name: 'web',
          cpus: 2,
          figures,
          disks: [],
          nics: [],
          host: { name: 'h1', figures: {} },
        })
      },
    },
  })
  const { replica } = session.bench.desk
  const web = await plant(replica, { kind: 'machine', name: 'web', project: 'default', host: 'h1' })
  await plant(replica, { kind: 'machine', name: 'idle', project: 'default' })
  const host = await plant(replica, { kind: 'host', name: 'h1' })
  const fresh = (figures: Record<string, number>) => ({ figures, overMs: 10_000, atMs: nowMs })
  known.set(web.id, recentAfter(undefined, 'machine', fresh(busy)))
  known.set(host.id, recentAfter(undefined, 'host', fresh({ cpu: 0.5, load: 1, 'nic:eth0.sentBytes': 2048 })))
  const samples = Array.from({ length: 180 }, (_, n) => ({
    subject: { kind: 'machine' as const, id: web.id },
    atMs: nowMs - n * 10_000,
    overMs: 10_000,
    figures: { ...busy, cpu: n < 90 ? 1.9 : 0.5 },
  }))
  await metrics.write(samples)
  return session
}

test('top says who uses what, and what bounds them', async (t) => {
  const { decant } = await measuredSession(t)
  const { code, out } = await decant('top')
  assert.equal(code, 0)
  const [head = '', web = '', ...rest] = out.trimEnd().split('\n')
  assert.match(head, /^Name +Host +CPU +Steal +Memory +Disk read, write +Latency +Network in, out +Bound by$/)
  assert.match(
    web,
    /^web +h1 +190% +2% +768 MiB \/ 1 GiB +1 MiB\/s 0 B\/s +2\.5 ms +– +cpu: Its CPUs are 95% busy/,
  )
  assert.deepEqual(rest, [], 'of a machine that was not measured there is nothing to say')
  assert.match((await decant('top --hosts')).out, /h1 +50% .* 0 B\/s 2 KiB\/s +1\.00\n$/)
  assert.match((await decant('top --language ko')).out, /사용률이 95%/)
  const said = JSON.parse((await decant('top --format json --sort memory')).out)
  assert.deepEqual([said.total, said.items[0].finding.resource], [1, 'cpu'])
})

test('what is typed wrongly is said', async (t) => {
  const { decant } = await measuredSession(t)
  for (const line of ['top web', 'top --sort size', 'top --interval 0', 'top --limit 501', 'machine metrics'])
    assert.equal((await decant(line)).code, 2, line)
  for (const line of ['machine metrics web --period never', 'machine metrics web --step 1s'])
    assert.equal((await decant(line)).code, 2, line)
  assert.notEqual((await decant('machine metrics none')).code, 0)
  assert.notEqual((await decant('machine metrics web --series nothing')).code, 0)
})

test('top on a terminal paints over itself until Ctrl-C, and leaves the screen as it was', async (t) => {
  const { folder } = await measuredSession(t)
  const { world, said } = paperWorld(folder)
  const stop = new AbortController()
  let pictures = 0
  const screen: World['stdout'] = {
    isTTY: true,
    columns: 100,
    rows: 10,
    write: (text) => {
      if (String(text).startsWith('\u001b[H') && ++pictures === 2) stop.abort()
      return world.stdout.write(text)
    },
  }
  const code = await main(['top', '--interval', '1'], { ...world, stdout: screen, interrupted: stop.signal })
  assert.equal(code, 0)
  const { out } = said()
  assert.ok(out.startsWith('\u001b[?1049h') && out.endsWith('\u001b[?1049l'))
  assert.equal(out.split('\u001b[H').length, 3)
  for (const line of out.split('\u001b[H')[1]?.split('\r\n') ?? [])
    assert.ok(line.replaceAll(/\u001b\[[\d;?]*[a-zA-Z]/g, '').length <= 100, line)
})

test('a history as bars and numbers, or as JSON', async (t) => {
  const { decant } = await measuredSession(t)
  const { code, out } = await decant(
    'machine metrics web --period 1h --series cpu --series memoryUsed --step 1m',
  )
  assert.equal(code, 0)
  const [head = '', cpu = '', memory = '', ...rest] = out.trimEnd().split('\n')
  assert.match(head, /^Figure +Last 1h0m, by 1m0s +Now +Mean +Least +Most$/)
  assert.match(cpu, /^cpu +[▁▂▃▄▅▆▇ ]+█+ +1\.9 +1\.\d+ +0\.5 +1\.9$/)
  assert.match(memory, /^memoryUsed +█+ +768 MiB/)
  assert.deepEqual(rest, [])
  const said = JSON.parse((await decant('machine metrics web --format json --series cpu')).out)
  assert.deepEqual([said.stepMs, said.series.cpu.unit], [10_000, 'cores'])
  const idle = await decant('machine metrics idle')
  assert.deepEqual([idle.code, idle.out], [0, ''])
  assert.match(idle.err, /Nothing was measured of machine idle/)
})
