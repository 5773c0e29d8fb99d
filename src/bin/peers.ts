/**
 * Whose a connection is that comes from this very machine, and the refusal of those that guests make (I-44).
 *
 * QEMU's user-mode network lets a guest reach what listens on its host's loopback addresses (qemu.org,
 * system/devices/net: 10.0.2.2 is the host), and so this API. Each guest has a uid of its own where Decant
 * runs as root, and the kernel tells the uid of each socket of this machine: /proc/net/tcp and tcp6 (proc(5)).
 */

import { readFile } from 'node:fs/promises'
import { isIPv4, type Socket } from 'node:net'
import { endianness, networkInterfaces } from 'node:os'

export type Peer = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>

/** Reads one of the kernel's tables of sockets; gives nothing where there is none. */
export type ReadTable = (file: string) => Promise<string>

const fromKernel: ReadTable = (file) => readFile(file, 'latin1').catch(() => '')

/** Walking a table takes milliseconds, so one reading serves all who asked before it began. */
class Table {
  readonly #read: () => Promise<string>
  #reading: Promise<string> | undefined
  #next: Promise<string> | undefined

  constructor(read: () => Promise<string>) {
    this.#read = read
  }

  /** The table as it is from now on. */
  fresh(): Promise<string> {
    if (this.#reading === undefined) return this.#begin()
    this.#next ??= this.#reading.then(() => this.#begin())
    return this.#next
  }

  #begin(): Promise<string> {
    this.#next = undefined
    const reading = this.#read().finally(() => {
      if (this.#reading === reading) this.#reading = undefined
    })
    this.#reading = reading
    return reading
  }
}

const mapped = '0000000000000000FFFF0000'

const plain = (address = '') => address.replace(/^::ffff:(?=\d+\.)/i, '')

/** The eight 16-bit groups of an IPv6 address, `::` filled up. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const read = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  if (tail === undefined) return read(head)
  const missing = 8 - read(head).length - read(tail).length
  return [...read(head), ...Array.from({ length: missing }, () => 0), ...read(tail)]
}

/** An address as the kernel's tables write it: 32-bit words as they lie in memory. */
function hexOf(address: string): string {
  const bytes = isIPv4(address)
    ? Buffer.from(address.split('.').map(Number))
    : Buffer.from(groupsOf(address).flatMap((group) => [group >> 8, group & 255]))
  return (endianness() === 'LE' ? bytes.swap32() : bytes).toString('hex').toUpperCase()
}

const placeOf = (address: string | undefined, port = 0) =>
  `${hexOf(plain(address))}:${port.toString(16).toUpperCase().padStart(4, '0')}`

/** IPv4 addresses in the table of IPv6 sockets are written as what they are. */
const unmapped = (place = '') => (place.startsWith(mapped) ? place.slice(mapped.length) : place)

/** The uid of the process at the other end; nothing when no open socket of this machine is there. */
export function uidOf(peer: Peer, table: string): number | undefined {
  const there = placeOf(peer.remoteAddress, peer.remotePort)
  const here = placeOf(peer.localAddress, peer.localPort)
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/ +/)
    // A socket that nobody holds any more has no inode, and root for its owner.
    if (unmapped(fields[1]) === there && unmapped(fields[2]) === here && fields[9] !== '0')
      return Number(fields[7])
  }
  return undefined
}

function isThisMachine(address: string): boolean {
  if (address.startsWith('127.') || address === '::1') return true
  return Object.values(networkInterfaces()).some((all) => all?.some((own) => own.address === address))
}

/**
 * Judges connections: those from this machine must be those of a process that still holds its end, and that is
 * no guest. Those from elsewhere pass: they are no guest's of this host.
 */
export class Peers {
  readonly #isGuest: (uid: number) => boolean
  readonly #tcp: Table
  readonly #tcp6: Table
  readonly #verdicts = new WeakMap<Peer, Promise<boolean>>()

  constructor(isGuest: (uid: number) => boolean, read = fromKernel) {
    this.#isGuest = isGuest
    this.#tcp = new Table(() => read('/proc/net/tcp'))
    this.#tcp6 = new Table(() => read('/proc/net/tcp6'))
  }

  /** Whether a connection may speak; asked again, the same answer. */
  readonly isWelcome = (peer: Peer): Promise<boolean> => {
    const known = this.#verdicts.get(peer) ?? this.#judged(peer)
    this.#verdicts.set(peer, known)
    return known
  }

  async #judged(peer: Peer): Promise<boolean> {
    const address = plain(peer.remoteAddress)
    if (address === '') return false
    if (!isThisMachine(address)) return true
    // An IPv4 address may belong to an IPv6 socket. The kernel walks its tables while they change: one that was
    // passed over is found the second time.
    const tables = isIPv4(address) ? [this.#tcp, this.#tcp6] : [this.#tcp6]
    for (const table of [...tables, ...tables]) {
      const text = await table.fresh()
      // Without the kernel's word, as on another system, nobody is shut out.
      if (text === '' && table === tables[0]) return true
      const uid = uidOf(peer, text)
      if (uid !== undefined) return !this.#isGuest(uid)
    }
    return false
  }
}
