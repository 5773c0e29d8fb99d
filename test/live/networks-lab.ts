/**
 * A host, the world, and guests, as network namespaces on this machine: the real bridge driver works in the host's.
 * Guests are namespaces at the other end of veth pairs. Nothing touches the machine's own network.
 */

import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openBridges, type BridgeOptions } from '#drivers/network/bridge/bridge.ts'
import { guestEnd } from '#drivers/network/bridge/links.ts'
import type { ToldGroup } from '#engines/filtering/allow.ts'
import { portName, tableName } from '#engines/filtering/names.ts'
import { guardedIn, worldOf, type Plugged, type ToldNetwork } from '#engines/filtering/world.ts'
import { GuestNic } from '#kinds/guest/parts.ts'
import { network as networkKind } from '#kinds/network/schema.ts'
import { securityGroup } from '#kinds/security-group/schema.ts'

/** Why networks cannot be tried here; nothing where they can. */
export function lackOf(): string | false {
  if (process.getuid?.() !== 0) return 'networks need root'
  try {
    for (const [program, word] of [
      ['ip', '-V'],
      ['nft', '--version'],
      ['dnsmasq', '--version'],
    ] as const)
      execFileSync(program, [word], { stdio: 'ignore' })
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' })
    return false
  } catch {
    return 'networks need ip, nft and dnsmasq'
  }
}

const ip = (...words: string[]) =>
  execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

type Heard = { readonly port: number; readonly from: string; readonly text: string }

/** A program in a namespace that sends and hears for the test. */
export class Puppet {
  readonly heard: Heard[] = []
  readonly #child: ChildProcess
  #wake = () => {}

  constructor(namespace: string) {
    const script = `
      const dgram = require('node:dgram'), net = require('node:net')
      const say = (o) => process.stdout.write(JSON.stringify(o) + '\\n')
      const sockets = {}
      const socket = (family, port) => sockets[family + '/' + port] ??= new Promise((done, fail) => {
        const s = dgram.createSocket(family === 6 ? { type: 'udp6', ipv6Only: true } : 'udp4')
        s.on('message', (m, r) => { const text = String(m); say({ port, from: r.address, text }); if (text.startsWith('?')) s.send('!' + text.slice(1), r.port, r.address) })
        s.on('error', (e) => fail(e)); s.bind(port, () => done(s))
      })
      require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
        const { listen, send, tcp, connect } = JSON.parse(line)
        if (listen) { await socket(listen.family, listen.port); say({ ready: 'listen' }) }
        if (send) { const s = await socket(send.to.includes(':') ? 6 : 4, send.from); s.send(send.text, send.port, send.to, () => say({ ready: 'send' })) }
        if (tcp) net.createServer((c) => { c.on('error', () => {}); c.on('data', (d) => c.write(d)) }).listen(tcp.port, () => say({ ready: 'tcp' }))
        if (connect) { const c = net.connect(connect.port, connect.to, () => c.write('hello')); c.on('data', (d) => { say({ port: 0, from: connect.to, text: 'tcp ' + d }); c.destroy() }); c.on('error', (e) => say({ port: 0, from: connect.to, text: 'tcp ' + e.code })); say({ ready: 'connect' }) }
      })`
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: this.#child.stdout! })
    lines.on('line', (line) => {
      const said = JSON.parse(line) as { ready?: string } & Heard
      if (said.ready === undefined) this.heard.push(said)
      else this.#ready.shift()?.()
      this.#wake()
    })
  }

  readonly #ready: (() => void)[] = []

  async #ask(order: object) {
    const ready = new Promise<void>((resolve) => this.#ready.push(resolve))
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`)
    await ready
  }

  listen = (port: number, family: 4 | 6 = 4) => this.#ask({ listen: { port, family } })
  serve = (port: number) => this.#ask({ tcp: { port } })
  connect = (to: string, port: number) => this.#ask({ connect: { to, port } })
  send = (to: string, port: number, text: string, from = 40_000) =>
    this.#ask({ send: { to, port, text, from } })

  /** Waits until a text has come, and says all that came before it and with it. */
  async hears(text: string): Promise<string[]> {
    while (this.heard.at(-1)?.text !== text && !this.heard.some((each) => each.text === text))
      await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.heard.map((each) => each.text)
  }

  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

/** Sends and sees raw frames on an interface; perl is part of every Debian. */
export class Wire {
  readonly seen: Buffer[] = []
  readonly #child: ChildProcess
  #wake = () => {}

  constructor(namespace: string, device: string) {
    const script = `
      my ($if) = @ARGV; $| = 1;
      open(my $f, '<', "/sys/class/net/$if/ifindex") or die; my $at = <$f> + 0;
      socket(my $s, 17, 3, unpack('S', pack('n', 3))) or die $!;
      bind($s, pack('S n l S C C a8', 17, 3, $at, 0, 0, 0, '')) or die $!;
      print "ready\\n"; my $rest = '';
      while (1) {
        my $in = ''; vec($in, 0, 1) = 1; vec($in, fileno($s), 1) = 1;
        select($in, undef, undef, undef);
        if (vec($in, 0, 1)) {
          sysread(STDIN, my $part, 65536) or exit; $rest .= $part;
          while ($rest =~ s/^([0-9a-f]*)\\n//) { syswrite($s, pack('H*', $1)) }
        }
        if (vec($in, fileno($s), 1)) {
          my $from = recv($s, my $frame, 65536, 0);
          print unpack('H*', $frame), "\\n" if (unpack('S n l S C C', $from))[4] != 4;
        }
      }`
    this.#child = spawn('ip', ['netns', 'exec', namespace, 'perl', '-e', script, device], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.seen.push(line === 'ready' ? Buffer.alloc(0) : Buffer.from(line, 'hex'))
      this.#wake()
    })
  }

  async ready() {
    await this.sees((frame) => frame.length === 0)
    return this
  }

  send(frame: Buffer) {
    this.#child.stdin!.write(`${frame.toString('hex')}\n`)
  }

  async sees(is: (frame: Buffer) => boolean): Promise<Buffer> {
    for (;;) {
      const found = this.seen.find(is)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async end() {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

export const uuid = (digit: string, at: number) =>
  `${digit.repeat(8)}-0000-4000-8000-${at.toString(16).padStart(12, '0')}`

export const netOf = (at: number, spec: object, name = `net${at}`): ToldNetwork => ({
  id: uuid('a', at),
  name,
  spec: networkKind.spec.parse({
    driver: 'bridge',
    subnet4: `10.77.${at}.0/24`,
    subnet6: `fd00:77:${at}::/64`,
    ...spec,
  }),
  members: [],
})

export const groupOf = (at: number, spec: object, more: Partial<ToldGroup> = {}): ToldGroup => ({
  id: uuid('b', at),
  spec: securityGroup.spec.parse(spec),
  resolved: {},
  members4: [],
  members6: [],
  membersMac: [],
  ...more,
})

export const nicOn = (network: ToldNetwork, last: number, more: object = {}): GuestNic => {
  const [four, six] = [network.spec.subnet4, network.spec.subnet6]
  return GuestNic.parse({
    id: 'net0',
    network: network.id,
    driver: 'bridge',
    mac: `52:00:00:${network.id.slice(-2)}:00:${last.toString(16).padStart(2, '0')}`,
    isRestricted: false,
    address4: four === null ? null : four.replace(/0\/24$/, String(last)),
    address6: six === null ? null : six.replace(/\/64$/, last.toString(16)),
    forwards: [],
    ...more,
  })
}

export class Lab {
  readonly name = `dt${randomBytes(3).toString('hex')}`
  readonly host = `${this.name}h`
  readonly world = `${this.name}w`
  readonly instance = randomBytes(2).toString('hex')
  readonly folder = mkdtempSync(join(tmpdir(), 'decant-net-'))
  readonly options: BridgeOptions
  readonly driver
  networks: ToldNetwork[] = []
  groups: ToldGroup[] = []
  plugged: Plugged[] = []
  /** Addresses of the pool itself. */
  guarded: string[] = []
  readonly #namespaces: string[] = []
  readonly #processes: { end(): Promise<void> }[] = []

  constructor(more: Partial<BridgeOptions> = {}) {
    for (const name of [this.host, this.world]) this.#add(name)
    ip('-n', this.host, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'w0')
    ip('-n', this.host, 'link', 'set', 'w0', 'netns', this.world)
    // An interface that the host itself does not need.
    ip('-n', this.host, 'link', 'add', 'up1', 'type', 'veth', 'peer', 'name', 'w1')
    ip('-n', this.host, 'link', 'set', 'w1', 'netns', this.world)
    for (const [ns, device, last] of [
      [this.host, 'up0', '1'],
      [this.world, 'w0', '2'],
    ] as const) {
      ip('-n', ns, 'address', 'add', `203.0.113.${last}/24`, 'dev', device)
      ip('-n', ns, 'address', 'add', `2001:db8::${last}/64`, 'dev', device, 'nodad')
      ip('-n', ns, 'link', 'set', device, 'up')
    }
    // dnsmasq is a user of its own and must reach its files.
    chmodSync(this.folder, 0o755)
    writeFileSync(join(this.folder, 'resolv.conf'), 'nameserver 203.0.113.2\n')
    this.options = {
      folder: join(this.folder, 'networks'),
      table: tableName(this.instance),
      prefix: ['ip', 'netns', 'exec', this.host],
      ports: 'veth',
      resolvFile: join(this.folder, 'resolv.conf'),
      ...more,
    }
    this.driver = openBridges(this.options)
  }

  #add(name: string) {
    ip('netns', 'add', name)
    this.#namespaces.push(name)
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }

  get wished() {
    const { instance, networks, groups, plugged, guarded } = this
    const [guarded4, guarded6] = [guardedIn(guarded, 4), guardedIn(guarded, 6)]
    return worldOf({ instance, networks, groups, plugged, guarded4, guarded6 })
  }

  async settle() {
    const { refusals } = await this.driver.settle(this.wished)
    assert.deepEqual([...refusals.values()], [])
  }

  plug(guest: string, nic: GuestNic) {
    this.plugged = [...this.plugged.filter((each) => each.guest !== guest), { guest, uid: null, nic }]
  }

  /** A guest as a namespace with its interface `eth0`, with its reserved addresses unless it is bare. */
  guest(guest: string, nic: GuestNic, isBare = false): string {
    const name = `${this.name}-${guest}`
    this.#add(name)
    const device = guestEnd(portName(this.instance, guest, nic.id))
    ip('-n', this.host, 'link', 'set', device, 'netns', name, 'name', 'eth0')
    if (isBare) ip('-n', name, 'link', 'set', 'eth0', 'addrgenmode', 'none')
    ip('-n', name, 'link', 'set', 'eth0', 'up')
    if (isBare) return name
    const gateway = (address: string) => address.replace(/[.:][0-9a-f]+$/, (last) => `${last[0]}1`)
    if (nic.address4 !== null) {
      ip('-n', name, 'address', 'add', `${nic.address4}/24`, 'dev', 'eth0')
      ip('-n', name, 'route', 'add', 'default', 'via', gateway(nic.address4))
    }
    if (nic.address6 !== null) {
      ip('-n', name, 'address', 'add', `${nic.address6}/64`, 'dev', 'eth0', 'nodad')
      ip('-n', name, '-6', 'route', 'add', 'default', 'via', gateway(nic.address6))
    }
    return name
  }

  puppet(namespace: string): Puppet {
    const puppet = new Puppet(namespace)
    this.#processes.push(puppet)
    return puppet
  }

  async wire(namespace: string, device = 'eth0'): Promise<Wire> {
    const wire = new Wire(namespace, device)
    this.#processes.push(wire)
    return await wire.ready()
  }

  /** What the host's namespace holds of ours. */
  left(): string[] {
    const inHost = (program: string, ...words: string[]) =>
      execFileSync('ip', ['netns', 'exec', this.host, program, ...words], { encoding: 'utf8' })
    const links = inHost('ip', '-br', 'link')
      .split('\n')
      .flatMap((line) => /^(dc\w+)/.exec(line)?.[1] ?? [])
    const tables = inHost('nft', 'list', 'tables')
      .split('\n')
      .filter((line) => line !== '')
    return [...links, ...tables]
  }

  async end() {
    await this.driver.clear()
    for (const process of this.#processes) await process.end()
    for (const name of this.#namespaces) ip('netns', 'del', name)
    rmSync(this.folder, { recursive: true, force: true })
  }
}
