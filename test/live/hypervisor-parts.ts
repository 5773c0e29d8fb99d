/** A world of one real guest whose parts come and go, for the contract of live parts. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GuestShape } from '#kinds/guest/parts.ts'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { PartsWorld } from '#drivers/hypervisor/contract-parts.ts'
import type { Body, DiskFile, Hypervisor, Plug } from '#drivers/hypervisor/port.ts'
import { guestFiles } from './hypervisor-guest.ts'
import { bodyOf, diskOf, liveWorld, type LiveWorld } from './hypervisor-world.ts'

/** A guest with room to grow, and the means to ask it what it sees. */
export async function partsWorld(change: Partial<Body> = {}): Promise<PartsWorld> {
  const base = await liveWorld()
  const fileOf = filesIn(base)
  let current: Hypervisor | undefined
  const ask = (id: string, command: string) => answerOf(current, id, command)
  const newDisk = async (id: string, sizeBytes: number): Promise<DiskFile> =>
    diskOf({ id, file: fileOf(id, sizeBytes) })
  return {
    clock: base.clock,
    // QEMU talks to one: the object that was there lets go, and both stand for the one that took up the guest.
    open: async () => {
      await current?.close()
      current = await base.open()
      return new Proxy(current, { get: (_, name) => memberOf(current, name) })
    },
    body: async () => ({ ...growingBody(await newDisk('disk0', 2 ** 24)), ...change }),
    cooperates: async (id) => {
      await promptOf(current, id)
      return (await ask(id, 'echo heeds')) === 'heeds'
    },
    newDisk,
    newPlug: async (id): Promise<Plug> => plugOf(id),
    newMedium: async () => fileOf('medium', 2 ** 20),
    isOpen: async (id, file) => isOpenBy((await current?.observe(id))?.pid ?? 0, file),
    seenInside: async (id) => Number(await ask(id, 'ls /sys/block | grep -c ^vd')),
    cling: undefined,
    close: () => base.close(),
  }
}

function memberOf(driver: Hypervisor | undefined, name: string | symbol): unknown {
  assert.ok(driver !== undefined)
  const member: unknown = Reflect.get(driver, name)
  return typeof member === 'function' ? member.bind(driver) : member
}

/** Files that whoever runs the guest may open: the contract names no guest when it asks for one. */
export function filesIn(world: LiveWorld) {
  const folder = join(world.folder, '..', 'files')
  mkdirSync(folder, { recursive: true })
  return (name: string, sizeBytes: number) => {
    const file = join(folder, `${name}-${randomUUID().slice(0, 8)}`)
    writeFileSync(file, '')
    chmodSync(file, 0o666)
    truncateSync(file, sizeBytes)
    return file
  }
}

export const plugOf = (id: string): Plug => ({
  id,
  mac: `52:54:00:00:01:0${id.at(-1)}`,
  model: 'virtio',
  mtu: 1500,
  isLinkUp: true,
  forwards: [],
  driver: 'user',
  isRestricted: true,
})

/** Room for as many mebibytes again costs the guest 64 of them at once. */
export const growingBody = (disk: DiskFile): Body => ({
  ...bodyOf({ memoryMib: 192, shape: GuestShape.parse({ cpusMax: 2, memoryMaxMib: 384 }) }),
  kernel: {
    ...guestFiles('parts'),
    commandLine: 'console=ttyS0 quiet panic=0 memhp_default_state=online_movable',
  },
  disks: [disk],
  cdroms: [{ id: 'cdrom0', file: null }],
})

/** Whether the process has the file open, however it is called in its jail. */
function isOpenBy(pid: number, file: string): boolean {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).some((name) => {
    try {
      return readlinkSync(join(folder, name)) === file
    } catch {
      return false
    }
  })
}

const patienceMs = 60_000

/** Waits until its shell reads: what is typed before may be lost. */
export async function promptOf(driver: Pick<Hypervisor, 'serialLog'> | undefined, id: string): Promise<void> {
  assert.ok(driver !== undefined)
  const deadline = realClock.monotonic() + patienceMs
  while (
    !Buffer.from(await driver.serialLog(id))
      .toString('latin1')
      .includes('/ # ')
  ) {
    assert.ok(realClock.monotonic() < deadline, 'it has no prompt')
    await realClock.sleep(50)
  }
}

/** Says a command on the serial line and gives the last line of what it printed. */
export async function answerOf(
  driver: Pick<Hypervisor, 'serial' | 'serialLog'> | undefined,
  id: string,
  command: string,
): Promise<string> {
  assert.ok(driver !== undefined)
  const line = await driver.serial(id)
  const word = randomUUID().slice(0, 8)
  // The mark is put together by the shell: the echo of what was typed does not hold it.
  await line.write(
    Buffer.from(`A=$(${command} 2>&1 | tail -n 1); echo "<${word.slice(0, 4)}""${word.slice(4)}:$A>"\r`),
  )
  line.close()
  const deadline = realClock.monotonic() + patienceMs
  for (;;) {
    const log = Buffer.from(await driver.serialLog(id)).toString('latin1')
    const [, said] = new RegExp(`<${word}:([^>]*)>`).exec(log) ?? []
    if (said !== undefined) return said.trim()
    assert.ok(realClock.monotonic() < deadline, `no answer to ${command}: ${log.slice(-1000)}`)
    await realClock.sleep(30)
  }
}
