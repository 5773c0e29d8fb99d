/**
 * A Debian built by Decant boots by BIOS and by UEFI and configures itself; its clone has an identity of its own.
 * Without KVM a quarter of an hour. `npm run test:long`.
 */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openLab, type Lab } from '../first-boot-lab.ts'

let lab: Lab
const key = `ssh-ed25519 ${'A'.repeat(68)} me@here`

before(async () => {
  lab = await openLab()
  await lab.decant('image', 'build', 'debian-12', 'debian', '--package', 'tree', '--wait=3600')
})
after(() => lab.close())

const inside = async (name: string, ...argv: readonly string[]) =>
  (await lab.decant('machine', 'exec', name, '--', ...argv)).trim()

test('it is told its name, users, keys, files and commands, by BIOS, and answers when it is done', async () => {
  await lab.boot('web', {
    hostname: 'shop',
    sshKeys: [key],
    users: [{ name: 'alice', password: 'cardamom' }],
    files: [{ path: '/etc/motd', content: 'tamarind\n' }],
    commands: ['echo ran > /root/ran'],
    userData: '#cloud-config\nwrite_files: [{path: /root/own, content: own}]\n',
  })
  assert.equal(await inside('web', 'hostname'), 'shop')
  assert.equal(await inside('web', 'cat', '/etc/motd'), 'tamarind')
  assert.equal(await inside('web', 'cat', '/root/ran', '/root/own'), 'ran\nown')
  assert.match(await inside('web', 'id', 'alice'), /sudo/)
  assert.match(await inside('web', 'cat', '/home/debian/.ssh/authorized_keys'), /me@here/)
  assert.match(await inside('web', 'tree', '--version'), /tree/)
  assert.match(await inside('web', 'cloud-init', 'status'), /done/)
  assert.equal((await lab.tried('machine', 'exec', 'web', '--', 'false')).code, 1)
  const shown = await lab.decant('machine', 'show', 'web', '--format', 'json')
  assert.doesNotMatch(shown, /cardamom|tamarind/)
})

test('files go in and come out bit for bit', async () => {
  const [here, back] = [join(lab.folder, 'here'), join(lab.folder, 'back')]
  writeFileSync(
    here,
    Uint8Array.from({ length: 3_000_000 }, (_, at) => (at * 7 + (at >> 8)) % 256),
  )
  await lab.decant('machine', 'copy', here, 'web:/srv/data')
  await lab.decant('machine', 'copy', 'web:/srv/data', back)
  assert.ok(readFileSync(back).equals(readFileSync(here)))
})

test('a clone has a host name, a machine id and ssh keys of its own', async () => {
  const identity = async (name: string) => [
    await inside(name, 'hostname'),
    await inside(name, 'cat', '/etc/machine-id'),
    await inside(name, 'cat', '/etc/ssh/ssh_host_ed25519_key.pub'),
  ]
  const own = await identity('web')
  assert.match(own[1] ?? '', /^[0-9a-f]{32}$/)
  await lab.decant('machine', 'stop', 'web', '--wait')
  await lab.decant('machine', 'clone', 'web', 'copy', '--wait=ready')
  const other = await identity('copy')
  for (const [at, mark] of own.entries()) assert.notEqual(other[at], mark)
  assert.equal(await inside('copy', 'cat', '/srv/data').then(({ length }) => length > 0), true)
  await lab.decant('machine', 'delete', 'copy', '--yes', '--wait')
})

test('it boots by UEFI, and its disk has grown', async () => {
  await lab.boot('late', {}, { firmware: 'uefi', diskMib: 4096 })
  assert.match(await inside('late', 'ls', '/sys/firmware/efi'), /fw_vendor|systab|efivars/)
  assert.ok(Number(await inside('late', 'sh', '-c', 'df --output=size -k / | tail -1')) > 3_500_000)
})
