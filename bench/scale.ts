/** How the controller bears a large pool: 25,000 simulated hosts with 25,000 machines, the real store and API. */

import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { openApi } from '#api/open.ts'
import { sha256 } from '#api/secrets.ts'
import { realClock } from '#drivers/clock/real/clock.ts'
import { memoryLedger } from '#drivers/ledger/memory/ledger.ts'
import { openSqliteStore } from '#drivers/store/sqlite/store.ts'
import { runController } from '#program/controller/controller.ts'
import { simulatedFleet } from '#sim/fleet.ts'
import type { Bench, BenchOptions } from './main.ts'

const size = { hosts: 25_000, machines: 25_000 }
const secret = randomUUID()

/** Pages as a console asks for them: filtered, sorted by what moves, a hundred at a time. */
const pages = [
  '/api/v1/machines?project=default&limit=100&labels=tier%3Dback&sort=-spec.memoryMib',
  '/api/v1/machines?project=default&limit=100&status.state=running&sort=name',
]

export const bench: Bench = {
  name: 'scale',
  summary: 'a page of 100 of 25,000 machines, restart to ready, and memory, with 25,000 simulated hosts',
  run: async (options: BenchOptions) => {
    const folder = await mkdtemp(join(options.folder, 'decant-scale-'))
    try {
      return await measured(folder, options)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

async function measured(folder: string, { rounds }: BenchOptions) {
  const seedMs = await timed(async () => {
    const store = await openSqliteStore({ folder })
    await simulatedFleet({ ...size, clock: realClock }).seed(store)
    await store.close()
  })
  const begun = performance.now()
  const pool = await open(folder)
  const readyMs = performance.now() - begun
  try {
    const fleetMs = await timed(() => pool.start())
    // Keeps the process awake while only the clock's own timers run, which never do.
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    const asked = []
    for (const path of pages) asked.push({ path, ...(await askedFor(pool.port, path, 50 * rounds)) })
    return {
      ...size,
      seedMs: Math.round(seedMs),
      readyMs: Math.round(readyMs),
      fleetMs: Math.round(fleetMs),
      pages: asked,
      ...(await memory()),
    }
  } finally {
    await pool.close()
  }
}

/** Store, controller and API, until the first page could be asked for. */
async function open(folder: string) {
  const store = await openSqliteStore({ folder })
  const fleet = simulatedFleet({ ...size, clock: realClock })
  const ports = {
    store,
    ledger: memoryLedger(),
    link: fleet.link,
    clock: realClock,
    newId: randomUUID,
    log: () => {},
  }
  const controller = await runController(ports, { version: 'bench', host: null, withHello: false })
  const api = await openApi(controller.desk, {
    allowedHosts: ['127.0.0.1'],
    localTokenHash: sha256(secret),
    log: () => {},
  })
  await new Promise<void>((resolve) => api.server.listen(0, '127.0.0.1', resolve))
  return {
    port: (api.server.address() as AddressInfo).port,
    start: () => fleet.start(),
    close: async () => {
      await api.close()
      await fleet.stop()
      await controller.stop()
      await store.close()
    },
  }
}

async function askedFor(port: number, path: string, times: number) {
  const agent = new Agent({ keepAlive: true })
  const took: number[] = []
  let items = 0
  for (let at = 0; at < times; at++) {
    const began = performance.now()
    const body = await got(port, path, agent)
    took.push(performance.now() - began)
    items = (JSON.parse(body) as { items: unknown[] }).items.length
  }
  agent.destroy()
  const sorted = took.toSorted((a, b) => a - b)
  const at = (part: number) =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0).toFixed(2))
  return { items, requests: times, p50Ms: at(0.5), p99Ms: at(0.99) }
}

const got = (port: number, path: string, agent: Agent) =>
  new Promise<string>((resolve, reject) => {
    const headers = { authorization: `Bearer ${secret}` }
    request({ host: '127.0.0.1', port, path, agent, headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => {
        const body = Buffer.concat(parts).toString()
        if (response.statusCode === 200) resolve(body)
        else reject(new Error(`${path}: ${response.statusCode} ${body.slice(0, 300)}`))
      })
    })
      .on('error', reject)
      .end()
  })

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** Of this process: controller, API, store and the simulated agents together. */
async function memory() {
  const text = await readFile('/proc/self/smaps_rollup', 'utf8')
  const mib = (name: string) =>
    Math.round(Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024)
  return { rssMib: mib('Rss'), pssMib: mib('Pss') }
}
