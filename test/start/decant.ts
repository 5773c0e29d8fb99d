/** Decant as people start it, as a child process on a data folder of its own, for tests. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export const checkout = fileURLToPath(new URL('../..', import.meta.url))
export const isRoot = process.getuid?.() === 0

/** A number that no account has; nothing else of this user exists. */
export const strangerUid = 1_879_050_000 + 2 ** 21

export type Person = { readonly uid: number | undefined; readonly home: string }

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** A folder of a person's own; at the end of the test whatever still runs on it is ended, and it is removed. */
export function home(t: TestContext, uid?: number): Person {
  const folder = mkdtempSync(join(tmpdir(), 'decant-start-'))
  if (uid !== undefined) chownSync(folder, uid, uid)
  t.after(() => {
    for (const { pid } of processesOn(folder)) end(pid)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  })
  return { uid, home: folder }
}

const asPerson = ({ uid }: Person) =>
  uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--']

const environment = ({ home }: Person) => {
  const { SSH_CONNECTION: _, ...others } = process.env
  const ours = Object.fromEntries(Object.entries(others).filter(([name]) => !name.startsWith('DECANT_')))
  return { ...ours, HOME: home, XDG_DATA_HOME: home }
}

export class Started {
  readonly child: ChildProcess
  output = ''
  complaint = ''

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.on('data', (bytes: Buffer) => (this.output += bytes.toString()))
    child.stderr?.on('data', (bytes: Buffer) => (this.complaint += bytes.toString()))
  }

  /** The URL of the ready line; fails when Decant ends before it, or after `withinMs`. */
  async ready(withinMs = 240_000): Promise<string> {
    await until(
      () => /^Decant is ready: /m.test(this.output) || this.hasEnded,
      withinMs,
      () => this.story,
    )
    const [, url] = /^Decant is ready: (\S+)$/m.exec(this.output) ?? []
    if (url === undefined) throw new Error(`not ready:\n${this.story}`)
    return url
  }

  get hasEnded() {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  get story() {
    return `${this.output}\n${this.complaint}`
  }

  async ended(): Promise<number | null> {
    if (!this.hasEnded) await once(this.child, 'exit')
    return this.child.exitCode
  }
}

/** `npm start -- …` without npm. */
export function start(person: Person, ...argv: readonly string[]): Started {
  const [program = '', ...rest] = [
    ...asPerson(person),
    process.execPath,
    join(checkout, 'tools/start.mjs'),
    ...argv,
  ]
  return new Started(spawn(program, rest, { env: environment(person), stdio: ['ignore', 'pipe', 'pipe'] }))
}

/** `./decant …`; gives its exit code and what it wrote. */
export function decant(person: Person, ...argv: readonly string[]) {
  const [program = '', ...rest] = [...asPerson(person), join(checkout, 'decant'), ...argv]
  const { status, stdout, stderr } = spawnSync(program, rest, { env: environment(person), encoding: 'utf8' })
  return { status, stdout, stderr }
}

export async function until(holds: () => boolean, withinMs: number, story = () => '') {
  const deadline = performance.now() + withinMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms\n${story()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const isAlive = (pid: number) => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

export const end = (pid: number) => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

/** Every process that names the folder among its words, or works in it. */
export function processesOn(folder: string): { readonly pid: number; readonly words: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({ pid: Number(name), words: wordsOf(Number(name)) }))
    .filter(({ pid, words }) => words.includes(folder) && isAlive(pid))
}

function wordsOf(pid: number) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** The child of `parent` whose words hold `text`. */
export const programOf = (text: string, folder: string) =>
  processesOn(folder).find(({ words }) => words.includes(text))?.pid
