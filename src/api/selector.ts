/** Label selectors: `k=v`, `k!=v`, `k` (there), `!k` (not there), joined by commas; all must hold. */

import { fieldProblem } from '#engines/admission/fields.ts'

export type Selector = (labels: Readonly<Record<string, string>>) => boolean

const term = /^(!?)([a-z0-9][a-z0-9._/-]{0,62})(?:(!?=)([A-Za-z0-9._-]{0,63}))?$/

export function selectorFrom(text: string | undefined): Selector {
  if (text === undefined || text === '') return () => true
  const terms = text.split(',')
  if (terms.length > 32) throw fieldProblem('labels', 'longest', { bound: 32 })
  const tests = terms.map((part) => {
    const [, not, key = '', sign, value = ''] = term.exec(part.trim()) ?? []
    if (not === undefined || (not === '!' && sign !== undefined)) throw fieldProblem('labels', 'form')
    const valueIn = (labels: Readonly<Record<string, string>>) =>
      Object.hasOwn(labels, key) ? labels[key] : undefined
    if (sign === '=') return (labels: Readonly<Record<string, string>>) => valueIn(labels) === value
    if (sign === '!=') return (labels: Readonly<Record<string, string>>) => valueIn(labels) !== value
    return (labels: Readonly<Record<string, string>>) => (valueIn(labels) !== undefined) === (not === '')
  })
  return (labels) => tests.every((test) => test(labels))
}
