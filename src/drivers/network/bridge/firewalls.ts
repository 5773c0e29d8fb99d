/** Other firewalls of the host whose word stands beside ours: what they drop is dropped, whatever we allow. */

import { isObject } from '#base/json.ts'
import type { Tools } from './tools.ts'

const families: ReadonlySet<unknown> = new Set(['inet', 'ip', 'ip6'])

type Chain = { readonly family: string; readonly table: string; readonly name: string }

/**
 * Chains of others that drop what nobody in them accepts, on the way through the host, and that name none of our
 * interfaces: `ip filter FORWARD` is Docker's. `prefix`: how our interfaces begin.
 */
export async function droppingChains(tools: Tools, own: string, prefix: string): Promise<string[]> {
  const { status, output } = await tools.run('nft', ['-j', 'list', 'chains'])
  if (status !== 0) return []
  const dropping = chainsIn(output).filter(({ table }) => table !== own)
  const refusing: string[] = []
  for (const { family, table, name } of dropping) {
    const { output: rules } = await tools.run('nft', ['list', 'table', family, table])
    const isLetThrough = rules
      .split('\n')
      .some((line) => line.includes(`"${prefix}`) && line.trimEnd().endsWith('accept'))
    if (!isLetThrough) refusing.push(`${family} ${table} ${name}`)
  }
  return refusing
}

function chainsIn(output: string): Chain[] {
  const said: unknown = JSON.parse(output)
  const listed = isObject(said) && Array.isArray(said.nftables) ? said.nftables : []
  return listed.flatMap((each) => {
    const chain = isObject(each) && isObject(each.chain) ? each.chain : {}
    const { family, table, name, hook, policy } = chain
    return hook === 'forward' && policy === 'drop' && families.has(family)
      ? [{ family: String(family), table: String(table), name: String(name) }]
      : []
  })
}
