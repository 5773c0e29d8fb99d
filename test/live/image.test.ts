/** The starter image, really built and really booted by QEMU, on every machine type that Decant offers. */

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { present } from '#base/assert.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { openImageMaker } from '#drivers/image/debian/maker.ts'
import { image as imageKind } from '#kinds/image/schema.ts'
import { Problem } from '#model/problem.ts'

const never = new AbortController().signal
/** A slow, shared machine without KVM boots it in 3 seconds; this is ten times that. */
const bootMs = 30_000
/** Packages are kept between runs, so that only the first one needs the network. */
const cacheFolder = join(tmpdir(), `decant-live-cache-${process.getuid?.() ?? 0}`)

type Built = { readonly folder: string; readonly datastore: Datastore; readonly image: string }
let built: Built | Problem

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-live-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const datastore = await openDirectory({ folder: join(folder, 'store') })
  const maker = await openImageMaker({ cacheFolder })
  const image = randomUUID()
  try {
    await maker.make(
      image,
      datastore,
      { spec: imageKind.spec.parse({ source: 'starter' }), volume: null },
      () => undefined,
      never,
    )
    built = { folder, datastore, image }
  } catch (error) {
    const isOffline = error instanceof Problem && error.facts['tool'] === 'apt-get'
    if (!isOffline) throw error
    built = error
  }
})

/** What was built, or nothing, said plainly, where Debian's packages cannot be reached. */
function starter(t: TestContext): Built | undefined {
  if (!(built instanceof Problem)) return built
  t.diagnostic(`cannot run here: ${built.message}`)
  return undefined
}

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

async function connected(path: string): Promise<Socket> {
  for (let tries = 0; tries < 500; tries++) {
    const socket = connect(path)
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return socket
    await sleep(10)
  }
  throw new Error(`nobody listens on ${path}`)
}

/** Text that arrives on a socket, and waiting for a part of it. */
class Line {
  readonly #socket: Socket
  #text = ''

  constructor(socket: Socket) {
    this.#socket = socket.setEncoding('utf8').on('data', (text) => {
      this.#text += text
    })
  }

  write(text: string) {
    this.#socket.write(text)
  }

  /** Waits for a match, and forgets everything up to its end. */
  async until(wanted: RegExp, withinMs = bootMs): Promise<string> {
    const end = performance.now() + withinMs
    for (;;) {
      const found = wanted.exec(this.#text)
      if (found !== null) {
        const seen = this.#text.slice(0, found.index + found[0].length)
        this.#text = this.#text.slice(seen.length)
        return seen
      }
      if (performance.now() > end) throw new Error(`no ${String(wanted)} in: ${this.#text.slice(-2000)}`)
      await sleep(10)
    }
  }
}

const commonDevices = (suffix: string, rest = '') =>
  [
    ['-device', `virtio-blk-${suffix},drive=d0`],
    ['-device', `virtio-net-${suffix},netdev=n0${rest}`],
    ['-device', `virtio-rng-${suffix}`],
  ].flat()

const machines = {
  q35: [...commonDevices('pci', ',romfile='), '-vga', 'std', '-device', 'pvpanic-pci'],
  microvm: commonDevices('device'),
  'microvm,pcie=on': commonDevices('pci', ',romfile='),
} as const

// Without it one microvm boot in eight hangs in the calibration of the clock under TCG.
const khz = () =>
  Math.round(Number(/cpu MHz\s*: ([\d.]+)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 0) * 1000)

async function boot(t: TestContext, { folder, datastore, image }: Built, machine: keyof typeof machines) {
  const volume = randomUUID()
  await datastore.create(volume, { format: 'qcow2', sizeBytes: null, image }, never)
  const disk = await datastore.open(volume, null)
  const { kernel, initrd } = await datastore.imageFiles(image)
  const { commandLine } = await datastore.observeImage(image)
  const run = mkdtempSync(join(folder, 'run-'))
  const port = await freePort()
  const early = machine === 'q35' || khz() === 0 ? '' : ` tsc_early_khz=${khz()}`
  const argv = [
    ['-accel', 'tcg,tb-size=64', '-M', machine, '-m', '128', '-nodefaults', '-no-user-config'],
    ['-display', 'none', '-no-shutdown', '-kernel', kernel ?? '', '-initrd', initrd ?? ''],
    ['-append', commandLine + early, '-fw_cfg', 'name=opt/decant/word,string=tamarind'],
    ['-blockdev', JSON.stringify({ driver: 'file', filename: disk.file, 'node-name': 'f0' })],
    ['-blockdev', JSON.stringify({ driver: 'qcow2', file: 'f0', 'node-name': 'd0' })],
    ['-netdev', `user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:80`],
    ['-chardev', `socket,id=s0,path=${run}/serial,server=on,wait=off`, '-serial', 'chardev:s0'],
    ['-qmp', `unix:${run}/qmp,server=on,wait=off`, '-S', ...machines[machine]],
  ]
  const qemu = spawn('qemu-system-x86_64', argv.flat(), { stdio: ['ignore', 'inherit', 'inherit'] })
  t.after(() => qemu.kill('SIGKILL'))
  const serial = new Line(await connected(join(run, 'serial')))
  const qmp = new Line(await connected(join(run, 'qmp')))
  qmp.write('{"execute":"qmp_capabilities"}\n')
  qmp.write('{"execute":"cont"}\n')
  await qmp.until(/"RESUME"/)
  return { serial, qmp, port, disk: disk.file, folder: run }
}

type Guest = Awaited<ReturnType<typeof boot>>

async function provesLife({ serial, port }: Guest) {
  await serial.until(/(^|\n)decant-proof: tamarind\r\n/)
  await serial.until(/(^|\n)decant-ready: http\r\n/)
  const page = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(10_000) })
  assert.equal(page.status, 200)
  assert.match(await page.text(), /<code>tamarind<\/code>/)
}

async function powersDown({ serial, qmp, disk, folder }: Guest) {
  const asked = performance.now()
  qmp.write('{"execute":"system_powerdown"}\n')
  await qmp.until(/"event": "SHUTDOWN", "data": \{"guest": true, "reason": "guest-shutdown"\}/, 10_000)
  assert.ok(performance.now() - asked < 8000)
  await serial.until(/Power down/)
  qmp.write('{"execute":"quit"}\n')
  await sleep(300)
  const raw = join(folder, 'disk.raw')
  execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', disk, raw])
  // Exit status 0: laid down clean, nothing to mend.
  execFileSync('e2fsck', ['-fn', raw], {
    stdio: 'ignore',
    env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  })
}

test('on q35 it proves life, lets root in, keeps data over a reboot and powers down clean', async (t) => {
  const made = starter(t)
  if (made === undefined) return
  const guest = await boot(t, made, 'q35')
  await provesLife(guest)
  await guest.serial.until(/login: $/)
  guest.serial.write('root\n')
  await guest.serial.until(/root@hello:\S*# /)
  guest.serial.write('echo kept > /root/note; sync; id -u; reboot\n')
  await guest.serial.until(/\n0\r\n/)
  await provesLife(guest)
  await guest.serial.until(/login: $/)
  guest.serial.write('root\n')
  await guest.serial.until(/root@hello:\S*# /)
  guest.serial.write('cat /root/note\n')
  await guest.serial.until(/\nkept\r\n/)
  await powersDown(guest)
})

for (const machine of ['microvm', 'microvm,pcie=on'] as const) {
  test(`on ${machine} it proves life and powers down clean`, async (t) => {
    const made = starter(t)
    if (made === undefined) return
    const guest = await boot(t, made, machine)
    await provesLife(guest)
    await powersDown(guest)
  })
}

test('I-33 the image is, after all those guests, what was sealed', async (t) => {
  const made = starter(t)
  if (made === undefined) return
  const { disk } = await made.datastore.imageFiles(made.image)
  const { sha256 } = await made.datastore.observeImage(made.image)
  assert.equal(
    createHash('sha256')
      .update(readFileSync(present(disk, 'a sealed image has a disk')))
      .digest('hex'),
    sha256,
  )
})
