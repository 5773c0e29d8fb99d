/**
 * Where Decant's data lies and how to reach the Decant that owns them: on the same machine by the files of
 * its `run` folder, elsewhere by `DECANT_URL`, `DECANT_TOKEN` and `DECANT_CA`.
 */

import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { isObject } from '#base/json.ts'
import { Problem } from '#model/problem.ts'
import type { Language } from '#model/sentence.ts'
import { Client } from '#client/client.ts'
import { checkListener } from './listener.ts'

export type Surroundings = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isRoot: boolean
  readonly home: string
}

const given = (text: string | undefined) => (text === undefined || text === '' ? undefined : text)

/** `--data`, else `DECANT_DATA`, else `/var/lib/decant` for root, else the XDG data folder. Absolute. */
export function dataFolder({ env, isRoot, home }: Surroundings, flag?: string): string {
  const named = given(flag) ?? given(env.DECANT_DATA)
  if (named !== undefined) return resolve(named)
  if (isRoot) return '/var/lib/decant'
  // The XDG specification has relative paths ignored.
  const xdg = given(env.XDG_DATA_HOME)
  return join(xdg?.startsWith('/') === true ? xdg : join(home, '.local', 'share'), 'decant')
}

export const endpointFile = (data: string) => join(data, 'run', 'endpoint.json')
export const tokenFile = (data: string) => join(data, 'run', 'admin.token')

export type Place = {
  readonly url: string
  readonly token: string | undefined
  readonly caFile: string | undefined
  /** The data folder when it is the Decant of this machine. */
  readonly data: string | undefined
}

export type Sought = {
  readonly surroundings: Surroundings
  readonly data: string
  /** Whether `--data` was typed: then the environment names no other Decant. */
  readonly isDataGiven: boolean
}

export async function placeOf({ surroundings: { env }, data, isDataGiven }: Sought): Promise<Place> {
  const url = given(env.DECANT_URL)
  if (url === undefined || isDataGiven) return localPlace(data)
  return { url: safeUrl(url), token: given(env.DECANT_TOKEN), caFile: given(env.DECANT_CA), data: undefined }
}

async function localPlace(data: string): Promise<Place> {
  const endpoint = await readOrNotRunning(endpointFile(data), data)
  const { url, caFile } = endpointFrom(endpoint, data)
  const token = (await readOrNotRunning(tokenFile(data), data)).trim()
  await checkListener(url, data)
  return { url, token, caFile, data }
}

function endpointFrom(text: string, data: string): { url: string; caFile: string | undefined } {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value) && typeof value.url === 'string')
      return {
        url: new URL(value.url).href,
        caFile: typeof value.caFile === 'string' ? value.caFile : undefined,
      }
  } catch {
    // Half written or not ours: the same as not there.
  }
  throw new Problem('start/not-running', { data })
}

async function readOrNotRunning(path: string, data: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const code = isObject(cause) ? cause.code : undefined
    if (code === 'EACCES' || code === 'EPERM')
      throw new Problem(
        'setting/invalid',
        { setting: '--data', why: `${path} may not be read by you` },
        { cause },
      )
    throw new Problem('start/not-running', { data }, { cause })
  }
}

const isLoopback = (host: string) =>
  host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))

/** A token is never sent in the clear over a network. */
function safeUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const fault = (why: string) => new Problem('setting/invalid', { setting: 'DECANT_URL', why })
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw fault('must be an http or https address')
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw fault('must be https: a token would travel in the clear')
  return url.href
}

export async function clientAt(place: Place, language: Language): Promise<Client> {
  if (place.caFile !== undefined) await trust(place.caFile)
  const { url, token } = place
  return new Client({ url, language, ...(token === undefined ? {} : { token }) })
}

async function trust(caFile: string): Promise<void> {
  const tls = await import('node:tls')
  try {
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), await readFile(caFile, 'utf8')])
  } catch (cause) {
    throw new Problem(
      'setting/invalid',
      { setting: 'DECANT_CA', why: `${caFile} cannot be read as PEM` },
      { cause },
    )
  }
}
