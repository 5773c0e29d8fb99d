/** QEMU's command line, its jail, QMP and serial lines, without a QEMU. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { limits } from '#model/limits.ts'
import type { Clock } from '#drivers/clock/port.ts'
import { guest } from '#kinds/guest/schema.ts'
import type { Body, DiskFile } from '../port.ts'
import { commandLine } from './command/line.ts'
import type { Start } from './command/part.ts'
import { machinesIn, speedKhzIn, tscKhzIn, versionIn } from './emulator.ts'
import { scopeArgv, scopeName } from './jail/scope.ts'
import { forgetUids, uidsIn } from './jail/uids.ts'
import { openedFiles, wrapped } from './jail/wrap.ts'
import { probeRom } from './probe/rom.ts'
import { Qmp } from './qmp/client.ts'
import { Viewer } from './serial/channel.ts'
import { Ring } from './serial/ring.ts'
import { connectIn } from './socket.ts'

const id = '11111111-1111-4111-8111-111111111111'

const disk: DiskFile = {
  id: 'disk0',
  file: '/d',
  format: 'qcow2',
  key: null,
  isReadOnly: false,
  bus: 'virtio',
  cache: 'writeback',
  io: 'auto',
  discard: true,
  iops: null,
  mibPerSecond: null,
  backing: [],
  keys: {},
}

const plug = { id: 'net0', mac: '52:54:00:00:00:01', model: 'virtio', mtu: 1500, isLinkUp: true } as const

const body: Body = {
  spec: guest.spec.parse({
    machine: id,
    machineName: 'evil,process=sshd',
    epoch: 1,
    power: 'on',
    boot: 1,
    forceAfterSeconds: 30,
    restart: 'on-failure',
    cpus: 2,
    memoryMib: 256,
    machineType: 'q35',
    kernelImage: null,
    kernelDatastore: null,
    commandLine: '',
    disks: [],
    nics: [],
    machineSpec: {},
  }),
  disks: [
    {
      ...disk,
      file: '/data/top,readonly=on.qcow2',
      format: 'qcow2',
      backing: [{ file: '/data/base.raw', format: 'raw', key: null }],
    },
  ],
  plugs: [
    {
      ...plug,
      driver: 'user',
      isRestricted: true,
      forwards: [{ protocol: 'tcp', address: '127.0.0.1', hostPort: 8080, guestPort: 80 }],
    },
  ],
  kernel: { kernelFile: '/k', initrdFile: '/i', commandLine: 'secret=1' },
  word: 'seagull',
  cdroms: [],
  seed: null,
  generationId: id,
  memoryFile: null,
  machineVersion: null,
}

const start: Start = {
  id,
  folder: `/data/guests/${id}`,
  body,
  accelerator: 'tcg',
  architecture: 'x86_64',
  machineType: 'pc-q35-7.2',
  cpuModel: 'max',
  firmware: null,
  hasVhost: false,
  hasBootRoms: true,
  usbNodes: [],
}

const valuesOf = (argv: readonly string[], option: string) =>
  argv.flatMap((word, n) => (word === option ? [argv[n + 1] ?? ''] : []))

const devicesOf = (argv: readonly string[]) =>
  valuesOf(argv, '-device').map((text) => JSON.parse(text) as Record<string, unknown>)

test('what a person wrote is not on the command line', () => {
  assert.doesNotMatch(commandLine(start).join(' '), /evil|sshd|secret|seagull/)
})

test('every option with structure is JSON, with formats said and every backing file named', () => {
  const argv = commandLine(start)
  const [disk] = valuesOf(argv, '-blockdev').map((text) => JSON.parse(text))
  assert.equal(disk.driver, 'qcow2')
  assert.equal(disk.file.filename, '/data/top,readonly=on.qcow2')
  assert.deepEqual([disk.backing.driver, disk.backing['read-only']], ['raw', true])
  assert.deepEqual(JSON.parse(valuesOf(argv, '-netdev')[0] ?? ''), {
    type: 'user',
    id: 'net0',
    restrict: true,
    hostfwd: [{ str: 'tcp:127.0.0.1:8080-:80' }],
  })
})

test('a qcow2 without backing file says so, whatever its header says', () => {
  const argv = commandLine({ ...start, body: { ...body, disks: [disk] } })
  assert.equal(JSON.parse(valuesOf(argv, '-blockdev')[0] ?? '').backing, null)
})

test('devices have places of their own that do not move when others come', () => {
  const places = (given: Start) =>
    devicesOf(commandLine(given)).flatMap(({ id, addr }) => (addr === undefined ? [] : [`${id} ${addr}`]))
  const alone = places({ ...start, body: { ...body, disks: [], plugs: [] } })
  const all = places(start)
  assert.deepEqual(
    alone.filter((place) => !all.includes(place)),
    [],
  )
  assert.equal(new Set(all.map((place) => place.split(' ')[1])).size, all.length)
})

test('a microvm has no PCI device, an arm64 guest the machine virt and its own screen', () => {
  const microvm = commandLine({
    ...start,
    machineType: 'microvm',
    body: { ...body, spec: { ...body.spec, machineType: 'microvm' } },
  })
  assert.ok(
    devicesOf(microvm).every(({ driver, bus }) => !String(driver).includes('pci') && bus !== 'pcie.0'),
  )
  assert.deepEqual(valuesOf(microvm, '-vnc'), [])
  const arm = commandLine({
    ...start,
    architecture: 'aarch64',
    machineType: 'virt-7.2',
    body: { ...body, kernel: null },
    firmware: { code: '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd', settings: null },
  })
  assert.deepEqual(valuesOf(arm, '-machine'), ['virt-7.2,gic-version=max'])
  assert.deepEqual(valuesOf(arm, '-bios'), ['/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'])
  assert.ok(devicesOf(arm).some(({ driver }) => driver === 'virtio-gpu-pci'))
})

test('under systemd a guest gets a scope with its bounds', () => {
  const argv = scopeArgv(scopeName(id), { memoryBytes: 1000, cpus: 2, tasks: 64 })
  assert.deepEqual(argv.slice(0, 2), ['systemd-run', '--scope'])
  assert.ok(argv.includes(`--unit=decant-guest-${id}.scope`))
  assert.ok(argv.includes('--property=CPUQuota=300%'))
  assert.equal(argv.at(-1), '--')
})

test('the jail shows the base image read-only and the own disk writable, and lowers the user', () => {
  const argv = wrapped(
    {
      id,
      folder: start.folder,
      scope: scopeName(id),
      shown: openedFiles(body),
      locksMemory: false,
      means: { isRoot: true, mounts: 'bubblewrap', groups: { why: 'none here' } },
      uid: 1_879_049_088,
      cgroups: [],
      bounds: { memoryBytes: 1, cpus: 1, tasks: 1 },
      isKvm: false,
    },
    ['qemu'],
  ).join(' ')
  assert.match(argv, /--ro-bind \/data\/base.raw \/data\/base.raw/)
  assert.match(argv, /--bind \/data\/top,readonly=on.qcow2/)
  assert.match(argv, /setpriv --reuid=1879049088 --regid=1879049088 --clear-groups .*--no-new-privs -- qemu$/)
})

test('users of guests are distinct, stay, and are given back (I-27)', (t) => {
  const folder = temporary(t)
  const uids = uidsIn(join(folder, 'uids'))
  const [one, two] = [uids.of(join(folder, 'one')), uids.of(join(folder, 'two'))]
  assert.notEqual(one, two)
  assert.equal(uidsIn(join(folder, 'uids')).of(join(folder, 'one')), one)
  uids.release(join(folder, 'one'))
  rmSync(join(folder, 'one'), { recursive: true })
  assert.equal(uids.of(join(folder, 'three')), one)
  forgetUids(join(folder, 't'), join(folder, 'uids'))
  assert.equal(readdirSync(join(folder, 'uids')).length, 2)
  forgetUids(folder, join(folder, 'uids'))
  assert.ok(!existsSync(join(folder, 'uids')))
})

test("QEMU's and the kernel's own words are read", () => {
  assert.equal(versionIn('QEMU emulator version 7.2.22 (Debian 1:7.2)'), '7.2.22')
  const help = 'microvm   microvm (i386)\nq35   Standard PC (Q35) (alias of pc-q35-7.2)\n'
  assert.deepEqual(machinesIn(help), { microvm: 'microvm', q35: 'pc-q35-7.2' })
  assert.equal(tscKhzIn('tsc: Detected 2596.096 MHz processor'), 2_596_096)
  assert.equal(tscKhzIn('nothing'), null)
  assert.equal(speedKhzIn('model: 1\ncpu MHz\t\t: 2596.123\n'), 2_596_123)
  assert.equal(probeRom().length, 65_536)
})

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => new Promise((wake) => void setTimeout(wake, ms)),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
}

function temporary(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-qemu-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A QMP connection to a server that answers as told. */
async function talk(t: TestContext, answer: (socket: Socket, line: string) => void) {
  const folder = temporary(t)
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write('{"QMP":{"version":{}}}\r\n')
    socket.on('data', (bytes) => {
      for (const line of String(bytes).split('\n')) if (line !== '') answer(socket, line)
    })
  })
  await new Promise<void>((ready) => server.listen(join(folder, 'qmp.sock'), ready))
  const qmp = new Qmp(await connectIn(folder, 'qmp.sock'), clock)
  t.after(() => {
    qmp.close()
    server.close()
  })
  return qmp
}

const idOf = (line: string) => (JSON.parse(line) as { id: number }).id

test('QMP: answers find their questions, refusals and silence are problems', async (t) => {
  const qmp = await talk(t, (socket, line) => {
    if (line.includes('"stop"')) socket.write(`{"error":{"desc":"no \\u001b"},"id":${idOf(line)}}\r\n`)
    else if (!line.includes('"cont"')) socket.write(`{"event":"RESUME"}\n{"return":{},"id":${idOf(line)}}\n`)
  })
  const heard: string[] = []
  qmp.onEvent(({ event }) => heard.push(event))
  await qmp.begin(1000)
  await assert.rejects(qmp.ask('stop', {}), { code: 'qmp/refused', message: /stop.*no \\u001b/ })
  await assert.rejects(qmp.ask('cont', {}, 30), { code: 'qmp/silent' })
  assert.deepEqual(heard, ['RESUME'])
})

test('QMP: an endless line ends the connection', async (t) => {
  const qmp = await talk(t, (socket) => void socket.write(Buffer.alloc(limits.qmpLineBytes + 2, 97)))
  await assert.rejects(qmp.begin(2000), { code: 'qmp/silent' })
  await qmp.closed
  assert.equal(qmp.isOpen, false)
})

test('a serial viewer that lags is dropped; the ring keeps the last bytes (I-48)', async () => {
  let left = 0
  const viewer = new Viewer(
    10,
    async () => undefined,
    () => (left += 1),
  )
  for (const text of ['12345', '67890', 'too much']) viewer.push(Buffer.from(text))
  assert.equal(left, 1)
  await assert.rejects(viewer.write(Buffer.from('x')), { code: 'link/lost' })
  const ring = new Ring(8)
  for (let n = 0; n < 5000; n += 1) ring.push(Buffer.from(String(n % 10)))
  assert.equal(Buffer.from(ring.bytes()).toString(), '23456789')
})
