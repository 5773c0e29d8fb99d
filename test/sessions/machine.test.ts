/** Sessions about a machine's parts: attach, detach, resize, clone, and what is said beforehand, in both languages. */

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sessionFor } from './terminal.ts'

type Spec = {
  readonly disks: readonly {
    readonly name: string
    readonly volume: string | null
    readonly sizeMib?: number
  }[]
  readonly nics: readonly { readonly name: string; readonly network: string }[]
}

test('disks and NICs come and go by their names; a disk that is sized grows', async (t) => {
  const { decant } = await sessionFor(t)
  const specOf = async (name: string) =>
    (JSON.parse((await decant(`machine show ${name} --format json`)).out) as { spec: Spec }).spec
  await decant('volume create data --size 64MiB')
  await decant('machine create web --disk 2GiB --disk size=1GiB,bus=scsi')
  const attached = await decant('machine attach web --disk data --disk size=32MiB,name=logs --nic default')
  assert.deepEqual(attached, { code: 0, out: 'machine web is changed\n', err: '' })
  const spec = await specOf('web')
  assert.deepEqual(
    spec.disks.map(({ name, volume, sizeMib }) => [name, volume, sizeMib]),
    [
      ['disk1', null, 1024],
      ['disk2', 'data', undefined],
      ['logs', null, 32],
    ],
  )
  assert.deepEqual(
    spec.nics.map(({ name }) => name),
    ['net0', 'net1'],
  )
  assert.equal((await decant('machine resize web --cpus 2 --disk logs=64MiB --disk 3GiB')).code, 0)
  assert.equal((await specOf('web')).disks[2]?.sizeMib, 64)
  assert.equal((await decant('machine detach web data net0')).out, 'machine web is changed\n')
  const left = await specOf('web')
  assert.deepEqual(
    [left.disks.map(({ name }) => name), left.nics.map(({ name }) => name)],
    [['disk1', 'logs'], ['net1']],
  )
})

test('what is not there, or not right, is said with what there is', async (t) => {
  const { decant } = await sessionFor(t)
  await decant('machine create web --disk size=1GiB')
  const gone = await decant('machine detach web nothing')
  assert.equal(gone.code, 2)
  assert.match(gone.err, /Machine web has no part nothing; it has: disk1, net0/)
  assert.match(
    (await decant('machine detach web nothing --language ko')).err,
    /머신 web에 nothing이\(가\) 없습니다/,
  )
  assert.match((await decant('machine attach web --disk size=much')).err, /`--disk` is a size, or size=10GiB/)
  assert.match((await decant('machine attach web')).err, /Nothing to change/)
  const small = await decant('machine resize web --disk disk1=1MiB')
  assert.match(small.err, /disks\.0\.sizeMib: may only rise; it is 1024 now/)
  const secure = await decant('machine create safe --secure-boot --language ko')
  assert.match(secure.err, /spec\.isSecureBoot.*다음이 필요합니다: firmware uefi/)
})

test('keys and user data come from files; passwords have no flag', async (t) => {
  const { decant, folder } = await sessionFor(t)
  const path = join(folder, 'id.pub')
  await writeFile(path, 'ssh-ed25519 AAAAC3 me@here\n')
  const made = await decant(['machine', 'create', 'web', '--ssh-key', path, '--hostname', 'shop'])
  assert.deepEqual([made.code, made.err], [0, ''])
  assert.match(
    (await decant('machine create b --ssh-key /nothing/there')).err,
    /\/nothing\/there cannot be read/,
  )
  assert.equal((await decant('machine create b --first-boot-password x')).code, 2)
})

test('a clone is made of a machine, and a plan says what it takes', async (t) => {
  const { decant } = await sessionFor(t)
  await decant('machine create web --cpus 3 --disk size=1GiB,name=data')
  const clone = await decant('machine clone web copy --memory 512MiB --full')
  assert.deepEqual(clone, { code: 0, out: 'machine copy is created\n', err: '' })
  const { spec } = JSON.parse((await decant('machine show copy --format json')).out)
  assert.deepEqual(
    [spec.cpus, spec.memoryMib, spec.disks[0].name, spec.cloneOf],
    [3, 512, 'data', { machine: 'web', snapshot: null, clone: 'full' }],
  )
  assert.match((await decant('machine clone web')).err, /NEW is missing/)
  assert.match((await decant('machine clone nothing copy2')).err, /nothing/)
})

test('what is shown of a machine is what is not as usual, a line for each part; every field on request', async (t) => {
  const { decant } = await sessionFor(t)
  await decant(
    'machine create web --disk 2GiB --disk size=64MiB,name=data,cache=none,read-only --watchdog reset --memory 1GiB',
  )
  const { out } = await decant('machine show web')
  const wish = out.slice(out.indexOf('Wish'), out.indexOf('\n\n', out.indexOf('Wish')))
  assert.equal(
    wish,
    [
      'Wish',
      '  CPUs       1',
      '  Memory     1 GiB',
      '  Disks      disk0  2 GiB  virtio',
      '             data  64 MiB  virtio  cache none, read-only',
      '  NICs       net0  default  virtio',
      '  Watchdog   reset',
      '  every field: --all',
    ].join('\n'),
  )
  assert.match((await decant('machine show web --language ko')).out, /디스크\s+disk0 {2}2 GiB/)
  const all = (await decant('machine show web --all')).out
  assert.match(all, /Boot order/)
  assert.doesNotMatch(all, /every field/)
})

test('a medium goes into the drive that is meant, and out again; where none is, it is said how to get one', async (t) => {
  const { decant } = await sessionFor(t)
  const media = async () =>
    (JSON.parse((await decant('machine show web --format json')).out) as { spec: { cdroms: object[] } }).spec
      .cdroms
  await decant('image create disc --source upload')
  await decant('machine create web')
  assert.match(
    (await decant('machine insert web disc')).err,
    /no CD drive; `decant machine attach web --cdrom/,
  )
  await decant('machine attach web --cdrom disc')
  assert.equal((await decant('machine eject web')).code, 0)
  assert.deepEqual(await media(), [{ image: null }])
  assert.equal((await decant('machine insert web disc')).code, 0)
  assert.deepEqual(await media(), [{ image: 'disc' }])
  await decant('machine attach web --cdrom disc')
  assert.match((await decant('machine eject web')).err, /--drive`: cdrom0 disc, cdrom1 disc/)
  assert.equal((await decant('machine eject web --drive cdrom1')).code, 0)
  assert.deepEqual(await media(), [{ image: 'disc' }, { image: null }])
})
