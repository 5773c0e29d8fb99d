/** How fast a NIC may receive: a token bucket at its port. How fast it may send is in its rules. */

import type { HostPort } from '#kinds/network/parts.ts'
import type { Link } from './links.ts'
import type { Tools } from './tools.ts'

/** A hundredth of a second's worth at once, at least one large packet as guests hand them over. */
const burstOf = (mbit: number) => Math.max(65_536, mbit * 1_250)

/** `known`: what this agent set already, by interface. */
export async function setPaces(
  tools: Tools,
  ports: readonly HostPort[],
  { links, known }: { links: ReadonlyMap<string, Link>; known: Map<string, number> },
): Promise<void> {
  for (const { interface: name, mbitIn } of ports) {
    const isPaced = links.get(name)?.qdisc === 'tbf'
    if (mbitIn === null) {
      if (isPaced) await tools.run('tc', ['qdisc', 'del', 'dev', name, 'root'])
      known.delete(name)
    } else if (!isPaced || known.get(name) !== mbitIn) {
      const words = ['rate', `${mbitIn}mbit`, 'burst', String(burstOf(mbitIn)), 'latency', '50ms']
      await tools.must('tc', ['qdisc', 'replace', 'dev', name, 'root', 'tbf', ...words])
      known.set(name, mbitIn)
    }
  }
}
