/** A process in which one datastore lives: it may hang for as long as its server is away, and nothing else does. */

import { serve } from '#drivers/datastore/apart/served.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { isSquashed } from '#drivers/datastore/nfs/squash.ts'
import { claimFolder } from '#drivers/ground/claim.ts'
import { guarded, unusable } from '#drivers/ground/guarded.ts'
import { reason } from '#model/plan.ts'
import type { ApartOrder } from './datastores.ts'

async function open({ id, name, folder, note, source }: ApartOrder) {
  const squashed = unusable(name, reason('datastore/squashed', { source }))
  // Who is nobody there may often not even make a folder.
  const claim = await claimFolder({ id, folder, note }).catch((fault: unknown) => {
    throw isForbidden(fault) ? squashed : fault
  })
  if ('code' in claim) throw unusable(name, claim)
  if (await isSquashed(claim.folder)) throw squashed
  return guarded(await openDirectory({ name, folder: claim.folder }), claim.check)
}

const isForbidden = (fault: unknown) =>
  ['EACCES', 'EPERM'].includes((fault as NodeJS.ErrnoException)?.code ?? '')

process.once('message', (order: ApartOrder) => {
  void serve(process, () => open(order)).then(() => process.exit(0))
})
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
