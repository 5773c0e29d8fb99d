/** What is in the starter guest: its first program, its start-up, its web page. Plain text, all of it. */

import type { Module } from './modules.ts'

export type Console = { readonly tty: string; readonly speed: number }

/** `panic=-1` would hide a panic: the host learns of it from the pvpanic device instead. */
export const commandLineFor = ({ tty }: Console) => `console=tty0 console=${tty} quiet`

const load = (modules: readonly Module[]) =>
  modules.map(({ name }) => `$b insmod /modules/${name}.ko`).join('\n')

export type Groups = Readonly<Record<'first' | 'disk' | 'later', readonly Module[]>>

/** The first program: proof of life, modules, the root disk. */
export const firstInit = ({ first, disk, later }: Groups) => `#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
$b mount -t tmpfs -o mode=0755 run /run
${load(first)}
word=/sys/firmware/qemu_fw_cfg/by_name/opt/decant/word/raw
if [ -r $word ]; then
  $b mkdir -p /run/decant
  $b head -c 64 $word > /run/decant/word
  $b echo "decant-proof: $($b cat /run/decant/word)"
fi
name=/sys/firmware/qemu_fw_cfg/by_name/opt/decant/name/raw
if [ -r $name ]; then $b head -c 63 $name > /run/decant/name; fi
blocks=/sys/devices/system/memory/auto_online_blocks
if [ -w $blocks ]; then $b echo online_movable > $blocks; fi
${load(disk)}
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 200 ]; do $b usleep 50000; tries=$((tries + 1)); done
${load(later)}
if ! $b mount -t ext4 -o noatime /dev/vda /root; then
  $b echo 'The root disk cannot be mounted; this is a shell without it.'
  exec $b sh
fi
for folder in proc sys dev run; do $b mount --move /$folder /root/$folder; done
exec $b switch_root /root /sbin/init
`

const startUp = `#!/bin/sh
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
if [ -s /run/decant/name ]; then hostname -F /run/decant/name; else hostname -F /etc/hostname; fi
ip link set lo up
acpid
/etc/uevent
httpd -h /srv/www
if [ -e /sys/class/net/eth0 ]; then
  ip link set eth0 up
  udhcpc -i eth0 -b -S -t 5 -T 1 -A 5 -s /etc/udhcpc.script >/dev/null 2>&1
fi
if wget -q -O /dev/null http://127.0.0.1/; then echo 'decant-ready: http' > /dev/console; fi
`

/** CPUs that were plugged in while it runs are not used before somebody says so (kernel: cpu_hotplug). */
const plugged = `#!/bin/sh
case "\${SUBSYSTEM:-cpu}" in
  cpu)
    for switch in /sys/devices/system/cpu/cpu[0-9]*/online; do
      if [ "$(cat $switch 2>/dev/null)" = 0 ]; then echo 1 > $switch; fi
    done
    ;;
esac
`

/** Whoever still holds a file open would keep the disk from being laid down clean. */
const ending = `#!/bin/sh
sync
kill -TERM -1
usleep 200000
kill -KILL -1
umount -a -r 2>/dev/null
sync
`

const lease = `#!/bin/sh
case "$1" in
  deconfig) ip addr flush dev "$interface" ;;
  bound|renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/\${mask:-24}" dev "$interface"
    if [ -n "$hostname" ]; then hostname "$hostname"; fi
    for gateway in $router; do ip route replace default via "$gateway"; break; done
    for server in $dns; do echo "nameserver $server"; done > /etc/resolv.conf
    ;;
esac
`

const inittab = ({ tty, speed }: Console) => `::sysinit:/etc/init.d/start
${tty}::respawn:/sbin/getty -L ${speed} ${tty} vt100
tty1::respawn:/sbin/getty 38400 tty1 linux
::respawn:/sbin/uevent /etc/uevent
::ctrlaltdel:/sbin/reboot
::shutdown:/etc/init.d/stop
`

const page = `#!/bin/sh
host=$(hostname)
up=$(cut -d. -f1 /proc/uptime)
word=$(cat /run/decant/word 2>/dev/null)
printf 'Content-Type: text/html; charset=utf-8\\r\\n\\r\\n'
cat <<END
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$host</title>
<style>
  body { font: 18px/1.6 system-ui, sans-serif; max-width: 34em; margin: 12vh auto; padding: 0 1em; color: #223 }
  code { background: #eef2f6; padding: .1em .4em; border-radius: .3em }
  @media (prefers-color-scheme: dark) { body { background: #12161b; color: #dde } code { background: #232a33 } }
</style>
<h1>Hello from $host</h1>
<p>This page comes from a real machine that Decant runs: Linux $(uname -r), up for $up seconds.
<p>Its proof of life is the word <code>$word</code>: the host handed it in, the guest printed it on its serial line.
</html>
END
`

const issue = `
Decant starter machine \\n
Sign in as root; there is no password. This line is reached through Decant only.

`

const greeting = `
A small Linux: Debian's kernel and busybox. What you change on this disk stays.
The web page is /srv/www/cgi-bin/index.cgi; \`poweroff\` and \`reboot\` work.

`

export type GuestFile = { readonly path: string; readonly mode: number; readonly text: string }

const text = (path: string, content: string): GuestFile => ({ path, mode: 0o644, text: content })
const script = (path: string, content: string): GuestFile => ({ path, mode: 0o755, text: content })

export const guestFolders = `bin sbin dev etc etc/acpi etc/acpi/PWRF etc/init.d home mnt proc root run
  srv srv/www srv/www/cgi-bin sys tmp usr usr/bin usr/sbin var var/log`.split(/\s+/)

export const guestFiles = (console: Console): readonly GuestFile[] => [
  script('etc/init.d/start', startUp),
  script('etc/init.d/stop', ending),
  script('etc/udhcpc.script', lease),
  script('etc/uevent', plugged),
  script('etc/acpi/PWRF/00000080', '#!/bin/sh\nexec /sbin/poweroff\n'),
  script('srv/www/cgi-bin/index.cgi', page),
  text('etc/inittab', inittab(console)),
  text('etc/hostname', 'hello\n'),
  text('etc/hosts', '127.0.0.1 localhost hello\n'),
  text('etc/passwd', 'root::0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
  text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
  text('etc/profile', 'export PATH=/bin:/sbin:/usr/bin:/usr/sbin\nexport PS1="root@\\\\h:\\\\w# "\n'),
  text('etc/issue', issue),
  text('etc/motd', greeting),
  text('etc/resolv.conf', ''),
]
