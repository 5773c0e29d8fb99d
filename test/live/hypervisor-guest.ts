/**
 * The smallest guest that can do what the contract asks: Debian's cloud kernel, busybox, one script. Built
 * once per version of the packages and kept in the folder for temporary files.
 */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'

export type GuestFiles = { readonly kernelFile: string; readonly initrdFile: string }

const modules = ['qemu_fw_cfg', 'pvpanic', 'pvpanic-mmio', 'button', 'evdev']
const blockModules = [
  'virtio_ring',
  'virtio',
  'virtio_pci_legacy_dev',
  'virtio_pci_modern_dev',
  'virtio_pci',
  'virtio_mmio',
  'virtio_blk',
]

/** What a guest needs besides to see parts come and go. */
const partModules = [
  'failover',
  'net_failover',
  'virtio_net',
  'virtio_balloon',
  'virtio_mem',
  'scsi_common',
  'scsi_mod',
  'virtio_scsi',
  'sd_mod',
  'cdrom',
  'sr_mod',
  'fuse',
  'virtiofs',
]

const initWith = (blocks: readonly string[]) => `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /sbin
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for each in ${modules.join(' ')}; do insmod /lib/$each.ko; done
acpid -l /dev/null -p /acpid.pid
echo "decant-proof: $(cat /sys/firmware/qemu_fw_cfg/by_name/opt/decant/word/raw)"
for each in ${blocks.join(' ')}; do insmod /lib/$each.ko; done
exec setsid cttyhack sh
`

export type GuestExtras = 'plain' | 'parts'

const modulesOf = { plain: blockModules, parts: [...blockModules, ...partModules] }

/** Kernel and first file system of the guest; built when they are not there yet. */
export function guestFiles(extras: GuestExtras = 'plain'): GuestFiles {
  const version = basename(
    /Depends: (linux-image-\S+)/.exec(said('apt-cache', ['depends', 'linux-image-cloud-amd64']))?.[1] ?? '',
  )
  const key = createHash('sha256')
    .update(version)
    .update(initWith(modulesOf[extras]))
    .digest('hex')
    .slice(0, 16)
  const kept = join(tmpdir(), `decant-test-guest-${key}`)
  if (!existsSync(kept)) build(kept, version, modulesOf[extras])
  return { kernelFile: join(kept, 'kernel'), initrdFile: join(kept, 'initrd') }
}

/** A module as an entry; none where the kernel has it built in. Debian 13 packs them, and busybox unpacks. */
function moduleEntry(tree: string, busybox: string, name: string): Entry[] {
  const [file] = globSync(join(tree, `{lib,usr/lib}/modules/*/kernel/**/${name}.ko{,.xz}`))
  if (file === undefined) return []
  const bytes = file.endsWith('.xz')
    ? execFileSync(busybox, ['xz', '-d', '-c', file], { maxBuffer: 64 << 20 })
    : readFileSync(file)
  return [{ name: `lib/${name}.ko`, mode: 0o100644, bytes }]
}

function build(kept: string, kernelPackage: string, blocks: readonly string[]) {
  const work = mkdtempSync(join(tmpdir(), 'decant-guest-build-'))
  execFileSync('apt-get', ['download', '-q', 'busybox-static', kernelPackage], { cwd: work, stdio: 'ignore' })
  for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
    execFileSync('dpkg-deb', ['-x', file, 'tree'], { cwd: work })
  const tree = join(work, 'tree')
  // Debian 13 has all programs under /usr.
  const busybox = ['bin/busybox', 'usr/bin/busybox'].map((path) => join(tree, path)).find(existsSync) ?? ''
  const files: Entry[] = [
    ...['bin', 'lib', 'etc', 'etc/acpi', 'etc/acpi/PWRF'].map((name) => ({
      name,
      mode: 0o40755,
      bytes: none,
    })),
    { name: 'init', mode: 0o100755, bytes: Buffer.from(initWith(blocks)) },
    { name: 'bin/busybox', mode: 0o100755, bytes: readFileSync(busybox) },
    { name: 'etc/acpi/PWRF/00000080', mode: 0o100755, bytes: Buffer.from('#!/bin/sh\npoweroff -f\n') },
    ...[...modules, ...blocks].flatMap((name) => moduleEntry(tree, busybox, name)),
  ]
  const made = join(work, 'made')
  mkdirSync(made)
  writeFileSync(join(made, 'initrd'), gzipSync(archive(files)))
  cpSync(globSync(join(tree, 'boot/vmlinuz-*'))[0] ?? '', join(made, 'kernel'))
  execFileSync('chmod', ['-R', 'a+rX', made])
  if (!existsSync(kept)) renameSync(made, kept)
  rmSync(work, { recursive: true })
}

const said = (tool: string, args: string[]) => execFileSync(tool, args, { encoding: 'utf8' })
const none = Buffer.alloc(0)

type Entry = { readonly name: string; readonly mode: number; readonly bytes: Buffer }

/** A cpio archive in the "newc" form that Linux takes (kernel.org, driver-api/early-userspace/buffer-format). */
function archive(entries: readonly Entry[]): Buffer {
  const all = [...entries, { name: 'TRAILER!!!', mode: 0, bytes: none }]
  return Buffer.concat(all.map((entry, n) => record(entry, n + 1)))
}

function record({ name, mode, bytes }: Entry, inode: number): Buffer {
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0]
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`
  return Buffer.concat([padded(Buffer.from(head)), padded(bytes)])
}

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
