/**
 * Counters of a guest's NICs that end in a tap of the host; in user mode nobody counts. Which tap is whose, QEMU
 * tells in `info network`: by its name, or by the descriptor that it was handed.
 */

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { limits } from '#model/limits.ts'
import type { NicReading } from '#model/readings.ts'
import type { Qmp } from './qmp/client.ts'

const answerMs = 2_000
// `net0: index=0,type=tap,ifname=dc1,script=no,…` or `…type=tap,fd=27`; a NIC comes before its backend.
const tapLine = /^[\s\\]*(net\d{1,2}): index=\d+,type=tap,(?:.*?\b)?(?:ifname=([^,\s]{1,15})|fd=(\d{1,7}))/gm
const interfaceName = /^[\w.@-]{1,15}$/

export class NicCounters {
  #process = 0
  #interfaces: ReadonlyMap<string, string> = new Map()

  /** `isDue`: plugs may have come and gone since the last look. */
  async read(pid: number, qmp: Qmp, isDue: boolean): Promise<Record<string, NicReading>> {
    if (isDue || pid !== this.#process) {
      this.#process = pid
      const asked = qmp.ask('human-monitor-command', { 'command-line': 'info network' }, answerMs)
      const text = await asked.catch(() => undefined)
      if (text !== undefined) this.#interfaces = interfacesIn(String(text), pid)
    }
    const readings = [...this.#interfaces].slice(0, limits.nicsPerMachine).map(async ([id, name]) => {
      const reading = await tapReading(name)
      return reading === undefined ? [] : [[id, reading] as const]
    })
    return Object.fromEntries((await Promise.all(readings)).flat())
  }
}

/** Names of the taps by the NIC that they serve. */
export function interfacesIn(text: string, pid: number): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, id = '', name, descriptor] of text.matchAll(tapLine)) {
    const known = name ?? (descriptor === undefined ? undefined : tapOf(pid, descriptor))
    if (known !== undefined && interfaceName.test(known) && !known.startsWith('.')) found.set(id, known)
  }
  return found
}

/** The tap behind a descriptor of a process: the kernel says `iff:` of it (proc(5), fdinfo). */
function tapOf(pid: number, descriptor: string): string | undefined {
  try {
    return /^iff:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

/** What the host sends into a tap, the guest receives. */
async function tapReading(name: string): Promise<NicReading | undefined> {
  const folder = `/sys/class/net/${name}/statistics`
  const count = async (file: string) => Number(await readFile(`${folder}/${file}`, 'utf8'))
  try {
    const [receivedBytes = 0, sentBytes = 0, receivedPackets = 0, sentPackets = 0, lost = 0, refused = 0] =
      await Promise.all(
        ['tx_bytes', 'rx_bytes', 'tx_packets', 'rx_packets', 'tx_dropped', 'rx_dropped'].map(count),
      )
    return { receivedBytes, sentBytes, receivedPackets, sentPackets, dropped: lost + refused }
  } catch {
    return undefined
  }
}
