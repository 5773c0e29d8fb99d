/**
 * Works on disks that no guest has open: qemu-storage-daemon in a jail, spoken to in QMP over its standard input and
 * output. Every file, format and key is named by us; headers are not asked what they stand on.
 */

import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { isObject, type JsonObject } from '#base/json.ts'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import type { DiskChain, Keys, Progress } from '#drivers/datastore/port.ts'
import type { FileLayer } from '#drivers/hypervisor/port.ts'
import { endOf, keyFiles, startJailed } from './jail.ts'

const tool = 'qemu-storage-daemon'
/** How often a job is asked how far it is. */
const everyMs = 100
/** An answer longer than this is none of ours. */
const lineChars = 1_048_576

/** The files of a chain as QEMU's block layer takes them: named `n0` (the top), `n1`, … */
export function nodesOf(
  { backing, ...top }: DiskChain,
  {
    isReadOnly,
    secret,
    prefix = 'n',
  }: { isReadOnly: boolean; secret: (key: string) => string; prefix?: string },
): JsonObject {
  const node = (layer: FileLayer, at: number): JsonObject => {
    const readOnly = isReadOnly || at > 0
    const below = backing[at]
    return {
      driver: layer.format,
      'node-name': `${prefix}${at}`,
      'read-only': readOnly,
      discard: 'unmap',
      file: {
        driver: layer.isDevice === true ? 'host_device' : 'file',
        filename: layer.file,
        'read-only': readOnly,
        discard: 'unmap',
      },
      ...(layer.key === null ? {} : { encrypt: { format: 'luks', 'key-secret': secret(layer.key) } }),
      ...(layer.format === 'raw' ? {} : { backing: below === undefined ? null : node(below, at + 1) }),
    }
  }
  return node(top, 0)
}

/** Copies into the top of a chain what lies in the layers above `base` (a place in the chain; null: all), and names that in its header. */
export async function streamInto(
  chain: DiskChain,
  { base, backingName }: { readonly base: number | null; readonly backingName: string | null },
  keys: Keys,
  {
    signal,
    report = () => undefined,
  }: { readonly signal: AbortSignal; readonly report?: Progress | undefined },
): Promise<void> {
  await atBench(chain, keys, signal, async (ask) => {
    await ask('block-stream', {
      'job-id': 'job',
      device: 'n0',
      'auto-dismiss': false,
      ...(base === null ? {} : { 'base-node': `n${base}` }),
      ...(backingName === null ? {} : { 'backing-file': backingName }),
    })
    await untilDone(ask, report)
  })
}

export const resizeTop = (chain: DiskChain, sizeBytes: number, keys: Keys, signal: AbortSignal) =>
  atBench(chain, keys, signal, async (ask) => {
    await ask('block_resize', { 'node-name': 'n0', size: sizeBytes })
  })

type Ask = (command: string, args: JsonObject) => Promise<unknown>

async function atBench(
  chain: DiskChain,
  keys: Keys,
  signal: AbortSignal,
  work: (ask: Ask) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted()
  const { values, fileOf, names } = keyFiles(
    keys,
    [chain, ...chain.backing].map(({ key }) => key),
  )
  const secret = (name: string) => `k${names.indexOf(name)}`
  const child = startJailed({
    tool,
    argv: [
      ...names.flatMap((name) => ['--object', `secret,id=${secret(name)},file=${fileOf(name)}`]),
      '--chardev',
      'stdio,id=qmp',
      '--monitor',
      'chardev=qmp',
    ],
    writable: [chain.file],
    readable: [...new Set(chain.backing.map(({ file }) => file))],
    keys: values,
  })
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  const ended = endOf(child)
  try {
    const ask = conversation(child, ended)
    await ask('qmp_capabilities', {})
    await ask('blockdev-add', nodesOf(chain, { isReadOnly: false, secret }))
    await work(ask)
    // Closing flushes: only an orderly end proves that all is written.
    await ask('blockdev-del', { 'node-name': 'n0' })
    await ask('quit', {})
    await ended
  } finally {
    signal.removeEventListener('abort', kill)
    child.kill('SIGKILL')
    await ended
    signal.throwIfAborted()
  }
}

/** One question at a time; problem `tool/failed` with what the daemon says, or that it ended. */
function conversation(child: ChildProcess, ended: Promise<number | string | Error>): Ask {
  let complaint = ''
  const state = { isOver: false }
  const answers: JsonObject[] = []
  let wake: () => void = () => undefined
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (complaint = (complaint + text).slice(-4096)))
  if (child.stdout !== null)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said: unknown = line.length > lineChars ? undefined : parsed(line)
      if (isObject(said) && ('return' in said || 'error' in said)) answers.push(said as JsonObject)
      wake()
    })
  void ended.then(() => {
    state.isOver = true
    wake()
  })
  const failed = (why: string) =>
    new Problem('tool/failed', { tool, why: inert(why.trim()).slice(0, 300) || 'it ended' })
  return async (command, args) => {
    child.stdin?.write(`${JSON.stringify({ execute: command, arguments: args })}\n`)
    while (answers.length === 0 && !state.isOver) await new Promise<void>((go) => (wake = go))
    const answer = answers.shift()
    if (answer === undefined) {
      const fault = await ended
      if (fault instanceof Error)
        throw new Problem('tool/missing', { tool: 'bwrap', package: 'bubblewrap' }, { cause: fault })
      throw failed(complaint)
    }
    if (isObject(answer['error'])) throw failed(String(answer['error']['desc'] ?? ''))
    return answer['return']
  }
}

async function untilDone(ask: Ask, report: Progress): Promise<void> {
  for (;;) {
    const jobs = await ask('query-jobs', {})
    const job: unknown = Array.isArray(jobs) ? jobs[0] : undefined
    if (!isObject(job)) throw new Problem('tool/failed', { tool, why: 'its job is gone' })
    const total = Number(job['total-progress'])
    if (total > 0) report(Math.min(1, Number(job['current-progress']) / total))
    if (job['status'] === 'concluded') {
      if (typeof job['error'] === 'string')
        throw new Problem('tool/failed', { tool, why: inert(job['error']).slice(0, 300) })
      await ask('job-dismiss', { id: 'job' })
      return
    }
    await new Promise((go) => setTimeout(go, everyMs))
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
