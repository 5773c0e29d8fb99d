/** Every kind there is. Adding one is a folder beside this file and a line here. */

import type { Kind } from '#model/kind.ts'
import { datastore } from './datastore/schema.ts'
import { guest } from './guest/schema.ts'
import { host } from './host/schema.ts'
import { image } from './image/schema.ts'
import { machine } from './machine/schema.ts'
import { network } from './network/schema.ts'
import { project } from './project/schema.ts'
import { securityGroup } from './security-group/schema.ts'
import { snapshot } from './snapshot/schema.ts'
import { token } from './token/schema.ts'
import { user } from './user/schema.ts'
import { volume } from './volume/schema.ts'

export const kinds: readonly Kind[] = [
  project,
  host,
  image,
  datastore,
  volume,
  network,
  securityGroup,
  machine,
  snapshot,
  guest,
  user,
  token,
] as unknown as readonly Kind[]

export const kindNamed = (name: string): Kind | undefined => kinds.find((kind) => kind.name === name)
