/**
 * One request to an address that a stranger named: http and https only, every address of the name judged, the connection
 * pinned to one that passed, each redirect judged anew. No proxies, no cookies, no credentials.
 */

import { lookup as systemLookup } from 'node:dns/promises'
import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { limits } from '#model/limits.ts'
import { Problem, story } from '#model/problem.ts'
import { faultOfAddress, isWithin, ownNetworks } from './address.ts'

export type Address = { readonly address: string; readonly family: number }
/** Every address of a name. */
export type Resolve = (name: string) => Promise<readonly Address[]>

export type FetchOptions = {
  readonly allowsPrivateAddresses?: boolean
  readonly resolve?: Resolve
}

const connectMs = 20_000
const longestUrl = 4096

export const resolveBySystem: Resolve = (name) => systemLookup(name, { all: true, verbatim: true })

export const unfetched = (url: string, why: string, cause?: unknown) =>
  new Problem('image/fetch', { url: shown(url), why }, { cause })

/** Without what could be a secret: the query, a name and a password. */
function shown(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  return (
    parsed === undefined ? url.replaceAll(/[^\x21-\x7e]/g, '?') : `${parsed.origin}${parsed.pathname}`
  ).slice(0, 300)
}

/** An address as it may be fetched from. Problem `image/fetch`. */
export function urlFrom(text: string): URL {
  if (text.length > longestUrl || !URL.canParse(text)) throw unfetched(text, 'it is no address')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw unfetched(text, 'only http and https are fetched from')
  if (url.username !== '' || url.password !== '')
    throw unfetched(text, 'it has a user name or a password in it')
  return url
}

export type Answer = { readonly response: IncomingMessage; readonly url: URL }

/** The answer after all redirects; its body is to be read or destroyed. Problem `image/fetch`. */
export async function requested(
  first: string,
  headers: Readonly<Record<string, string>>,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<Answer> {
  let url = urlFrom(first)
  for (let redirects = 0; redirects <= limits.redirects; redirects++) {
    const response = await once(url, headers, options, signal)
    const { statusCode = 0 } = response
    const { location } = response.headers
    if (statusCode < 300 || statusCode >= 400 || statusCode === 304 || location === undefined)
      return { response, url }
    response.destroy()
    if (!URL.canParse(location, url.href)) throw unfetched(url.href, 'it leads to what is no address')
    const next = urlFrom(new URL(location, url.href).href)
    if (url.protocol === 'https:' && next.protocol === 'http:')
      throw unfetched(url.href, 'it leads from https to http')
    url = next
  }
  throw unfetched(first, `it leads on more than ${limits.redirects} times`)
}

async function once(
  url: URL,
  headers: Readonly<Record<string, string>>,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const pinned = await judged(url, options)
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  // The name was resolved and judged; asking again here could give another answer (DNS rebinding).
  const lookup: LookupFunction = (_name, wanted, tell) =>
    wanted.all === true ? tell(null, [{ ...pinned }]) : tell(null, pinned.address, pinned.family)
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const asking = request(url, {
      lookup,
      agent: false,
      signal,
      headers: { 'user-agent': 'decant', accept: '*/*', 'accept-encoding': 'identity', ...headers },
      ...(url.protocol === 'https:' ? { servername: isIP(bare(url)) === 0 ? url.hostname : '' } : {}),
    })
    asking.setTimeout(connectMs, () => asking.destroy(new Error('no answer in time')))
    asking.once('error', (error) =>
      reject(signal.aborted ? signal.reason : unfetched(url.href, story(error), error)),
    )
    asking.once('response', (response) => {
      asking.setTimeout(limits.fetchSilenceMs, () => asking.destroy(new Error('nothing comes any more')))
      resolve(response)
    })
    asking.end()
  })
}

/** One of the name's addresses; all of them must pass, or a name could mix the good with the bad. */
async function judged(url: URL, { resolve = resolveBySystem, allowsPrivateAddresses = false }: FetchOptions) {
  const name = bare(url)
  const family = isIP(name)
  const addresses = family === 0 ? await resolved(url, name, resolve) : [{ address: name, family }]
  const own = ownNetworks()
  for (const { address } of addresses) {
    const why =
      faultOfAddress(address, allowsPrivateAddresses) ??
      (!allowsPrivateAddresses && isWithin(own, address)
        ? 'it is on a network of the host itself'
        : undefined)
    if (why !== undefined) throw new Problem('image/address', { url: shown(url.href), address, why })
  }
  const [chosen] = addresses
  if (chosen === undefined) throw unfetched(url.href, 'its name has no address')
  return { address: chosen.address, family: isIP(chosen.address) }
}

async function resolved(url: URL, name: string, resolve: Resolve) {
  try {
    return await resolve(name)
  } catch (error) {
    throw unfetched(
      url.href,
      `its name cannot be resolved (${(error as NodeJS.ErrnoException).code ?? '?'})`,
      error,
    )
  }
}

const bare = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, '')

/** A short text, such as a file of checksums. */
export async function textFrom(url: string, options: FetchOptions, signal: AbortSignal): Promise<string> {
  const { response } = await requested(url, {}, options, signal)
  try {
    if (response.statusCode !== 200) throw unfetched(url, `the server answers ${response.statusCode}`)
    const pieces: Buffer[] = []
    let bytes = 0
    for await (const piece of response as AsyncIterable<Buffer>) {
      bytes += piece.length
      if (bytes > limits.checksumFileBytes) throw unfetched(url, 'the file of checksums is too long')
      pieces.push(piece)
    }
    return Buffer.concat(pieces).toString('utf8')
  } catch (error) {
    throw error instanceof Problem || signal.aborted ? error : unfetched(url, story(error), error)
  } finally {
    response.destroy()
  }
}
