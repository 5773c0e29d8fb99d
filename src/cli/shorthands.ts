/** Friendlier flags for what the schema keeps deep: the only place that knows a field by name. */

import { quantityFrom } from '#base/quantity.ts'
import { Cdrom, Disk, Nic } from '#kinds/machine/parts.ts'
import type { FieldFlag } from './flags.ts'
import { itemReader, type ItemWords } from './items.ts'
import { schemaOf } from './schema.ts'

/** `[ADDRESS:][HOSTPORT:]GUESTPORT[/udp]`; an IPv4 address; port 0 or absent: any free one. */
export function forwardFrom(text: string): unknown {
  const form = /^(?:(?:(\d{1,3}(?:\.\d{1,3}){3}):)?(\d{1,5}):)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text)
  if (form === null) return undefined
  const [, address, hostPort, guestPort, protocol] = form
  const ports = [Number(hostPort ?? 0), Number(guestPort)]
  if (ports.some((port) => port > 65_535) || Number(guestPort) === 0) return undefined
  return {
    ...(protocol === undefined ? {} : { protocol }),
    ...(address === undefined ? {} : { address }),
    ...(hostPort === undefined ? {} : { hostPort: Number(hostPort) }),
    guestPort: Number(guestPort),
  }
}

/** `[PROJECT=]ROLE`; without a project, the whole pool. */
export function bindingFrom(text: string): unknown {
  const [, project = '*', role] = /^(?:([a-z0-9*-]+)=)?(viewer|operator|admin)$/.exec(text) ?? []
  return role === undefined ? undefined : { project, role }
}

const binding: FieldFlag = {
  name: 'role',
  value: '[PROJECT=]viewer|operator|admin',
  isRepeatable: true,
  summary: 'What they may do in a project, or in the whole pool',
  path: 'bindings',
  shape: 'list',
  read: bindingFrom,
  wanted: '[PROJECT=]viewer|operator|admin',
}

/** `address=10.0.0.5` or `address=fd00::5`; `forward=8080:80`. */
const nicWords: ItemWords = {
  main: 'network',
  keys: {
    address: (text) => ({ field: text.includes(':') ? 'address6' : 'address4', value: text }),
    forward: (text) => {
      const value = forwardFrom(text)
      return value === undefined ? undefined : { field: 'forwards', value: [value] }
    },
  },
}

/** Keys and files may be said by what they begin with; all else names a file. */
const isSshKey = (text: string) => /^(ssh-|ecdsa-|sk-)\S+ \S/.test(text)

/** The parts of a machine, each as a member of its list: what `create`, `edit` and `attach` take. */
export const partFlags: readonly FieldFlag[] = [
  {
    name: 'nic',
    value: 'NETWORK|KEY=VALUE,…',
    isRepeatable: true,
    summary: 'A NIC: network=lan,security-group=web,address=10.0.0.5',
    path: 'nics',
    shape: 'list',
    read: itemReader(schemaOf(Nic), nicWords),
    wanted: 'a network, or network=NAME,address=ADDRESS and the like',
  },
  {
    name: 'disk',
    value: 'KEY=VALUE,…',
    isRepeatable: true,
    summary: 'A further disk: size=10GiB, or volume=data,bus=scsi',
    path: 'disks',
    shape: 'list',
    read: itemReader(schemaOf(Disk), { main: 'volume' }),
    wanted: 'a size, or size=10GiB, volume=NAME and the like',
  },
  {
    name: 'cdrom',
    value: 'IMAGE',
    isRepeatable: true,
    summary: 'A CD drive with an image in it; `image=none`: an empty one',
    path: 'cdroms',
    shape: 'list',
    read: itemReader(schemaOf(Cdrom), { main: 'image' }),
    wanted: 'an image',
  },
]

const [nicFlag, diskFlag, cdromFlag] = partFlags as [FieldFlag, FieldFlag, FieldFlag]

/** `--disk 10GiB` is the boot disk's size, `--disk size=10GiB` one more disk. */
const diskFlags: readonly FieldFlag[] = [
  { ...diskFlag, value: 'SIZE|KEY=VALUE,…', accepts: (text) => text.includes('=') || text === '' },
  {
    ...diskFlag,
    summary: 'Size of the boot disk',
    path: 'diskMib',
    shape: 'one',
    read: (text) => quantityFrom(text, 'MiB'),
    accepts: (text) => !text.includes('=') && text !== '',
  },
]

const firstBootFlags: readonly FieldFlag[] = [
  {
    name: 'ssh-key',
    value: 'FILE|KEY',
    isRepeatable: true,
    isFile: true,
    summary: "A public key that signs in as the image's user",
    path: 'firstBoot.sshKeys',
    shape: 'list',
    read: (text) => (isSshKey(text.trim()) ? text.trim() : undefined),
    wanted: 'a public key, or a file with one',
  },
  {
    name: 'user-data',
    value: 'FILE',
    isFile: true,
    summary: 'What cloud-init is told besides',
    path: 'firstBoot.userData',
    shape: 'one',
    read: (text) => text,
    wanted: 'a file',
  },
  {
    name: 'hostname',
    value: 'TEXT',
    summary: "Its host name; absent: the machine's name",
    path: 'firstBoot.hostname',
    shape: 'one',
    read: (text) => text,
    wanted: 'a host name',
  },
  {
    name: 'uefi',
    summary: 'Firmware UEFI',
    path: 'firmware',
    shape: 'one',
    read: (text) => (text === 'true' ? 'uefi' : 'bios'),
    wanted: 'true or false',
  },
]

export const shorthands: Readonly<Record<string, readonly FieldFlag[]>> = {
  machine: [
    nicFlag,
    ...diskFlags,
    cdromFlag,
    ...firstBootFlags,
    {
      name: 'forward',
      value: '[[ADDRESS:]HOSTPORT:]GUESTPORT[/udp]',
      isRepeatable: true,
      summary: 'Port of the host that leads into the guest; without a host port, any free one',
      path: 'nics.0.forwards',
      shape: 'list',
      read: forwardFrom,
      wanted: '[[ADDRESS:]HOSTPORT:]GUESTPORT[/udp]',
    },
    {
      name: 'network',
      value: 'NAME',
      names: 'network',
      summary: 'What its first NIC is plugged into',
      path: 'nics.0.network',
      shape: 'one',
      read: (text) => text,
      wanted: 'a network',
    },
  ],
  user: [binding],
  token: [binding],
}
