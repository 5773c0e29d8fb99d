/** The devices of a libvirt domain. */

import type { XmlElement } from '#base/xml.ts'
import { disksOf, type ForeignDisk } from './disks.ts'
import { nicsOf } from './nics.ts'
import type { Taking } from './taking.ts'

export type { ForeignDisk } from './disks.ts'

type Fields = Readonly<Record<string, unknown>>

/** What Decant always has, in its own way. */
const own: Readonly<Record<string, string>> = {
  emulator: "the host's QEMU runs it",
  controller: 'controllers come with the disks that need them',
  memballoon: 'every machine has a balloon',
  rng: 'every machine has a source of randomness',
  panic: 'every machine tells of a panic',
  serial: 'every machine has a serial line',
  console: 'the serial line is the console',
  input: 'keyboard and mouse come with the screen',
  audio: 'nothing is played on the host',
  hub: 'USB controllers come with their devices',
}

export function devicesOf(
  taking: Taking,
  devices: XmlElement | undefined,
): {
  readonly disks: readonly ForeignDisk[]
  readonly networks: readonly (string | null)[]
  readonly fields: Fields
} {
  for (const [name, why] of Object.entries(own))
    for (const each of taking.children(devices, name)) taking.leave(each, 'own', why)
  const nics = nicsOf(taking, devices)
  const shares = sharesOf(taking, devices)
  const hostDevices = hostDevicesOf(taking, devices)
  tpm(taking, devices)
  const disks = disksOf(taking, devices)
  const fields = {
    nics: nics.map(({ nic }) => nic),
    ...screenOf(taking, devices),
    ...watchdogOf(taking, devices),
    ...agentOf(taking, devices),
    ...(shares.length === 0 ? {} : { shares }),
    ...(hostDevices.length === 0 ? {} : { hostDevices }),
  }
  return { disks, networks: nics.map(({ network }) => network), fields }
}

function tpm(taking: Taking, devices: XmlElement | undefined) {
  for (const each of taking.children(devices, 'tpm')) {
    const backend = taking.attribute(taking.child(each, 'backend'), 'type')
    if (backend === 'passthrough') taking.leave(each, 'changed', 'it gets a virtual TPM of its own')
    else taking.leave(each, 'changed', 'it gets a new virtual TPM 2.0: keys sealed in the old one are lost')
  }
}

function screenOf(taking: Taking, devices: XmlElement | undefined): Fields {
  for (const each of taking.children(devices, 'graphics')) {
    const type = taking.attribute(each, 'type')
    if (type === 'vnc') taking.leave(each, 'own', 'the screen is reached through Decant')
    else taking.leave(each, 'changed', 'the screen is reached through Decant, as VNC')
  }
  const [video, ...more] = taking.children(devices, 'video')
  const element = taking.child(video, 'model')
  const model = taking.attribute(element, 'type')
  const heads = Number(taking.attribute(element, 'heads') ?? 1)
  for (const name of ['ram', 'vram', 'vgamem', 'primary'])
    taking.leaveAttribute(element, name, 'own', 'chosen by QEMU')
  for (const each of more) taking.leave(each, 'lost', 'there is one graphics adapter')
  if (model === 'none') return { screen: 'none' }
  if (model === 'virtio') return { screen: 'virtio', ...(heads > 1 ? { screens: Math.min(heads, 4) } : {}) }
  if (model !== undefined && model !== 'vga')
    taking.leaveAttribute(element, 'type', 'changed', 'it becomes a VGA adapter')
  return {}
}

function watchdogOf(taking: Taking, devices: XmlElement | undefined): Fields {
  const watchdog = taking.child(devices, 'watchdog')
  if (watchdog === undefined) return {}
  const action = taking.attribute(watchdog, 'action') ?? 'reset'
  taking.attribute(watchdog, 'model')
  const known: Readonly<Record<string, string>> = {
    reset: 'reset',
    poweroff: 'poweroff',
    shutdown: 'poweroff',
    pause: 'pause',
  }
  const wish = known[action]
  if (wish === undefined) taking.leaveAttribute(watchdog, 'action', 'changed', 'it resets the machine')
  return { watchdog: wish ?? 'reset' }
}

function agentOf(taking: Taking, devices: XmlElement | undefined): Fields {
  let hasGuestAgent = false
  for (const channel of taking.children(devices, 'channel')) {
    const name = taking.attribute(taking.child(channel, 'target'), 'name') ?? ''
    const isAgent = name === 'org.qemu.guest_agent.0'
    hasGuestAgent ||= isAgent
    if (isAgent) taking.leave(channel, 'own', 'every machine has the channel of the guest agent')
    else taking.leave(channel, 'lost', 'Decant has no such channel')
  }
  return { hasGuestAgent }
}

function sharesOf(taking: Taking, devices: XmlElement | undefined): Fields[] {
  return taking.children(devices, 'filesystem').flatMap((each) => {
    const folder = taking.attribute(taking.child(each, 'source'), 'dir') ?? ''
    const tag = taking.attribute(taking.child(each, 'target'), 'dir') ?? ''
    const driver = taking.child(each, 'driver')
    const isReadOnly = taking.children(each, 'readonly').length > 0
    if (!folder.startsWith('/') || !/^[a-z0-9][a-z0-9_-]{0,35}$/.test(tag)) {
      taking.leave(each, 'lost', 'only folders with a plain tag are shared')
      return []
    }
    if (taking.attribute(driver, 'type') !== 'virtiofs')
      taking.leaveAttribute(each, 'type', 'changed', 'it is shared by virtiofs')
    taking.leave(each, 'own', 'it is shared where the host allows the folder')
    return [{ tag, folder, isReadOnly }]
  })
}

function hostDevicesOf(taking: Taking, devices: XmlElement | undefined): Fields[] {
  return taking.children(devices, 'hostdev').flatMap((each) => {
    const source = taking.child(each, 'source')
    const hex = (element: XmlElement | undefined, name: string, digits: number) =>
      (taking.attribute(element, name) ?? '').replace(/^0x/, '').padStart(digits, '0').toLowerCase()
    const kind = taking.attribute(each, 'type')
    if (kind === 'pci') {
      const at = taking.child(source, 'address')
      const address = `${hex(at, 'domain', 4)}:${hex(at, 'bus', 2)}:${hex(at, 'slot', 2)}.${hex(at, 'function', 1)}`
      taking.leave(each, 'own', 'the device is the same only on the same host')
      return [{ bus: 'pci', address }]
    }
    const vendor = hex(taking.child(source, 'vendor'), 'id', 4)
    const product = hex(taking.child(source, 'product'), 'id', 4)
    const isUsb = kind === 'usb' && vendor !== '0000' && product !== '0000'
    taking.leave(
      each,
      isUsb ? 'own' : 'lost',
      isUsb
        ? 'the device is the same only on the same host'
        : 'only PCI and USB devices with vendor and product',
    )
    return isUsb ? [{ bus: 'usb', address: `${vendor}:${product}` }] : []
  })
}
