/** How one object names another: `name` in its own project (or shared with it), or `project/name`. */

import type { Document } from './document.ts'

export type Reference = { readonly project: string | undefined; readonly name: string }

export function referenceFrom(text: string): Reference {
  const slash = text.indexOf('/')
  return slash < 0
    ? { project: undefined, name: text }
    : { project: text.slice(0, slash), name: text.slice(slash + 1) }
}

/** The project whose shared things everybody sees without naming it. */
export const commonProject = 'default'

export type Find<D extends Document = Document> = (
  kind: string,
  project: string | null,
  name: string,
) => D | undefined

export const isShared = (document: Document) => (document.spec as { isShared?: unknown }).isShared === true

/**
 * What a reference means, seen from a project; nothing when it is not there or not for that project.
 * `scope` is that of the kind referred to; a pool's things are named plainly.
 */
export function resolve<D extends Document>(
  text: string,
  {
    kind,
    scope,
    project,
    find,
  }: { kind: string; scope: 'project' | 'pool'; project: string | null; find: Find<D> },
): D | undefined {
  const reference = referenceFrom(text)
  if (scope === 'pool') return reference.project === undefined ? find(kind, null, reference.name) : undefined
  const own = reference.project ?? project
  const first = own === null ? undefined : find(kind, own, reference.name)
  if (first !== undefined) return own === project || isShared(first) ? first : undefined
  const common = reference.project === undefined ? find(kind, commonProject, reference.name) : undefined
  return common !== undefined && isShared(common) ? common : undefined
}

/** The store's claim that keeps a name unique within its kind and project. */
export const nameClaim = (kind: string, project: string | null, name: string) =>
  `name/${kind}/${project ?? ''}/${name}`
