/** QEMU's command line for the whole shape of a machine: each part of it in the words that QEMU reads. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GuestShape } from '#kinds/guest/parts.ts'
import { guest } from '#kinds/guest/schema.ts'
import type { Body, DiskFile, Plug } from '../../port.ts'
import { allowed, mountOptions } from '../partners.ts'
import { requireHere, requirePlain } from '../demands.ts'
import { machineOf } from '../emulator.ts'
import { fileIn } from '../parts/drives.ts'
import { modelsIn } from '../probe/cpu-models.ts'
import { commandLine } from './line.ts'
import type { Start } from './part.ts'

const id = '11111111-1111-4111-8111-111111111111'

const disk: DiskFile = {
  id: 'disk0',
  file: '/d0',
  format: 'raw',
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

const plug: Plug = {
  id: 'net0',
  mac: '52:54:00:00:00:01',
  model: 'virtio',
  mtu: 1500,
  isLinkUp: true,
  forwards: [],
  driver: 'tap',
  interface: 'dc12345678',
}

type Change = Partial<Omit<Body, 'spec'>> & {
  readonly shape?: Partial<GuestShape>
  readonly cpus?: number
  readonly memoryMib?: number
  readonly machineType?: 'q35' | 'microvm'
}

function bodyWith({
  shape = {},
  cpus = 1,
  memoryMib = 512,
  machineType = 'q35',
  ...rest
}: Change = {}): Body {
  const spec = guest.spec.parse({
    machine: id,
    machineName: 'web',
    epoch: 1,
    power: 'on',
    boot: 1,
    forceAfterSeconds: 30,
    restart: 'on-failure',
    cpus,
    memoryMib,
    machineType,
    kernelImage: null,
    kernelDatastore: null,
    commandLine: '',
    disks: [],
    nics: [],
    machineSpec: {},
    shape: GuestShape.parse(shape),
  })
  const none = { disks: [], plugs: [], cdroms: [], kernel: null, seed: null, memoryFile: null }
  return { spec, word: 'gull', generationId: id, machineVersion: null, ...none, ...rest }
}

const lineOf = (change: Change, rest: Partial<Start> = {}) =>
  commandLine({
    id,
    folder: `/data/guests/${id}`,
    body: bodyWith(change),
    accelerator: 'tcg',
    architecture: 'x86_64',
    machineType: 'pc-q35-7.2',
    cpuModel: 'max',
    firmware: null,
    hasVhost: false,
    hasBootRoms: true,
    usbNodes: [],
    ...rest,
  })

const valuesOf = (argv: readonly string[], option: string) =>
  argv.flatMap((word, n) => (word === option ? [argv[n + 1] ?? ''] : []))
const devicesOf = (argv: readonly string[]) =>
  valuesOf(argv, '-device').map((text) => JSON.parse(text) as Record<string, unknown>)
const deviceIn = (argv: readonly string[], id: string) => devicesOf(argv).find((each) => each['id'] === id)

test('each bus has its device, and each way of caching its words', () => {
  const words = (change: Partial<DiskFile>) => {
    const argv = lineOf({ disks: [{ ...disk, ...change }] })
    const node = JSON.parse(valuesOf(argv, '-blockdev')[0] ?? '{}')
    return { device: deviceIn(argv, 'disk0'), node }
  }
  const drivers = (['virtio', 'scsi', 'sata', 'nvme', 'usb'] as const).map((bus) => {
    const { device } = words({ bus })
    return `${bus} ${String(device?.['driver'])} ${String(device?.['bus'])}`
  })
  assert.deepEqual(drivers, [
    'virtio virtio-blk-pci port-disk0',
    'scsi scsi-hd scsi.0',
    'sata ide-hd ide.0',
    'nvme nvme port-disk0',
    'usb usb-storage usb.0',
  ])
  const cached = (['none', 'writeback', 'writethrough', 'unsafe'] as const).map((cache) => {
    const { device, node } = words({ cache })
    return [cache, node.cache.direct, node.cache['no-flush'], device?.['write-cache'] ?? 'on']
  })
  assert.deepEqual(cached, [
    ['none', true, false, 'on'],
    ['writeback', false, false, 'on'],
    ['writethrough', false, false, 'off'],
    ['unsafe', false, true, 'on'],
  ])
  assert.equal(words({ io: 'io-uring' }).node.file.aio, 'io_uring')
  assert.equal(words({}).node.file.aio, 'threads')
  assert.equal(words({ discard: false }).node.discard, 'ignore')
  assert.equal(words({}).device?.['werror'], 'stop')
})

test('no key is on the command line, and what needs one is opened later (I-45)', () => {
  const locked = { ...disk, key: 'k', keys: { k: 'open sesame' }, format: 'qcow2' } as const
  const argv = lineOf({ disks: [locked] })
  assert.doesNotMatch(argv.join(' '), /sesame/)
  assert.deepEqual(valuesOf(argv, '-blockdev'), [])
  assert.ok(argv.includes('-preconfig'))
  assert.equal(deviceIn(argv, 'disk0')?.['drive'], 'disk0')
})

test('who boots before whom is as it was wished', () => {
  const order = (bootOrder: GuestShape['bootOrder']) => {
    const cdroms = [{ id: 'cdrom0', file: '/iso' }]
    const argv = lineOf({ disks: [disk], plugs: [plug], cdroms, shape: { bootOrder } })
    return ['disk0', 'cdrom0', 'net0'].map((part) => deviceIn(argv, part)?.['bootindex'] ?? 0)
  }
  assert.deepEqual(order(['disk', 'cdrom', 'network']), [1, 2, 3])
  assert.deepEqual(order(['cdrom', 'disk']), [2, 1, 0])
})

test('a cable leads to a tap, a process or nowhere but out; the card knows its MTU', () => {
  const netdev = (change: object, rest: Partial<Start> = {}) =>
    JSON.parse(valuesOf(lineOf({ plugs: [{ ...plug, ...change } as Plug] }, rest), '-netdev')[0] ?? '')
  const tap = { type: 'tap', id: 'net0', ifname: 'dc12345678', script: 'no', downscript: 'no' }
  assert.deepEqual(netdev({}), tap)
  assert.deepEqual(netdev({}, { hasVhost: true }), { ...tap, vhost: true })
  assert.deepEqual(netdev({ model: 'e1000e' }, { hasVhost: true }), tap)
  const socket = { driver: 'stream', socket: '/run/p.sock' }
  assert.deepEqual(netdev(socket).addr, { type: 'unix', path: '/run/p.sock' })
  const card = (change: Partial<Plug>) =>
    deviceIn(lineOf({ plugs: [{ ...plug, ...change } as Plug] }), 'net0')
  assert.equal(card({ mtu: 9000 })?.['host_mtu'], 9000)
  assert.equal(card({})?.['host_mtu'], undefined)
  assert.equal(card({ model: 'vmxnet3' })?.['driver'], 'vmxnet3')
})

test('processors are grouped, memory has nodes, pages and room to grow', () => {
  const shape = { sockets: 2, threads: 2, cpusMax: 8, numaNodes: 2, memoryMaxMib: 1024 }
  const argv = lineOf({ cpus: 2, shape })
  assert.deepEqual(valuesOf(argv, '-smp'), ['cpus=2,maxcpus=8,sockets=2,cores=2,threads=2'])
  assert.deepEqual(valuesOf(argv, '-numa'), [
    'node,nodeid=0,memdev=memory0,cpus=0-3',
    'node,nodeid=1,memdev=memory1,cpus=4-7',
  ])
  assert.deepEqual(valuesOf(argv, '-m'), ['size=512M,maxmem=1024M'])
  assert.equal(deviceIn(argv, 'memory')?.['driver'], 'virtio-mem-pci')
  const huge = valuesOf(lineOf({ shape: { hugePages: '2MiB' } }), '-object').map((text) => JSON.parse(text))
  const backend = huge.find((each) => each.id === 'memory0')
  assert.deepEqual([backend.hugetlb, backend.hugetlbsize, backend.share], [true, 2 ** 21, false])
})

test('UEFI has settings of its own, secure boot guards them', () => {
  const firmware = { code: '/usr/share/OVMF/OVMF_CODE_4M.ms.fd', settings: 'settings-secure.fd' }
  const argv = lineOf({ shape: { isSecureBoot: true } }, { firmware })
  assert.deepEqual(valuesOf(argv, '-machine'), [
    'pc-q35-7.2,vmport=off,smm=on,pflash0=firmware,pflash1=settings',
  ])
  const [code, settings] = valuesOf(argv, '-blockdev').map((text) => JSON.parse(text))
  assert.deepEqual([code['read-only'], settings['read-only']], [true, false])
  assert.ok(argv.includes('driver=cfi.pflash01,property=secure,value=on'))
})

test('TPM, watchdog, shares, screens and generation are there when wished', () => {
  const shares = [{ tag: 'web', folder: '/srv', isReadOnly: true }]
  const argv = lineOf({
    shape: { hasTpm: true, watchdog: 'poweroff', shares, screen: 'virtio', screens: 2, hasGuestAgent: false },
  })
  const drivers = new Set(devicesOf(argv).map(({ driver }) => driver))
  for (const driver of ['tpm-crb', 'i6300esb', 'vhost-user-fs-pci', 'virtio-vga', 'vmgenid'])
    assert.ok(drivers.has(driver), driver)
  assert.ok(!drivers.has('virtserialport'))
  assert.deepEqual(valuesOf(argv, '-action'), ['panic=pause,watchdog=poweroff'])
  assert.equal(deviceIn(argv, 'screen')?.['max_outputs'], 2)
  assert.deepEqual(valuesOf(lineOf({ shape: { screen: 'none' } }), '-vnc'), [])
})

const refused = (change: Change, features: Parameters<typeof requireHere>[1] = []) => {
  try {
    requireHere(bodyWith(change), features, 'x86_64')
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('what this host or machine cannot have is said before anything starts', () => {
  const absent = [{ name: 'tpm', isHere: false, why: 'no swtpm' }] as const
  assert.match(refused({ shape: { hasTpm: true } }, absent), /a TPM.*no swtpm/)
  assert.equal(refused({ shape: { hasTpm: true } }, [{ name: 'tpm', isHere: true, why: '' }]), '')
  assert.match(refused({ disks: [{ ...disk, io: 'native' }] }), /set cache to none/)
  assert.match(refused({ cpus: 3, shape: { threads: 2 } }), /no whole number/)
  assert.match(refused({ shape: { screens: 2 } }), /virtio screen/)
  assert.match(refused({ machineType: 'microvm', disks: [{ ...disk, bus: 'scsi' }] }), /microvm/)
  assert.match(
    refused({ disks: Array.from({ length: 7 }, () => ({ ...disk, bus: 'sata' as const })) }),
    /six ports/,
  )
})

test('a body with words in the wrong places is refused at the door (I-43)', () => {
  const bad: Change[] = [
    { disks: [{ ...disk, id: 'x,y' }] },
    { disks: [{ ...disk, keys: { 'a=b': '' } }] },
    { plugs: [{ ...plug, interface: 'a,b' } as Plug] },
    { shape: { cpuModel: 'max,+x' } },
    { shape: { shares: [{ tag: 'a,b', folder: '/', isReadOnly: true }] } },
    { shape: { hostDevices: [{ bus: 'pci', address: '../..' }] } },
    { generationId: 'auto' },
  ]
  requirePlain(bodyWith())
  for (const change of bad) assert.throws(() => requirePlain(bodyWith(change)), { code: 'request/invalid' })
})

test('a guest gets the machine again that it was first begun with, or is told that it is gone', () => {
  const machines = { q35: 'pc-q35-9.0', 'pc-q35-7.2': 'pc-q35-7.2', 'pc-q35-9.0': 'pc-q35-9.0' }
  const emulator = { binary: '', version: '9.0', architecture: 'x86_64', machines, hasIoUring: true } as const
  const of = (machineVersion: string | null, accelerator: 'kvm' | 'tcg' = 'tcg') => {
    const { type, cpuModel } = machineOf(emulator, bodyWith({ machineVersion }), accelerator)
    return `${type} ${cpuModel}`
  }
  assert.equal(of(null), 'pc-q35-9.0 max')
  assert.equal(of('pc-q35-7.2/Nehalem'), 'pc-q35-7.2 Nehalem')
  assert.equal(of('pc-q35-7.2/host'), 'pc-q35-7.2 max')
  assert.equal(of('pc-q35-7.2', 'kvm'), 'pc-q35-7.2 host')
  assert.equal(of('microvm/max'), 'pc-q35-9.0 max')
  assert.throws(() => of('pc-q35-2.4/max'), { code: 'feature/not-here' })
})

test("a shared folder lies below an allowed one, QEMU's names of files and models are read", () => {
  assert.deepEqual(allowed('/tmp/a/../b', ['/tmp']).below, 'b')
  for (const folder of ['/tmpx', '/tmp/../etc', 'tmp', '/'])
    assert.throws(() => allowed(folder, ['/tmp']), { code: 'feature/not-here' })
  assert.equal(fileIn('json:{"driver":"qcow2","file":{"driver":"file","filename":"/a"}}'), '/a')
  assert.equal(fileIn('json:{"file":"node"}'), null)
  assert.equal(fileIn('/plain'), '/plain')
  const told = {
    return: [
      { name: 'Nehalem', 'unavailable-features': [] },
      { name: 'EPYC', 'unavailable-features': ['x'] },
    ],
  }
  assert.deepEqual(modelsIn(JSON.stringify(told)), ['Nehalem'])
  assert.equal(modelsIn('{"return":{}}'), undefined)
})

test('a folder that is written to lies where neither set-uid programs nor devices count', () => {
  const mounts = [
    '22 1 0:5 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    '23 22 0:6 / /srv rw,nosuid,nodev - ext4 /dev/vdb rw',
    '24 23 0:7 / /srv/with\\040space rw - ext4 /dev/vdc rw',
    '25 22 0:8 / /srv rw,nosuid - tmpfs tmpfs rw',
  ].join('\n')
  assert.deepEqual(mountOptions(mounts, '/home/x'), ['rw', 'relatime'])
  assert.deepEqual(mountOptions(mounts, '/srv/a'), ['rw', 'nosuid'], 'the later mount covers')
  assert.deepEqual(mountOptions(mounts, '/srv/with space'), ['rw'])
  assert.deepEqual(mountOptions(mounts, '/srvx'), ['rw', 'relatime'])
})
