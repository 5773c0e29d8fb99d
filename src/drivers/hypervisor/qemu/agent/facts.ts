/** What an agent says of its guest, made small and inert. */

import { isObject } from '#base/json.ts'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import type { GuestInside } from '#kinds/guest/schema.ts'
import type { Conversation } from './conversation.ts'
import { readAll } from './files.ts'

/** A text on one line, within its bound; what is no text is empty. */
const text = (value: unknown, most: number) =>
  typeof value === 'string' ? inert(value.replaceAll(/\s+/g, ' ')).slice(0, most) : ''
const list = (value: unknown) => (Array.isArray(value) ? value : []).filter(isObject)
const amount = (value: unknown) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0

/** What one agent does not know (an old one, one on another system) is empty, not a failure. */
async function maybe(talk: Conversation, execute: string): Promise<unknown> {
  try {
    return await talk.ask({ execute })
  } catch (fault) {
    const isNone = fault instanceof Problem && /^(guest\/agent-refused|request\/too-large)$/.test(fault.code)
    if (isNone) return undefined
    throw fault
  }
}

export async function insideOf(talk: Conversation): Promise<GuestInside> {
  const info = asObject(await talk.ask({ execute: 'guest-info' }))
  const named = asObject(await maybe(talk, 'guest-get-host-name'))
  const system = asObject(await maybe(talk, 'guest-get-osinfo'))
  const zone = asObject(await maybe(talk, 'guest-get-timezone'))
  const nics = list(await maybe(talk, 'guest-network-get-interfaces'))
  const mounts = list(await maybe(talk, 'guest-get-fsinfo'))
  return {
    isAnswering: true,
    agentVersion: text(info['version'], 64),
    hostname: text(named['host-name'], 253),
    os: text(system['pretty-name'], 128),
    kernel: text(system['kernel-release'], 128),
    timezone: text(zone['zone'], 64),
    addresses: nics.flatMap(addressesOf).slice(0, 64),
    fileSystems: mounts.map(fileSystemOf).slice(0, 32),
    ...(await cloudInitOf(talk)),
  }
}

const asObject = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {})

function addressesOf(nic: Record<string, unknown>): GuestInside['addresses'] {
  const name = text(nic['name'], 32)
  if (name === 'lo') return []
  const mac = text(nic['hardware-address'], 17).toLowerCase()
  return list(nic['ip-addresses'])
    .slice(0, 64)
    .map((address) => ({ nic: name, mac, address: text(address['ip-address'], 45) }))
    .filter(({ address }) => /^[0-9a-f.:]+$/i.test(address))
}

const fileSystemOf = (mount: Record<string, unknown>): GuestInside['fileSystems'][number] => ({
  mount: text(mount['mountpoint'], 255),
  type: text(mount['type'], 32),
  usedBytes: amount(mount['used-bytes']),
  totalBytes: amount(mount['total-bytes']),
})

const resultBytes = 65_536

/**
 * cloud-init leaves `result.json` when it is done with the first boot and `status.json` while it is at it
 * (cloudinit.readthedocs.io, "Reported status").
 */
async function cloudInitOf(talk: Conversation): Promise<Pick<GuestInside, 'cloudInit' | 'detail'>> {
  const result = await contentOf(talk, '/run/cloud-init/result.json')
  if (result !== undefined) {
    const errors = asObject(asObject(jsonFrom(result))['v1'])['errors']
    const said = (Array.isArray(errors) ? errors : []).map((error) => text(error, 200)).join('; ')
    return said === ''
      ? { cloudInit: 'done', detail: '' }
      : { cloudInit: 'error', detail: said.slice(0, 400) }
  }
  if ((await contentOf(talk, '/run/cloud-init/status.json')) !== undefined)
    return { cloudInit: 'running', detail: '' }
  const isDisabled = (await contentOf(talk, '/run/cloud-init/disabled')) !== undefined
  const isThere = !isDisabled && (await contentOf(talk, '/etc/cloud/cloud.cfg')) !== undefined
  return { cloudInit: isThere ? 'unknown' : 'absent', detail: '' }
}

/** The beginning of a small file, or nothing where it cannot be read. */
async function contentOf(talk: Conversation, path: string): Promise<string | undefined> {
  try {
    const parts: Buffer[] = []
    for await (const part of readAll(talk, path, resultBytes)) parts.push(Buffer.from(part))
    return Buffer.concat(parts).toString('utf8')
  } catch (fault) {
    const isNone = fault instanceof Problem && /^(guest\/agent-refused|request\/too-large)$/.test(fault.code)
    if (isNone) return undefined
    throw fault
  }
}

function jsonFrom(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}
