/** Frames by hand, for guests that mean harm: Ethernet, ARP, IPv4 and IPv6 with UDP, ICMPv6, DHCP. */

const hex = (text: string) => Buffer.from(text.replaceAll(/[: ]/g, ''), 'hex')
const four = (address: string) => Buffer.from(address.split('.').map(Number))
const word = (value: number) => Buffer.from([value >> 8, value & 0xff])

export function six(address: string): Buffer {
  const [head = '', tail] = address.split('::')
  const words = (part: string | undefined) => (part === undefined || part === '' ? [] : part.split(':'))
  const [before, after] = [words(head), words(tail)]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  const all = tail === undefined ? before : [...before, ...zeros, ...after]
  return Buffer.concat(all.map((each) => word(Number.parseInt(each, 16))))
}

function sumOf(...parts: readonly Buffer[]): number {
  const bytes = Buffer.concat(parts)
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

export const everybody = 'ff:ff:ff:ff:ff:ff'

export const ether = (from: string, to: string, type: number, content: Buffer) =>
  Buffer.concat([hex(to), hex(from), word(type), content, Buffer.alloc(Math.max(0, 46 - content.length))])

/** `mac` and `address` are what the frame claims; `from` is the sender on the wire. */
export const arp = (claim: { from: string; mac: string; address: string; to: string; asks: string }) =>
  ether(
    claim.from,
    claim.to,
    0x0806,
    Buffer.concat([
      hex('0001 0800 06 04 0002'),
      hex(claim.mac),
      four(claim.address),
      hex(claim.to),
      four(claim.asks),
    ]),
  )

const udp = (from: number, to: number, content: Buffer, pseudo: Buffer) => {
  const head = Buffer.concat([word(from), word(to), word(8 + content.length), word(0)])
  head.writeUInt16BE(sumOf(pseudo, head, content, Buffer.alloc(content.length % 2)) || 0xffff, 6)
  return Buffer.concat([head, content])
}

type Datagram = {
  readonly mac: string
  readonly toMac: string
  readonly from: string
  readonly to: string
  readonly ports: readonly [number, number]
  readonly content: Buffer | string
}

export function udp4({ mac, toMac, from, to, ports, content }: Datagram): Buffer {
  const bytes = Buffer.from(content)
  const [source, target] = [four(from), four(to)]
  const pseudo = Buffer.concat([source, target, Buffer.from([0, 17]), word(8 + bytes.length)])
  const packet = udp(ports[0], ports[1], bytes, pseudo)
  const head = Buffer.concat([
    hex('45 00'),
    word(20 + packet.length),
    hex('0000 0000 40 11 0000'),
    source,
    target,
  ])
  head.writeUInt16BE(sumOf(head), 10)
  return ether(mac, toMac, 0x0800, Buffer.concat([head, packet]))
}

const packet6 = (next: number, from: string, to: string, content: Buffer) =>
  Buffer.concat([
    hex('60000000'),
    word(content.length),
    Buffer.from([next, 255]),
    six(from),
    six(to),
    content,
  ])

const pseudo6 = (next: number, from: string, to: string, length: number) =>
  Buffer.concat([six(from), six(to), hex('0000'), word(length), hex('000000'), Buffer.from([next])])

export function udp6({ mac, toMac, from, to, ports, content }: Datagram): Buffer {
  const bytes = Buffer.from(content)
  const packet = udp(ports[0], ports[1], bytes, pseudo6(17, from, to, 8 + bytes.length))
  return ether(mac, toMac, 0x86dd, packet6(17, from, to, packet))
}

function icmp6(mac: string, from: string, to: string, content: Buffer): Buffer {
  const bytes = Buffer.from(content)
  bytes.writeUInt16BE(sumOf(pseudo6(58, from, to, bytes.length), bytes, Buffer.alloc(bytes.length % 2)), 2)
  return ether(mac, '33:33:00:00:00:01', 0x86dd, packet6(58, from, to, bytes))
}

/** “This address is at this MAC”, unasked. */
export const advert = (mac: string, from: string, target: string) =>
  icmp6(
    mac,
    from,
    'ff02::1',
    Buffer.concat([hex('88 00 0000 20000000'), six(target), hex('02 01'), hex(mac)]),
  )

/** “I am your router.” */
export const router = (mac: string, from: string) =>
  icmp6(mac, from, 'ff02::1', Buffer.concat([hex('86 00 0000 40 00 0708 00000000 00000000 01 01'), hex(mac)]))

/** The same in pieces: a header that says that more follows. */
export function fragmentedRouter(mac: string, from: string): Buffer {
  const whole = router(mac, from)
  const content = whole.subarray(14 + 40)
  const piece = Buffer.concat([hex('3a 00 0000 00000001'), content])
  return ether(mac, '33:33:00:00:00:01', 0x86dd, packet6(44, from, 'ff02::1', piece))
}

/**
 * The same behind options that are themselves cut in two: the first piece does not tell what comes. To one neighbour
 * alone, whose system believes it no less (RFC 4861, §6.1.2).
 */
export function hiddenRouter(mac: string, from: string, target: { mac: string; address: string }): Buffer[] {
  const said = Buffer.concat([hex('86 00 0000 40 00 0708 00000000 00000000 01 01'), hex(mac)])
  const content = icmp6(mac, from, target.address, said).subarray(14 + 40)
  const pieces = [
    Buffer.concat([hex('3c 00 0001 00000002'), hex('3a 01 01 0c 00000000')]),
    Buffer.concat([hex('3c 00 0008 00000002'), hex('0000000000000000'), content]),
  ]
  return pieces.map((piece) => ether(mac, target.mac, 0x86dd, packet6(44, from, target.address, piece)))
}

export const dhcpDiscover = (mac: string, id: number) =>
  udp4({
    mac,
    toMac: everybody,
    from: '0.0.0.0',
    to: '255.255.255.255',
    ports: [68, 67],
    content: bootp(1, mac, id, hex('63825363 350101 ff')),
  })

export const dhcpOffer = (mac: string, from: string, id: number) =>
  udp4({
    mac,
    toMac: everybody,
    from,
    to: '255.255.255.255',
    ports: [67, 68],
    content: bootp(2, mac, id, hex('63825363 350102 ff')),
  })

function bootp(operation: number, mac: string, id: number, options: Buffer): Buffer {
  const head = Buffer.alloc(236)
  head.set([operation, 1, 6, 0], 0)
  head.writeUInt32BE(id, 4)
  head.writeUInt16BE(0x8000, 10)
  head.set(hex(mac), 28)
  return Buffer.concat([head, options])
}

/** The address in a DHCP offer for this transaction, if the frame is one. */
export function offeredIn(frame: Buffer, id: number): string | undefined {
  const isOffer = frame.length > 14 + 28 + 240 && frame.readUInt16BE(12) === 0x0800 && frame[23] === 17
  if (!isOffer || frame.readUInt16BE(34) !== 67 || frame.readUInt32BE(42 + 4) !== id) return undefined
  return [...frame.subarray(42 + 16, 42 + 20)].join('.')
}

/** A question to a name server; type 1 asks for IPv4, 28 for IPv6. */
export const question = (name: string, type: number): Buffer =>
  Buffer.concat([
    hex('1234 0100 0001 0000 0000 0000'),
    ...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    hex('00'),
    word(type),
    word(1),
  ])
