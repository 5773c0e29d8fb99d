/** What runs, asked of QEMU itself: a handful of short questions. */

import type { Running } from '../../port.ts'
import { machineVersionOf } from '../emulator.ts'
import type { Qmp } from '../qmp/client.ts'
import type { Record } from '../record.ts'
import { findDrives } from './drives.ts'

const mib = 2 ** 20
const most = 64

/** What it was started with: all that is known before QEMU was asked. */
export const startedAs = ({ running }: Record): Running => ({
  cpus: running.cpus,
  memoryMib: running.memoryMib,
  machineType: running.machineType,
  cpusMax: running.cpusMax ?? running.cpus,
  memoryMaxMib: running.memoryMaxMib ?? running.memoryMib,
  balloonMib: null,
  machineVersion:
    running.cpuModel === undefined ? null : machineVersionOf(running.machineType, running.cpuModel),
  disks: [],
  nics: [],
  cdroms: [],
})

export async function askRunning(qmp: Qmp, record: Record): Promise<Running> {
  const [drives, nics, cpus, grown, leftMib] = await Promise.all([
    findDrives(qmp),
    findNics(qmp, record.linksDown),
    countCpus(qmp),
    findGrowth(qmp),
    balloonOf(qmp),
  ])
  const started = startedAs(record)
  const startMib = record.running.startMib ?? record.running.memoryMib
  const grownMib = grown === null ? 0 : Math.round(grown.sizeBytes / mib)
  return {
    ...started,
    cpus: cpus ?? started.cpus,
    memoryMib: memoryTold(record.running.memoryMib, startMib, grown),
    balloonMib: leftMib === null ? null : leftMib + grownMib,
    disks: drives.flatMap(({ id, file, sizeBytes }) =>
      isDisk(id) && file !== null ? [{ id, file, sizeBytes }] : [],
    ),
    cdroms: drives.flatMap(({ id, file }) => (id.startsWith('cdrom') ? [{ id, file }] : [])),
    nics,
  }
}

/** Neither a drive for media nor what is ours: firmware's settings, the seed. */
const isDisk = (id: string) => !id.startsWith('cdrom') && id !== 'seed'

/** Memory comes in pieces of two mebibytes: a wish that is met to the piece is told as it was wished. */
function memoryTold(wishedMib: number, startMib: number, grown: Growth | null): number {
  if (grown === null) return startMib
  const isMet = grown.sizeBytes === pieces(wishedMib - startMib, grown)
  return isMet ? wishedMib : startMib + Math.round(grown.sizeBytes / mib)
}

export type Growth = { readonly sizeBytes: number; readonly pieceBytes: number; readonly mostBytes: number }

/** Bytes in whole pieces that hold as many mebibytes, within what there is. */
export const pieces = (sizeMib: number, { pieceBytes, mostBytes }: Growth) =>
  Math.min(Math.ceil((Math.max(sizeMib, 0) * mib) / pieceBytes) * pieceBytes, mostBytes)

/** The device by which memory grows; null where there is none. */
export async function findGrowth(qmp: Qmp): Promise<Growth | null> {
  const devices = await qmp.ask('query-memory-devices', {})
  const device = devices.slice(0, most).find(({ type }) => type === 'virtio-mem')
  if (device?.type !== 'virtio-mem') return null
  const { size, 'block-size': pieceBytes, 'max-size': mostBytes } = device.data
  return { sizeBytes: Number(size), pieceBytes: Number(pieceBytes), mostBytes: Number(mostBytes) }
}

async function countCpus(qmp: Qmp): Promise<number | null> {
  const cpus = await qmp.ask('query-hotpluggable-cpus', {}).catch(() => [])
  const count = cpus
    .filter((cpu) => cpu['qom-path'] !== undefined)
    .reduce((sum, cpu) => sum + cpu['vcpus-count'], 0)
  // Machines that know no hot-plug tell of none.
  return count > 0 ? count : null
}

const balloonOf = (qmp: Qmp): Promise<number | null> =>
  qmp.ask('query-balloon', {}).then(
    ({ actual }) => Math.round(Number(actual) / mib),
    () => null,
  )

/** Every part that was given an id. */
export async function findParts(
  qmp: Qmp,
): Promise<readonly { readonly name: string; readonly type: string }[]> {
  const parts = await qmp.ask('qom-list', { path: '/machine/peripheral' })
  return parts.flatMap(({ name, type }) => {
    const [, driver] = /^child<(.*)>$/.exec(type) ?? []
    return driver === undefined ? [] : [{ name, type: driver }]
  })
}

const cards = /^(virtio-net-(pci|device)|e1000e?|rtl8139|vmxnet3)$/

const byName = (one: { readonly name: string }, other: { readonly name: string }) =>
  one.name < other.name ? -1 : 1

async function findNics(qmp: Qmp, linksDown: readonly string[]): Promise<Running['nics']> {
  const found = (await findParts(qmp))
    .filter(({ type }) => cards.test(type))
    .slice(0, most)
    .toSorted(byName)
  return Promise.all(
    found.map(async ({ name }) => {
      const mac = await qmp.ask('qom-get', { path: `/machine/peripheral/${name}`, property: 'mac' })
      return { id: name, mac: String(mac).toLowerCase().slice(0, 17), isLinkUp: !linksDown.includes(name) }
    }),
  )
}
