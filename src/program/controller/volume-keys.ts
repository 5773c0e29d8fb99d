/**
 * The keys of encrypted volumes. Each is made here, sealed, and kept in the store beside the documents, where no API looks:
 * one entry of the kind `volume-key` a volume, with its own key and those of the layers that it stands on.
 */

import { isObject } from '#base/json.ts'
import type { Document, Stored } from '#model/document.ts'
import type { Change } from '#drivers/store/port.ts'
import type { Vault } from '#drivers/vault/port.ts'
import type { Replica } from '#runtime/replica.ts'
import { put } from './documents.ts'

export const keyKind = 'volume-key'

type KeyDocument = Document<{ readonly sealed: string }, Record<string, never>>
export type Keys = Readonly<Record<string, string>>

export class VolumeKeys {
  readonly #replica: Replica
  readonly #vault: Vault | undefined

  constructor(replica: Replica, vault: Vault | undefined) {
    this.#replica = replica
    this.#vault = vault
  }

  /** Its keys, and the same as they lie in the store; nothing when it has none or they cannot be opened. */
  of(volume: string): { readonly keys: Keys; readonly sealed: string } | undefined {
    const sealed = this.#stored(volume)?.document.spec.sealed
    const keys = sealed === undefined ? undefined : this.#opened(volume, sealed)
    return sealed === undefined || keys === undefined ? undefined : { keys, sealed }
  }

  has(volume: string): boolean {
    return this.#stored(volume) !== undefined
  }

  /** Makes a key for a volume; `beneath`: the volume whose layer it stands on. Nothing where there is no vault. */
  made(volume: string, beneath: string | null): Change[] {
    if (this.#vault === undefined || this.has(volume)) return []
    const inherited = beneath === null ? {} : (this.of(beneath)?.keys ?? {})
    return [this.#entry(volume, { ...inherited, [volume]: this.#vault.newKey() })]
  }

  /** Takes back what an agent kept sealed, after the store was lost (I-22). */
  restored(volume: string, sealed: unknown): Change[] {
    if (typeof sealed !== 'string' || this.has(volume)) return []
    const keys = this.#opened(volume, sealed)
    return keys === undefined ? [] : [this.#entry(volume, keys)]
  }

  forgotten(volume: string): Change[] {
    const stored = this.#stored(volume)
    return stored === undefined ? [] : [{ op: 'remove', kind: keyKind, id: volume, expect: stored.revision }]
  }

  #entry(volume: string, keys: Keys): Change {
    const sealed = this.#vault?.seal(JSON.stringify(keys), purposeOf(volume)) ?? ''
    return put(documentOf(volume, sealed), 0)
  }

  #stored(volume: string) {
    return this.#replica.get(keyKind, volume) as Stored<KeyDocument> | undefined
  }

  #opened(volume: string, sealed: string): Keys | undefined {
    const plain = this.#vault?.open(sealed, purposeOf(volume))
    const keys: unknown = plain === undefined ? undefined : JSON.parse(plain)
    return isObject(keys) ? (keys as Keys) : undefined
  }
}

const purposeOf = (volume: string) => `volume/${volume}`

const documentOf = (volume: string, sealed: string): KeyDocument => ({
  kind: keyKind,
  id: volume,
  name: volume,
  project: null,
  generation: 1,
  version: 1,
  createdAtMs: 0,
  labels: {},
  description: '',
  isProtected: false,
  deletingAtMs: null,
  owner: null,
  host: null,
  spec: { sealed },
  status: {},
})
