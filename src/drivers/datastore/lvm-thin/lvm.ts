/** The commands of LVM on one thin pool: by argument lists, bounded in time, names and tags made of ids. */

import { spawn } from 'node:child_process'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import { limits } from '#model/limits.ts'
import { nameOf, passing, pieceFields, piecesIn, poolFields, poolIn, tagsOf } from './telling.ts'
import type { Piece, Pool, PoolSight } from './telling.ts'

/** Runs a program of LVM and gives what it says. */
export type RunLvm = (program: string, argv: readonly string[]) => Promise<string>

/** Only what a person typed into lvm.conf counts; nothing is asked, nothing is told to the log of the terminal. */
const report = ['--reportformat', 'json', '--units', 'b', '--nosuffix']
/** Answers of this size would be tens of thousands of volumes. */
const outputBytes = 64 * 2 ** 20

export class Lvm {
  readonly #run: RunLvm
  readonly #pool: Pool
  readonly #store: string
  #turn: Promise<unknown> = Promise.resolve()

  constructor(pool: Pool, store: string, run: RunLvm = runLvm) {
    this.#pool = pool
    this.#store = store
    this.#run = run
  }

  async pieces(): Promise<Piece[]> {
    const said = await this.#run('lvs', [...report, '-o', pieceFields, '--', this.#pool.group])
    return piecesIn(said, this.#pool, this.#store)
  }

  async pool(): Promise<PoolSight | undefined> {
    const { group, pool } = this.#pool
    return poolIn(await this.#run('lvs', [...report, '-o', poolFields, '--', `${group}/${pool}`]))
  }

  /** An empty piece; it reads as zeros. */
  create(id: string, sizeBytes: number, of: { volume?: string; image?: string }) {
    const { group, pool } = this.#pool
    const argv = ['--yes', '--wipesignatures', 'n', '--type', 'thin', '--thinpool', pool]
    return this.#change('lvcreate', [...argv, '-V', `${sizeBytes}b`, ...this.#named(id, of), '--', group])
  }

  /** What a piece shows at this moment, as a piece of its own. */
  snapshot(id: string, origin: string, of: { volume?: string; image?: string }) {
    const argv = ['--yes', '--snapshot', '--setactivationskip', 'n', ...this.#named(id, of)]
    return this.#change('lvcreate', [...argv, '--', this.#place(origin)])
  }

  extend(id: string, sizeBytes: number) {
    return this.#change('lvextend', ['--size', `${sizeBytes}b`, '--', this.#place(id)])
  }

  remove(id: string) {
    return this.#change('lvremove', ['--yes', '--', this.#place(id)])
  }

  activate(id: string) {
    return this.#change('lvchange', ['--ignoreactivationskip', '--activate', 'y', '--', this.#place(id)])
  }

  settle(id: string) {
    return this.#change('lvchange', ['--deltag', passing, '--', this.#place(id)])
  }

  unsettle(id: string) {
    return this.#change('lvchange', ['--addtag', passing, '--', this.#place(id)])
  }

  #place = (id: string) => `${this.#pool.group}/${nameOf(id)}`

  #named = (id: string, of: { volume?: string; image?: string }) => [
    '--name',
    nameOf(id),
    ...tagsOf(this.#store, of).flatMap((tag) => ['--addtag', tag]),
  ]

  /** One at a time: LVM's own lock lets others wait, and a crowd of waiters runs out of its time. */
  async #change(program: string, argv: readonly string[]): Promise<void> {
    const turn = this.#turn.then(() => this.#run(program, argv))
    this.#turn = turn.catch(() => undefined)
    await turn
  }
}

const runLvm: RunLvm = (program, argv) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', LVM_SUPPRESS_FD_WARNINGS: '1' },
    })
    let [said, complaint] = ['', '']
    const failed = (why: string) => reject(new Problem('tool/failed', { tool: program, why }))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      failed(`no end in ${limits.lvmMs / 1000} s`)
    }, limits.lvmMs)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.length > outputBytes) child.kill('SIGKILL')
    })
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (complaint = (complaint + text).slice(-4096)))
    child.once('error', (cause) =>
      reject(new Problem('tool/missing', { tool: program, package: 'lvm2' }, { cause })),
    )
    child.once('close', (code) => {
      clearTimeout(timer)
      if (code === 0) resolve(said)
      else failed(inert(complaint.trim().split('\n').at(-1) ?? '').slice(0, 300) || `it ended with ${code}`)
    })
  })
