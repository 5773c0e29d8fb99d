/** What stands in each certificate: names, uses, bounds of life. */

import type { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { agentName, controllerName, linkZone, type Purpose } from '../port.ts'

const dayMs = 24 * 3_600_000

/** Clocks of hosts differ; a certificate holds from a little before its making. */
export const backdateMs = 3_600_000

/**
 * Ten years for the authority, as people must trust it by hand. A year for servers (browsers refuse more
 * than 825 days). Three for agents: theirs are renewed by a new invitation or a restart, not by a browser.
 */
export const lifeMs = {
  authority: 3650 * dayMs,
  api: 365 * dayMs,
  controller: 365 * dayMs,
  agent: 1095 * dayMs,
}

/** Names that no public site can have (RFC 6761, 6762, 8375; ICANN for `internal`) or that are customary. */
const privateZones = ['localhost', 'internal', 'local', 'lan', 'home.arpa', 'test']

const oid = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2', nameConstraints: '2.5.29.30' }

export const useOf = (wanted: Purpose) => (wanted.purpose === 'agent' ? oid.clientAuth : oid.serverAuth)

export function namesOf(wanted: Purpose): readonly string[] {
  switch (wanted.purpose) {
    case 'api':
      return wanted.names
    case 'controller':
      return [controllerName]
    case 'agent':
      return [agentName(wanted.host)]
  }
}

const within = (name: string, zone: string) => name === zone || name.endsWith(`.${zone}`)
const dnsName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i

/** The first name that an authority for `zones` may not put into a certificate, if there is one. */
export function forbiddenName(wanted: Purpose, zones: readonly string[]): string | undefined {
  if (wanted.purpose === 'agent')
    return dnsName.test(agentName(wanted.host)) && !wanted.host.includes('.') ? undefined : wanted.host
  if (wanted.purpose === 'controller') return undefined
  const mayBe = (name: string) =>
    isIP(name) !== 0 ||
    (dnsName.test(name) &&
      !within(name.toLowerCase(), linkZone) &&
      zones.some((zone) => within(name.toLowerCase(), zone)))
  return wanted.names.length === 0 ? '' : wanted.names.find((name) => !mayBe(name))
}

export const zonesWith = (names: readonly string[]) => [
  ...new Set([
    ...privateZones,
    ...names.filter((name) => isIP(name) === 0).map((name) => name.toLowerCase()),
  ]),
]

/** One DER element (X.690); our contents stay below 64 KiB. */
function der(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...size), content])
}

/** Permitted DNS zones (RFC 5280 §4.2.1.10): a stolen authority key cannot vouch for the wide web. */
function nameConstraints(zones: readonly string[]) {
  const subtrees = zones.map((zone) => der(0x30, der(0x82, Buffer.from(zone, 'latin1'))))
  const permitted = der(0xa0, Buffer.concat(subtrees))
  return new x509.Extension(oid.nameConstraints, true, new Uint8Array(der(0x30, permitted)))
}

/** The contents of the DER elements that follow each other in `bytes`; only sizes that `der` writes. */
function elements(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const first = bytes[at + 1] ?? 0
    const sizeBytes = first < 128 ? 0 : first - 128
    const start = at + 2 + sizeBytes
    const length =
      sizeBytes === 0 ? first : bytes.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0)
    found.push(bytes.subarray(start, start + length))
    at = start + length
  }
  return found
}

/** The zones that an authority's certificate permits: three layers around each name. */
export function zonesOf(certificate: x509.X509Certificate): string[] {
  const value = certificate.getExtension(oid.nameConstraints)?.value
  const layers = value === undefined ? [] : [new Uint8Array(value)]
  const names = layers.flatMap(elements).flatMap(elements).flatMap(elements).flatMap(elements)
  return names.map((name) => Buffer.from(name).toString('latin1'))
}

export const authorityExtensions = async (key: webcrypto.CryptoKey, zones: readonly string[]) => [
  new x509.BasicConstraintsExtension(true, 0, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  await x509.SubjectKeyIdentifierExtension.create(key),
  nameConstraints(zones),
]

export const leafExtensions = async (
  wanted: Purpose,
  key: webcrypto.CryptoKey,
  authority: x509.X509Certificate,
) => [
  new x509.BasicConstraintsExtension(false, undefined, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
  new x509.ExtendedKeyUsageExtension([useOf(wanted)], true),
  new x509.SubjectAlternativeNameExtension(
    namesOf(wanted).map((name) => ({
      type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const),
      value: name,
    })),
  ),
  await x509.SubjectKeyIdentifierExtension.create(key),
  await x509.AuthorityKeyIdentifierExtension.create(authority),
]
