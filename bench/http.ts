/**
 * Durable changes per second over HTTP with 64 clients: creating small objects through the whole API (roles,
 * admission, name claim, audit) of a running Decant, beside etcd puts through its own HTTP gateway, in turns.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEtcd } from './etcd.ts'
import { clients, measure, middle, type Peer, type Put, type Round } from './load.ts'
import type { BenchOptions } from './main.ts'
import { freePort, post } from './wire.ts'

const checkout = fileURLToPath(new URL('..', import.meta.url))

export const bench = {
  name: 'http',
  summary: 'durable changes per second over HTTP, beside etcd puts on the same disk',
  run,
}

async function run({ rounds, seconds, folder }: BenchOptions) {
  const data = mkdtempSync(join(folder, 'decant-bench-'))
  const etcd = await startEtcd(join(data, 'etcd'), { text: 'x'.repeat(256) })
  const decant = await startDecant(join(data, 'decant'))
  try {
    const [ours, theirs]: [Round[], Round[]] = [[], []]
    await measure(decant.put, 1)
    await measure(etcd.put, 1)
    for (let round = 0; round < rounds; round++) {
      ours.push(await measure(decant.put, seconds))
      theirs.push(await measure(etcd.put, seconds))
    }
    const [mine, other] = [middle(ours), middle(theirs)]
    return {
      name: 'http',
      clients,
      rounds,
      decant: mine,
      etcd: other,
      ratio: Number((mine.perSecond / other.perSecond).toFixed(2)),
    }
  } finally {
    await decant.stop()
    await etcd.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

/** A real Decant on a folder of its own, without its first machine; each put creates one network. */
async function startDecant(data: string): Promise<Peer> {
  const port = await freePort()
  const argv = [join(checkout, 'src/bin/start.ts'), '--data', data, '--port', String(port), '--no-hello']
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  await ready(child)
  const authorization = `Bearer ${readFileSync(join(data, 'run/admin.token'), 'utf8').trim()}`
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  let created = 0
  const put: Put = () =>
    post(
      `http://127.0.0.1:${port}/api/v1/networks`,
      agent,
      { name: `bench-${++created}`, spec: {} },
      { authorization },
    )
  const stop = async () => {
    agent.destroy()
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  return { put, stop }
}

async function ready(child: ChildProcess) {
  for await (const bytes of child.stdout ?? []) if (String(bytes).includes('Decant is ready')) return
  throw new Error('Decant did not start')
}
