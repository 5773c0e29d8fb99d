/** Switches of the kernel that networks need: each noted as it was before it is turned, and turned back at the end. */

import type { HostNetworks } from '#kinds/network/parts.ts'
import type { Made } from './made.ts'
import { readSwitch, writeSwitch, type Tools } from './tools.ts'

const bridgeRules = 'net/bridge/bridge-nf-call-iptables'
const forwards4 = 'net/ipv4/ip_forward'
const forwards6 = 'net/ipv6/conf/all/forwarding'

/** Whether the kernel can do so at all; loads nothing. */
export async function hasBridgeRules(tools: Tools): Promise<boolean> {
  if ((await readSwitch(tools, bridgeRules)) !== undefined) return true
  return (await tools.run('modprobe', ['--dry-run', 'br_netfilter'])).status === 0
}

/** Whether the kernel hands bridged packets over to the rules; loads what is missing for it. */
export async function ensureBridgeRules(tools: Tools): Promise<boolean> {
  if ((await readSwitch(tools, bridgeRules)) !== undefined) return true
  await tools.run('modprobe', ['br_netfilter'])
  if ((await readSwitch(tools, bridgeRules)) === undefined) return false
  // Loaded, it watches every bridge of the host: leave those of others as they were. Ours ask for it themselves.
  for (const name of ['iptables', 'ip6tables', 'arptables'])
    await writeSwitch(tools, `net/bridge/bridge-nf-call-${name}`, '0')
  return true
}

/** Turns on what this world needs. What was turned on before stays until `switchBack`. */
export async function turnSwitches(tools: Tools, made: Made, world: HostNetworks): Promise<void> {
  const isUsed = (which: 'gateway4' | 'gateway6') =>
    world.bridges.some((bridge) => bridge[which] !== null && bridge.leaves)
  if (isUsed('gateway4') || world.forwards.length > 0) await turn(tools, made, forwards4, '1')
  if (isUsed('gateway6')) await forward6(tools, made)
  const local = world.forwards.some(({ address }) => address?.startsWith('127.') === true)
  for (const { interface: name, gateway4 } of world.bridges) {
    // Ours alone: it goes with the bridge, and needs no note.
    if (local && gateway4 !== null) await writeSwitch(tools, `net/ipv4/conf/${name}/route_localnet`, '1')
  }
}

/**
 * A host that forwards stops believing router advertisements, and so loses its own IPv6, unless its interfaces are
 * told to go on (kernel.org, ip-sysctl: accept_ra 2).
 */
async function forward6(tools: Tools, made: Made) {
  if ((await readSwitch(tools, forwards6)) === '1') return
  const { output } = await tools.run('ls', ['/proc/sys/net/ipv6/conf'])
  for (const name of output.split('\n').filter((each) => /^[A-Za-z0-9_.-]{1,15}$/.test(each))) {
    if (['all', 'default', 'lo'].includes(name) || name.startsWith('dc')) continue
    const path = `net/ipv6/conf/${name}/accept_ra`
    if ((await readSwitch(tools, path)) === '1') await turn(tools, made, path, '2')
  }
  await turn(tools, made, forwards6, '1')
}

async function turn(tools: Tools, made: Made, path: string, value: string) {
  const before = await readSwitch(tools, path)
  if (before === undefined || before === value) return
  made.willSwitch(path, before)
  await writeSwitch(tools, path, value)
}

export async function switchBack(tools: Tools, made: Made): Promise<void> {
  // Forwarding first: while it is on, an interface needs what was turned for its sake.
  const paths = Object.keys(made.switches).toSorted(
    (a, b) => Number(b === forwards6) - Number(a === forwards6),
  )
  for (const path of paths) {
    const before = made.switches[path]
    if (before !== undefined && (await readSwitch(tools, path)) !== undefined)
      await writeSwitch(tools, path, before)
    made.switchedBack(path)
  }
}
