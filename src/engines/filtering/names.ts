/** Names of interfaces that Decant makes: at most 15 characters (IFNAMSIZ), the same each time. Pure. */

/** FNV-1a, 32 bits (RFC 9923): not for secrets. */
export function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

/** `place`: what tells one Decant of a host from another, such as its data folder. */
export const instanceOf = (place: string) => hashOf(place).slice(0, 4)

export const bridgeName = (instance: string, network: string) => `dc${instance}b${hashOf(network)}`
export const portName = (instance: string, guest: string, nic: string) =>
  `dc${instance}p${hashOf(`${guest}/${nic}`)}`
export const vlanName = (instance: string, network: string) => `dc${instance}v${hashOf(network)}`

/** A locally administered address for the host's own end (IEEE 802, the U/L bit set). */
export function bridgeMac(instance: string, network: string): string {
  const digits = hashOf(`${instance}/${network}`)
  return `02:dc:${[0, 2, 4, 6].map((at) => digits.slice(at, at + 2)).join(':')}`
}

export const tableName = (instance: string) => `decant-${instance}`
