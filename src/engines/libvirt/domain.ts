/** A libvirt domain (libvirt.org, formatdomain) as a machine's wish. Pure; what cannot be carried is told. */

import type { XmlElement } from '#base/xml.ts'
import { bootOrderOf, cpuOf, firmwareOf, memoryOf, restartOf } from './basics.ts'
import { devicesOf, type ForeignDisk } from './devices.ts'
import { Taking, type NotCarried } from './taking.ts'

export type ForeignMachine = {
  readonly name: string
  readonly description: string
  /** Fields of a machine's spec; disks and CD drives stand apart, for their content is elsewhere. */
  readonly spec: Readonly<Record<string, unknown>>
  readonly disks: readonly ForeignDisk[]
  /** Of each NIC, what it was on, as its product calls it. */
  readonly networks: readonly (string | null)[]
  readonly notCarried: readonly NotCarried[]
}

/** `root` must be a `domain`; nothing when it is not. */
export function machineFromDomain(root: XmlElement): ForeignMachine | undefined {
  if (root.name !== 'domain') return undefined
  const taking = new Taking(root)
  identity(taking, root)
  const order = bootOrderOf(taking, root)
  const { disks, networks, fields } = devicesOf(taking, taking.child(root, 'devices'))
  const spec = {
    ...memoryOf(taking, root),
    ...cpuOf(taking, root),
    ...firmwareOf(taking, root),
    ...restartOf(taking, root),
    ...(order.length === 0 ? {} : { bootOrder: order }),
    ...fields,
  }
  const title = taking.text(taking.child(root, 'title')) ?? ''
  const said = taking.text(taking.child(root, 'description')) ?? ''
  return {
    name: nameOf(taking, root),
    description: [title, said]
      .filter((text) => text !== '')
      .join(': ')
      .slice(0, 2048),
    spec,
    disks: bootFirst(disks),
    networks,
    notCarried: taking.notCarried(),
  }
}

/** What every description has and Decant gives by itself. */
function identity(taking: Taking, root: XmlElement) {
  const type = taking.attribute(root, 'type')
  if (type !== undefined && type !== 'kvm' && type !== 'qemu')
    taking.leaveAttribute(root, 'type', 'changed', 'the machine runs under QEMU')
  taking.leaveAttribute(root, 'id', 'own', 'the number of a process that ran')
  taking.leave(taking.child(root, 'uuid'), 'own', 'a machine gets an id of its own')
  for (const name of ['metadata', 'seclabel', 'resource'])
    for (const each of taking.children(root, name))
      taking.leave(each, 'own', 'Decant keeps and confines machines in its own way')
  const clock = taking.child(root, 'clock')
  const offset = taking.attribute(clock, 'offset')
  if (offset !== undefined && offset !== 'utc')
    taking.leaveAttribute(clock, 'offset', 'changed', "the guest's hardware clock is in UTC")
  for (const timer of taking.children(clock, 'timer')) taking.leave(timer, 'own', 'timers are set by QEMU')
  const features = taking.child(root, 'features')
  for (const name of ['acpi', 'apic', 'pae', 'vmport', 'smm'])
    for (const each of taking.children(features, name)) taking.leave(each, 'own', 'set by the machine type')
}

/** A DNS label, as near to the given name as can be. */
function nameOf(taking: Taking, root: XmlElement): string {
  const element = taking.child(root, 'name')
  const given = taking.text(element) ?? ''
  const name = given
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '')
  const label = name === '' ? 'imported' : name
  if (label !== given) taking.leave(element, 'changed', `it is called ${label}, for names are DNS labels`)
  return label
}

/** The disk that boots first, then the others as they stand; CD drives keep their place at the end. */
const bootFirst = (disks: readonly ForeignDisk[]) => {
  const rank = ({ medium, bootAt }: ForeignDisk) => (medium === 'cdrom' ? 1e6 : 0) + (bootAt ?? 1000)
  return disks.toSorted((a, b) => rank(a) - rank(b))
}
