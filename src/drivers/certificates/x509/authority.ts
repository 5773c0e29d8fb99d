/** A certificate authority in one file: ECDSA P-256, made with Web Crypto, checked with OpenSSL's eyes. */

import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { Problem } from '#model/problem.ts'
import type { Authority, Certificates, Credentials, Purpose } from '../port.ts'
import { readPair, writePair, type Pair } from './file.ts'
import {
  authorityExtensions,
  backdateMs,
  forbiddenName,
  leafExtensions,
  lifeMs,
  namesOf,
  useOf,
  zonesOf,
  zonesWith,
} from './shape.ts'

x509.cryptoProvider.set(webcrypto)

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])

async function keyText(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY') + '\n'
}

const keyFrom = (text: string) =>
  webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(text), algorithm, false, ['sign'])

async function makeAuthority(nowMs: number, names: readonly string[]): Promise<Pair> {
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Told apart by people who have several in one trust store.
    name: `CN=Decant authority ${new Date(nowMs).toISOString().slice(0, 10)} ${crypto.randomUUID().slice(0, 8)},O=Decant`,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(nowMs + lifeMs.authority),
    signingAlgorithm: algorithm,
    keys,
    extensions: await authorityExtensions(keys.publicKey, zonesWith(names)),
  })
  return { certificate: `${certificate.toString('pem')}\n`, key: await keyText(keys.privateKey) }
}

const whenOf = (certificate: X509Certificate) => ({
  from: Date.parse(certificate.validFrom),
  to: Date.parse(certificate.validTo),
})

/** Why a pair cannot be the authority, or nothing. */
function authorityFault({ certificate, key }: Pair, nowMs: number): string | undefined {
  if (certificate === '' || key === '') return 'the certificate or its key is missing'
  try {
    const read = new X509Certificate(certificate)
    const { from, to } = whenOf(read)
    if (!read.ca || !read.verify(read.publicKey)) return 'the certificate is no authority'
    if (!read.checkPrivateKey(createPrivateKey(key))) return 'the key belongs to another certificate'
    return from <= nowMs && nowMs < to ? undefined : 'it is not valid at this time'
  } catch {
    return 'the certificate or its key cannot be read'
  }
}

const hasName = (certificate: X509Certificate, name: string) =>
  isIP(name) === 0
    ? certificate.checkHost(name, { subject: 'never', wildcards: false }) !== undefined
    : certificate.checkIP(name) !== undefined

class FileAuthority implements Authority {
  readonly certificate: string
  readonly fingerprint: string
  readonly #read: X509Certificate
  readonly #parsed: x509.X509Certificate
  readonly #key: webcrypto.CryptoKey
  readonly #now: () => number

  constructor(certificate: string, key: webcrypto.CryptoKey, now: () => number) {
    this.certificate = certificate
    this.#read = new X509Certificate(certificate)
    this.#parsed = new x509.X509Certificate(certificate)
    this.fingerprint = this.#read.fingerprint256
    this.#key = key
    this.#now = now
  }

  async issue(wanted: Purpose): Promise<Credentials> {
    const forbidden = forbiddenName(wanted, zonesOf(this.#parsed))
    if (forbidden !== undefined) throw new Problem('certificate/refused', { name: forbidden })
    const keys = await newKeys()
    const nowMs = this.#now()
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `O=Decant,OU=${wanted.purpose}`,
      issuer: this.#parsed.subjectName,
      notBefore: new Date(nowMs - backdateMs),
      notAfter: new Date(Math.min(nowMs + lifeMs[wanted.purpose], whenOf(this.#read).to)),
      signingAlgorithm: algorithm,
      signingKey: this.#key,
      publicKey: keys.publicKey,
      extensions: await leafExtensions(wanted, keys.publicKey, this.#parsed),
    })
    return {
      authority: this.certificate,
      certificate: `${certificate.toString('pem')}\n`,
      key: await keyText(keys.privateKey),
    }
  }

  async ensure(file: string, wanted: Purpose): Promise<Credentials> {
    const kept = await readPair(file)
    if (kept !== undefined && this.#stillServes(kept, wanted)) return { authority: this.certificate, ...kept }
    const issued = await this.issue(wanted)
    await writePair(file, issued)
    return issued
  }

  #stillServes({ certificate, key }: Pair, wanted: Purpose): boolean {
    try {
      const read = new X509Certificate(certificate)
      const { from, to } = whenOf(read)
      const isOurs = read.checkIssued(this.#read) && read.verify(this.#read.publicKey)
      const fits =
        read.keyUsage.includes(useOf(wanted)) && namesOf(wanted).every((name) => hasName(read, name))
      const isExact = (read.subjectAltName ?? '').split(', ').length === namesOf(wanted).length
      // Renewed in the last third; the authority's own end is the end of all.
      const isFresh =
        from <= this.#now() && (to - this.#now() >= (to - from) / 3 || to >= whenOf(this.#read).to)
      return (
        isOurs &&
        fits &&
        isExact &&
        isFresh &&
        this.#now() < to &&
        read.checkPrivateKey(createPrivateKey(key))
      )
    } catch {
      return false
    }
  }
}

/** Certificates made in this process; `now` in milliseconds since 1970. */
export function x509Certificates(now: () => number): Certificates {
  return {
    name: 'x509',
    async ensureAuthority(folder, names = []) {
      const file = join(folder, 'authority.pem')
      const kept = await readPair(file)
      const pair = kept ?? (await makeAuthority(now(), names))
      const fault = authorityFault(pair, now())
      if (fault !== undefined) throw new Problem('certificate/damaged', { file, why: fault })
      if (kept === undefined) await writePair(file, pair)
      return new FileAuthority(pair.certificate, await keyFrom(pair.key), now)
    },
  }
}
