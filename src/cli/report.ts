/** Says a problem on standard error: as its document with `--format json`, else in words. */

import { Bug } from '#base/assert.ts'
import { inert } from '#base/text.ts'
import { Problem, story } from '#model/problem.ts'
import { documentOf, exitOf } from '#client/refusal.ts'
import type { World } from './command.ts'
import { dataText, type Paper } from './paper.ts'

/** What went wrong in us has no number in a log of ours: its story stands beside it. */
function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  const id = error instanceof Bug ? error.message : story(error)
  return new Problem('bug', { id }, { cause: error })
}

/** The exit code of the problem. */
export async function report(error: unknown, world: World, paper: Paper): Promise<number> {
  const problem = asProblem(error)
  const document = documentOf(problem, paper.language)
  if (paper.format !== 'table') world.stderr.write(await dataText(document, paper.format))
  else {
    const { title, detail, advice } = document
    const isSaid = detail === '' || detail.replace(/\.$/, '') === title.replace(/\.$/, '')
    const head = paper.paint('red', inert(title))
    world.stderr.write(`${isSaid ? head : `${head}: ${inert(detail)}`}\n`)
    if (advice !== '') world.stderr.write(`${inert(advice)}\n`)
    if (world.env.DECANT_DEBUG === '1' && problem.cause !== undefined)
      world.stderr.write(`${inert(story(problem.cause))}\n`)
  }
  return exitOf(problem)
}
