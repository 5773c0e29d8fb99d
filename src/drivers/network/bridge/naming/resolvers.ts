/** Where the host itself asks for names (resolv.conf(5)): no network of a project may draw those questions to itself. */

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'

/** As subnets of one address each; none when the file cannot be read. */
export function nameServersIn(file: string): string[] {
  return textOf(file)
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    .filter((address) => isIP(address) !== 0)
    .map((address) => `${address}/${isIP(address) === 4 ? 32 : 128}`)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
