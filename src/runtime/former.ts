/**
 * Whose an object was. A commit that removes an object, or changes what its visibility hangs on, says in the same
 * commit how it was before. So a watch that is replayed from history can tell each reader of exactly those
 * departures that they could see, also after a restart.
 */

import { isObject, same, type Json } from '#base/json.ts'
import type { Document, Stored } from '#model/document.ts'
import type { Change, Commit } from '#drivers/store/port.ts'

/** As much of an object as decides who sees it and which selector fits it. */
export type Former = Pick<Document, 'kind' | 'id' | 'project' | 'name' | 'labels' | 'spec'>

const entry = { kind: 'former', id: 'last' } as const

/** Fields of a spec on which visibility hangs. */
const telling = ['isShared', 'user'] as const

const formerOf = ({ kind, id, project, name, labels, spec }: Document): Former => {
  const fields = isObject(spec) ? spec : {}
  const told = telling.flatMap((field) =>
    fields[field] === undefined ? [] : [[field, fields[field]] as const],
  )
  return { kind, id, project, name, labels, spec: Object.fromEntries(told) }
}

/** The change that goes along with a commit, if it sends anything away. The entry is written over each time. */
export function formerChange(
  changes: readonly Change[],
  get: (kind: string, id: string) => Stored | undefined,
): readonly Change[] {
  const former = changes.flatMap((change) => {
    if (change.op !== 'put' && change.op !== 'remove') return []
    const before = get(change.kind, change.id)?.document
    if (before === undefined) return []
    const was = formerOf(before)
    const isAlike = change.op === 'put' && same(was, formerOf(change.value as unknown as Document))
    return isAlike ? [] : [was]
  })
  return former.length === 0 ? [] : [{ op: 'put', ...entry, value: former as unknown as Json }]
}

/** How the objects of a commit were before it, by `kind/id`. */
export function formerIn({ changes }: Commit): ReadonlyMap<string, Former> {
  const said = changes.find(({ kind, id }) => kind === entry.kind && id === entry.id)?.value
  const list = Array.isArray(said) ? (said as unknown as readonly Former[]) : []
  return new Map(list.map((former) => [`${former.kind}/${former.id}`, former]))
}
