/** Takes in what agents say: statuses into the store when they differ, strays into view for adoption. */

import { isObject, type JsonObject } from '#base/json.ts'
import { reason } from '#model/plan.ts'
import type { Document } from '#model/document.ts'
import type { Up } from '#drivers/link/port.ts'
import type { Change } from '#drivers/store/port.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { GuestSpec, GuestStatus } from '#kinds/guest/schema.ts'
import { guestClaims } from '#kinds/machine/body.ts'
import type { SnapshotStatus } from '#kinds/snapshot/schema.ts'
import type { HostStatus } from '#kinds/host/schema.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import type { Replica } from '#runtime/replica.ts'
import { created, documentOf, edited } from './documents.ts'
import type { Hosts } from './hosts.ts'
import type { Chronicle } from './chronicle.ts'
import type { VolumeKeys } from './volume-keys.ts'
import { eventFacts, strayFrom } from './strays.ts'

/** What making a document takes: a new id, and the time. */
type Making = () => { readonly newId: () => string; readonly nowMs: number; readonly keys: VolumeKeys }

type Report = Extract<Up, { say: 'report' }>

/** A host has room for fewer guests, each with a few disks. */
const straysPerHost = 4096
/** The keys of a volume and of all layers beneath it take 100 characters each. */
const sealedChars = 65_536

export class Reports {
  readonly #replica: Replica
  readonly #hosts: Hosts
  readonly #chronicle: Chronicle
  readonly #making: Making
  /** Keys of strays, sealed, as their agents keep them. */
  readonly #sealed = new Map<string, string>()
  /** Documents that agents hold and the store does not know, by host and id (I-22). */
  readonly #strays = new Map<string, Map<string, Document>>()

  constructor(replica: Replica, hosts: Hosts, chronicle: Chronicle, making: Making) {
    this.#replica = replica
    this.#hosts = hosts
    this.#chronicle = chronicle
    this.#making = making
  }

  async take(host: string, up: Up): Promise<void> {
    this.#hosts.heard(host)
    if (up.say === 'report') await this.#report(host, up)
    if (up.say === 'event') this.#event(host, up)
  }

  /**
   * Makes strays documents of the store again; `guest` names one guest, else all are taken. One that cannot be
   * taken, because another has its disk or port by now, stays a stray; its problem is told when it is the only one.
   */
  async adopt(host: string, guest: string | undefined): Promise<string[]> {
    const strays = this.#strays.get(host) ?? new Map<string, Document>()
    const wanted = [...strays.values()].filter((document) => guest === undefined || belongs(document, guest))
    const names: string[] = []
    const refusals: unknown[] = []
    for (const document of wanted) {
      await this.#adoptOne(document).then(
        (name) => {
          strays.delete(document.id)
          this.#sealed.delete(document.id)
          if (document.kind === 'guest') names.push(name)
        },
        (why: unknown) => refusals.push(why),
      )
    }
    await this.#showStrays(host)
    if (names.length === 0 && refusals.length > 0) throw refusals[0]
    return names
  }

  /** A guest comes back together with its machine, or not at all (I-20). */
  async #adoptOne(document: Document): Promise<string> {
    await this.#projectOf(document)
    const machine = document.kind === 'guest' ? this.#machineOf(document) : undefined
    const isKnown = this.#replica.get(document.kind, document.id) !== undefined
    const changes = [
      ...(isKnown ? [] : [...created(this.#unique(document)), ...claimsOf(document)]),
      ...this.#making().keys.restored(document.id, this.#sealed.get(document.id)),
      ...(machine === undefined ? [] : created(machine)),
    ]
    if (changes.length > 0) await this.#replica.commit(changes)
    return machine?.name ?? document.name
  }

  async #report(host: string, report: Report) {
    const { kind, id, status } = report
    const parsed = kindNamed(kind)?.status.safeParse(status)
    if (parsed === undefined || !parsed.success) return
    if (kind === 'host') return await this.#hostFacts(host, parsed.data)
    if (this.#replica.get(kind, id) !== undefined) {
      await edited(this.#replica, { kind, id }, (now) => accepted(now, host, parsed.data))
      return
    }
    const stray = strayFrom(host, report)
    if (stray === undefined) return
    this.#keepStray(host, stray, isObject(report.document) ? report.document.sealed : undefined)
    await this.#showStrays(host)
  }

  /** What an agent says of its host; whether it is connected, and what is given away, we know ourselves. */
  async #hostFacts(host: string, facts: JsonObject | Record<string, unknown>) {
    const stored = this.#replica.find('host', null, host)
    if (stored === undefined) return
    const { state: _, sinceMs: __, allocated: ___, unclaimed: ____, conditions: _____, ...own } = facts
    await edited(this.#replica, stored.document, (now) => ({
      ...now,
      status: withStrays({ ...(now.status as HostStatus), ...own }, host),
    }))
  }

  #event(host: string, event: Extract<Up, { say: 'event' }>) {
    const { kind, type } = event
    const document = this.#replica.get(kind, event.objectId)?.document
    const facts = document === undefined ? undefined : eventFacts(host, document, event)
    if (document === undefined || facts === undefined) return
    this.#chronicle.note(
      document,
      type,
      { ...facts, host },
      `${kind} ${document.name}: ${type.split('.').at(-1) ?? type}`,
    )
  }

  #keepStray(host: string, document: Document, sealed: unknown) {
    const strays = this.#strays.get(host) ?? new Map<string, Document>()
    this.#strays.set(host, strays)
    if (strays.size >= straysPerHost && !strays.has(document.id)) return
    strays.set(document.id, document)
    if (document.kind === 'volume' && typeof sealed === 'string' && sealed.length <= sealedChars)
      this.#sealed.set(document.id, sealed)
  }

  async #showStrays(host: string) {
    const stored = this.#replica.find('host', null, host)
    if (stored === undefined) return
    const guests = [...(this.#strays.get(host)?.values() ?? [])].filter(({ kind }) => kind === 'guest')
    const unclaimed = guests.slice(0, 1024).map(({ id, name, project, status }) => ({
      guest: id,
      machine: name,
      project: project ?? '',
      pid: (status as GuestStatus).pid,
      phase: (status as GuestStatus).phase,
    }))
    await edited(this.#replica, stored.document, (now) => ({
      ...now,
      status: withStrays({ ...(now.status as HostStatus), unclaimed }, host),
    }))
  }

  /** A lost store lost its projects too. */
  async #projectOf({ project }: Document): Promise<void> {
    if (project === null || this.#replica.find('project', null, project) !== undefined) return
    const seed = {
      kind: 'project',
      name: project,
      spec: {},
      description: 'Made again when its guests were adopted',
    }
    await this.#replica.commit(created(documentOf(seed, this.#making())))
  }

  /** The machine that a stray guest is the body of, made again from the wish that the guest carries. */
  #machineOf(guest: Document): Document | undefined {
    const { machine, machineSpec, epoch } = guest.spec as GuestSpec
    const kind = kindNamed('machine')
    if (kind === undefined || this.#replica.get('machine', machine) !== undefined) return undefined
    const spec = kind.spec.parse(machineSpec) as MachineSpec
    // What was wished of it once is done or was on its way: nothing goes back a second time (I-29).
    const revertedAt = spec.revert?.at ?? 0
    const status = { ...kind.status.parse({}), epoch, revertedAt, host: guest.host }
    return this.#unique({
      ...guest,
      kind: 'machine',
      id: machine,
      owner: null,
      spec,
      status,
      generation: 1,
    })
  }

  /** The document under a name of its own: its old one may have been given away meanwhile. */
  #unique(document: Document): Document {
    const { resolved: _, ...own } = document as Document & { resolved?: unknown }
    const isTaken = this.#replica.find(document.kind, document.project, document.name) !== undefined
    return isTaken ? { ...own, name: `${document.name.slice(0, 50)}-${document.id.slice(0, 8)}` } : own
  }
}

/** The document with the status that its host reports; unchanged when another host speaks, or an old body. */
function accepted(now: Document, host: string, status: Record<string, unknown>): Document {
  if (now.host !== host) return now
  const seenEpoch = (now.status as { epoch?: number }).epoch ?? 0
  const epoch = typeof status.epoch === 'number' ? status.epoch : seenEpoch
  return epoch < seenEpoch ? now : { ...now, status: { ...status, ...ownWords(now) } }
}

/** What the controller itself says in the status of what a host carries out. */
function ownWords({ kind, status }: Document): object {
  if (kind !== 'snapshot') return {}
  const { parent, machine, reverts } = status as SnapshotStatus
  return { parent, machine, reverts }
}

/** What a guest has open is its machine's again (I-01); problem `store/claimed` when another has it now. */
function claimsOf({ kind, host, spec }: Document): Change[] {
  if (kind !== 'guest') return []
  const guest = spec as GuestSpec
  return guestClaims(host ?? '', guest).map((claim) => ({ op: 'claim', claim, holder: guest.machine }))
}

const belongs = (document: Document, guest: string) => document.id === guest || document.kind !== 'guest'

/** The status with a hold that says what to do about unclaimed guests, while there are any. */
function withStrays(status: HostStatus, host: string): HostStatus {
  const others = status.holds.filter(({ code }) => code !== 'host/unclaimed')
  const count = status.unclaimed.length
  return { ...status, holds: count === 0 ? others : [...others, reason('host/unclaimed', { count, host })] }
}
