/** The lines that lead out of a guest: monitor, serial line, screen, guest agent. */

import { device, isMicrovm, socketChardev, type Part, type Start } from './part.ts'

export const monitor = (): Part => [...socketChardev('qmp'), '-mon', 'chardev=qmp,mode=control']

export const serial = (): Part => [...socketChardev('serial'), '-serial', 'chardev:serial']

/** A screen where the machine can have one; seen only through a socket in the run folder. */
export function display(start: Start): Part {
  if (isMicrovm(start)) return ['-display', 'none']
  const screen =
    start.architecture === 'aarch64'
      ? device({ driver: 'virtio-gpu-pci', id: 'screen', bus: 'pcie.0', addr: '0x1' })
      : device({ driver: 'VGA', id: 'screen', bus: 'pcie.0', addr: '0x1' })
  return [...screen, '-display', 'none', '-vnc', 'unix:vnc.sock']
}

/** The port on which an agent inside the guest may answer. */
export function guestChannel(start: Start): Part {
  const hub = isMicrovm(start)
    ? device({ driver: 'virtio-serial-device', id: 'channels' })
    : device({ driver: 'virtio-serial-pci', id: 'channels', bus: 'pcie.0', addr: '0x4' })
  const port = { driver: 'virtserialport', id: 'agent', bus: 'channels.0', chardev: 'agent' }
  return [...socketChardev('agent'), ...hub, ...device({ ...port, name: 'org.qemu.guest_agent.0' })]
}
