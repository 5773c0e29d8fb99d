/** Seeds are what cloud-init reads: by the system's own readers of ISO 9660 where they are, and byte for byte the same. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { guest as guestKind, type GuestSpec } from '#kinds/guest/schema.ts'
import { FirstBoot } from '#kinds/machine/first-boot.ts'
import { cloudConfigOf, networkConfigOf } from './config.ts'
import { isoOf } from './iso9660.ts'
import { noCloudSeeds } from './nocloud.ts'
import { userDataOf } from './user-data.ts'

const specOf = (firstBoot: object | null): GuestSpec =>
  guestKind.spec.parse({
    machine: 'c7a5fdbd-cdaf-4455-926a-d65c16db1809',
    machineName: 'web',
    epoch: 1,
    power: 'on',
    boot: 1,
    forceAfterSeconds: 60,
    restart: 'never',
    cpus: 1,
    memoryMib: 128,
    machineType: 'q35',
    kernelImage: null,
    kernelDatastore: null,
    commandLine: '',
    disks: [],
    nics: [
      {
        id: 'net0',
        network: 'n',
        driver: 'bridge',
        mac: '52:54:00:00:00:01',
        isRestricted: false,
        address6: 'fd00::2',
        mtu: 1400,
        forwards: [],
      },
    ],
    machineSpec: {},
    firstBoot,
    instance: 'i-1',
  })

/** The files of an image: `[volume, names, content by name]`, read by what is written in its own tables. */
function filesIn(image: Buffer, isJoliet: boolean): Map<string, string> {
  const at = (isJoliet ? 17 : 16) * 2048
  const root = image.readUInt32LE(at + 158)
  const found = new Map<string, string>()
  for (let record = root * 2048; image[record] !== 0; record += image[record] ?? 255) {
    const name = image.subarray(record + 33, record + 33 + (image[record + 32] ?? 0))
    if (name.length === 1) continue
    const [start, length] = [image.readUInt32LE(record + 2) * 2048, image.readUInt32LE(record + 10)]
    const text = isJoliet ? Buffer.from(name).swap16().toString('utf16le') : name.toString('latin1')
    found.set(text, image.subarray(start, start + length).toString('utf8'))
  }
  return found
}

const built = (firstBoot: object) => {
  const bytes = noCloudSeeds.build(specOf(firstBoot))
  assert.ok(bytes !== null)
  return Buffer.from(bytes)
}

test('nothing is told to a guest that was not wished to be told', () => {
  assert.equal(noCloudSeeds.build(specOf(null)), null)
})

test('the four files are there by both kinds of names, the same bytes each time', () => {
  const image = built({ sshKeys: ['ssh-ed25519 AAAA me'] })
  assert.ok(image.equals(built({ sshKeys: ['ssh-ed25519 AAAA me'] })))
  for (const isJoliet of [false, true]) {
    const files = filesIn(image, isJoliet)
    assert.deepEqual([...files.keys()], ['meta-data', 'network-config', 'user-data', 'vendor-data'])
    assert.deepEqual(JSON.parse(files.get('meta-data') ?? ''), {
      'instance-id': 'i-1',
      'local-hostname': 'web',
    })
    assert.match(files.get('user-data') ?? '', /^#cloud-config\n\{/)
  }
  assert.equal(image.toString('latin1', 16 * 2048 + 40, 16 * 2048 + 46), 'cidata')
})

test('users, passwords, files and commands in the words of cloud-init', () => {
  const config = cloudConfigOf(
    FirstBoot.parse({
      password: 'plain',
      users: [
        { name: 'kim', sshKeys: ['k'], password: '$6$salt$hash' },
        { name: 'lee', isAdmin: false, password: 'word' },
      ],
      packages: ['nginx'],
      files: [{ path: '/etc/motd', content: '안녕\n', mode: '600' }],
      commands: ['echo hi'],
      timezone: 'Asia/Seoul',
    }),
  )
  assert.deepEqual(config, {
    password: 'plain',
    chpasswd: { expire: false },
    ssh_pwauth: true,
    users: [
      'default',
      {
        name: 'kim',
        shell: '/bin/bash',
        lock_passwd: false,
        ssh_authorized_keys: ['k'],
        groups: ['sudo'],
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
        passwd: '$6$salt$hash',
      },
      { name: 'lee', shell: '/bin/bash', lock_passwd: false, plain_text_passwd: 'word' },
    ],
    package_update: true,
    packages: ['nginx'],
    write_files: [{ path: '/etc/motd', encoding: 'b64', content: '7JWI64WVCg==', permissions: '0600' }],
    runcmd: ['echo hi'],
    timezone: 'Asia/Seoul',
  })
  assert.equal(cloudConfigOf(FirstBoot.parse({ hostname: 'other' })), undefined)
})

test("a person's own user data stays as it is, or comes first in one message with the fields", () => {
  assert.equal(userDataOf('#!/bin/sh\ntrue\n', undefined), '#!/bin/sh\ntrue\n')
  assert.equal(userDataOf(null, undefined), '#cloud-config\n')
  const both = userDataOf('#!/bin/sh\necho 안녕 --decant-first-boot--\n', { packages: ['a'] })
  const bodies = both.split('\n\n').slice(1)
  assert.match(both, /x-shellscript[^]*text\/cloud-config[^]*Merge-Type/)
  assert.equal(
    Buffer.from((bodies[1] ?? '').split('\n--')[0] ?? '', 'base64').toString('utf8'),
    '#!/bin/sh\necho 안녕 --decant-first-boot--\n',
  )
})

test('each NIC is known by its address', () => {
  assert.deepEqual(networkConfigOf(specOf(null)), {
    version: 2,
    ethernets: {
      net0: {
        match: { macaddress: '52:54:00:00:00:01' },
        dhcp4: true,
        dhcp6: true,
        mtu: 1400,
      },
    },
  })
})

const hasReader = spawnSync('xorriso', ['-version']).error === undefined

test(
  "another program's reader takes the image",
  { skip: hasReader ? false : 'xorriso is not installed' },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'decant-seed-'))
    try {
      const files = ['user-data', 'meta-data'].map((name, at) => ({
        name,
        bytes: Buffer.alloc(3000 * at, name),
      }))
      writeFileSync(join(folder, 'a.iso'), isoOf('cidata', files))
      const args = [
        '-indev',
        join(folder, 'a.iso'),
        '-osirrox',
        'on',
        '-extract',
        '/meta-data',
        join(folder, 'out'),
      ]
      const { status, stderr } = spawnSync('xorriso', args, { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      assert.match(stderr, /Volume id\s*: 'cidata'/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
