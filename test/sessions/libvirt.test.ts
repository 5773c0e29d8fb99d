/** libvirt in and out, as somebody at a terminal sees it. */

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { at } from '#base/json.ts'
import { plant } from '../api/desk.ts'
import { sessionFor } from './terminal.ts'

const domain = `<domain type='kvm'>
  <name>Old_Web</name><memory unit='GiB'>1</memory><vcpu>2</vcpu>
  <os><type arch='x86_64' machine='pc-i440fx-6.2'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><driver type='qcow2'/><source file='/nowhere/a.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'><mac address='52:54:00:aa:bb:cc'/><source bridge='br0'/><model type='virtio'/></interface>
    <sound model='ich9'/>
  </devices>
</domain>`

test('what is lost is said before anything is made', async (t) => {
  const { decant, folder, bench } = await sessionFor(t)
  const file = join(folder, 'web.xml')
  await writeFile(file, domain)
  const described = await decant(['machine', 'import', '--libvirt-xml', file, '--describe-only'])
  assert.equal(described.code, 0, described.err)
  assert.match(described.err, /Not carried over \(1\):\n {2}\/domain\/devices\/sound: /)
  assert.match(described.err, /another way[^]*\/domain\/os\/type\/@machine: it becomes a q35/)
  const json = await decant(
    ['machine', 'import', '--libvirt-xml', '-', '--describe-only', '--format', 'json'],
    domain,
  )
  assert.deepEqual(at(JSON.parse(json.out), 'spec.memoryMib'), 1024)
  const missing = await decant(['machine', 'import', '--libvirt-xml', file])
  assert.equal(missing.code, 2)
  assert.match(missing.err, /vda \(\/nowhere\/a\.qcow2\)[^]*--disk vda=FILE/)
  assert.equal(bench.desk.replica.count('machine'), 0)
})

test('a domain becomes a machine, and a machine a domain again', async (t) => {
  const { decant, folder, bench } = await sessionFor(t)
  const { replica } = bench.desk
  await plant(replica, { kind: 'image', name: 'a', project: 'default', status: { state: 'ready' } })
  await plant(replica, { kind: 'network', name: 'lan', project: 'default' })
  const made = await decant(
    ['machine', 'import', 'web', '--libvirt-xml', '-', '--disk', 'vda=a', '--network', 'br0=lan'],
    domain,
  )
  assert.equal(made.code, 0, made.err)
  const { spec } = replica.find('machine', 'default', 'web')?.document ?? {}
  assert.deepEqual(
    ['image', 'cpus', 'memoryMib', 'nics.0.network', 'nics.0.mac'].map((path) => at(spec, path)),
    ['a', 2, 1024, 'lan', '52:54:00:aa:bb:cc'],
  )
  const file = join(folder, 'out.xml')
  const out = await decant(['machine', 'export', 'web', file])
  assert.equal(out.code, 0, out.err)
  assert.match(await readFile(file, 'utf8'), /<domain type="qemu">[^]*<name>web<\/name>[^]*<vcpu>2<\/vcpu>/)
})

test('what is no domain, or means harm, is refused with the place', async (t) => {
  const { decant } = await sessionFor(t)
  const read = (xml: string) => decant(['machine', 'import', '--libvirt-xml', '-'], xml)
  const harm = await read('<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><domain>&x;</domain>')
  assert.notEqual(harm.code, 0)
  assert.match(harm.err, /document type/)
  assert.match((await read('<network/>')).err, /xml/)
  assert.match((await read('<domain>')).err, /well-formed/)
})
