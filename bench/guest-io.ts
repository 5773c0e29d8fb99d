/**
 * Disk and network of a guest: as Decant runs it (jail, ports, limits unset) beside the same QEMU started by hand with
 * nothing around it. In turns, in one run; ratios are what counts: emulation makes all of it slow.
 */

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { Body, Hypervisor } from '#drivers/hypervisor/port.ts'
import { openQemu } from '#drivers/hypervisor/qemu/qemu.ts'
import { SerialLine } from '#drivers/hypervisor/qemu/serial/line.ts'
import { connectIn } from '#drivers/hypervisor/qemu/socket.ts'
import { answerOf, growingBody, plugOf, promptOf } from '../test/live/hypervisor-parts.ts'
import { diskOf } from '../test/live/hypervisor-world.ts'

const never = new AbortController().signal
const sizeMib = 64

export const bench = {
  name: 'guest-io',
  summary: 'Disk and network throughput of a guest, beside the same QEMU by hand',
  run,
}

type Talk = Pick<Hypervisor, 'serial' | 'serialLog'>
type Peer = {
  readonly name: string
  readonly talk: Talk
  readonly id: string
  readonly close: () => Promise<void>
}

type Turn = { readonly peer: string; readonly seconds: Readonly<Record<string, number>> }

async function run({ rounds }: { readonly rounds: number }) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-bench-'))
  chmodSync(folder, 0o755)
  const server = createServer(
    (socket) => void socket.on('error', () => undefined).end(Buffer.alloc(sizeMib << 18, 1)),
  )
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  const bodies = ['decant', 'raw'].map((name) => bodyIn(folder, name))
  const [ours, theirs] = [bodies[0], bodies[1]]
  if (ours === undefined || theirs === undefined) throw new Error('two peers')
  const taken: Turn[] = []
  try {
    for (let round = 0; round < rounds; round += 1)
      for (const start of [() => asDecant(folder, ours), () => byHand(folder, theirs)]) {
        const peer = await start()
        taken.push({ peer: peer.name, seconds: await measure(peer, port).finally(() => peer.close()) })
      }
  } finally {
    server.close()
    rmSync(folder, { recursive: true })
  }
  return figures(taken, rounds)
}

function bodyIn(folder: string, name: string): Body {
  const file = join(folder, `${name}.raw`)
  writeFileSync(file, '')
  chmodSync(file, 0o666)
  truncateSync(file, (sizeMib + 16) * 2 ** 20)
  const plug = { ...plugOf('net0'), driver: 'user', isRestricted: false } as const
  return { ...growingBody(diskOf({ file })), plugs: [plug] }
}

async function asDecant(folder: string, body: Body): Promise<Peer> {
  const driver = await openQemu({ folder: join(folder, 'guests'), clock: realClock })
  const id = randomUUID()
  await driver.spawn(id, body, never)
  const close = async () => {
    await driver.kill(id, never)
    await driver.remove(id, never)
    await driver.close()
  }
  return { name: 'decant', talk: driver, id, close }
}

/** What an engineer would type: the same kernel, disk and network, defaults for all else. */
async function byHand(folder: string, { kernel, disks, spec }: Body): Promise<Peer> {
  const work = join(folder, 'by-hand')
  mkdirSync(work)
  const child = spawn(
    'qemu-system-x86_64',
    [
      ['-machine', 'q35', '-accel', 'tcg,tb-size=64', '-cpu', 'max', '-m', String(spec.memoryMib)],
      ['-nodefaults', '-display', 'none', '-kernel', kernel?.kernelFile ?? ''],
      ['-initrd', kernel?.initrdFile ?? '', '-append', kernel?.commandLine ?? ''],
      ['-drive', `file=${disks[0]?.file},format=raw,if=virtio`, '-nic', 'user,model=virtio'],
      ['-serial', 'unix:serial.sock,server=on,wait=off'],
    ].flat(),
    { cwd: work, stdio: 'ignore' },
  )
  const line = new SerialLine()
  for (;;) {
    const socket = await connectIn(work, 'serial.sock').catch(() => undefined)
    if (socket !== undefined) {
      line.attach(socket, '', () => undefined)
      break
    }
    await realClock.sleep(5)
  }
  const close = async () => {
    line.detach()
    child.kill('SIGKILL')
    await once(child, 'exit')
    rmSync(work, { recursive: true })
  }
  const talk: Talk = { serial: async () => line.view(), serialLog: async () => line.log() }
  return { name: 'raw', talk, id: '', close }
}

/** Seconds for each work, by the guest's own clock where it has one: that of the shell. */
async function measure({ talk, id }: Peer, port: number): Promise<Record<string, number>> {
  await promptOf(talk, id)
  const timed = async (command: string) => {
    const beganMs = performance.now()
    await answerOf(talk, id, command)
    return (performance.now() - beganMs) / 1000
  }
  const up =
    'ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2; echo up'
  await answerOf(talk, id, up)
  return {
    write: await timed(`dd if=/dev/zero of=/dev/vda bs=1M count=${sizeMib} oflag=direct conv=fsync`),
    read: await timed(`dd if=/dev/vda of=/dev/null bs=1M count=${sizeMib} iflag=direct`),
    small: await timed('dd if=/dev/vda of=/dev/null bs=4k count=2048 iflag=direct'),
    receive: await timed(`nc 10.0.2.2 ${port} < /dev/null | wc -c`),
  }
}

const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

function figures(taken: readonly Turn[], rounds: number) {
  const of = (peer: string, work: string) =>
    middle(taken.filter((turn) => turn.peer === peer).map(({ seconds }) => seconds[work] ?? NaN))
  const row = (work: string) => ({
    decantSeconds: Number(of('decant', work).toFixed(2)),
    rawSeconds: Number(of('raw', work).toFixed(2)),
    ratio: Number((of('raw', work) / of('decant', work)).toFixed(2)),
  })
  const works = Object.keys(taken[0]?.seconds ?? {})
  return {
    rounds,
    sizeMib,
    ...Object.fromEntries(works.map((work) => [work, row(work)])),
    aim: 'ratio >= 0.95',
  }
}
