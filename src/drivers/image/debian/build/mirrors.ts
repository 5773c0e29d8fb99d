/** Where Debian's packages come from: whatever the host's own apt is set to. No address is known here. */

import { Problem } from '#model/problem.ts'
import { runTool, type Run } from '../tool.ts'

export const releases = { 'debian-12': 'bookworm', 'debian-13': 'trixie' } as const
export type Distribution = keyof typeof releases

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** What `apt-get indextargets` is to say of each list; a `|` never stands in these. */
export const targetFormat = '$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(REPO_URI)'

const known = ['bullseye', 'bookworm', 'trixie', 'forky', 'sid', 'stable', 'testing', 'oldstable'].join('|')
const plain = new RegExp(`^(${known})$`)
const security = new RegExp(`^(${known})-security$`)
const isAddress = (text: string) => /^(https?|file|copy):\/{1,3}[\w.~:@%/[\]-]+$/.test(text)

/** The lines of sources for a release, from what apt says of the host's; nothing where no Debian is among them. */
export function sourcesFor(distribution: Distribution, targets: string): readonly string[] {
  const release = releases[distribution]
  const rows = targets.split('\n').map((line) => line.split('|'))
  const address = (wanted: RegExp) =>
    rows.find(
      ([name = '', component, origin, uri = '']) =>
        wanted.test(name) && component === 'main' && (origin === 'Debian' || origin === '') && isAddress(uri),
    )?.[3]
  const main = address(plain)
  if (main === undefined) return []
  const source = (uri: string, suite: string) => `deb [signed-by=${keyring}] ${uri} ${suite} main`
  const patches = address(security)
  return [
    source(main, release),
    source(main, `${release}-updates`),
    ...(patches === undefined ? [] : [source(patches, `${release}-security`)]),
  ]
}

/** Problem `tool/failed` where this host knows no Debian. */
export async function hostSources(distribution: Distribution, run: Run): Promise<readonly string[]> {
  const targets = await runTool(
    'apt-get',
    ['indextargets', '--format', targetFormat, 'Created-By: Packages'],
    run,
  )
  const sources = sourcesFor(distribution, targets)
  if (sources.length > 0) return sources
  throw new Problem('tool/failed', { tool: 'apt-get', why: "this host's sources name no Debian" })
}

/** The proxy that the host's apt is set to, as an option for another apt. */
export async function hostProxies(run: Run): Promise<readonly string[]> {
  const said = await runTool('apt-config', ['dump'], run)
  return said.split('\n').filter((line) => /^Acquire::(https?::)?Proxy(::[\w.-]+)? "[^"\\]*";$/i.test(line))
}
