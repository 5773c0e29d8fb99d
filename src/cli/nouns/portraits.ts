/** The status of kinds that people live with, told better than field by field. */

import { isObject } from '#base/json.ts'
import type { Thing } from '#client/answers.ts'
import type { Context } from '../command.ts'
import { ageText, nothing, valueText } from '../describe.ts'
import type { Entry } from '../table.ts'
import { oneLine } from '../width.ts'
import { insideEntries } from './machine-sheet.ts'

const webPorts = new Set([80, 8080, 3000, 8000])

/** Where a forwarded port answers, as an address to click where it is one. */
export function forwardText(forward: Record<string, unknown>): string {
  const port = Number(forward.guestPort)
  const address = oneLine(String(forward.address === '0.0.0.0' ? 'localhost' : forward.address))
  const place = `${address}:${Number(forward.hostPort)}`
  if (forward.protocol === 'udp') return `udp ${place}`
  if (webPorts.has(port)) return `http://${place}/`
  if (port === 443 || port === 8443) return `https://${place}/`
  return port === 22 ? `ssh -p ${Number(forward.hostPort)} ${address}` : place
}

export const forwardsOf = (thing: Thing): Record<string, unknown>[] =>
  Array.isArray(thing.status.forwards) ? thing.status.forwards.filter(isObject) : []

function machinePortrait(thing: Thing, context: Context): Entry[] {
  const { paper, world, options } = context
  const { status } = thing
  const nowMs = world.nowMs()
  const guest = isObject(status.guest) ? status.guest : undefined
  const isLive = ['running', 'paused', 'starting', 'stopping'].includes(String(status.state))
  const project = thing.project === 'default' ? '' : ` --project ${thing.project}`
  const addresses = forwardsOf(thing).map((forward) => {
    const facts = { port: Number(forward.guestPort), protocol: oneLine(String(forward.protocol)) }
    return `${paper.paint('underline', forwardText(forward))}  ${paper.text('address-line', facts)}`
  })
  const proof = guest !== undefined && isObject(guest.proof) ? guest.proof : undefined
  const said = proof && { word: oneLine(String(proof.word)), time: ageText(Number(proof.seenAtMs), nowMs) }
  const ko = options.language === 'ko'
  const entries: Entry[] = [
    [ko ? '호스트' : 'Host', typeof status.host === 'string' ? oneLine(status.host) : nothing],
    [ko ? '경과' : 'Since', ageText(Number(status.sinceMs), nowMs)],
    [ko ? '프로세스' : 'Process', valueText(guest?.pid, undefined, paper, nowMs)],
    [ko ? '가속' : 'Accelerator', valueText(guest?.accelerator, undefined, paper, nowMs)],
    [paper.text('address'), addresses.join('\n') || nothing],
    [paper.text('attach'), isLive ? `decant console ${oneLine(thing.name)}${oneLine(project)}` : nothing],
    [paper.text('proof'), said === undefined ? nothing : paper.text('proof-line', said)],
    [paper.text('restart-required'), valueText(status.restartRequired, undefined, paper, nowMs)],
    ...insideEntries(thing, context),
    [ko ? '부팅 디스크' : 'Boot disk', valueText(status.bootVolume, undefined, paper, nowMs)],
  ]
  return entries.filter(([, value]) => value !== nothing)
}

export const portraits: Readonly<Record<string, (thing: Thing, context: Context) => Entry[]>> = {
  machine: machinePortrait,
}
