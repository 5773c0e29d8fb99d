/** Every rule there is, by kind. Adding one is a file in `rules/` and a line here. */

import type { Document } from '#model/document.ts'
import type { DatastoreSpec } from '#kinds/datastore/schema.ts'
import type { ImageSpec } from '#kinds/image/schema.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import type { NetworkSpec } from '#kinds/network/schema.ts'
import type { VolumeSpec } from '#kinds/volume/schema.ts'
import type { Around } from './around.ts'
import type { Rule } from './rule.ts'
import { addresses } from './rules/addresses.ts'
import { clone } from './rules/clone.ts'
import { cpus } from './rules/cpus.ts'
import { datastores } from './rules/datastores.ts'
import { content } from './rules/content.ts'
import { firmware } from './rules/firmware.ts'
import { firstBoot } from './rules/first-boot.ts'
import { made } from './rules/made.ts'
import { memory } from './rules/memory.ts'
import { microvm } from './rules/microvm.ts'
import { names } from './rules/names.ts'
import { networks, nics } from './rules/networks.ts'
import { promise } from './rules/promise.ts'
import { revert } from './rules/revert.ts'
import { sources } from './rules/sources.ts'
import { volumes } from './rules/volumes.ts'

export const machineRules: readonly Rule<MachineSpec>[] = [
  firmware,
  microvm,
  cpus,
  memory,
  names,
  addresses,
  nics,
  made,
  content,
  clone,
  revert,
  firstBoot,
]
export const imageRules: readonly Rule<ImageSpec>[] = [sources]
export const volumeRules: readonly Rule<VolumeSpec>[] = [volumes, promise]
export const networkRules: readonly Rule<NetworkSpec>[] = [networks]
export const datastoreRules: readonly Rule<DatastoreSpec>[] = [datastores]

const rulesOf: Readonly<Record<string, readonly Rule<never>[]>> = {
  image: imageRules as readonly Rule<never>[],
  machine: machineRules as readonly Rule<never>[],
  volume: volumeRules as readonly Rule<never>[],
  network: networkRules as readonly Rule<never>[],
  datastore: datastoreRules as readonly Rule<never>[],
}

/** Refuses a wish that breaks a rule of its kind. */
export function checkRules(before: Document | undefined, after: Document, around: Around): void {
  for (const rule of rulesOf[after.kind] ?? []) {
    const asked = { document: after, spec: after.spec, before: before?.spec, around }
    rule.check(asked as never)
  }
}
