/** What a built Debian consists of: packages, settings, and the script that finishes it within its own root. */

import type { Distribution } from './mirrors.ts'

/** Without these nobody reaches a machine of it, or it does not boot. */
const always = [
  'cloud-init',
  'cloud-guest-utils',
  'qemu-guest-agent',
  'openssh-server',
  'linux-image-cloud-amd64',
  'initramfs-tools',
  'zstd',
  'systemd-sysv',
  'systemd-resolved',
  'systemd-timesyncd',
  'libpam-systemd',
  'dbus',
  'locales',
  'udev',
  'netplan.io',
  'e2fsprogs',
  'fdisk',
  'gdisk',
  'sudo',
  'ca-certificates',
  'grub2-common',
  'grub-pc-bin',
  'grub-efi-amd64-bin',
  'grub-efi-amd64-signed',
  'shim-signed',
  'procps',
  'iproute2',
  'iputils-ping',
  'less',
  'nano',
]

export const packagesFor = (wished: readonly string[]): readonly string[] => [
  ...new Set([...always, ...wished]),
]

export type Marks = {
  /** UUID of the root's file system. */
  readonly root: string
  /** Serial number of the EFI part: eight hexadecimal digits. */
  readonly efi: string
}

const kernelLine = 'console=tty0 console=ttyS0,115200'

const grubConfig = ({ root }: Marks) => `# Made with the image; update-grub writes it anew.
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
insmod part_gpt
insmod ext2
insmod gzio
search --no-floppy --fs-uuid --set=root ${root}
set timeout=0
set default=0
menuentry 'Debian' {
  linux /vmlinuz root=UUID=${root} ro ${kernelLine}
  initrd /initrd.img
}
`

const grubDefaults = `GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX="${kernelLine}"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
`

const efiConfig = ({ root }: Marks) => `search.fs_uuid ${root} root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
`

/** Without KVM an RSA key alone takes half a minute; no program that is still looked after needs one. */
const cloudConfig = `# Made with the image.
datasource_list: [NoCloud, ConfigDrive, None]
apt:
  preserve_sources_list: true
locale: C.UTF-8
ssh_genkeytypes: [ed25519, ecdsa]
growpart:
  mode: auto
  devices: ['/']
`

/** A network without DHCP holds up a boot, but not for two minutes. */
const onlineFolder = 'etc/systemd/system/systemd-networkd-wait-online.service.d'
const onlineConfig = `[Service]
ExecStart=
ExecStart=/lib/systemd/systemd-networkd-wait-online --timeout=30
`

const fileTable = ({ root, efi }: Marks) => `UUID=${root} / ext4 errors=remount-ro,discard 0 1
UUID=${efi.slice(0, 4)}-${efi.slice(4)} /boot/efi vfat umask=0077,nofail 0 2
`

/** Files of the root, as they lie beside the script; their names there and in the root. */
export const filesFor = (marks: Marks): readonly { name: string; path: string; text: string }[] => [
  { name: 'grub.cfg', path: 'boot/grub/grub.cfg', text: grubConfig(marks) },
  { name: 'grub-default', path: 'etc/default/grub', text: grubDefaults },
  { name: 'fstab', path: 'etc/fstab', text: fileTable(marks) },
  { name: 'cloud.cfg', path: 'etc/cloud/cloud.cfg.d/90_image.cfg', text: cloudConfig },
  { name: 'online.conf', path: `${onlineFolder}/timeout.conf`, text: onlineConfig },
  { name: 'hostname', path: 'etc/hostname', text: 'debian\n' },
  { name: 'hosts', path: 'etc/hosts', text: '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' },
]

/** What goes onto the EFI part, besides `grub.cfg` for the signed GRUB. */
export const efiGrub = (marks: Marks) => efiConfig(marks)

/** Modules that GRUB needs to find its others. */
const coreModules = 'biosdisk part_gpt ext2'

/**
 * Run by mmdebstrap as `finish ROOT` in the jail, once everything is installed. Nothing that people say stands in it.
 * An empty machine-id, no keys and no seed: each machine makes its own (I-32).
 */
export const finishScript = (marks: Marks) => `#!/bin/sh
set -eu
root="$1"
cp -n "$root"/var/cache/apt/archives/*.deb /packages/ 2>/dev/null || true
mkdir -p "$root/boot/grub/i386-pc" "$root/boot/efi" "$root/etc/cloud/cloud.cfg.d" "$root/${onlineFolder}" /work/efi
${filesFor(marks)
  .map(({ name, path }) => `cp /work/files/${name} "$root/${path}"`)
  .join('\n')}
cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$root/boot/grub/i386-pc/"
chroot "$root" grub-mkimage -O i386-pc -o /boot/grub/i386-pc/core.img -p '(,gpt1)/boot/grub' ${coreModules}
cp "$root/usr/lib/grub/i386-pc/boot.img" "$root/boot/grub/i386-pc/core.img" /work/
cp "$root/usr/lib/shim/shimx64.efi.signed" /work/efi/bootx64.efi
cp "$root/usr/lib/shim/mmx64.efi.signed" /work/efi/mmx64.efi 2>/dev/null || cp "$root/usr/lib/shim/mmx64.efi" /work/efi/mmx64.efi
cp "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" /work/efi/grubx64.efi
chroot "$root" systemctl enable systemd-networkd.service systemd-resolved.service ssh.service
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
rm -f "$root"/etc/ssh/ssh_host_*_key* "$root/var/lib/systemd/random-seed" "$root/var/lib/dbus/machine-id"
rm -rf "$root"/var/lib/cloud/* "$root"/var/log/apt/* "$root"/var/log/*.log
: > "$root/etc/machine-id"
`

/** Lays the packages that are kept beside those that apt would fetch. */
export const beginScript = `#!/bin/sh
set -eu
mkdir -p "$1/var/cache/apt/archives/partial"
cp /packages/*.deb "$1/var/cache/apt/archives/" 2>/dev/null || true
`

/** Who signs in to it by the name that cloud-init gives its first user. */
export const defaultUserOf: Readonly<Record<Distribution, string>> = {
  'debian-12': 'debian',
  'debian-13': 'debian',
}
