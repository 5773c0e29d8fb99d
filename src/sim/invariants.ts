/** What must never happen, looked at after every event of a run. Names are those of INVARIANTS.md. */

import type { Document } from '#model/document.ts'
import type { Act } from '#drivers/hypervisor/fake/open.ts'
import type { FakeGuest } from '#drivers/hypervisor/fake/world.ts'
import type { Change } from '#drivers/store/port.ts'
import type { GuestDocument, GuestSpec } from '#kinds/guest/schema.ts'
import type { HostDocument } from '#kinds/host/schema.ts'
import type { Allocation } from '#kinds/machine/observed.ts'
import type { Wish as AgentWish } from '#program/agent/wishes.ts'
import type { Controller } from '#program/controller/controller.ts'
import type { Seen } from '#runtime/replica.ts'
import { spoiltMs, type Blow } from './chaos.ts'
import type { Datacenter } from './datacenter.ts'
import type { SimHost } from './host.ts'
import { leaks } from './leaks.ts'
import type { Told, Wish } from './people.ts'
import { volumeIn } from './settled.ts'
import { Silences } from './silences.ts'

export type Violation = { readonly invariant: string; readonly why: string; readonly atMs: number }

/** Processes that have a disk open. */
const open: ReadonlySet<string> = new Set(['starting', 'running', 'paused', 'shutdown', 'panicked'])
const live: ReadonlySet<string> = new Set(['starting', 'running', 'paused'])
/** Timers for each host and machine at most, programs started again included. */
const timersEach = 60
/** A round that began with an older wish is over within this, slow effects included. */
const underWayMs = 15_000

type Known = { readonly pid: number; readonly host: string; readonly guest: FakeGuest }

/** Of which machine a snapshot is; nothing for all else. */
const machineOf = ({ kind, spec }: Document) =>
  kind === 'snapshot' ? (spec as { readonly machine: string }).machine : undefined

export class Invariants {
  readonly #center: Datacenter
  readonly #silences: Silences
  readonly #known = new Map<string, Known>()
  /** Processes that a planner or the world has ended for a reason. */
  readonly #excused = new Set<string>()
  /** The highest boot of a guest that was ever wished to end; what began later may not be ended. */
  readonly #ended = new Map<string, number>()
  readonly #epochs = new Map<
    string,
    { readonly epoch: number; readonly boot: number; readonly host: string }
  >()
  readonly #offs = new Map<string, number>()
  readonly #acknowledged = new Map<string, Document>()
  readonly #revisions = new Map<string, number>()
  /** Since when another process stands where the guest was. */
  readonly #strange = new Map<string, number>()
  readonly #forgotten = new Map<string, number>()
  #isStoreLost = false
  #looks = 0
  violation: Violation | undefined

  constructor(center: Datacenter) {
    this.#center = center
    this.#silences = new Silences(center, (invariant, why) => this.fail(invariant, why))
    for (const host of center.hosts.values()) host.onAct = (act) => this.#act(host, act)
  }

  fail(invariant: string, why: string) {
    this.violation ??= { invariant, why, atMs: this.#center.time.elapsedMs }
  }

  /** What is about to be written: the boots of each guest that somebody wishes to end. */
  committing(changes: readonly Change[]) {
    for (const change of changes) {
      if (change.op !== 'put' || change.kind !== 'guest') continue
      const { power, boot } = (change.value as unknown as GuestDocument).spec
      const ended = power === 'off' || power === 'gone' ? boot : boot - 1
      this.#ended.set(change.id, Math.max(ended, this.#ended.get(change.id) ?? 0))
    }
  }

  /** After every event. */
  look() {
    const writers = new Map<string, string>()
    for (const host of this.#center.hosts.values())
      for (const [id, guest] of host.world.guests) {
        const key = `${host.name}/${id}`
        this.#oneWriter(writers, key, guest)
        this.#sameProcess(key, host.name, guest)
        this.#staysOff(key, guest)
      }
    this.#gone()
    this.#silences.look()
    if (this.#isStoreLost) this.#forget()
    if (this.#looks++ % 64 === 0) this.#bounded()
  }

  /** When all is as wished: nothing may be left over. */
  atRest() {
    for (const leak of leaks(this.#center)) this.fail('I-20', `left over: ${leak}`)
    const { storeDisk, controller } = this.#center
    for (const [id, { kind, name, generation }] of this.#acknowledged) {
      const value = storeDisk.entries.get(kind)?.get(id)?.value as Document | undefined
      if (value === undefined || value.generation < generation)
        this.fail(
          'I-13',
          `${kind} ${name} (generation ${generation}) was acknowledged and is not in the store`,
        )
    }
    for (const [kind, entries] of storeDisk.entries)
      for (const [id, { revision }] of entries) {
        const seen = controller?.desk.replica.get(kind, id)
        if (seen !== undefined && seen.revision !== revision)
          this.fail('I-17', `the replica missed ${kind} ${id}`)
      }
  }

  wished({ op, name, kind }: Wish) {
    if (op !== 'delete') return
    for (const [id, document] of this.#acknowledged) {
      // A machine takes its snapshots with it.
      const goesToo = kind === 'machine' && machineOf(document) === name
      if ((document.kind === kind && document.name === name) || goesToo) this.#acknowledged.delete(id)
    }
  }

  acknowledged(told: Extract<Told, { is: 'done' }>) {
    if (told.after !== null) this.#acknowledged.set(told.after.id, told.after)
    else if (told.before !== undefined) this.#acknowledged.delete(told.before.id)
  }

  blow({ name, on }: Blow) {
    if (name === 'store-lost') {
      this.#acknowledged.clear()
      this.#isStoreLost = true
    }
    if (on === 'store') this.#silences.storeFails(spoiltMs)
    const [host = '', , id] = on.split(' ')
    if (name === 'host-cycle') this.#losesOffs(host)
    for (const [key, { host: of, pid, guest }] of this.#known) {
      const isHit = name === 'host-cycle' ? of === host : id !== undefined && key === `${host}/${id}`
      if (!isHit) continue
      const wasAsked = this.#excused.has(`${key} ${pid}`)
      this.#excused.add(`${key} ${pid}`)
      this.#offs.delete(key)
      if (name === 'guest-strange') this.#strange.set(key, this.#center.time.elapsedMs)
      if (name === 'guest-off' && guest.process === 'running' && !wasAsked)
        this.#offs.set(key, guest.body.spec.boot)
    }
  }

  /** What a guest did just before its host lost power, and its agent had not noted, nobody can know. */
  #losesOffs(host: string) {
    const notebook = this.#center.hosts.get(host)?.notebook
    for (const key of this.#offs.keys()) {
      if (!key.startsWith(`${host}/`)) continue
      const record = notebook?.get(`guest/${key.slice(host.length + 1)}`) as { exit?: unknown } | undefined
      if ((record?.exit ?? null) === null) this.#offs.delete(key)
    }
  }

  controllerUp({ desk }: Controller) {
    this.#revisions.clear()
    this.#silences.controllerUp()
    let last = desk.replica.revision
    desk.replica.onChange((seen) => {
      for (const change of seen) {
        if (change.revision < last) this.fail('I-17', `revision ${change.revision} after ${last}`)
        last = change.revision
        this.#change(change)
        if (change.kind === 'allocation') this.#capacity(change.after?.document)
      }
    })
  }

  #change({ kind, id, before, after }: Seen) {
    const [was, is] = [before?.document, after?.document]
    const key = `${kind}/${id}`
    const seen = this.#revisions.get(key)
    if (seen !== undefined && seen !== before?.revision) this.fail('I-17', `a change of ${key} was missed`)
    if (after === undefined) this.#revisions.delete(key)
    else this.#revisions.set(key, after.revision)
    if (was === undefined || is === undefined) return
    if (was.host !== null && is.host !== was.host)
      this.fail('I-03', `${kind} ${is.name} went from ${was.host} to ${is.host}`)
    if (is.generation < was.generation) this.fail('I-17', `${kind} ${is.name} went back a generation`)
    const holds =
      (is.status as { holds?: readonly { code: string; facts: { code?: unknown } }[] }).holds ?? []
    const bug = holds.find(({ code, facts }) => code === 'object/failed' && facts.code === 'bug')
    if (bug !== undefined) this.fail('bug', `${kind} ${is.name}: ${JSON.stringify(bug.facts)}`)
  }

  #capacity(document: Document | undefined) {
    const found = document && this.#center.controller?.desk.replica.find('host', null, document.name)
    // What is adopted after a loss runs already, whatever was placed meanwhile.
    if (document === undefined || found === undefined || this.#isStoreLost) return
    const { spec, status } = found.document as HostDocument
    const shares = Object.values((document.spec as { shares: Record<string, Allocation> }).shares)
    const cpus = shares.reduce((sum, share) => sum + share.cpus, 0)
    const memoryMib = shares.reduce((sum, share) => sum + share.memoryMib, 0)
    if (cpus > status.cpus * spec.vcpusPerCpu || memoryMib > status.memoryMib - spec.reserveMib)
      this.fail('I-26', `host ${document.name} has given away ${cpus} CPUs and ${memoryMib} MiB`)
  }

  /** By the files that the process has open, whatever anybody wishes. */
  #oneWriter(writers: Map<string, string>, key: string, { process, shape }: FakeGuest) {
    if (!open.has(process)) return
    for (const { chain } of shape.disks) {
      const volume = volumeIn(chain[0]?.file ?? '')
      if (volume === undefined) continue
      const other = writers.get(volume)
      if (other !== undefined) this.fail('I-01', `${key} and ${other} both have volume ${volume} open`)
      writers.set(volume, key)
    }
  }

  #sameProcess(key: string, host: string, guest: FakeGuest) {
    const known = this.#known.get(key)
    if (known !== undefined && known.pid !== guest.pid && live.has(known.guest.process))
      this.#vanished(key, known.pid)
    if (guest.pid === null || !live.has(guest.process)) {
      if (known !== undefined && known.pid === guest.pid) this.#vanished(key, known.pid)
      this.#known.delete(key)
      return
    }
    if (known?.pid === guest.pid) return
    this.#known.set(key, { pid: guest.pid, host, guest })
    this.#began(host, key, guest.body.spec)
  }

  /** A new body: its epoch is above all before, or it is the same boot in the same place (I-27). */
  #began(host: string, key: string, { machine, epoch, boot }: GuestSpec) {
    const last = this.#epochs.get(machine)
    const isSame = last !== undefined && epoch === last.epoch && host === last.host && boot === last.boot
    if (last !== undefined && epoch <= last.epoch && !isSame)
      this.fail('I-27', `${key} began boot ${boot} with epoch ${epoch} after ${last.epoch} on ${last.host}`)
    this.#epochs.set(machine, { epoch, host, boot })
  }

  #gone() {
    for (const [key, { pid, host }] of this.#known) {
      const id = key.slice(host.length + 1)
      if (this.#center.hosts.get(host)?.world.guests.has(id) === true) continue
      this.#vanished(key, pid)
      this.#known.delete(key)
    }
  }

  #vanished(key: string, pid: number) {
    if (!this.#excused.has(`${key} ${pid}`))
      this.fail('I-24', `process ${pid} of ${key} ended and nobody wished it`)
  }

  /** A guest that powered itself off stays off until it is started (its wish has a newer boot). */
  #staysOff(key: string, { process, body }: FakeGuest) {
    const boot = this.#offs.get(key)
    if (boot === undefined || process !== 'running') return
    if (body.spec.boot === boot && body.spec.restart !== 'always')
      this.fail('run policy', `${key} powered itself off and runs again without being started`)
    this.#offs.delete(key)
  }

  #act(host: SimHost, { do: act, guest: id, moment }: Act) {
    const guest = host.world.guests.get(id)
    if (
      moment !== 'before' ||
      guest === undefined ||
      (act !== 'kill' && act !== 'powerdown' && act !== 'remove')
    )
      return
    const key = `${host.name}/${id}`
    if (guest.process === 'strange' && this.#isLongStrange(key))
      this.fail('I-23', `${act} of ${key}, which is not provably ours`)
    const wish = host.notebook.get(`wish/guest/${id}`) as unknown as AgentWish | undefined
    if (wish?.isClaimed === false && this.#isLongForgotten(key))
      this.fail('I-22', `${act} of ${key}, which the store forgot`)
    if (!live.has(guest.process)) return
    const spec = wish?.document.spec as GuestSpec | undefined
    if (guest.process !== 'starting' && guest.body.spec.boot > (this.#ended.get(id) ?? 0))
      this.fail('I-24', `${act} of ${key}, which is wished ${spec?.power}`)
    this.#excused.add(`${key} ${guest.pid}`)
    if (act === 'powerdown') this.#offs.delete(key)
  }

  /** Since when each host knows that the store forgot a guest; only looked at after a store was lost. */
  #forget() {
    for (const { name, notebook } of this.#center.hosts.values())
      for (const note of notebook.keys('wish/guest')) {
        const { isClaimed, document } = notebook.get(note) as unknown as AgentWish
        const key = `${name}/${document.id}`
        if (isClaimed) this.#forgotten.delete(key)
        else if (!this.#forgotten.has(key)) this.#forgotten.set(key, this.#center.time.elapsedMs)
      }
  }

  /** A plan made just before is refused by the driver. */
  #isLongStrange(key: string) {
    return this.#center.time.elapsedMs - (this.#strange.get(key) ?? Infinity) > underWayMs
  }

  /** What was under way when the news came may end. */
  #isLongForgotten(key: string) {
    return this.#center.time.elapsedMs - (this.#forgotten.get(key) ?? Infinity) > underWayMs
  }

  #bounded() {
    const { time, hosts } = this.#center
    const guests = [...hosts.values()].reduce((sum, { notebook }) => sum + notebook.keys('wish').length, 0)
    const most = timersEach * (hosts.size + guests + 4)
    if (time.waiting > most) this.fail('I-48', `${time.waiting} timers wait, at most ${most}`)
  }
}
