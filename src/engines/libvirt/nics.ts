/** NICs of a libvirt domain. */

import type { XmlElement } from '#base/xml.ts'
import { wholeOf } from './basics.ts'
import type { Taking } from './taking.ts'

const models = new Set(['virtio', 'e1000e', 'e1000', 'rtl8139', 'vmxnet3'])

type Plugged = { readonly nic: Readonly<Record<string, unknown>>; readonly network: string | null }

/** Each NIC with the name of the network or bridge that it was on. */
export const nicsOf = (taking: Taking, devices: XmlElement | undefined): Plugged[] =>
  taking.children(devices, 'interface').map((nic) => nicOf(taking, nic))

function nicOf(taking: Taking, nic: XmlElement): Plugged {
  const type = taking.attribute(nic, 'type') ?? 'network'
  const source = taking.child(nic, 'source')
  const from = ['network', 'bridge', 'dev', 'portgroup'].find((name) => source?.attributes.has(name))
  if (source !== undefined)
    taking.leave(source, 'changed', 'it is on the network that you name, or on `default`')
  else if (type !== 'user') taking.leaveAttribute(nic, 'type', 'changed', 'it is on the network `default`')
  for (const name of ['address', 'alias', 'target', 'backend', 'driver'])
    for (const each of taking.children(nic, name)) taking.leave(each, 'own', 'given by Decant')
  for (const name of ['vlan', 'virtualport', 'filterref'])
    for (const each of taking.children(nic, name))
      taking.leave(each, 'lost', 'say it of the network, or by security groups')
  const link = taking.attribute(taking.child(nic, 'link'), 'state')
  for (const each of taking.children(nic, 'mtu')) taking.leave(each, 'changed', "it is the network's")
  for (const each of taking.children(nic, 'boot')) taking.leave(each, 'own', 'said by the boot order')
  return {
    network: from === undefined ? null : (source?.attributes.get(from) ?? null),
    nic: {
      ...macOf(taking, taking.child(nic, 'mac')),
      ...modelOf(taking, taking.child(nic, 'model')),
      ...(link === 'down' ? { isLinkUp: false } : {}),
      ...bandwidthOf(taking, taking.child(nic, 'bandwidth')),
    },
  }
}

function macOf(taking: Taking, element: XmlElement | undefined) {
  const mac = taking.attribute(element, 'address')?.toLowerCase()
  if (mac !== undefined && /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/.test(mac)) return { mac }
  taking.leaveAttribute(element, 'address', 'changed', 'only locally administered addresses are taken over')
  return {}
}

function modelOf(taking: Taking, element: XmlElement | undefined) {
  const model = taking.attribute(element, 'type')
  if (model === undefined) return { model: 'rtl8139' }
  if (models.has(model)) return { model }
  taking.leaveAttribute(element, 'type', 'changed', 'it becomes a virtio NIC')
  return {}
}

/** Averages are in KiB per second. */
function bandwidthOf(taking: Taking, element: XmlElement | undefined) {
  const mbit = (way: string) => {
    const part = taking.child(element, way)
    const kib = wholeOf(taking.attribute(part, 'average'))
    for (const name of ['peak', 'burst', 'floor'])
      taking.leaveAttribute(part, name, 'lost', 'only the average bounds it')
    return kib === undefined ? undefined : Math.max(1, Math.round((kib * 8192) / 1e6))
  }
  const [mbitIn, mbitOut] = [mbit('inbound'), mbit('outbound')]
  return { ...(mbitIn === undefined ? {} : { mbitIn }), ...(mbitOut === undefined ? {} : { mbitOut }) }
}
