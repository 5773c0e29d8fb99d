/**
 * One dnsmasq for each network: reserved addresses, router advertisements, names. It outlives the agent; it is found
 * again by its own settings file among its words, and only such a one is ever ended (I-23).
 */

import { spawn } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { Socket } from 'node:net'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HostBridge } from '#kinds/network/parts.ts'
import type { Tools } from '../tools.ts'
import { Health, tooSoonMs } from './health.ts'
import { papersOf, type Papers } from './papers.ts'

/** After the controller's own uid and before those of guests: nobody's on any host (systemd.io/UIDS-GIDS). */
export const namingUid = 0x7000_0001

/** What it may do: answer on low ports, hear broadcasts, ask the kernel for neighbours. */
const rights = ['net_admin', 'net_raw', 'net_bind_service']

/** How long one that is asked to end may take. */
const endWithinMs = 2_000

export class Naming {
  readonly #folder: string
  readonly #tools: Tools
  readonly #resolvFile: string
  readonly #onEnd: () => void
  readonly #log: (line: string) => void

  constructor(
    folder: string,
    tools: Tools,
    on: { resolvFile: string; onEnd: () => void; log: (line: string) => void },
  ) {
    this.#folder = folder
    this.#tools = tools
    this.#resolvFile = on.resolvFile
    this.#onEnd = on.onEnd
    this.#log = on.log
  }

  /** Makes each network's server run with what it should say; ends those of networks that are gone. */
  async settle(bridges: readonly HostBridge[]): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o711 })
    const wanted = bridges.filter(isServed)
    const running = this.#running()
    for (const name of new Set([...running.keys(), ...this.#folders()])) {
      if (wanted.some(({ network }) => network === name)) continue
      this.#health.forget(name)
      await this.#end(name, running.get(name) ?? [])
      rmSync(join(this.#folder, name), { recursive: true, force: true })
    }
    for (const bridge of wanted) await this.#serve(bridge, running.get(bridge.network) ?? [])
  }

  /** Networks whose server does not start or ends again and again, and what it says. */
  troubles(): ReadonlyMap<string, string> {
    return this.#health.troubles(performance.now())
  }

  /** Processes by the id of their network. */
  processes(): ReadonlyMap<string, readonly number[]> {
    return this.#running()
  }

  async #serve(bridge: HostBridge, pids: readonly number[]) {
    const folder = join(this.#folder, bridge.network)
    const files = filesIn(folder)
    const papers = papersOf(bridge, { ...files, resolvFile: this.#resolvFile })
    mkdirSync(folder, { recursive: true, mode: 0o750 })
    chownSync(folder, 0, namingUid)
    const isOther = keep(files.settingsFile, papers.settings)
    const areNews = [keep(files.leasesFile, papers.leases), keep(files.namesFile, papers.names)]
    if (pids.length === 0) this.#health.ended(bridge.network, performance.now())
    if (pids.length === 1 && !isOther) {
      this.#health.found(bridge.network, performance.now())
      // One that was killed right after its files changed would otherwise never hear of them.
      const heard = `${papers.leases}\0${papers.names}`
      if (areNews.includes(true) || this.#told.get(bridge.network) !== heard) signal(pids, 'SIGHUP')
      this.#told.set(bridge.network, heard)
      return
    }
    if (pids.length > 0) this.#health.forget(bridge.network)
    await this.#end(bridge.network, pids)
    this.#start(bridge.network, files.settingsFile)
    this.#told.set(bridge.network, `${papers.leases}\0${papers.names}`)
  }

  /** What each server was told last, by this very agent. */
  readonly #told = new Map<string, string>()

  readonly #health = new Health()

  #start(network: string, settingsFile: string) {
    const caps = rights.map((right) => `+${right}`).join(',')
    const lowered = ['inh', 'ambient', 'bounding'].map(
      (which) => `--${which}-${which === 'bounding' ? 'set' : 'caps'}=-all,${caps}`,
    )
    const user = [`--reuid=${namingUid}`, `--regid=${namingUid}`, '--clear-groups', ...lowered]
    const server = ['--keep-in-foreground', wordOf(settingsFile), '--log-facility=/dev/null']
    const words = [...this.#tools.prefix, 'setpriv', ...user, '--no-new-privs', 'dnsmasq', ...server]
    const [program = '', ...argv] = words
    // It says on its standard error why it does not start, and nothing after that.
    const child = spawn(program, argv, { stdio: ['ignore', 'ignore', 'pipe'], detached: true, cwd: '/' })
    const course = this.#health.started(network, performance.now())
    child.stderr?.on('data', (bytes: Buffer) => {
      const said = plainText(bytes)
      this.#health.says(network, said)
      this.#log(`dnsmasq: ${said}`)
    })
    child.on('error', () => undefined)
    child.on('exit', () => {
      // One that ends too soon is not started anew at once: it would only end again.
      if (this.#health.ended(network, performance.now(), course)) setTimeout(this.#onEnd, tooSoonMs).unref()
      else this.#onEnd()
    })
    child.unref()
    if (child.stderr instanceof Socket) child.stderr.unref()
  }

  async #end(network: string, pids: readonly number[]) {
    const word = wordOf(filesIn(join(this.#folder, network)).settingsFile)
    const left = () => pids.filter((pid) => isOurs(pid, word))
    signal(left(), 'SIGTERM')
    const untilMs = performance.now() + endWithinMs
    while (left().length > 0 && performance.now() < untilMs) await sleep(10)
    signal(left(), 'SIGKILL')
    while (left().length > 0) await sleep(10)
  }

  #folders(): string[] {
    return existsSync(this.#folder) ? readdirSync(this.#folder) : []
  }

  #running(): Map<string, number[]> {
    const found = new Map<string, number[]>()
    const [before, after] = [`--conf-file=${this.#folder}/`, '/dnsmasq.conf']
    for (const pid of readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 1)) {
      const word = wordsOf(pid).find((each) => each.startsWith(before) && each.endsWith(after))
      if (word === undefined || !isOurs(pid, word)) continue
      const network = word.slice(before.length, -after.length)
      found.set(network, [...(found.get(network) ?? []), pid])
    }
    return found
  }
}

/** One line of a program's words, for people. */
const plainText = (bytes: Buffer) =>
  bytes
    .toString()
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 400)

const isServed = ({ naming, gateway4, gateway6 }: HostBridge) =>
  naming !== null && (gateway4 ?? gateway6) !== null

const wordOf = (settingsFile: string) => `--conf-file=${settingsFile}`

const filesIn = (folder: string) => ({
  settingsFile: join(folder, 'dnsmasq.conf'),
  leasesFile: join(folder, 'leases'),
  namesFile: join(folder, 'names'),
})

/** Writes a file whole or not at all; whether it said something else before. */
function keep(file: string, text: Papers['settings']): boolean {
  if (textOf(file) === text) return false
  writeFileSync(`${file}.new`, text, { mode: 0o640 })
  chownSync(`${file}.new`, 0, namingUid)
  renameSync(`${file}.new`, file)
  return true
}

/** A living process that is dnsmasq and was started with our very file: a zombie has no words left. */
function isOurs(pid: number, word: string): boolean {
  try {
    return wordsOf(pid).includes(word) && basename(readlinkSync(`/proc/${pid}/exe`)).startsWith('dnsmasq')
  } catch {
    return false
  }
}

const wordsOf = (pid: number) => textOf(`/proc/${pid}/cmdline`).split('\0')

function signal(pids: readonly number[], name: NodeJS.Signals) {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It has ended by itself.
    }
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
