/**
 * What keeping the figures of machines costs, per 1,000 machines: CPU, bytes written, room for two years; beside
 * rrdtool with one file a machine, the same figures, steps and times. `npm run bench -- metrics`
 */

import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { randomFrom, type Random } from '#base/random.ts'
import type { Figures, Subject } from '#model/metrics.ts'
import { tiers } from '#drivers/metrics/port.ts'
import type { Metrics } from '#drivers/metrics/port.ts'
import { openSqliteMetrics } from '../src/drivers/metrics/sqlite/metrics.ts'
import type { Bench, BenchOptions } from './main.ts'

const hourMs = 3_600_000
const start = 336 * hourMs * 1_440
/** So many that a batch is what a large pool sends, so few that a file of two years for each fits on a disk. */
const machines = 1_000
const files = 20
const hours = 3
/** rrdtool maps its files: what the kernel would write by itself every 30 s is asked for, or it would count as nothing. */
const rrdHours = 1
const writebackSteps = 3
/** Machines of which full packs are written out. */
const whole = 4

export const bench: Bench = {
  name: 'metrics',
  summary: 'cost of keeping figures per 1,000 machines, beside rrdtool',
  run: async (options: BenchOptions) => {
    const folder = mkdtempSync(join(options.folder, 'decant-bench-'))
    try {
      const ours = await measureOurs(join(folder, 'ours'))
      const theirs = await measureRrd(folder)
      const bytes = await twoYears(join(folder, 'whole'))
      return {
        name: 'metrics',
        machines,
        figures: Object.keys(walker(randomFrom(1))()).length,
        simulatedHours: hours,
        decant: { ...ours, gibForTwoYears: gib(bytes) },
        rrdtool: { ...theirs, files },
        ratio: {
          cpu: ratio(theirs.cpuMsPerSecond, ours.cpuMsPerSecond),
          written: ratio(theirs.kibWrittenPerSecond, ours.kibWrittenPerSecond),
          room: ratio(theirs.gibForTwoYears, gib(bytes)),
        },
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}

const ratio = (theirs: number, ours: number) => Number((theirs / ours).toFixed(1))
const gib = (bytesOfOne: number) => Number(((bytesOfOne * 1_000) / 2 ** 30).toFixed(2))
const subject = (n: number): Subject => ({
  kind: 'machine',
  id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
})

/** A machine with ordinary restlessness: one disk, one NIC, bursts, quiet hours. */
function walker(random: Random): () => Figures {
  let [cpu, used, io] = [random(), 1e9 * (1 + random()), random()]
  const burst = () => (random() < 0.1 ? random() * 20 : random())
  return () => {
    cpu = Math.max(0, Math.min(2, cpu + (random() - 0.5) * 0.2))
    used = Math.max(1e8, used + (random() - 0.5) * 1e7)
    io = Math.max(0, io + (random() - 0.5) * 0.3)
    const ops = io * burst() * 40
    return {
      cpu,
      vcpu: cpu / 2,
      vcpuBusiest: Math.min(1, cpu * 0.7),
      steal: random() * 0.01,
      memory: 4 * 2 ** 30,
      memoryUsed: used,
      memoryAvailable: 4e9 - used,
      ballooned: 0,
      resident: 4.1e9,
      hostSwapped: 0,
      swapIn: 0,
      swapOut: 0,
      majorFaults: random() < 0.05 ? random() * 10 : 0,
      'disk0.readBytes': ops * 8192 * random(),
      'disk0.writeBytes': ops * 16_384 * random(),
      'disk0.readOps': ops * 0.3,
      'disk0.writeOps': ops * 0.7,
      'disk0.queue': ops * 0.002,
      'disk0.latency': 0.001 + random() * 0.004,
      'net0.receivedBytes': burst() * 3e4,
      'net0.sentBytes': burst() * 2e4,
      'net0.receivedPackets': burst() * 30,
      'net0.sentPackets': burst() * 25,
    }
  }
}

type Io = { readonly cpuMs: number; readonly written: number }

const ioOf = (pid: number | 'self') =>
  Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0)

function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const ownIo = (): Io => {
  const { user, system } = process.cpuUsage()
  return { cpuMs: (user + system) / 1000, written: ioOf('self') }
}

const perSecond = (before: Io, after: Io, { of, hours }: { of: number; hours: number }) => {
  const scale = 1_000 / of / (hours * 3_600)
  return {
    cpuMsPerSecond: Number(((after.cpuMs - before.cpuMs) * scale).toFixed(2)),
    kibWrittenPerSecond: Number((((after.written - before.written) * scale) / 1024).toFixed(1)),
  }
}

/** Three hours of 1,000 machines as fast as they can be written, upkeep and closing included, samples made before. */
async function measureOurs(folder: string) {
  const walkers = Array.from({ length: machines }, (_, n) => walker(randomFrom(n + 1)))
  const metrics = openSqliteMetrics({ folder })
  let made = 0
  const before = ownIo()
  for (let step = 1; step <= hours * 360; step++) {
    const begun = process.cpuUsage()
    const atMs = start + step * 10_000
    const samples = walkers.map((walk, n) => ({ subject: subject(n), atMs, overMs: 10_000, figures: walk() }))
    const { user, system } = process.cpuUsage(begun)
    made += (user + system) / 1000
    await metrics.write(samples)
    if (step % 6 === 0) await tend(metrics, atMs)
  }
  await metrics.close()
  const { cpuMs, written } = ownIo()
  return perSecond(before, { cpuMs: cpuMs - made, written }, { of: machines, hours })
}

async function tend(metrics: Metrics, nowMs: number) {
  while (!(await metrics.tend({ nowMs, isKnown: [], mayForget: false })).isDone);
}

/** The same through one rrdtool that is fed by a pipe, as collectors do. */
async function measureRrd(folder: string) {
  if (spawnSync('rrdtool', ['--version']).status !== 0)
    throw new Error('rrdtool is not installed: apt-get install rrdtool')
  const names = Object.keys(walker(randomFrom(1))())
  const walkers = Array.from({ length: files }, (_, n) => walker(randomFrom(n + 1)))
  const child = spawn('rrdtool', ['-'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] })
  let answers = 0
  let heard = () => {}
  child.stdout.on('data', (bytes: Buffer) => {
    answers += bytes.toString().match(/^(OK|ERROR)/gm)?.length ?? 0
    if (/^ERROR.*/m.test(bytes.toString())) throw new Error(bytes.toString())
    heard()
  })
  const answered = async (count: number): Promise<void> => {
    if (answers >= count) return
    await new Promise<void>((resolve) => (heard = resolve))
    return answered(count)
  }
  for (let n = 0; n < files; n++) child.stdin.write(`${createLine(n, names.length)}\n`)
  await answered(files)
  const pid = child.pid ?? 0
  const made = walkers.map((_, n) => openSync(join(folder, `m${n}.rrd`), 'r'))
  for (const file of made) fdatasyncSync(file)
  const before = { cpuMs: cpuMsOf(pid), written: ioOf(pid) }
  for (let step = 1; step <= rrdHours * 360; step++) {
    const seconds = start / 1000 + step * 10
    for (const [n, walk] of walkers.entries())
      child.stdin.write(`update m${n}.rrd ${seconds}:${Object.values(walk()).join(':')}\n`)
    await answered(files * (step + 1))
    if (step % writebackSteps === 0) for (const file of made) fdatasyncSync(file)
  }
  for (const file of made) closeSync(file)
  const after = { cpuMs: cpuMsOf(pid), written: ioOf(pid) }
  const { size } = statSync(join(folder, 'm0.rrd'))
  child.stdin.end('quit\n')
  await new Promise((resolve) => child.once('exit', resolve))
  return { ...perSecond(before, after, { of: files, hours: rrdHours }), gibForTwoYears: gib(size) }
}

function createLine(n: number, figures: number): string {
  const sources = Array.from({ length: figures }, (_, at) => `DS:f${at}:GAUGE:30:0:U`)
  const archives = tiers.flatMap(({ stepMs, keepMs }, at) =>
    (at === 0 ? ['AVERAGE'] : ['AVERAGE', 'MIN', 'MAX']).map(
      (kind) => `RRA:${kind}:0.5:${stepMs / 10_000}:${Math.ceil(keepMs / stepMs)}`,
    ),
  )
  return `create m${n}.rrd --start ${start / 1000} --step 10 ${[...sources, ...archives].join(' ')}`
}

/** Bytes of one machine once every tier is full: of full packs of each, in whole pages, as often as it keeps them. */
async function twoYears(folder: string): Promise<number> {
  let bytes = 0
  for (const [tier, { stepMs, keepMs }] of tiers.entries()) {
    const own = join(folder, String(tier))
    mkdirSync(own, { recursive: true })
    const metrics = openSqliteMetrics({ folder: own })
    const walkers = Array.from({ length: whole }, (_, n) => walker(randomFrom(n + 1)))
    const packMs = (packHours[tier] ?? 1) * hourMs
    const overMs = tier === 0 ? stepMs : stepMs / 3
    const batches = Math.ceil((3 * packMs) / overMs / 60)
    let atMs = start
    for (let n = 0; n < batches; n++) {
      const batch = Array.from({ length: 60 }, () => {
        atMs += overMs
        const when = Math.round(atMs)
        return walkers.map((walk, n) => ({
          subject: subject(n),
          atMs: when,
          overMs: 10_000,
          figures: walk(),
        }))
      })
      await metrics.write(batch.flat())
    }
    await tend(metrics, start + 4 * packMs + 2 * hourMs)
    await metrics.close()
    bytes += bytesOfPack(own, tier, packMs) * Math.ceil(keepMs / packMs + 1)
  }
  return bytes
}

const packHours = [1, 6, 48, 336] as const
const pageBytes = 4096

/** Of those between the first and the last, which may not be full. */
function bytesOfPack(folder: string, tier: number, packMs: number): number {
  using db = new DatabaseSync(join(folder, 'metrics.db'))
  const sql =
    'SELECT avg((length(bytes) + 64 + ? - 1) / ? * ?) AS bytes FROM pack WHERE tier = ? AND startMs = ?'
  return Number(db.prepare(sql).get(pageBytes, pageBytes, pageBytes, tier, start + packMs)?.['bytes'])
}
