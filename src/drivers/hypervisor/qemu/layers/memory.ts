/**
 * A guest's memory on its way to a file and back. QEMU streams it (as for a migration) through a socket in its run folder to
 * this program, which writes it beside its place and gives it its name when it is whole: no file needs to be shown to the guest.
 */

import { closeSync, constants, chmodSync, createWriteStream, openSync, rmSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Guest } from '../guest.ts'
import { bounded, checkRoom, mostBytesOf, type Bound } from './stream.ts'

const socketName = 'memory.sock'
const everyMs = 20
/** As fast as it goes: QEMU's default is meant for networks that others share. */
const bytesPerSecond = 2 ** 40

type On = { readonly clock: Clock; readonly signal: AbortSignal }

/**
 * Holds the guest, calls `moment`, and keeps the memory of then. Where the kernel lets QEMU write-protect its memory
 * (userfaultfd), the guest goes on after milliseconds; else it stands until all is written.
 */
export async function keepMemory(
  guest: Guest,
  file: string,
  moment: () => Promise<void>,
  on: On,
): Promise<{ pausedMs: number }> {
  const { qmp } = guest
  const { status } = await qmp.ask('query-status', {})
  const wasRunning = status === 'running'
  const isLive = wasRunning && (await canStreamLive(guest))
  await qmp.ask('migrate-set-parameters', { 'max-bandwidth': bytesPerSecond })
  await checkRoom(file)
  const { memoryMib = 0, memoryMaxMib = 0 } = guest.record?.running ?? {}
  const sink = await listen(guest.folder, { file, mostBytes: mostBytesOf(Math.max(memoryMib, memoryMaxMib)) })
  const before = on.clock.monotonic()
  let pausedMs = 0
  try {
    await qmp.ask('stop', {})
    await moment()
    await qmp.ask('migrate', { uri: `unix:${socketName}` })
    await untilMigrated(guest, on, () => {
      if (pausedMs === 0) pausedMs = on.clock.monotonic() - before
    })
    await sink.done
  } catch (fault) {
    // What went wrong with the file is the reason; QEMU only says that nobody listens any more.
    await Promise.race([sink.done, undefined])
    throw fault
  } finally {
    sink.close()
    // A migration under way would hold the guest; none, and the guest would stand still for ever.
    await settle(guest, on.clock, wasRunning)
    if (isLive) await setLive(guest, false)
  }
  if (pausedMs === 0 || !isLive) pausedMs = on.clock.monotonic() - before
  await publish(file)
  return { pausedMs: Math.ceil(pausedMs) }
}

const setLive = async ({ qmp }: Guest, state: boolean) => {
  await qmp.ask('migrate-set-capabilities', { capabilities: [{ capability: 'background-snapshot', state }] })
}

/** QEMU tries for itself whether its user may use userfaultfd. */
const canStreamLive = (guest: Guest) =>
  setLive(guest, true).then(
    () => true,
    () => false,
  )

const streaming = new Set(['none', 'setup', 'active', 'device', 'cancelling'])

/** `running` is called once the guest is seen to go on. */
async function untilMigrated({ qmp }: Guest, { clock, signal }: On, running: () => void) {
  for (;;) {
    signal.throwIfAborted()
    const { status: run } = await qmp.ask('query-status', {})
    if (run === 'running') running()
    const { status = 'none', 'error-desc': why = '' } = await qmp.ask('query-migrate', {})
    if (status === 'completed') return
    if (!streaming.has(status))
      throw new Problem('qmp/refused', {
        command: 'migrate',
        why: inert(String(why) || status).slice(0, 400),
      })
    await clock.sleep(everyMs, signal)
  }
}

async function settle({ qmp }: Guest, clock: Clock, wasRunning: boolean) {
  if (!qmp.isOpen) return
  const { status = 'none' } = await qmp.ask('query-migrate', {})
  if (streaming.has(status) && status !== 'none') {
    await qmp.ask('migrate_cancel', {})
    for (let tries = 0; tries < 100; tries++) {
      const now = await qmp.ask('query-migrate', {})
      if (!streaming.has(now.status ?? '')) break
      await clock.sleep(everyMs)
    }
  }
  const { status: run } = await qmp.ask('query-status', {})
  if (wasRunning && run !== 'running') await qmp.ask('cont', {})
}

type Sink = { readonly done: Promise<void>; readonly close: () => void }

const partOf = (file: string) => `${file}.part`

/** One stream is taken, to the end. The way to the socket is short however deep the folder lies: see `socket.ts`. */
async function listen(folder: string, bound: Bound): Promise<Sink> {
  const { file } = bound
  rmSync(join(folder, socketName), { force: true })
  await rm(partOf(file), { force: true })
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  const server = createServer()
  server.maxConnections = 1
  try {
    await new Promise<void>((done, fail) => {
      server.once('error', fail)
      server.listen(`/proc/self/fd/${descriptor}/${socketName}`, done)
    })
    // The folder lets nobody else through: only the guest's user and we come here.
    chmodSync(join(folder, socketName), 0o666)
  } finally {
    closeSync(descriptor)
  }
  const done = received(server, bound)
  done.catch(() => undefined)
  return {
    done,
    close: () => {
      server.close()
      rmSync(join(folder, socketName), { force: true })
    },
  }
}

async function received(server: Server, bound: Bound): Promise<void> {
  const socket = await new Promise<Socket>((come, fail) => {
    server.once('close', () => fail(new Error('no memory came')))
    server.once('connection', come)
  })
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  const part = partOf(bound.file)
  const sink = createWriteStream('', { fd: openSync(part, flags, 0o600), flush: true })
  try {
    await pipeline(socket, (pieces) => bounded(pieces, bound), sink)
  } catch (fault) {
    // Others need its room.
    await rm(part, { force: true })
    throw fault
  }
}

async function publish(file: string) {
  await rename(partOf(file), file)
  await using folder = await open(dirname(file), constants.O_RDONLY | constants.O_DIRECTORY)
  await folder.sync()
}
