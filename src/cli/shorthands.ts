/** Friendlier flags for what the schema keeps deep: the only place that knows a field by name. */

import type { FieldFlag } from './flags.ts'

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

export const shorthands: Readonly<Record<string, readonly FieldFlag[]>> = {
  machine: [
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
