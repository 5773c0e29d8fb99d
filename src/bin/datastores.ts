/** Opens the datastores of this host as their documents say: which driver stands for which, and where its notes lie. */

import { fork } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Apart } from '#drivers/datastore/apart/apart.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { openThin } from '#drivers/datastore/lvm-thin/thin.ts'
import { mountExport, unmountExport } from '#drivers/datastore/nfs/mount.ts'
import type { DatastoreDoor, DatastoreOrder, OpenDatastore } from '#drivers/datastore/port-opening.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import { claimFolder, folderFault } from '#drivers/ground/claim.ts'
import { guarded, reasonIn } from '#drivers/ground/guarded.ts'
import { limits } from '#model/limits.ts'
import { reason, type Reason } from '#model/plan.ts'

export type DoorOptions = {
  /** The agent's own folder. */
  readonly folder: string
  /** Folders below which datastores may lie. */
  readonly allowed: readonly string[]
  /** Folder of each open datastore by its name, for whoever measures them. */
  readonly measured: Record<string, string>
}

/** The order to the process in which a datastore lives apart. */
export type ApartOrder = {
  readonly id: string
  readonly name: string
  readonly folder: string
  readonly note: string
  readonly source: string
}

const isRoot = () => process.getuid?.() === 0

export function datastoreDoor(options: DoorOptions): DatastoreDoor {
  const opener = { directory: openFolder, nfs: openNfs, 'lvm-thin': openPool }
  return {
    open: async (order) => {
      await mkdir(join(options.folder, 'datastores'), { recursive: true, mode: 0o711 })
      return await opener[order.driver](order, options)
    },
  }
}

const noteOf = ({ folder }: DoorOptions, id: string) => join(folder, 'datastores', `${id}.json`)

type Opened = OpenDatastore | Reason

async function openFolder({ id, name, folder }: DatastoreOrder, options: DoorOptions): Promise<Opened> {
  const fault = await folderFault(folder, options.allowed, process.getuid?.() ?? 0)
  if (fault !== undefined) return fault
  const claim = await claimFolder({ id, folder, note: noteOf(options, id) })
  if ('code' in claim) return claim
  const inner = await openDirectory({ name, folder: claim.folder })
  options.measured[name] = claim.folder
  return {
    datastore: guarded(inner, claim.check),
    folder: claim.folder,
    check: claim.check,
    close: async (isOver) => {
      delete options.measured[name]
      if (isOver && (await claim.check()) === undefined) await claim.giveUp(await isEmpty(inner))
    },
  }
}

const isEmpty = async (datastore: Datastore) =>
  (await datastore.volumes()).length === 0 && (await datastore.images()).length === 0

async function openNfs({ id, name, source }: DatastoreOrder, options: DoorOptions): Promise<Opened> {
  if (!isRoot()) return reason('datastore/needs-root')
  const folder = join(options.folder, 'mounts', id)
  const mount = () => mountExport({ source, folder, timeoutMs: limits.mountMs })
  const fault = await mount()
  if (fault !== undefined) return fault
  const order: ApartOrder = { id, name, folder, note: noteOf(options, id), source }
  const apart = new Apart({ name, start: () => startApart(order), answerMs: limits.apartAnswerMs })
  const check = async () => (await mount()) ?? (await faultOf(apart))
  const first = await check()
  if (first !== undefined) {
    apart.close()
    return first
  }
  return {
    datastore: apart.datastore,
    // Not told: whoever measures it would hang with its server.
    folder: null,
    check,
    close: async (isOver) => {
      apart.close()
      if (isOver) await unmountExport(folder, limits.mountMs)
    },
  }
}

async function faultOf(apart: Apart): Promise<Reason | undefined> {
  const answer = await apart.probe()
  if (answer === undefined) return undefined
  if (answer === 'silent') return reason('datastore/not-answering', { seconds: limits.apartAnswerMs / 1000 })
  return reasonIn(answer) ?? reason('datastore/unusable', { why: String(answer.facts['why'] ?? answer.code) })
}

function startApart(order: ApartOrder) {
  const child = fork(join(import.meta.dirname, 'datastore-apart.ts'), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.send(order)
  return child
}

async function openPool({ id, name, source }: DatastoreOrder, options: DoorOptions): Promise<Opened> {
  if (!isRoot()) return reason('datastore/needs-root')
  const folder = join(options.folder, 'datastores', id)
  await mkdir(folder, { recursive: true, mode: 0o711 })
  const files = await openDirectory({ name, folder: join(folder, 'files') })
  const opened = await openThin({ id, name, source, folder, files })
  if ('code' in opened) return opened
  return {
    datastore: opened.datastore,
    folder: null,
    check: opened.check,
    // Its volumes stay where they are: nothing is removed that nobody asked to remove.
    close: async () => undefined,
  }
}
