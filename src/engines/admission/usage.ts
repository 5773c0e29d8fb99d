/** What objects take from their project's quota, and whether there is room for more (I-26). */

import { at, isObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import { Problem } from '#model/problem.ts'
import { resolve, type Find } from '#model/reference.ts'

export const resources = ['machines', 'cpus', 'memoryMib', 'diskMib'] as const
export type Usage = { readonly [R in (typeof resources)[number]]: number }

export const nothing: Usage = { machines: 0, cpus: 0, memoryMib: 0, diskMib: 0 }

const combined = (a: Usage, b: Usage, sign: 1 | -1): Usage => ({
  machines: a.machines + sign * b.machines,
  cpus: a.cpus + sign * b.cpus,
  memoryMib: a.memoryMib + sign * b.memoryMib,
  diskMib: a.diskMib + sign * b.diskMib,
})
export const plus = (a: Usage, b: Usage) => combined(a, b, 1)
export const minus = (a: Usage, b: Usage) => combined(a, b, -1)

const numberAt = (value: unknown, path: string) => {
  const found = at(value, path)
  return typeof found === 'number' ? found : 0
}

/**
 * What one object takes. A machine takes the disks that are made for it with it (their stated size, else their
 * image's), so volumes that belong to a machine are not counted again.
 */
export function usageOf(document: Document, find: Find): Usage {
  if (document.kind === 'machine') {
    return {
      machines: 1,
      cpus: numberAt(document.spec, 'cpus'),
      memoryMib: numberAt(document.spec, 'memoryMib'),
      diskMib: (numberAt(document.spec, 'diskMib') || imageMib(document, find)) + madeMib(document, find),
    }
  }
  if (document.kind === 'volume' && document.owner === null)
    return { ...nothing, diskMib: numberAt(document.spec, 'sizeMib') || imageMib(document, find) }
  return nothing
}

/** Sizes of the further disks that are made for a machine. */
function madeMib({ spec, project }: Document, find: Find): number {
  const disks = at(spec, 'disks')
  const made = (Array.isArray(disks) ? disks : []).filter((disk) => at(disk, 'volume') === null)
  const sizes = made.map((disk) => numberAt(disk, 'sizeMib') || imageMib({ spec: disk, project }, find))
  return sizes.reduce((sum, size) => sum + size, 0)
}

function imageMib({ spec, project }: Pick<Document, 'spec' | 'project'>, find: Find): number {
  const name = at(spec, 'image')
  if (typeof name !== 'string') return 0
  const image = resolve(name, { kind: 'image', scope: 'project', project, find })
  return Math.ceil(numberAt(image, 'status.virtualBytes') / 2 ** 20)
}

type Quota = { readonly [R in keyof Usage]?: number }

/** The bounds of a project; none where it states none. */
export const quotaOf = (project: Document | undefined): Quota => {
  const quota = at(project, 'spec.quota')
  return isObject(quota) ? quota : {}
}

export const isBounded = (project: Document | undefined) => Object.keys(quotaOf(project)).length > 0

/** Refuses a change that takes more of something than the project may have. */
export function checkQuota(project: Document, used: Usage, added: Usage): void {
  const quota = quotaOf(project)
  for (const resource of resources) {
    const limit = quota[resource]
    const needed = used[resource] + added[resource]
    if (limit !== undefined && added[resource] > 0 && needed > limit)
      throw new Problem('quota/exceeded', { project: project.name, resource, limit, needed })
  }
}
