/**
 * Starts one QEMU process in its jail and brings it to the moment before its guest's first instruction.
 * Whatever goes wrong, no process is left; what QEMU complained of becomes the problem `guest/spawn`.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import { lastComplaint, openLog, reclaimFolder } from './folder.ts'
import { isSameProcess, processFacts } from './process.ts'
import { Qmp } from './qmp/client.ts'
import { connectIn } from './socket.ts'

export type Launch = {
  readonly id: string
  readonly folder: string
  readonly argv: readonly string[]
  readonly uid: number | null
  /** Whether the pid is told on descriptor 3 rather than being that of the child. */
  readonly tellsPid: boolean
  /** Carried out over QMP before the machine is built; null where QEMU does not wait for it. */
  readonly first: ((qmp: Qmp) => Promise<void>) | null
  /** File from which the guest's memory comes; null: it boots. */
  readonly memoryFile: string | null
}

/** Where QEMU finds the file with the guest's memory. */
const memoryDescriptor = 4

export type Launched = {
  readonly pid: number
  readonly startTicks: string
  readonly qmp: Qmp
  readonly serial: Socket
}

/** How often a socket that is about to appear is tried: short at first, for it takes 50 ms. */
const retryMs = 1

/** `born` is called as soon as the pid is known, long before QEMU answers. */
export async function launch(
  wish: Launch,
  clock: Clock,
  born: (pid: number, startTicks: string) => void,
): Promise<Launched> {
  const jailFile = wish.tellsPid ? openSync(join(wish.folder, 'jail.json'), 'w+', 0o600) : undefined
  const child = startProcess(wish, jailFile)
  const deadline = clock.monotonic() + limits.spawnMs
  let pid = 0
  let startTicks = ''
  let qmp: Qmp | undefined
  try {
    pid = await pidOf(child, jailFile, deadline, clock)
    startTicks = processFacts(pid)?.startTicks ?? ''
    if (startTicks !== '') born(pid, startTicks)
    qmp = new Qmp(await connectSoon(wish.folder, child, deadline, clock), clock)
    const serial = await prepare(qmp, wish, clock)
    child.unref()
    return { pid, startTicks, qmp, serial }
  } catch (error) {
    qmp?.close()
    if (startTicks !== '' && isSameProcess(pid, startTicks)) process.kill(pid, 'SIGKILL')
    else child.kill('SIGKILL')
    await ended(child)
    throw new Problem('guest/spawn', { why: whyOf(error, wish.folder) }, { cause: error })
  } finally {
    if (jailFile !== undefined) closeSync(jailFile)
  }
}

function openMemory(file: string): number {
  try {
    return openSync(file, 'r')
  } catch (cause) {
    throw new Problem('guest/spawn', { why: 'the memory that it goes on from is not here' }, { cause })
  }
}

/** Detached, in a session of its own and without a pipe to us: it must run on when we die. */
function startProcess({ argv, folder, memoryFile }: Launch, jailFile: number | undefined): ChildProcess {
  const log = openLog(folder)
  const memory = memoryFile === null ? undefined : openMemory(memoryFile)
  try {
    const [program = '', ...args] = argv
    const child = spawn(program, args, {
      cwd: folder,
      detached: true,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
      stdio: ['ignore', 'ignore', log, jailFile ?? 'ignore', memory ?? 'ignore'],
    })
    child.on('error', () => undefined)
    return child
  } finally {
    closeSync(log)
    if (memory !== undefined) closeSync(memory)
  }
}

/**
 * Bubblewrap tells `{"child-pid": 42}` before it becomes the command: into a file, for it ends when it cannot
 * tell, and its child then waits for ever (an eventfd has no end), whoever was to read it.
 */
async function pidOf(child: ChildProcess, jailFile: number | undefined, deadline: number, clock: Clock) {
  const own = child.pid
  if (own === undefined) throw new Problem('tool/missing', { tool: 'setpriv', package: 'util-linux' })
  if (jailFile === undefined) return own
  const bytes = Buffer.alloc(256)
  for (;;) {
    const isOver = child.exitCode !== null || child.signalCode !== null || clock.monotonic() > deadline
    const said = bytes.toString('latin1', 0, readSync(jailFile, bytes, 0, bytes.length, 0))
    const pid = Number(/"child-pid": *(\d+)[^\d]/.exec(said)?.[1])
    if (pid > 1) return pid
    if (isOver) throw new Error('the jail did not start')
    await clock.sleep(retryMs)
  }
}

async function connectSoon(folder: string, child: ChildProcess, deadline: number, clock: Clock) {
  for (;;) {
    const socket = await connectIn(folder, 'qmp.sock').catch(() => undefined)
    if (socket !== undefined) return socket
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended at once')
    if (clock.monotonic() > deadline)
      throw new Problem('qmp/silent', { command: 'start', seconds: limits.spawnMs / 1000 })
    await clock.sleep(retryMs)
  }
}

/** Handshake, what is told first, proof that it is this guest, serial line; the folder is ours again. */
async function prepare(qmp: Qmp, wish: Launch, clock: Clock): Promise<Socket> {
  const { id, folder, uid, first, memoryFile } = wish
  await qmp.begin(limits.spawnMs)
  if (first !== null) {
    await first(qmp)
    await qmp.ask('x-exit-preconfig', {}, limits.spawnMs)
  }
  await proveGuest(qmp, id)
  if (memoryFile !== null) await takeMemory(qmp, clock)
  const serial = await connectIn(folder, 'serial.sock')
  reclaimFolder(folder, uid)
  return serial
}

/** The guest's memory comes in from its file; it stands still afterwards, where it stood when it was kept. */
async function takeMemory(qmp: Qmp, clock: Clock): Promise<void> {
  await qmp.ask('migrate-incoming', { uri: `fd:${memoryDescriptor}` })
  while ((await qmp.ask('query-status', {})).status === 'inmigrate') await clock.sleep(5)
}

/** Problem `guest/not-ours` unless this QEMU says that it is the guest (I-23). */
export async function proveGuest(qmp: Qmp, id: string): Promise<void> {
  const { UUID } = await qmp.ask('query-uuid', {})
  if (UUID !== id) throw new Problem('guest/not-ours', { pid: 0 })
}

const ended = (child: ChildProcess) =>
  new Promise<void>((done) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return done()
    child.once('exit', () => done())
  })

function whyOf(error: unknown, folder: string): string {
  const complaint = lastComplaint(folder)
  return complaint === '' ? (error as Error).message : complaint
}
