/** libvirt in and out: a domain read as a wish, with all that it does not carry; a machine written as a domain. */

import { z } from 'zod'
import { present } from '#base/assert.ts'
import { isObject } from '#base/json.ts'
import { xmlFrom, xmlText } from '#base/xml.ts'
import { fieldProblem, read } from '#engines/admission/fields.ts'
import { machineFromDomain } from '#engines/libvirt/domain.ts'
import { domainOf, type DomainFacts } from '#engines/libvirt/writing.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import { machine, type MachineDocument } from '#kinds/machine/schema.ts'
import { kindNamed } from '#kinds/registry.ts'
import { Problem } from '#model/problem.ts'
import { found, projectOf } from './address.ts'
import type { Room } from './api.ts'
import { oneOf, onlyKnown } from './query.ts'
import type { Call, Route } from './route.ts'

const Sent = z.strictObject({
  xml: z.string().max(1_000_000).meta({ title: 'XML', description: 'A domain as `virsh dumpxml` writes it' }),
})

export const libvirtRoutes = (room: () => Room): Route[] => [
  {
    method: 'POST',
    path: '/api/v1/libvirt-domains',
    summary: "Read a libvirt domain as a machine's wish, with all that it does not carry; nothing is made",
    role: 'signed-in',
    scope: 'none',
    isChange: false,
    action: 'libvirt-domain.read',
    takes: 'json',
    input: Sent,
    answers: '`name`, `description`, `spec`, `networks` of its NICs, `disks` to be brought, `notCarried`',
    handle: async ({ body }) => ({ status: 200, body: wishOf(body) }),
  },
  {
    method: 'GET',
    path: '/api/v1/machines/:name/libvirt',
    summary: 'The machine as a libvirt domain; `folder` is where its disks will lie',
    role: machine.access.read,
    scope: 'object',
    kind: machine.name,
    isChange: false,
    action: 'machine.libvirt',
    answers: 'XML that `virsh define` takes',
    handle: async (call) => domain(room(), call),
  },
]

function wishOf(body: unknown) {
  const { xml } = read(Sent, body)
  const root = xmlFrom(xml)
  if ('why' in root) throw new Problem('request/malformed', { why: root.why }, { field: 'xml' })
  const wish = machineFromDomain(root)
  if (wish === undefined) throw fieldProblem('xml', 'form')
  return wish
}

const plainFolder = /^\/[A-Za-z0-9._/-]{0,255}$/

function domain(room: Room, { caller, query, params }: Call) {
  onlyKnown(query, ['project', 'folder'])
  const folder = oneOf(query, 'folder') ?? '/var/lib/libvirt/images'
  if (!plainFolder.test(folder)) throw fieldProblem('folder', 'form')
  const kind = present(kindNamed('machine'), 'machines are a kind')
  const { document } = found(room, caller, { kind, project: projectOf(kind, query), name: params.name ?? '' })
  const [guest] = room.desk.replica.by('guest-of', document.id)
  const facts = factsOf(
    room,
    document as MachineDocument,
    guest?.document as GuestDocument | undefined,
    folder,
  )
  return {
    status: 200,
    headers: { 'content-type': 'application/xml; charset=utf-8' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${xmlText(domainOf(document as MachineDocument, facts))}`,
  }
}

/** From its guest; of one that never was, there are neither disks nor addresses to tell. */
function factsOf(
  { desk }: Room,
  { spec }: MachineDocument,
  guest: GuestDocument | undefined,
  folder: string,
): DomainFacts {
  const host = desk.replica.find('host', null, guest?.host ?? '')?.document.status
  const architecture = isObject(host) && host['architecture'] === 'aarch64' ? 'aarch64' : 'x86_64'
  return {
    architecture,
    accelerator: guest?.status.accelerator ?? 'none',
    disks: (guest?.spec.disks ?? []).map((disk) => ({
      ...disk,
      file: `${folder.replace(/\/$/, '')}/${disk.volumeName}.${disk.format === 'raw' ? 'img' : 'qcow2'}`,
    })),
    nics: (guest?.spec.nics ?? []).map((nic, at) => ({
      ...nic,
      network: spec.nics[at]?.network ?? 'default',
    })),
  }
}
