/** What stands after the question mark, read strictly. */

import { fieldProblem } from '#engines/admission/fields.ts'
import { Problem } from '#model/problem.ts'

export type Query = ReadonlyMap<string, readonly string[]>

const mostParameters = 100

/** Problem `request/malformed` for bad percent-encoding or too many parameters. */
export function queryFrom(url: string): Query {
  const start = url.indexOf('?')
  const query = new Map<string, string[]>()
  if (start < 0) return query
  const parts = url.slice(start + 1).split('&')
  if (parts.length > mostParameters)
    throw new Problem('request/malformed', { why: `more than ${mostParameters} query parameters` })
  for (const part of parts) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decoded(equals < 0 ? part : part.slice(0, equals))
    const value = equals < 0 ? '' : decoded(part.slice(equals + 1))
    const values = query.get(name)
    if (values === undefined) query.set(name, [value])
    else values.push(value)
  }
  return query
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw new Problem('request/malformed', { why: 'the address has bad percent-encoding' }, { cause })
  }
}

/** The one value of a parameter; problem when it is given twice. */
export function oneOf(query: Query, name: string): string | undefined {
  const values = query.get(name)
  if (values !== undefined && values.length > 1) throw fieldProblem(name, 'query')
  return values?.[0]
}

export function wholeNumber(
  query: Query,
  name: string,
  { least, most }: { least: number; most: number },
): number | undefined {
  const text = oneOf(query, name)
  if (text === undefined) return undefined
  if (!/^\d{1,16}$/.test(text)) throw fieldProblem(name, 'type', { expected: 'a whole number' })
  const number = Number(text)
  if (number < least) throw fieldProblem(name, 'least', { bound: least })
  if (number > most) throw fieldProblem(name, 'most', { bound: most })
  return number
}

export function onlyKnown(query: Query, known: readonly string[]) {
  for (const name of query.keys()) if (!known.includes(name)) throw fieldProblem(name.slice(0, 64), 'query')
}
