/** The lines that lead out of a guest: monitor, serial line, screen, guest agent. */

import { device, place, socketChardev, virtio, type Part, type Start } from './part.ts'

export const monitor = (): Part => [...socketChardev('qmp'), '-mon', 'chardev=qmp,mode=control']

export const serial = (): Part => [...socketChardev('serial'), '-serial', 'chardev:serial']

export const hasScreen = ({ body }: Pick<Start, 'body'>) =>
  body.spec.machineType !== 'microvm' && body.spec.shape.screen !== 'none'

/** A screen where the machine can have one; seen only through a socket in the run folder. */
export function display(start: Start): Part {
  if (!hasScreen(start)) return ['-display', 'none']
  return [
    ...device({ ...screenOf(start), id: 'screen', ...place(1) }),
    '-display',
    'none',
    '-vnc',
    'unix:vnc.sock',
  ]
}

function screenOf({ architecture, body }: Start) {
  const { screen, screens } = body.spec.shape
  const outputs = screens > 1 ? { max_outputs: screens } : {}
  if (architecture === 'aarch64') return { driver: 'virtio-gpu-pci', ...outputs }
  return screen === 'virtio' ? { driver: 'virtio-vga', ...outputs } : { driver: 'VGA' }
}

/** The port on which an agent inside the guest may answer. */
export function guestChannel(start: Start): Part {
  if (!start.body.spec.shape.hasGuestAgent) return []
  const hub = virtio(start, 'virtio-serial', place(4), { id: 'channels' })
  const port = { driver: 'virtserialport', id: 'agent', bus: 'channels.0', chardev: 'agent' }
  return [...socketChardev('agent'), ...hub, ...device({ ...port, name: 'org.qemu.guest_agent.0' })]
}
