/** `decant image catalogue`: the well-known images that `image create NAME --catalogue ENTRY` fetches. */

import { catalogue } from '#kinds/image/catalogue.ts'
import { tableLines } from '../table.ts'
import type { Context } from '../command.ts'
import type { Action } from './noun.ts'

async function show({ paper, options }: Context): Promise<number> {
  if (options.format !== 'table') {
    await paper.data(catalogue)
    return 0
  }
  const head =
    options.language === 'ko'
      ? ['이름', '배포판', '사용자', '아키텍처', '']
      : ['NAME', 'WHAT', 'USER', 'FOR', '']
  const rows = catalogue.map(({ name, title, defaultUser, places, note }) => [
    name,
    title,
    defaultUser,
    Object.keys(places).join(', '),
    note,
  ])
  for (const line of tableLines([head, ...rows].map((row) => row.map((text) => ({ text }))))) paper.line(line)
  return 0
}

export const catalogueAction = (): Action => ({
  name: 'catalogue',
  summary: 'Show the well-known images; `image create NAME --catalogue ENTRY` fetches one',
  operands: '',
  flags: () => [],
  run: (_args, context) => show(context),
})
