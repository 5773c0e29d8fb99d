/** A controller and one agent on fakes and real time, for tests of the programs joined together. */

import { randomUUID } from 'node:crypto'
import { realClock } from '#drivers/clock/real/clock.ts'
import { FakeDatastore, newFakeDisk } from '#drivers/datastore/fake/datastore.ts'
import { growFile } from '#drivers/datastore/fake/disk.ts'
import { openFake } from '#drivers/hypervisor/fake/open.ts'
import { FakeWorld } from '#drivers/hypervisor/fake/world.ts'
import { FakeImageMaker, newFakeWork } from '#drivers/image/fake/image.ts'
import { memoryLedger } from '#drivers/ledger/memory/ledger.ts'
import { memoryLink } from '#drivers/link/memory/link.ts'
import { FakeNetwork, newFakePorts } from '#drivers/network/fake/network.ts'
import { MemoryNotebook } from '#drivers/notebook/memory/notebook.ts'
import { memoryDisk, memoryStore } from '#drivers/store/memory/store.ts'
import { vaultWith } from '#drivers/vault/file/vault.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { Document } from '#model/document.ts'
import { runAgent } from '#program/agent/agent.ts'
import { created } from '#program/controller/documents.ts'
import { runController } from '#program/controller/controller.ts'

const log = process.env.DECANT_TEST_LOG ? console.log : () => {}

export async function together() {
  const clock = realClock
  const link = memoryLink(clock)
  const world = new FakeWorld(clock, { spawnMs: 5, bootMs: 10, powerdownMs: 5, noticeMs: 1 })
  const disk = newFakeDisk({ memories: world.memories })
  world.onGrown = (file, sizeBytes) => growFile(disk, file, sizeBytes)
  const notebook = new MemoryNotebook()
  const storeDisk = { now: memoryDisk() }
  const ports = newFakePorts()
  const vault = vaultWith(new Uint8Array(32))
  const startController = () =>
    runController(
      {
        store: memoryStore({ disk: storeDisk.now }),
        ledger: memoryLedger(),
        link: link.server,
        clock,
        newId: randomUUID,
        vault,
        log,
      },
      { version: 'test', host: 'h1', withHello: false },
    )
  const startAgent = () => {
    const datastore = new FakeDatastore(disk, { clock })
    return runAgent(
      {
        link: link.client('h1'),
        notebook,
        hypervisor: openFake(world),
        datastore: (name) => (name === 'local' ? datastore : undefined),
        network: new FakeNetwork(ports),
        imageMaker: new FakeImageMaker(newFakeWork(), clock),
        clock,
        facts: {
          architecture: 'x86_64',
          cpus: 4,
          memoryMib: 8192,
          kernel: '6',
          hostname: 'h1',
          bootId: 'b1',
        },
        newId: randomUUID,
        newWord: () => 'abc123',
        log,
      },
      { host: 'h1', version: 'test' },
    )
  }
  return { world, disk, notebook, storeDisk, link, startController, startAgent }
}

type Controller = Awaited<ReturnType<typeof runController>>

export function wished(kind: string, name: string, spec: object): Document {
  const found = kindNamed(kind)!
  return {
    kind,
    id: randomUUID(),
    name,
    project: found.scope === 'pool' ? null : 'default',
    generation: 1,
    version: 1,
    createdAtMs: Date.now(),
    labels: {},
    description: '',
    isProtected: false,
    deletingAtMs: null,
    owner: null,
    host: null,
    spec: found.spec.parse(spec),
    status: found.status.parse({}),
  }
}

export async function create({ desk }: Controller, document: Document): Promise<Document> {
  await desk.replica.commit(created(document))
  return document
}

export async function edit(
  { desk }: Controller,
  { kind, id }: Document,
  change: (document: Document) => Document,
) {
  for (;;) {
    const stored = desk.replica.get(kind, id)!
    const after = { ...change(stored.document), generation: stored.document.generation + 1 }
    const done = await desk.replica
      .commit([{ op: 'put', kind, id, value: after as never, expect: stored.revision }])
      .catch(() => undefined)
    if (done) return
  }
}

/** Waits until an object is as asked; fails with what it is after five seconds. */
export async function until(
  { desk }: Controller,
  { kind, id }: Document,
  holds: (document: Document | undefined) => boolean,
): Promise<Document | undefined> {
  const lastMs = Date.now() + 5000
  for (;;) {
    const document = desk.replica.get(kind, id)?.document
    if (holds(document)) return document
    if (Date.now() > lastMs) throw new Error(`${kind} is still ${JSON.stringify(document?.status)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export const state = (document: Document | undefined) =>
  (document?.status as { state?: string } | undefined)?.state
