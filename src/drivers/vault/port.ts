/**
 * Seals secrets that lie in the store, under a key that does not lie there. What is sealed may be copied and kept
 * anywhere; only who has that key opens it. `purpose` is bound in: a secret sealed for one volume opens for no other.
 */

export interface Vault {
  /** A new random key of 256 bits, as text. */
  newKey(): string
  seal(plain: string, purpose: string): string
  /** Undefined when it was sealed elsewhere, for something else, or was changed since. */
  open(sealed: string, purpose: string): string | undefined
}
