/** The networks that this Decant makes in the host's kernel: where its notes lie, and what its parts are called. */

import { join } from 'node:path'
import { openBridges } from '#drivers/network/bridge/bridge.ts'
import { instanceOf, tableName } from '#engines/filtering/names.ts'
import type { Layout } from './layout.ts'

export const networkingOf = ({ data, agent }: Layout, log: (line: string) => void = () => {}) => ({
  driver: openBridges({ folder: join(agent, 'networks'), table: tableName(instanceOf(data)), log }),
  place: data,
})
