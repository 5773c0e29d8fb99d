/**
 * Durable single-change commits at the store port with 64 committers, beside etcd puts with 64 clients on the same
 * disk, in turns within one run. `node bench/store.ts [--format json] [--rounds N] [--seconds N]`
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openSqliteStore } from '../src/drivers/store/sqlite/store.ts'

const clients = 64
const value = { text: 'x'.repeat(256) }

export type Options = { readonly rounds: number; readonly seconds: number; readonly folder: string }
type Round = { readonly perSecond: number; readonly p99Ms: number }
type Put = (id: string) => Promise<unknown>
type Peer = { readonly put: Put; readonly stop: () => Promise<void> }

export type Result = {
  readonly name: string
  readonly clients: number
  readonly rounds: number
  readonly store: Round
  readonly etcd: Round & { readonly spoken: string }
  readonly ratio: number
}

export const bench = {
  name: 'store',
  summary: 'durable commits per second at the store port, beside etcd puts on the same disk',
  run,
}

async function run(options: Options): Promise<Result> {
  const folder = mkdtempSync(join(options.folder, 'decant-bench-'))
  const etcd = await startEtcd(join(folder, 'etcd'))
  const store = await openSqliteStore({ folder: join(folder, 'store') })
  const commit: Put = (id) => store.commit([{ op: 'put', kind: 'bench', id, value }])
  try {
    const ours: Round[] = []
    const theirs: Round[] = []
    await measure(commit, 0.5)
    await measure(etcd.put, 0.5)
    for (let round = 0; round < options.rounds; round++) {
      ours.push(await measure(commit, options.seconds))
      theirs.push(await measure(etcd.put, options.seconds))
    }
    const [mine, other] = [middle(ours), { ...middle(theirs), spoken: 'JSON gateway over HTTP keep-alive' }]
    const ratio = Number((mine.perSecond / other.perSecond).toFixed(2))
    return { name: 'store', clients, rounds: options.rounds, store: mine, etcd: other, ratio }
  } finally {
    await store.close()
    await etcd.stop()
    rmSync(folder, { recursive: true })
  }
}

async function measure(put: Put, seconds: number): Promise<Round> {
  const latencies: number[] = []
  const start = performance.now()
  const end = start + seconds * 1000
  const client = async (at: number) => {
    for (let n = 0; performance.now() < end; n++) {
      const before = performance.now()
      await put(`${at}-${n % 100}`)
      latencies.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, at) => client(at)))
  const took = (performance.now() - start) / 1000
  const sorted = latencies.toSorted((a, b) => a - b)
  return {
    perSecond: Math.round(latencies.length / took),
    p99Ms: Number((sorted[Math.floor(sorted.length * 0.99)] ?? 0).toFixed(2)),
  }
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

const middle = (rounds: readonly Round[]): Round => ({
  perSecond: median(rounds.map(({ perSecond }) => perSecond)),
  p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
})

async function startEtcd(folder: string): Promise<Peer> {
  const program = ['/usr/bin/etcd', '/usr/local/bin/etcd'].find((path) => existsSync(path))
  if (program === undefined) throw new Error('etcd is not installed: apt-get install etcd-server')
  const [client, peer] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`)
  const child = spawn(
    program,
    [
      '--data-dir',
      folder,
      '--name',
      'bench',
      '--logger',
      'zap',
      '--log-level',
      'error',
      '--listen-client-urls',
      `${client}`,
      '--advertise-client-urls',
      `${client}`,
      '--listen-peer-urls',
      `${peer}`,
      '--initial-advertise-peer-urls',
      `${peer}`,
      '--initial-cluster',
      `bench=${peer}`,
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const put: Put = (id) =>
    post(`${client}/v3/kv/put`, agent, { key: base64(id), value: base64(JSON.stringify(value)) })
  const stop = async () => {
    agent.destroy()
    child.kill('SIGKILL')
    await ended
  }
  for (let tries = 0; ; tries++) {
    if (
      await put('ready').then(
        () => true,
        () => false,
      )
    )
      return { put, stop }
    if (tries === 100) {
      await stop()
      throw new Error('etcd did not start within 10 s')
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

const post = (url: string, agent: Agent, body: object) =>
  new Promise<void>((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent }, (answer) => {
      answer.resume()
      answer.once('end', () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`etcd answered ${answer.statusCode}`)),
      )
    })
    asked.once('error', reject)
    asked.end(JSON.stringify(body))
  })

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      format: { type: 'string', default: 'text' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      folder: { type: 'string', default: '.' },
    },
  })
  try {
    const { rounds, seconds, folder } = values
    const result = await run({ rounds: Number(rounds), seconds: Number(seconds), folder })
    console.log(values.format === 'json' ? JSON.stringify(result) : result)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}
