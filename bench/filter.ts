/**
 * What security groups cost a packet between two guests of one bridge: nanoseconds from sending to having arrived or
 * been refused, beside a plain bridge, and beside the same rules one after another, as libvirt's nwfilter writes them.
 * In network namespaces of its own; the peers take turns.
 */

import { execFileSync } from 'node:child_process'
import { groupOf, Lab, lackOf, netOf, nicOn } from '../test/live/networks-lab.ts'
import { udp4 } from '../test/live/networks-frames.ts'
import type { Bench, BenchOptions } from './main.ts'

const packets = 30_000
const sizes = [10, 100, 1_000] as const

/** Sends one frame again and again; says how long each took. Its bridge works on the same processor meanwhile. */
const blaster = `
  use Time::HiRes qw(time);
  my ($if, $hex, $count) = @ARGV; open(my $f, '<', "/sys/class/net/$if/ifindex"); my $at = <$f> + 0;
  socket(my $s, 17, 3, 0) or die $!; bind($s, pack('S n l S C C a8', 17, 3, $at, 0, 0, 0, '')) or die $!;
  my $frame = pack('H*', $hex); my $since = time();
  for (1 .. $count) { syswrite($s, $frame) }
  printf "%.0f\\n", (time() - $since) * 1e9 / $count;`

type Way = 'established' | 'refused'
type Side = { readonly name: string; measure(way: Way): number; end(): Promise<void> }

const address = (at: number) => `10.200.${at >> 8}.${at & 255}`

/** Two guests on a bridge; `rules` of the second, `members` of the group that its one rule means. */
async function sideWith(
  name: string,
  on: { rules: number; members: number; peer: 'none' | 'plain' | 'linear' },
): Promise<Side> {
  const lab = new Lab()
  const net = netOf(1, { isFiltered: on.peer === 'none' })
  const scattered = Array.from({ length: on.rules }, (_, at) => ({
    protocol: 'udp',
    fromPort: 1_000 + at,
    addresses: [address(at)],
  }))
  const asked = { protocol: 'udp', fromPort: 53, addresses: ['10.77.1.10'] }
  const groups = [0, 1, 2, 3].map((at) =>
    groupOf(at + 1, { rules: scattered.slice(at * 250, at * 250 + 250) }),
  )
  const others = groupOf(8, {}, { members4: Array.from({ length: on.members }, (_, at) => address(at)) })
  const meaning = groupOf(
    9,
    { rules: [{ protocol: 'udp', fromPort: 9_999, group: 'others' }, asked] },
    { resolved: { others: others.id } },
  )
  const own = on.members > 0 || on.rules === 0 ? [meaning] : [...groups, groupOf(9, { rules: [asked] })]
  const [a, b] = [
    nicOn(net, 10, { isFiltered: on.peer === 'none' }),
    nicOn(net, 11, { isFiltered: on.peer === 'none', groups: own.map(({ id }) => id) }),
  ]
  lab.networks = [net]
  lab.groups = [...own, others]
  lab.plug('a', a)
  lab.plug('b', b)
  await lab.settle()
  const [inA, inB] = [lab.guest('a', a, true), lab.guest('b', b, true)]
  if (on.peer !== 'none') besides(lab, on.peer === 'linear' ? Math.max(on.rules, on.members) : undefined)
  const frame = (port: number, isBack = false) =>
    isBack
      ? udp4({
          mac: b.mac,
          toMac: a.mac,
          from: '10.77.1.11',
          to: '10.77.1.10',
          ports: [port, 5_000],
          content: 'x'.repeat(32),
        })
      : udp4({
          mac: a.mac,
          toMac: b.mac,
          from: '10.77.1.10',
          to: '10.77.1.11',
          ports: [5_000, port],
          content: 'x'.repeat(32),
        })
  const send = (namespace: string, bytes: Buffer, count: number) =>
    Number(
      execFileSync(
        'ip',
        ['netns', 'exec', namespace, 'perl', '-e', blaster, 'eth0', bytes.toString('hex'), String(count)],
        { encoding: 'utf8' },
      ),
    )
  return {
    name,
    measure: (way) => {
      // A flow is established once it was answered, and forgotten when it rests.
      send(inA, frame(53), 1)
      send(inB, frame(53, true), 1)
      return send(inA, frame(way === 'refused' ? 9 : 53), packets)
    },
    end: () => lab.end(),
  }
}

/** In place of our rules: nothing, or one rule after another at the bridge. */
function besides(lab: Lab, count: number | undefined) {
  const inHost = (program: string, words: string[], input = '') =>
    execFileSync('ip', ['netns', 'exec', lab.host, program, ...words], { input })
  for (const family of ['inet', 'netdev']) inHost('nft', ['delete', 'table', family, lab.options.table])
  const bridge = lab.wished.bridges[0]?.interface ?? ''
  if (count === undefined) {
    const asks = ['nf_call_iptables', '0', 'nf_call_ip6tables', '0']
    inHost('ip', ['link', 'set', bridge, 'type', 'bridge', ...asks])
    plain(lab)
    return
  }
  const rules = Array.from(
    { length: count },
    (_, at) => `add rule ip peer forward ip saddr ${address(at)} udp dport ${1_000 + at} accept`,
  )
  const head = [
    'add table ip peer',
    'add chain ip peer forward { type filter hook forward priority 0; policy drop; }',
  ]
  const known = ['add rule ip peer forward ct state established accept']
  inHost(
    'nft',
    ['-f', '-'],
    [
      ...head,
      ...known,
      ...rules,
      'add rule ip peer forward ip saddr 10.77.1.10 udp dport 53 accept',
      '',
    ].join('\n'),
  )
}

/** Nothing is asked of the rules for any bridge of that host. */
const plain = (lab: Lab) =>
  execFileSync('ip', [
    'netns',
    'exec',
    lab.host,
    'sh',
    '-c',
    'for f in iptables ip6tables; do echo 0 > /proc/sys/net/bridge/bridge-nf-call-$f; done',
  ])

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

async function run({ rounds }: BenchOptions) {
  const lack = lackOf()
  if (lack !== false) throw new Error(lack)
  const sides: Side[] = []
  try {
    sides.push(await sideWith('plain bridge, no rules', { rules: 0, members: 0, peer: 'plain' }))
    sides.push(await sideWith('groups, 1 rule', { rules: 0, members: 0, peer: 'none' }))
    for (const size of sizes) {
      sides.push(await sideWith(`groups, ${size} members`, { rules: 0, members: size, peer: 'none' }))
      sides.push(await sideWith(`groups, ${size} scattered rules`, { rules: size, members: 0, peer: 'none' }))
      sides.push(await sideWith(`linear, ${size} rules`, { rules: size, members: 0, peer: 'linear' }))
    }
    const taken = sides.map(({ name }) => ({ name, established: [] as number[], refused: [] as number[] }))
    const turns = Array.from({ length: rounds }, () => [...sides.entries()]).flat()
    for (const [at, side] of turns)
      for (const way of ['established', 'refused'] as const) taken[at]?.[way].push(side.measure(way))
    return Object.fromEntries(
      taken.map(({ name, established, refused }) => [
        name,
        { establishedNs: median(established), refusedNs: median(refused) },
      ]),
    )
  } finally {
    for (const side of sides) await side.end()
  }
}

export const bench: Bench = {
  name: 'filter',
  summary: 'What security groups cost a packet, beside a plain bridge and linear rules (root, namespaces)',
  run,
}
