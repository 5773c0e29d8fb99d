/** Runs the programs that shape the host's network, in the agent's network namespace or in a given one. */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { Problem } from '#model/problem.ts'

export type Said = { readonly status: number; readonly output: string; readonly errors: string }

export type Tools = {
  /** Words before every program: none, or what enters another network namespace. */
  readonly prefix: readonly string[]
  run(program: string, argv: readonly string[], input?: string): Promise<Said>
  /** The same; problem `tool/failed` unless it ended well. */
  must(program: string, argv: readonly string[], input?: string): Promise<string>
}

/** The kernel answers in milliseconds; a loaded host with thousands of rules takes seconds. */
const timeoutMs = 60_000
const outputBytes = 32 * 2 ** 20

export function toolsIn(prefix: readonly string[]): Tools {
  const run = (program: string, argv: readonly string[], input = '') =>
    new Promise<Said>((resolve) => {
      const [first = program, ...rest] = [...prefix, program, ...argv]
      const child = spawn(first, rest, { stdio: 'pipe', timeout: timeoutMs, killSignal: 'SIGKILL' })
      let [output, errors] = ['', '']
      child.stdout.on('data', (bytes: Buffer) => {
        if (output.length < outputBytes) output += bytes.toString()
      })
      child.stderr.on('data', (bytes: Buffer) => {
        if (errors.length < 4_096) errors += bytes.toString()
      })
      child.on('error', (error) => resolve({ status: 127, output: '', errors: error.message }))
      child.on('close', (code) => resolve({ status: code ?? -1, output, errors }))
      // A program that ends before it read all says so by its status.
      child.stdin.on('error', () => undefined)
      child.stdin.end(input)
    })
  const must = async (program: string, argv: readonly string[], input?: string) => {
    const { status, output, errors } = await run(program, argv, input)
    if (status === 0) return output
    throw new Problem('tool/failed', {
      tool: program,
      why: errors.trim().slice(0, 400) || `status ${status}`,
    })
  }
  return { prefix, run, must }
}

/** Fixed words; paths and values come as arguments. */
const writing = 'printf %s "$2" > "$1"'

/** A switch of the kernel under /proc/sys, of the namespace in question; nothing where there is none. */
export async function readSwitch({ run, prefix }: Tools, path: string): Promise<string | undefined> {
  if (prefix.length === 0)
    return existsSync(`/proc/sys/${path}`) ? readFileSync(`/proc/sys/${path}`, 'utf8').trim() : undefined
  const { status, output } = await run('cat', [`/proc/sys/${path}`])
  return status === 0 ? output.trim() : undefined
}

export const writeSwitch = async ({ must }: Tools, path: string, value: string): Promise<void> =>
  void (await must('sh', ['-c', writing, 'sh', `/proc/sys/${path}`, value]))
