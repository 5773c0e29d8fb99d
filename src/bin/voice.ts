/** How the supervisor speaks: steps and the one line that others wait for on standard output, problems on standard error. */

import type { Language } from '#model/sentence.ts'
import { problems } from '#model/catalogue/problems.ts'
import { problemDocument, story, type Problem } from '#model/problem.ts'

// Whoever listened may be gone (a closed terminal, a cut pipe): that ends nothing.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

export const tell = (line: string) => void process.stdout.write(`${line}\n`)

/** A step that takes a while: rewritten on a terminal, told once in a pipe. */
export function progress(): (line: string) => void {
  let last = ''
  return (line) => {
    if (line === last) return
    last = line
    if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K  ${line}`)
    else tell(`  ${line}`)
  }
}

/** Ends the line that progress left open. */
export const endProgress = () => void (process.stdout.isTTY && process.stdout.write('\r\u001b[K'))

/** A problem for a person: what is wrong, and what to do. Gives the exit code. */
export function complain(problem: Problem, language: Language): number {
  const { title, detail, advice, code } = problemDocument(problem, language)
  const cause = problem.cause === undefined ? '' : `  ${story(problem.cause)}\n`
  process.stderr.write(`${title} (${code})\n  ${detail}\n${cause}  ${advice}\n`)
  return problems[problem.code].exit
}
