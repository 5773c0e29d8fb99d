/** Seeds as cloud-init's NoCloud reads them: a disk with the volume id `cidata` and four files. */

import type { JsonObject } from '#base/json.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { Seeds } from '../port.ts'
import { cloudConfigOf, identityConfig, metaDataOf, networkConfigOf } from './config.ts'
import { isoOf } from './iso9660.ts'
import { isMessage } from '#model/user-data.ts'
import { userDataOf } from './user-data.ts'

export const noCloudSeeds: Seeds = {
  name: 'nocloud',
  build(spec: GuestSpec) {
    const { firstBoot } = spec
    if (firstBoot === null) return null
    return isoOf('cidata', [
      file('meta-data', json(metaDataOf(spec))),
      file('user-data', userDataOf(firstBoot.userData, cloudConfigOf(firstBoot))),
      file('network-config', firstBoot.networkConfig ?? json(networkConfigOf(spec))),
      file('vendor-data', vendorDataOf(firstBoot.vendorData)),
    ])
  },
}

/** Beside a message of parts nothing can be put. */
const vendorDataOf = (own: string | null) =>
  own !== null && isMessage(own) ? own : userDataOf(own, identityConfig)

const file = (name: string, text: string) => ({ name, bytes: Buffer.from(text, 'utf8') })
const json = (value: JsonObject) => `${JSON.stringify(value, null, 2)}\n`
