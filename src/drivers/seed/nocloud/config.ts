/** A machine's first boot in cloud-init's words (cloudinit.readthedocs.io: modules, network-config version 2). */

import type { JsonObject } from '#base/json.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { FirstBoot } from '#kinds/machine/first-boot.ts'

/** A crypt(5) hash as cloud-init takes it; anything else is a password in plain words. */
const isHash = (password: string) => /^\$(1|2[ab]|5|6|y|7|gy)\$/.test(password)

/** What the fields wish for; nothing when they wish for nothing. */
export function cloudConfigOf(wish: FirstBoot): JsonObject | undefined {
  const config: JsonObject = {
    ...(wish.sshKeys.length === 0 ? {} : { ssh_authorized_keys: [...wish.sshKeys] }),
    ...passwordOf(wish),
    ...(wish.users.length === 0 ? {} : { users: ['default', ...wish.users.map(userOf)] }),
    ...(wish.packages.length === 0 ? {} : { package_update: true, packages: [...wish.packages] }),
    ...(wish.files.length === 0 ? {} : { write_files: wish.files.map(fileOf) }),
    ...(wish.commands.length === 0 ? {} : { runcmd: [...wish.commands] }),
    ...(wish.timezone === null ? {} : { timezone: wish.timezone }),
  }
  return Object.keys(config).length === 0 ? undefined : config
}

function passwordOf({ password, users }: FirstBoot): JsonObject {
  const hasPassword = password !== null || users.some((user) => user.password !== null)
  return {
    ...(password === null ? {} : { password, chpasswd: { expire: false } }),
    ...(hasPassword ? { ssh_pwauth: true } : {}),
  }
}

function userOf({ name, sshKeys, password, isAdmin }: FirstBoot['users'][number]): JsonObject {
  const secret =
    password === null ? {} : isHash(password) ? { passwd: password } : { plain_text_passwd: password }
  return {
    name,
    shell: '/bin/bash',
    lock_passwd: password === null,
    ...(sshKeys.length === 0 ? {} : { ssh_authorized_keys: [...sshKeys] }),
    ...(isAdmin ? { groups: ['sudo'], sudo: 'ALL=(ALL) NOPASSWD:ALL' } : {}),
    ...secret,
  }
}

/** As base64, so that no byte is taken for YAML. */
const fileOf = ({ path, content, mode }: FirstBoot['files'][number]): JsonObject => ({
  path,
  encoding: 'b64',
  content: Buffer.from(content, 'utf8').toString('base64'),
  permissions: mode.padStart(4, '0'),
})

/** The instance's id tells cloud-init whether this is a first boot. */
export const metaDataOf = ({ machine, machineName, instance, firstBoot }: GuestSpec): JsonObject => ({
  'instance-id': instance === '' ? machine : instance,
  'local-hostname': firstBoot?.hostname ?? machineName,
})

/** Every NIC by its address; what it is given is told by the network's DHCP. */
export const networkConfigOf = ({ nics }: GuestSpec): JsonObject => ({
  version: 2,
  ethernets: Object.fromEntries(
    nics.map(({ id, mac, address6, mtu }, at) => [
      id,
      {
        match: { macaddress: mac },
        dhcp4: true,
        ...(address6 === null ? {} : { dhcp6: true }),
        // A NIC that nobody answers must not hold up the boot; but where all are optional, systemd 252 waits for two
        // minutes for any of them (systemd-networkd-wait-online).
        ...(at === 0 ? {} : { optional: true }),
        ...(mtu === 1500 ? {} : { mtu }),
      },
    ]),
  ),
})

/**
 * A disk that was another machine's has its machine-id, which cloud-init leaves alone; ssh keys and host name it renews by
 * itself (cloudinit.readthedocs.io, `bootcmd`, `cloud-init-per`; /var/lib/cloud/data/previous-instance-id).
 */
export const identityConfig: JsonObject = {
  bootcmd: [
    [
      'cloud-init-per',
      'instance',
      'decant-machine-id',
      'sh',
      '-c',
      [
        'before=$(cat /var/lib/cloud/data/previous-instance-id 2>/dev/null)',
        'case "$before" in ""|NO_PREVIOUS_INSTANCE_ID) exit 0;; esac',
        'command -v systemd-machine-id-setup >/dev/null || exit 0',
        'rm -f /etc/machine-id /var/lib/dbus/machine-id',
        'systemd-machine-id-setup',
      ].join('\n'),
    ],
  ],
}
