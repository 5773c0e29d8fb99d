/** OVA in and out: what others made comes in, what is hostile does not, what goes out comes back bit by bit. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { childOf, childrenOf, xmlFrom } from '#base/xml.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import { channelOf } from '#drivers/image/contract.ts'
import type { ImageMaker } from '#drivers/image/port.ts'
import type { Appliance } from '#kinds/image/parts.ts'
import { image as imageKind } from '#kinds/image/schema.ts'
import { Problem } from '#model/problem.ts'
import { ovfFrom } from './format/ovf.ts'
import { openImageMaker } from './maker.ts'

const never = new AbortController().signal
const mebibyte = 1024 * 1024
const disk = Buffer.alloc(2 * mebibyte)
disk.fill('what lies on the disk ', 4096, mebibyte)

const qemuImg = (...argv: string[]) => execFileSync('qemu-img', argv, { stdio: ['ignore', 'pipe', 'pipe'] })

async function lair(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-ova-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  const into = await openDirectory({ folder: join(folder, 'store') })
  const maker = await openImageMaker({ cacheFolder: join(folder, 'cache') })
  writeFileSync(join(folder, 'disk.raw'), disk)
  qemuImg(
    'convert',
    '-f',
    'raw',
    '-O',
    'vmdk',
    '-o',
    'subformat=streamOptimized',
    join(folder, 'disk.raw'),
    join(folder, 'd.vmdk'),
  )
  return { folder, into, maker }
}
type Lair = Awaited<ReturnType<typeof lair>>

async function send(
  { into, maker }: { into: Datastore; maker: ImageMaker },
  content: Uint8Array,
  spec: object = {},
) {
  const image = randomUUID()
  const wish = { offset: 0, bytes: content.length, total: content.length, spec: imageKind.spec.parse(spec) }
  await maker.receive(image, into, channelOf([content]), wish, () => undefined, never)
  return image
}

async function diskOf({ folder, into }: Lair, image: string) {
  const { disk: file } = await into.imageFiles(image)
  const { format } = await into.observeImage(image)
  qemuImg('convert', '-f', format, '-O', 'raw', file ?? '', join(folder, 'out.raw'))
  return readFileSync(join(folder, 'out.raw'))
}

/** As VirtualBox writes it, shortened. */
const ovf = (changes: { disks?: string; files?: string; items?: string } = {}) => `<?xml version="1.0"?>
<Envelope ovf:version="1.0" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
 <References>${changes.files ?? '<File ovf:href="d.vmdk" ovf:id="f1"/>'}</References>
 <DiskSection><Info/>${changes.disks ?? '<Disk ovf:capacity="2" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="v1" ovf:fileRef="f1"/>'}</DiskSection>
 <NetworkSection><Info/><Network ovf:name="NAT"/></NetworkSection>
 <VirtualSystem ovf:id="old-box"><Info/><ProductSection><Info/></ProductSection>
  <OperatingSystemSection ovf:id="80"><Info/><Description>Debian_64</Description></OperatingSystemSection>
  <VirtualHardwareSection><Info/>
   <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
   <Item><rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>1024</rasd:VirtualQuantity></Item>
   <Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>AHCI</rasd:ResourceSubType><rasd:ResourceType>20</rasd:ResourceType></Item>
   <Item><rasd:HostResource>/disk/v1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
   <Item><rasd:Connection>NAT</rasd:Connection><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceSubType>E1000</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
   <Item><rasd:InstanceID>6</rasd:InstanceID><rasd:ResourceType>35</rasd:ResourceType></Item>${changes.items ?? ''}
   <vmw:Config vmw:key="firmware" vmw:value="efi"/>
  </VirtualHardwareSection></VirtualSystem></Envelope>`

/** Packs files of the lair by GNU tar, as a person would. */
function packed({ folder }: Lair, names: readonly string[], ...options: string[]): Buffer {
  execFileSync('tar', [...options, '-cf', join(folder, 'x.ova'), '-C', folder, '--', ...names])
  return readFileSync(join(folder, 'x.ova'))
}

test('an OVA becomes an image with its disk, and tells of its machine what it can and what it cannot', async (t) => {
  const here = await lair(t)
  writeFileSync(join(here.folder, 'm.ovf'), ovf())
  for (const option of ['--format=ustar', '--format=gnu']) {
    const image = await send(here, packed(here, ['m.ovf', 'd.vmdk'], option))
    assert.ok((await diskOf(here, image)).equals(disk))
    const { appliance, cameAs } = await here.into.observeImage(image)
    assert.equal(cameAs, 'ova vmdk')
    assert.deepEqual(appliance, {
      name: 'old-box',
      description: '',
      system: 'Debian_64',
      cpus: 2,
      memoryMib: 1024,
      firmware: 'uefi',
      disks: [{ member: 'd.vmdk', capacityBytes: 2 * mebibyte, bus: 'sata' }],
      nics: [{ network: 'NAT', model: 'E1000' }],
      notCarried: ['a sound card', 'ProductSection'],
    })
  }
})

test('of several disks the one is taken that is named, packed or not, and the manifest is believed only when it is true', async (t) => {
  const here = await lair(t)
  const second = Buffer.alloc(mebibyte, 'the second disk ')
  writeFileSync(join(here.folder, 'second.raw'), second)
  qemuImg('convert', '-f', 'raw', '-O', 'vmdk', join(here.folder, 'second.raw'), join(here.folder, 's.vmdk'))
  writeFileSync(join(here.folder, 's.vmdk.gz'), gzipSync(readFileSync(join(here.folder, 's.vmdk'))))
  const files =
    '<File ovf:href="d.vmdk" ovf:id="f1"/><File ovf:href="s.vmdk.gz" ovf:id="f2" ovf:compression="gzip"/>'
  const disks =
    '<Disk ovf:capacity="1048576" ovf:diskId="v2" ovf:fileRef="f2"/><Disk ovf:capacity="2097152" ovf:diskId="v1" ovf:fileRef="f1"/>'
  writeFileSync(join(here.folder, 'm.ovf'), ovf({ files, disks }))
  const names = ['m.ovf', 'd.vmdk', 's.vmdk.gz']
  const archive = packed(here, names)
  // The machine boots from its first disk, whatever the order of the descriptions.
  assert.ok((await diskOf(here, await send(here, archive))).equals(disk))
  const named = await send(here, archive, { format: 'ova', member: 's.vmdk.gz' })
  assert.ok((await diskOf(here, named)).equals(second))
  assert.equal((await here.into.observeImage(named)).cameAs, 'ova gz vmdk')
  await refusedFor(send(here, archive, { member: 'x.vmdk' }), /no such disk, but: d.vmdk, s.vmdk.gz/)
  const sum = createHash('sha256')
    .update(readFileSync(join(here.folder, 'd.vmdk')))
    .digest('hex')
  for (const [hex, code] of [
    [sum, undefined],
    ['0'.repeat(64), 'image/checksum'],
  ]) {
    writeFileSync(join(here.folder, 'm.mf'), `SHA256(d.vmdk)= ${hex}\n`)
    const work = send(here, packed(here, [...names, 'm.mf']))
    if (code === undefined) await work
    else await assert.rejects(work, { code })
  }
})

const refusedFor = (work: Promise<unknown>, why: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof Problem && error.code === 'image/refused', String(error))
    assert.match(error.message, why)
    return true
  })

test('an archive with anything but plain files, or a description that reaches out of it, is refused; no host file is touched', async (t) => {
  const here = await lair(t)
  const { folder } = here
  const write = (changes = {}) => writeFileSync(join(folder, 'm.ovf'), ovf(changes))
  write()
  symlinkSync('/etc/passwd', join(folder, 'link.vmdk'))
  mkdirSync(join(folder, 'sub'))
  writeFileSync(join(folder, 'sub', 'a.vmdk'), 'x')
  const all = ['m.ovf', 'd.vmdk']
  await refusedFor(send(here, packed(here, [...all, 'link.vmdk'])), /symbolic link/)
  await refusedFor(send(here, packed(here, [...all, 'sub'])), /folder/)
  await refusedFor(send(here, packed(here, [...all, 'sub/a.vmdk'])), /not plain/)
  await refusedFor(send(here, packed(here, [...all, '/etc/hostname'], '-P')), /not plain/)
  await refusedFor(send(here, packed(here, all, '--format=pax', '--pax-option=a=b')), /pax/)
  await refusedFor(send(here, packed(here, all, '--transform=s,d.vmdk,m.ovf,')), /one name/)
  await refusedFor(send(here, packed(here, ['d.vmdk'])), /no machine description/)
  await refusedFor(send(here, packed(here, ['m.ovf'])), /not in the archive/)
  await refusedFor(send(here, packed(here, all).subarray(0, 5000)), /cut short/)
  const damaged = packed(here, all)
  damaged.writeUInt8(0x39, 124)
  await refusedFor(send(here, damaged), /checksum of a header/)
  const descriptions: readonly (readonly [RegExp, string])[] = [
    [
      /DOCTYPE/,
      ovf().replace('<Envelope', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Envelope'),
    ],
    [/not well-formed/, ovf().slice(0, -20)],
    [/outside the archive/, ovf({ files: '<File ovf:href="/etc/passwd" ovf:id="f1"/>' })],
    [/outside the archive/, ovf({ files: '<File ovf:href="../d.vmdk" ovf:id="f1"/>' })],
    [/outside the archive/, ovf({ files: '<File ovf:href="http://127.0.0.1/x" ovf:id="f1"/>' })],
    [
      /stands on another/,
      ovf({ disks: '<Disk ovf:capacity="1" ovf:diskId="v1" ovf:fileRef="f1" ovf:parentRef="v0"/>' }),
    ],
    [
      /several machines/,
      ovf()
        .replaceAll('VirtualSystem ', 'VirtualSystemCollection ')
        .replaceAll('</VirtualSystem>', '</VirtualSystemCollection>'),
    ],
    [/no disk with content/, ovf({ disks: '<Disk ovf:capacity="1" ovf:diskId="v1"/>' })],
    [
      /how its disk is packed/,
      ovf({ files: '<File ovf:href="d.vmdk" ovf:id="f1" ovf:compression="gzip"/>' }),
    ],
  ]
  for (const [why, text] of descriptions) {
    writeFileSync(join(folder, 'm.ovf'), text)
    await refusedFor(send(here, packed(here, all)), why)
  }
})

test('what goes out as OVA is in order, opens with the tools of others, and comes back as it was', async (t) => {
  const here = await lair(t)
  const image = await send(here, disk)
  const { disk: file } = await here.into.imageFiles(image)
  const appliance: Appliance = {
    name: 'web & <co>',
    description: 'serves',
    system: 'Debian',
    cpus: 3,
    memoryMib: 2048,
    firmware: 'uefi',
    disks: [],
    nics: [{ network: 'lan', model: 'vmxnet3' }],
    notCarried: [],
  }
  const chain = { file: file ?? '', format: 'raw', key: null, backing: [] } as const
  const order = { format: 'ova', disks: [chain, chain], appliance, isImmutable: true } as const
  const out = await here.maker.export(here.into, order, () => undefined, never)
  const pieces: Uint8Array[] = []
  for await (const piece of out.content) pieces.push(piece)
  await out.close()
  const archive = Buffer.concat(pieces)
  assert.equal(archive.length, out.bytes)
  const path = join(here.folder, 'out.ova')
  writeFileSync(path, archive)
  const names = execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n')
  assert.deepEqual(names, [
    'web----co-.ovf',
    'web----co-.mf',
    'web----co--disk1.vmdk',
    'web----co--disk2.vmdk',
  ])
  execFileSync('tar', ['-xf', path, '-C', here.folder])
  const manifest = readFileSync(join(here.folder, names[1] ?? ''), 'utf8').replaceAll(
    /^SHA256\((.*)\)= (.*)$/gm,
    '$2  $1',
  )
  execFileSync('sha256sum', ['-c', '--strict', '-'], { cwd: here.folder, input: manifest })
  const info = JSON.parse(qemuImg('info', '--output=json', join(here.folder, names[2] ?? '')).toString())
  assert.deepEqual(
    [info.format, info['virtual-size'], info['format-specific'].data['create-type']],
    ['vmdk', disk.length, 'streamOptimized'],
  )
  checkEnvelope(readFileSync(join(here.folder, names[0] ?? ''), 'utf8'))
  const again = await send(here, archive)
  assert.ok((await diskOf(here, again)).equals(disk))
  const seen = (await here.into.observeImage(again)).appliance
  assert.deepEqual(
    [seen?.name, seen?.cpus, seen?.memoryMib, seen?.firmware, seen?.disks.length],
    ['web & <co>', 3, 2048, 'uefi', 2],
  )
  assert.deepEqual(seen?.nics, [{ network: 'network', model: 'VmxNet3' }])
})

/** What DSP0243 asks for and readers trip over: order of sections, ids that are met, numbers of their own, sorted items. */
function checkEnvelope(text: string) {
  const root = xmlFrom(text)
  assert.ok('name' in root)
  assert.deepEqual(
    root.children.map(({ name }) => name),
    ['References', 'DiskSection', 'NetworkSection', 'VirtualSystem'],
  )
  for (const section of root.children.slice(1)) assert.equal(section.children[0]?.name, 'Info')
  const hardware = childOf(childOf(root, 'VirtualSystem'), 'VirtualHardwareSection')
  const items = childrenOf(hardware, 'Item')
  const ids = items.map((item) => childOf(item, 'InstanceID')?.text)
  assert.equal(new Set(ids).size, ids.length)
  for (const item of items) {
    const fields = item.children.map(({ name }) => name)
    assert.deepEqual(fields, fields.toSorted())
    const parent = childOf(item, 'Parent')?.text
    assert.ok(parent === undefined || ids.includes(parent))
  }
  const files = new Set(
    childrenOf(childOf(root, 'References'), 'File').map((file) => file.attributes.get('id')),
  )
  for (const one of childrenOf(childOf(root, 'DiskSection'), 'Disk'))
    assert.ok(files.has(one.attributes.get('fileRef')))
  assert.ok('appliance' in ovfFrom(text))
}

test('qcow2 and raw go out as they lie where they can, converted where they cannot', async (t) => {
  const here = await lair(t)
  const image = await send(here, disk)
  const { disk: file } = await here.into.imageFiles(image)
  const chain = { file: file ?? '', format: 'raw', key: null, backing: [] } as const
  for (const format of ['raw', 'qcow2'] as const) {
    for (const isImmutable of [true, false]) {
      const order = { format, disks: [chain], isImmutable, appliance: emptyAppliance }
      const { bytes, content, close } = await here.maker.export(here.into, order, () => undefined, never)
      const pieces: Uint8Array[] = []
      for await (const piece of content) pieces.push(piece)
      await close()
      const whole = Buffer.concat(pieces)
      assert.equal(whole.length, bytes)
      assert.ok((await diskOf(here, await send(here, whole, { format }))).equals(disk))
    }
  }
  assert.deepEqual(execFileSync('ls', [join(here.folder, 'store', 'drafts')], { encoding: 'utf8' }), '')
})

const emptyAppliance: Appliance = {
  name: 'x',
  description: '',
  system: '',
  cpus: 1,
  memoryMib: 1,
  firmware: '',
  disks: [],
  nics: [],
  notCarried: [],
}
