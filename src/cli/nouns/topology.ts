/** The picture of a network as a tree of text. */

import { isObject, type JsonObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { part } from '#client/addresses.ts'
import type { Client } from '#client/client.ts'
import { objectFrom } from '#client/answers.ts'
import type { Context } from '../command.ts'
import { nothing } from '../describe.ts'
import { tableLines, type Cell } from '../table.ts'
import { oneLine } from '../width.ts'
import { forwardText } from './portraits.ts'

/** The kinds that have such a picture. */
export const pictured = new Set(['network'])

export const topologyFrom = async (client: Client, kind: Kind, name: string, project: string | undefined) =>
  objectFrom(await client.caller.json(part(kind, name, 'topology'), { query: { project } }))

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? oneLine(value) : nothing)
const listed = (value: unknown) => (Array.isArray(value) ? value.filter(isObject) : [])

/**
 *     vm  10.88.0.1 fd00:88::1
 *     ├─ db    net0  10.88.0.3  up  —
 *     └─ web   net0  10.88.0.2  up  web     http://127.0.0.1:42673/
 */
export function topologyLines(topology: JsonObject, { paper }: Context): string[] {
  return listed(topology.hosts).flatMap((host) => {
    const gateways = [host.gateway4, host.gateway6].map(text).filter((each) => each !== nothing)
    const nics = listed(host.nics)
    const rows = nics.map((nic) => {
      const groups = Array.isArray(nic.groups)
        ? nic.groups.map((group) => oneLine(String(group))).join(', ')
        : ''
      const link = text(nic.link)
      const name = text(nic.machine)
      return [
        nic.project === topology.project ? name : `${text(nic.project)}/${name}`,
        text(nic.nic),
        text(nic.address4),
        text(nic.address6),
        link,
        groups === '' ? nothing : groups,
        listed(nic.forwards).map(forwardText).join(' '),
      ].map((cell): Cell => ({ text: cell }))
    })
    const branches = tableLines(rows)
    return [
      `  ${paper.paint('bold', text(host.host))}  ${gateways.join(' ')}`.trimEnd(),
      ...branches.map((line, at) => `  ${at === branches.length - 1 ? '└─' : '├─'} ${line}`),
    ]
  })
}
