/**
 * Decant's own certificate authority: proofs of identity for the API's listener, for the controller's end
 * of the link and for agents. Each proof serves one purpose and is refused for any other.
 */

/** PEM texts. `key` is a secret: it stays in files of mode 0600 and in memory. */
export type Credentials = {
  /** The certificate of the authority that both sides trust. */
  readonly authority: string
  readonly certificate: string
  /** PKCS #8. */
  readonly key: string
}

export type Purpose =
  /** A listener for people: DNS names and IP addresses under which it is reached. */
  | { readonly purpose: 'api'; readonly names: readonly string[] }
  /** The controller's end of the link. */
  | { readonly purpose: 'controller' }
  /** One host's end of the link. */
  | { readonly purpose: 'agent'; readonly host: string }

/** Under this zone (`.internal` is reserved for private use by ICANN) no listener can have a name. */
export const linkZone = 'decant.internal'

/** The name in the certificate of the controller's end of the link. */
export const controllerName = `controller.${linkZone}`

/** The name in the certificate of an agent; a host's name is a DNS label. */
export const agentName = (host: string) => `${host}.agents.${linkZone}`

export interface Authority {
  /** PEM, for export and for `decant trust`. */
  readonly certificate: string
  /** SHA-256 of the certificate, `AB:CD:…`, for people to compare. */
  readonly fingerprint: string
  /** New credentials. Problem `certificate/refused` for a name that the authority may not vouch for. */
  issue(wanted: Purpose): Promise<Credentials>
  /**
   * The credentials kept in `file`, or new ones written there (0600, whole or not at all) when it is absent,
   * damaged, of another authority or purpose or of other names, or has less than a third of its life left.
   */
  ensure(file: string, wanted: Purpose): Promise<Credentials>
}

export interface Certificates {
  readonly name: string
  /**
   * The authority kept in a folder, made there at the first call. `names`: DNS names that it may vouch for
   * besides private ones; they are fixed with the authority. Problem `certificate/damaged` when what lies
   * there is no valid authority: people trust it, so it is never replaced silently.
   */
  ensureAuthority(folder: string, names?: readonly string[]): Promise<Authority>
}
