/**
 * One real Decant on a folder of its own: its three programs, real QEMU, the real store. It can be asked,
 * killed in part or whole, and started again; whatever it leaves is ended by pid when it is closed.
 */

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '#client/client.ts'
import { checkout, decant, end, freePort, isRoot, start, until } from '../start/decant.ts'
import type { Person, Started } from '../start/decant.ts'
import { agentOf, controllerOf, programsOn, supervisorOf, wordsNaming } from './real-host.ts'

export type Victim = 'controller' | 'agent' | 'both' | 'supervisor' | 'all'

export type Thing = {
  readonly id: string
  readonly name: string
  readonly generation: number
  readonly owner: string | null
  readonly spec: Record<string, unknown>
  readonly status: Record<string, unknown> & { readonly state: string; readonly holds: Hold[] }
}
export type Hold = { readonly code: string; readonly message: string }
export type Answer = { readonly status: number; readonly body: Record<string, unknown> }

export type Ask = {
  readonly json?: unknown
  readonly key?: string
  readonly withinMs?: number
}

export type RigOptions = {
  /** The uid of an ordinary user; absent: ourselves. */
  readonly uid?: number
  /** Where the data lies; absent: in a temporary folder. */
  readonly data?: string
}

/** Packages of the starter image, downloaded once for all tests of this user. */
const packages = join(tmpdir(), `decant-live-cache-${process.getuid?.() ?? 0}`)

export class Rig {
  readonly person: Person
  readonly data: string
  #started: Started | undefined
  #port = 0

  constructor({ uid, data }: RigOptions = {}) {
    // Short: a Unix socket's path may have 108 bytes.
    const home = mkdtempSync(join(tmpdir(), 'decant-fault-'))
    this.person = { uid, home }
    this.data = data ?? join(home, 'data')
    this.#lendPackages()
    if (uid !== undefined) spawnSync('chown', ['-R', `${uid}:${uid}`, home])
  }

  get story() {
    return this.#started?.story ?? ''
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Starts, or starts again; resolves when Decant says that it is ready. */
  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freePort()
    this.#started = start(this.person, '--data', this.data, '--port', String(this.#port), '--no-hello')
    await this.#started.ready(90_000)
  }

  /** Ends Decant as Ctrl-C does; its machines run on. */
  async stop(): Promise<void> {
    this.#started?.child.kill('SIGTERM')
    await this.#started?.ended()
  }

  /** kill -9, by pid. */
  kill(victim: Victim) {
    const supervisor = supervisorOf(this.data)
    const [controller, agent] = [controllerOf(supervisor), agentOf(supervisor)]
    if (victim === 'supervisor' || victim === 'all') end(supervisor)
    if (victim === 'controller' || victim === 'both' || victim === 'all') end(controller)
    if (victim === 'agent' || victim === 'both' || victim === 'all') end(agent)
  }

  /** Once its programs are gone, starts it again. */
  async restart(): Promise<void> {
    await until(() => programsOn(this.data).length === 0, 15_000)
    await this.start()
  }

  /** One request; throws when nobody answers. */
  async ask(method: string, path: string, { json, key, withinMs = 10_000 }: Ask = {}): Promise<Answer> {
    const response = await fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${readFileSync(join(this.data, 'run/admin.token'), 'utf8').trim()}`,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      signal: AbortSignal.timeout(withinMs),
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) }
  }

  /** The same request under the same key until somebody answers, as a careful client does (I-21). */
  async insist(method: string, path: string, json?: unknown): Promise<Answer> {
    const key = crypto.randomUUID()
    const deadline = performance.now() + 60_000
    for (;;) {
      const answer = await this.ask(method, path, { json, key, withinMs: 5_000 }).catch(() => undefined)
      if (answer !== undefined && answer.status < 500) return answer
      if (performance.now() > deadline) throw new Error(`${method} ${path}: nobody answers\n${this.story}`)
      await sleep(50)
    }
  }

  async find(plural: string, name: string): Promise<Thing | undefined> {
    const { status, body } = await this.#read(`${plural}/${name}`)
    if (status === 404) return undefined
    if (status !== 200) throw new Error(`${plural}/${name}: ${JSON.stringify(body)}`)
    return body as unknown as Thing
  }

  async list(plural: string): Promise<Thing[]> {
    const { body } = await this.#read(`${plural}?limit=500`)
    return body.items as Thing[]
  }

  /** A read may be repeated until somebody answers. */
  async #read(path: string): Promise<Answer> {
    const deadline = performance.now() + 30_000
    for (;;) {
      const answer = await this.ask('GET', path).catch(() => undefined)
      if (answer !== undefined && answer.status < 500) return answer
      if (performance.now() > deadline) throw new Error(`${path}: nobody answers\n${this.story}`)
      await sleep(50)
    }
  }

  /** Waits until a machine is as told; gives it. Not answering is waited out, too. */
  async see(name: string, holds: (machine: Thing) => boolean, withinMs = 60_000): Promise<Thing> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const machine = await this.find('machines', name).catch(() => undefined)
      if (machine !== undefined && holds(machine)) return machine
      if (performance.now() > deadline)
        throw new Error(`${name} is not so within ${withinMs} ms: ${JSON.stringify(machine)}\n${this.story}`)
      await sleep(50)
    }
  }

  /** `./decant --data DIR …`, waiting for its end. */
  cli(...argv: readonly string[]) {
    return decant(this.person, '--data', this.data, ...argv)
  }

  /** `./decant --data DIR …` while we do other things; gives its exit code and its complaints. */
  cliMeanwhile(...argv: readonly string[]): Promise<{ status: number | null; stderr: string }> {
    const child = spawn(join(checkout, 'decant'), ['--data', this.data, ...argv], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
    return new Promise((resolve) => child.once('close', (status) => resolve({ status, stderr })))
  }

  /** The image `starter`, built. */
  async makeStarter(): Promise<void> {
    await this.insist('POST', 'images', { name: 'starter', spec: { source: 'starter' } })
    await until(
      () => this.#isReady('starter'),
      90_000,
      () => this.story,
    )
  }

  #isReady(image: string) {
    const { stdout } = this.cli('image', 'show', image, '--format', 'json')
    return stdout !== '' && (JSON.parse(stdout) as Thing).status.state === 'ready'
  }

  client() {
    const token = readFileSync(join(this.data, 'run/admin.token'), 'utf8').trim()
    return new Client({ url: this.url, token })
  }

  /** Ends everything of this folder by pid and removes it. */
  async close(): Promise<void> {
    this.keepPackages()
    for (let tries = 0; tries < 100; tries++) {
      const left = [...programsOn(this.data), ...wordsNaming(this.data).map(({ pid }) => pid)]
      if (left.length === 0) break
      for (const pid of left) end(pid)
      await sleep(50)
    }
    rmSync(this.person.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }

  /** Packages that were downloaded here are kept for the next. */
  keepPackages() {
    const ours = join(this.data, 'agent/packages/packages')
    const kept = join(packages, 'packages')
    if (!existsSync(ours) || this.person.uid !== undefined || existsSync(join(kept, 'packages.json'))) return
    if (readdirSync(ours).some((name) => name.startsWith('download-'))) return
    mkdirSync(packages, { recursive: true, mode: 0o700 })
    cpSync(ours, kept, { recursive: true })
  }

  #lendPackages() {
    if (!existsSync(join(packages, 'packages/packages.json'))) return
    const to = join(this.data, 'agent/packages/packages')
    mkdirSync(to, { recursive: true, mode: isRoot ? 0o711 : 0o700 })
    cpSync(join(packages, 'packages'), to, { recursive: true, preserveTimestamps: true })
  }
}

/** Opens a Decant with a machine that nobody is to touch. */
export async function openWitnessed(): Promise<Rig> {
  const rig = new Rig()
  await rig.start()
  await rig.makeStarter()
  await rig.insist('POST', 'machines', {
    name: 'witness',
    // With a plug of its own, so that it has all that others have beside it.
    spec: { image: 'starter', memoryMib: 128, nics: [{}] },
  })
  await rig.see('witness', ({ status }) => status.state === 'running')
  return rig
}
