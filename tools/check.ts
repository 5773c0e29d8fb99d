/**
 * `npm run check`: types, lint, format, tidy, generated documents, fast tests. Independent parts run beside
 * each other; each is told with its time, and what a failing one wrote is shown.
 */

import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

export type Part = { readonly name: string; readonly argv: readonly [string, ...string[]] }
export type Outcome = {
  readonly part: Part
  readonly code: number
  readonly output: string
  readonly seconds: number
}

const node = process.execPath

/** Tests that touch no process, network or disk of note: deciders, grammar, loop and guards. */
export const fastTests = [
  'src/{base,model,kinds,engines,runtime,program,sim,client,cli,api}/**/*.test.ts',
  'src/drivers/*/{memory,fake}/**/*.test.ts',
  'test/{history,program,sessions}/**/*.test.ts',
  'tools/**/*.test.ts',
]

// The longest first, so that the short ones fill the gaps.
export const parts = (): readonly Part[] => [
  {
    name: 'fast tests',
    argv: [
      node,
      '--test',
      '--test-reporter=dot',
      '--test-concurrency=2',
      ...fastTests.flatMap((glob) => globSync(glob)),
    ],
  },
  { name: 'types', argv: ['tsc', '-p', '.'] },
  { name: 'pure types', argv: ['tsc', '-p', 'tsconfig.pure.json'] },
  { name: 'lint', argv: ['oxlint', '--deny-warnings'] },
  { name: 'format', argv: ['oxfmt', '--check', 'src', 'tools', 'test', 'bench'] },
  { name: 'tidy', argv: [node, 'tools/tidy.ts'] },
  { name: 'reference is fresh', argv: [node, 'tools/generate.ts', '--check'] },
  { name: 'command reference is fresh', argv: [node, 'tools/generate-cli.ts', '--check'] },
  { name: 'QMP types are fresh', argv: [node, 'tools/qmp-types.ts', '--check'] },
]

/** Runs one part to its end. A program that is not there is a failure like any other. */
export function run(part: Part): Promise<Outcome> {
  const sinceMs = performance.now()
  const [program, ...argv] = part.argv
  return new Promise((resolve) => {
    const written: string[] = []
    const done = (code: number) =>
      resolve({ part, code, output: written.join(''), seconds: (performance.now() - sinceMs) / 1000 })
    const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => written.push(bytes.toString()))
    }
    child.on('error', (error) => {
      written.push(error.message)
      done(127)
    })
    child.on('close', (code) => done(code ?? 1))
  })
}

/** Runs all parts, some at once, telling each as it ends; gives those that failed. */
export async function check(
  wanted: readonly Part[],
  tell: (line: string) => void,
): Promise<readonly Outcome[]> {
  const waiting = [...wanted]
  const failed: Outcome[] = []
  const worker = async () => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      const outcome = await run(part)
      const verdict = outcome.code === 0 ? 'ok  ' : 'FAIL'
      tell(`${verdict} ${part.name.padEnd(28)} ${outcome.seconds.toFixed(1)} s`)
      if (outcome.code !== 0) failed.push(outcome)
    }
  }
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker))
  return failed
}

if (import.meta.main) {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)))
  const sinceMs = performance.now()
  const failed = await check(parts(), console.log)
  for (const { part, output } of failed) console.log(`\n── ${part.name}\n${output.trim()}`)
  const seconds = ((performance.now() - sinceMs) / 1000).toFixed(1)
  console.log(
    failed.length === 0
      ? `check: all ${parts().length} parts hold, ${seconds} s`
      : `\ncheck: ${failed.length} of ${parts().length} parts failed: ${failed.map(({ part }) => part.name).join(', ')}`,
  )
  process.exitCode = failed.length === 0 ? 0 : 1
}
