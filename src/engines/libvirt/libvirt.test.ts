/** libvirt's domains in and out: what is carried, and that nothing is passed over in silence. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { assert as holdsFor, constantFrom, integer, property, record } from 'fast-check'
import { xmlFrom, xmlText, type XmlElement } from '#base/xml.ts'
import { Nic } from '#kinds/machine/parts.ts'
import { machine as machineKind, type MachineDocument } from '#kinds/machine/schema.ts'
import { machineFromDomain, type ForeignMachine } from './domain.ts'
import { domainOf, type DomainFacts } from './writing.ts'

const typical = `
<domain type='kvm' id='3'>
  <name>Web Server_1</name>
  <uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid>
  <title>Shop</title>
  <memory unit='KiB'>4194304</memory>
  <currentMemory unit='KiB'>2097152</currentMemory>
  <vcpu placement='static' current='2'>4</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-6.2'>hvm</type>
    <loader readonly='yes' secure='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.secboot.fd</loader>
    <nvram>/var/lib/libvirt/qemu/nvram/web_VARS.fd</nvram>
    <boot dev='cdrom'/><boot dev='hd'/>
  </os>
  <features><acpi/><apic/><hyperv><relaxed state='on'/></hyperv></features>
  <cpu mode='custom' match='exact' check='full'>
    <model fallback='forbid'>Skylake-Server-IBRS</model>
    <topology sockets='2' dies='1' cores='2' threads='1'/>
    <feature policy='disable' name='avx512f'/>
  </cpu>
  <cputune><shares>2048</shares></cputune>
  <clock offset='localtime'/>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' io='native' discard='unmap'/>
      <source file='/var/lib/libvirt/images/web.qcow2'/>
      <target dev='sda' bus='scsi'/>
      <iotune><total_iops_sec>500</total_iops_sec><total_bytes_sec>10485760</total_bytes_sec></iotune>
      <boot order='1'/>
    </disk>
    <disk type='network' device='disk'>
      <source protocol='rbd' name='pool/image'><host name='mon'/></source>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'><target dev='sdb' bus='sata'/><readonly/></disk>
    <disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>
    <interface type='bridge'>
      <mac address='52:54:00:11:22:33'/>
      <source bridge='br0'/>
      <model type='virtio'/>
      <vlan><tag id='42'/></vlan>
      <bandwidth><inbound average='1000' peak='5000'/></bandwidth>
      <link state='down'/>
    </interface>
    <interface type='network'><mac address='00:16:3e:11:22:33'/><source network='lan'/><model type='ne2k_pci'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='spice' autoport='yes'/>
    <video><model type='qxl' ram='65536'/></video>
    <sound model='ich9'/>
    <watchdog model='i6300esb' action='poweroff'/>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0x0000' bus='0x3' slot='0x00' function='0x1'/></source>
    </hostdev>
    <memballoon model='virtio'/>
  </devices>
</domain>`

function read(text: string): ForeignMachine {
  const root = xmlFrom(text.trim())
  assert.ok('name' in root, JSON.stringify(root))
  const found = machineFromDomain(root)
  assert.ok(found !== undefined)
  return found
}

test('a domain as products write it becomes a machine that admission would take', () => {
  const { name, spec, disks, description, networks } = read(typical)
  assert.deepEqual([name, description], ['web-server-1', 'Shop'])
  const { nics, ...plain } = spec as { nics: object[] }
  assert.deepEqual(networks, ['br0', 'lan'])
  assert.deepEqual(plain, {
    memoryMib: 4096,
    balloonMib: 2048,
    cpus: 2,
    cpusMax: 4,
    cpuModel: 'Skylake-Server-IBRS',
    sockets: 2,
    threads: 1,
    firmware: 'uefi',
    isSecureBoot: true,
    hasTpm: true,
    restart: 'never',
    bootOrder: ['cdrom', 'disk'],
    watchdog: 'poweroff',
    hasGuestAgent: true,
    hostDevices: [{ bus: 'pci', address: '0000:03:00.1' }],
  })
  assert.deepEqual(nics, [{ mac: '52:54:00:11:22:33', model: 'virtio', isLinkUp: false, mbitIn: 8 }, {}])
  assert.deepEqual(
    disks.map(({ target, medium, file, options }) => [target, medium, file, options]),
    [
      [
        'sda',
        'disk',
        '/var/lib/libvirt/images/web.qcow2',
        { bus: 'scsi', cache: 'none', io: 'native', discard: true, iops: 500, mibPerSecond: 10 },
      ],
      ['vdb', 'disk', null, { bus: 'virtio' }],
      ['sdb', 'cdrom', null, {}],
    ],
  )
  assert.ok(nics.every((nic) => Nic.safeParse(nic).success))
  assert.ok(machineKind.spec.safeParse(plain).success)
})

test('everything that is not carried is told, with its path', () => {
  const told = new Map(read(typical).notCarried.map(({ path, how }) => [path, how]))
  const lost = [...told].filter(([, how]) => how === 'lost').map(([path]) => path)
  assert.deepEqual(lost.toSorted(), [
    '/domain/cpu/feature',
    '/domain/cputune',
    '/domain/devices/disk[2]/source',
    '/domain/devices/disk[4]',
    '/domain/devices/interface[1]/bandwidth/inbound/@peak',
    '/domain/devices/interface[1]/vlan',
    '/domain/devices/sound',
    '/domain/features/hyperv',
    '/domain/os/nvram',
  ])
  for (const path of ['/domain/name', '/domain/clock/@offset', '/domain/devices/video/model/@type'])
    assert.equal(told.get(path), 'changed', path)
  assert.equal(told.get('/domain/uuid'), 'own')
})

test('what nobody ever heard of is lost by name, never silently', () => {
  const { notCarried } = read(
    "<domain type='kvm'><name>a</name><future x='1'/><vcpu novel='2'>1</vcpu></domain>",
  )
  assert.deepEqual(
    notCarried.map(({ path, value }) => [path, value]),
    [
      ['/domain/future', 'future x=1'],
      ['/domain/vcpu/@novel', '2'],
    ],
  )
  assert.equal(machineFromDomain(xmlFrom('<network/>') as XmlElement), undefined)
})

const documentOf = (spec: object): MachineDocument => ({
  kind: 'machine',
  id: 'c7a5fdbd-cdaf-4455-926a-d65c16db1809',
  name: 'web',
  project: 'default',
  generation: 1,
  version: machineKind.version,
  createdAtMs: 0,
  labels: {},
  description: 'a < b & "c"',
  isProtected: false,
  deletingAtMs: null,
  owner: null,
  host: null,
  spec: machineKind.spec.parse(spec),
  status: machineKind.status.parse({}),
})

const facts: DomainFacts = {
  architecture: 'x86_64',
  accelerator: 'kvm',
  disks: [
    {
      file: '/images/a.qcow2',
      format: 'qcow2',
      bus: 'virtio',
      cache: 'writeback',
      io: 'io-uring',
      discard: true,
      isReadOnly: false,
      iops: 100,
      mibPerSecond: 5,
    },
  ],
  nics: [
    {
      mac: '52:54:00:11:22:33',
      model: 'virtio',
      isLinkUp: true,
      mbitIn: 8,
      mbitOut: null,
      network: 'default',
    },
  ],
}

const shapes = record({
  cpus: constantFrom(1, 2, 4),
  threads: constantFrom(1, 2),
  memoryMib: integer({ min: 64, max: 65_536 }),
  balloonMib: constantFrom(null, 64),
  firmware: constantFrom('auto', 'uefi'),
  hasTpm: constantFrom(true, false),
  restart: constantFrom('always', 'never', 'on-failure'),
  screen: constantFrom('none', 'vga', 'virtio'),
  watchdog: constantFrom('none', 'reset', 'pause'),
  bootOrder: constantFrom(['disk'], ['network', 'disk', 'cdrom']),
  hugePages: constantFrom('none', '2MiB', '1GiB'),
  hasGuestAgent: constantFrom(true, false),
})

test('what is written out is read back as the same machine', () => {
  holdsFor(
    property(shapes, (shape) => {
      const written = xmlText(domainOf(documentOf(shape), facts))
      const { spec, disks, notCarried } = read(written)
      const { screen, watchdog, balloonMib, firmware, ...same } = shape
      const defaults = machineKind.spec.parse({}) as Record<string, unknown>
      for (const [field, value] of Object.entries(same)) {
        // Cores that do not come out even are left to QEMU.
        if (field === 'threads' && shape.cpus % shape.threads !== 0) continue
        assert.deepEqual(spec[field] ?? defaults[field], value, field)
      }
      assert.equal(spec['firmware'] ?? 'auto', firmware)
      assert.equal(spec['screen'] ?? 'vga', screen)
      assert.equal(spec['watchdog'] ?? 'none', watchdog)
      assert.equal(
        spec['balloonMib'] ?? null,
        balloonMib !== null && balloonMib < shape.memoryMib ? balloonMib : null,
      )
      assert.deepEqual(disks[0]?.options, {
        bus: 'virtio',
        cache: 'writeback',
        io: 'io-uring',
        discard: true,
        iops: 100,
        mibPerSecond: 5,
      })
      assert.deepEqual(
        notCarried.filter(({ how }) => how === 'lost'),
        [],
      )
    }),
    { numRuns: 60 },
  )
})

const hasValidator = ['virt-xml-validate', 'xmllint'].every(
  (tool) => spawnSync(tool, ['--version']).error === undefined,
)

test(
  "libvirt's own schema takes what is written",
  { skip: hasValidator ? false : 'virt-xml-validate is not installed (libvirt-clients, libxml2-utils)' },
  () => {
    const rich = documentOf({
      cpus: 2,
      cpusMax: 4,
      sockets: 2,
      memoryMib: 1024,
      memoryMaxMib: 4096,
      numaNodes: 2,
      firmware: 'uefi',
      isSecureBoot: true,
      hasTpm: true,
      watchdog: 'reset',
      screen: 'virtio',
      screens: 2,
      cdroms: [{}],
      shares: [{ tag: 'src', folder: '/srv/src', isReadOnly: true }],
      hostDevices: [
        { bus: 'pci', address: '0000:03:00.1' },
        { bus: 'usb', address: '1d6b:0002' },
      ],
    })
    for (const document of [documentOf({}), rich]) {
      const input = `<?xml version="1.0" encoding="UTF-8"?>\n${xmlText(domainOf(document, facts))}`
      const { status, stdout, stderr } = spawnSync('virt-xml-validate', ['-', 'domain'], { input })
      assert.equal(status, 0, `${stdout}${stderr}`)
    }
  },
)
