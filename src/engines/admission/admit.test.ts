/** Admission decides from plain data; here from a few maps. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Document } from '#model/document.ts'
import { Problem } from '#model/problem.ts'
import { kindNamed, kinds } from '#kinds/registry.ts'
import { present } from '#base/assert.ts'
import { at } from '#base/json.ts'
import { admitCreate, admitDelete, admitPatch, admitReplace, admitVerb } from './admit.ts'
import type { Around } from './around.ts'
import { minus, nothing, plus, usageOf } from './usage.ts'

const kind = (name: string) => present(kindNamed(name), name)

function world(documents: Document[] = []): Around {
  let ids = 0
  return {
    kinds,
    find: (kind, project, name) =>
      documents.find((one) => one.kind === kind && one.project === project && one.name === name),
    get: (kind, id) => documents.find((one) => one.kind === kind && one.id === id),
    all: (kind) => documents.filter((one) => one.kind === kind),
    usage: (project) =>
      documents
        .filter((one) => one.project === project)
        .map((one) => usageOf(one, () => undefined))
        .reduce(plus, nothing),
    nowMs: 1000,
    newId: () => `id-${documents.length}-${ids++}`,
  }
}

/** Admits and keeps what was admitted. */
function made(documents: Document[], name: string, body: object, project: string | null = null): Document {
  const { after } = admitCreate(kind(name), body, { project }, world(documents))
  documents.push(present(after, 'made'))
  return present(after, 'made')
}

function pool(): Document[] {
  const documents: Document[] = []
  made(documents, 'project', { name: 'default' })
  made(documents, 'project', { name: 'p' })
  made(documents, 'datastore', { name: 'local', spec: { folder: '/srv/local' } })
  made(documents, 'network', { name: 'default', spec: { isShared: true } }, 'default')
  return documents
}

const refusedWith = (code: string, act: () => unknown, field?: string) =>
  assert.throws(
    act,
    (error: unknown) =>
      error instanceof Problem && error.code === code && (field === undefined || error.field === field),
    code,
  )

test('a new object has defaults, generation 1, and nothing that only Decant writes', () => {
  const machine = made(
    pool(),
    'machine',
    { name: 'm', host: 'h', status: { state: 'running' }, generation: 7 },
    'p',
  )
  assert.deepEqual(
    [machine.generation, machine.version, machine.host, machine.owner, machine.createdAtMs],
    [1, kind('machine').version, null, null, 1000],
  )
  assert.deepEqual(
    [(machine.spec as { cpus: number }).cpus, (machine.status as { state: string }).state],
    [1, 'pending'],
  )
})

test('what a wish may not say', () => {
  const documents = pool()
  const create = (body: object) => () =>
    admitCreate(kind('machine'), body, { project: 'p' }, world(documents))
  refusedWith('request/invalid', create({}), 'name')
  refusedWith('request/invalid', create({ name: 'A' }), 'name')
  refusedWith('request/invalid', create({ name: 'a', spec: { cpus: 0 } }), 'spec.cpus')
  refusedWith('request/invalid', create({ name: 'a', spec: { zzz: 0 } }), 'spec.zzz')
  refusedWith('object/fixed', create({ name: 'a', project: 'default' }), 'project')
  refusedWith('object/fixed', create({ name: 'a', kind: 'image' }), 'kind')
  refusedWith('object/reference', create({ name: 'a', spec: { image: 'none' } }), 'spec.image')
  refusedWith(
    'object/reference',
    create({ name: 'a', spec: { nics: [{ network: 'none' }] } }),
    'spec.nics.0.network',
  )
  refusedWith('object/not-found', () =>
    admitCreate(kind('machine'), { name: 'a' }, { project: 'zzz' }, world(documents)),
  )
  refusedWith('object/read-only', () =>
    admitCreate(kind('guest'), { name: 'a' }, { project: 'p' }, world(documents)),
  )
  made(documents, 'machine', { name: 'a' }, 'p')
  refusedWith('object/exists', create({ name: 'a' }))
})

test('things of another project are used only when shared; what is leaving is used no more', () => {
  const documents = pool()
  made(documents, 'image', { name: 'own' }, 'default')
  const shared = made(documents, 'image', { name: 'shared', spec: { isShared: true } }, 'default')
  const create = (image: string) =>
    admitCreate(kind('machine'), { name: 'm', spec: { image } }, { project: 'p' }, world(documents))
  refusedWith('object/reference', () => create('own'))
  refusedWith('object/reference', () => create('default/own'))
  assert.ok(create('shared').after)
  assert.ok(create('default/shared').after)
  documents[documents.indexOf(shared)] = { ...shared, deletingAtMs: 5 }
  refusedWith('object/reference', () => create('shared'))
})

test('edits: fixed fields stay, generation rises with the wish alone, boot never falls', () => {
  const documents = pool()
  const machine = made(documents, 'machine', { name: 'm', spec: { boot: 4 } }, 'p')
  const around = world(documents)
  const replaced = present(
    admitReplace(kind('machine'), machine, { spec: { cpus: 2 } }, around).after,
    'replaced',
  )
  assert.deepEqual([replaced.generation, (replaced.spec as { boot: number }).boot], [2, 4])
  assert.equal(admitPatch(kind('machine'), machine, { spec: { cpus: 1 } }, around).isChanged, false)
  made(documents, 'image', { name: 'i', spec: { isShared: true } }, 'default')
  refusedWith(
    'object/fixed',
    () => admitPatch(kind('machine'), machine, { spec: { image: 'i' } }, around),
    'spec.image',
  )
  assert.equal(admitPatch(kind('machine'), machine, { labels: { a: 'b' } }, around).after?.generation, 2)
  refusedWith('object/deleting', () =>
    admitPatch(kind('machine'), { ...machine, deletingAtMs: 1 }, {}, around),
  )
})

test('a verb edits the wish or says why not', () => {
  const documents = pool()
  const machine = made(documents, 'machine', { name: 'm' }, 'p')
  const verb = (name: string, input?: object) => () =>
    admitVerb(kind('machine'), machine, { verb: name, input }, world(documents))
  assert.equal(at(verb('stop', { forceAfterSeconds: 3 })().after, 'spec.power'), 'off')
  refusedWith('object/refused', verb('pause'))
  refusedWith('request/invalid', verb('stop', { forceAfterSeconds: -1 }), 'forceAfterSeconds')
  refusedWith('request/invalid', verb('start', { zzz: 1 }), 'zzz')
})

test('quota bounds what is added, never what is there', () => {
  const documents = pool()
  documents.push({
    ...made([], 'project', { name: 'q', spec: { quota: { machines: 2, memoryMib: 1000 } } }),
    id: 'q',
  })
  const first = made(documents, 'machine', { name: 'a', spec: { memoryMib: 600 } }, 'q')
  refusedWith('quota/exceeded', () =>
    made(documents, 'machine', { name: 'b', spec: { memoryMib: 600 } }, 'q'),
  )
  refusedWith('quota/exceeded', () =>
    admitPatch(kind('machine'), first, { spec: { memoryMib: 1001 } }, world(documents)),
  )
  made(documents, 'machine', { name: 'b', spec: { memoryMib: 400 } }, 'q')
  refusedWith('quota/exceeded', () => made(documents, 'machine', { name: 'c', spec: { memoryMib: 32 } }, 'q'))
  assert.ok(admitPatch(kind('machine'), first, { spec: { memoryMib: 100 } }, world(documents)).isChanged)
  assert.deepEqual(
    minus(plus(nothing, { machines: 1, cpus: 2, memoryMib: 3, diskMib: 4 }), {
      machines: 1,
      cpus: 2,
      memoryMib: 3,
      diskMib: 4,
    }),
    nothing,
  )
})

test("a name in the form of an id is refused, and one that is there keeps nobody else's object (I-42)", () => {
  const documents = pool()
  const image = { ...made(documents, 'image', { name: 'i' }, 'p'), id: randomUUID() }
  documents.pop()
  documents.push(image)
  refusedWith('request/invalid', () => made(documents, 'image', { name: image.id }, 'default'), 'name')
  const namesake = { ...image, name: image.id, id: 'other', project: 'default' }
  documents.push(namesake)
  made(documents, 'machine', { name: 'm', spec: { image: image.id } }, 'default')
  assert.ok(admitDelete(kind('image'), image, world(documents)).after?.deletingAtMs)
  refusedWith('object/in-use', () => admitDelete(kind('image'), namesake, world(documents)))
})

test('deleting: kept while protected, named, owned or not empty; then wished or done', () => {
  const documents = pool()
  const image = made(documents, 'image', { name: 'i' }, 'p')
  const machine = made(documents, 'machine', { name: 'm', spec: { image: 'i' } }, 'p')
  const around = world(documents)
  refusedWith('object/in-use', () => admitDelete(kind('image'), image, around))
  refusedWith('object/protected', () =>
    admitDelete(kind('machine'), { ...machine, isProtected: true }, around),
  )
  refusedWith('object/refused', () =>
    admitDelete(kind('volume'), { ...image, id: 'v', kind: 'volume', owner: machine.id }, around),
  )
  refusedWith('object/refused', () => admitDelete(kind('project'), present(documents[1], 'p'), around))
  assert.equal(admitDelete(kind('machine'), machine, around).after?.deletingAtMs, 1000)
  const network = made(documents, 'network', { name: 'n' }, 'p')
  assert.equal(admitDelete(kind('network'), network, around).after, null)
  const bound = made(documents, 'user', {
    name: 'u',
    spec: { bindings: [{ project: 'lone', role: 'viewer' }] },
  })
  const lone = made(documents, 'project', { name: 'lone' })
  refusedWith('object/in-use', () => admitDelete(kind('project'), lone, around))
  made(documents, 'token', { name: 't', spec: { user: 'u' } })
  assert.equal(admitDelete(kind('user'), bound, around).after, null, 'tokens go with their user')
})
