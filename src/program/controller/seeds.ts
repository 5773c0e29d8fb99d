/** What a new pool starts with: a project, a network, an administrator, this host, its datastore. */

import { commonProject } from '#model/reference.ts'
import { Problem } from '#model/problem.ts'
import type { Replica } from '#runtime/replica.ts'
import { created, documentOf, type Seed } from './documents.ts'

export type SeedsWith = {
  readonly newId: () => string
  readonly nowMs: number
  /** Name of the host that this pool starts on; null: none, as in the simulator. */
  readonly host: string | null
  /** Whether to make the starter image and the machine `hello` from it. */
  readonly withHello: boolean
}

function seeds({ host, withHello }: SeedsWith): Seed[] {
  const project = commonProject
  const pool: Seed[] = [
    { kind: 'project', name: project, spec: {}, description: 'Where things are when no project is named' },
    {
      kind: 'user',
      name: 'admin',
      spec: { displayName: 'Administrator', bindings: [{ project: '*', role: 'admin' }] },
      description: 'Signs in by one-time links that `decant login` makes on the machine itself',
    },
    {
      kind: 'network',
      name: 'default',
      project,
      spec: { driver: 'user', isShared: true },
      description: 'Out to the world; in by port forwards',
    },
  ]
  if (host === null) return pool
  const local: Seed[] = [
    { kind: 'host', name: host, spec: {}, description: 'The machine that Decant was started on' },
    {
      kind: 'datastore',
      name: 'local',
      host,
      spec: { driver: 'directory' },
      description: "A folder in Decant's own data",
    },
  ]
  const hello: Seed[] = [
    {
      kind: 'image',
      name: 'starter',
      project,
      spec: { source: 'starter', isShared: true },
      description: "Debian's kernel with busybox: small, quick, good for trying things",
    },
    {
      kind: 'machine',
      name: 'hello',
      project,
      spec: { image: 'starter', nics: [{ network: 'default', forwards: [{ guestPort: 80 }] }] },
      description: 'The first machine of this pool',
    },
  ]
  return [...pool, ...local, ...(withHello ? hello : [])]
}

/** Plants what is missing in a pool that has no project yet; a pool in use is left as people made it. */
export async function plant(replica: Replica, on: SeedsWith): Promise<void> {
  const isNew = replica.count('project') === 0
  const wanted = seeds(on).filter(({ kind }) => isNew || kind === 'host' || kind === 'datastore')
  for (const seed of wanted) {
    if (replica.find(seed.kind, seed.project ?? null, seed.name) !== undefined) continue
    try {
      await replica.commit(created(documentOf(seed, on)))
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.code !== 'store/claimed') throw problem
    }
  }
}
