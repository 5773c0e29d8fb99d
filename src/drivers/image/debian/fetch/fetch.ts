/** Fetches a content into the landing; where a connection breaks off, the next one goes on from there. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { MakeOrder, Report } from '#drivers/image/port.ts'
import { originOf, type Origin } from '#kinds/image/catalogue.ts'
import { limits } from '#model/limits.ts'
import { Problem, story } from '#model/problem.ts'
import type { Arrived } from '../intake.ts'
import type { Landing, Mark } from '../landing.ts'
import { paceFrom, Pouring } from '../pouring.ts'
import { checkRoom, refused } from '../refusal.ts'
import { checksumIn, type Checksum } from './checksum.ts'
import { requested, textFrom, unfetched, urlFrom, type Answer, type FetchOptions } from './request.ts'

export type { FetchOptions, Resolve } from './request.ts'

type Fetching = {
  readonly into: Datastore
  readonly landing: Landing
  readonly order: MakeOrder
  readonly report: Report
  readonly signal: AbortSignal
}

const step = 'Downloading'

/** Resolves once the content is whole and is what its checksum says. Problems `image/fetch`, `image/address`, `image/checksum`. */
export async function fetchContent(work: Fetching, options: FetchOptions): Promise<Arrived> {
  const { order, landing, report, signal } = work
  const origin = originOf(order.spec, process.arch === 'arm64' ? 'aarch64' : 'x86_64')
  if (origin === undefined) throw refused('nothing says where it is to be fetched from')
  report({ step, fraction: null, etaSeconds: null })
  const wanted = await checksumOf(origin, options, signal)
  const arrived = await whole({ ...work, origin, wantsSha512: wanted?.sha512 !== undefined }, options)
  const sums = arrived.sums ?? { sha256: '', sha512: null }
  const wrong = (['sha256', 'sha512'] as const).find(
    (kind) => wanted?.[kind] !== undefined && wanted[kind] !== sums[kind],
  )
  if (wrong !== undefined) {
    await landing.clear()
    throw new Problem('image/checksum', { found: sums[wrong] ?? '?', wanted: wanted?.[wrong] ?? '?' })
  }
  return arrived
}

async function checksumOf(
  origin: Origin,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<Checksum | undefined> {
  const { sha256, sha512, checksumUrl, url } = origin
  if (sha256 !== undefined || sha512 !== undefined)
    return { ...(sha256 === undefined ? {} : { sha256 }), ...(sha512 === undefined ? {} : { sha512 }) }
  if (checksumUrl === null) return undefined
  const found = checksumIn(
    await textFrom(checksumUrl, options, signal),
    urlFrom(url).pathname.split('/').at(-1) ?? '',
  )
  if (found === undefined) throw unfetched(checksumUrl, 'the file of checksums does not name the content')
  return found
}

type Whole = Fetching & { readonly origin: Origin; readonly wantsSha512: boolean }

async function whole(work: Whole, options: FetchOptions): Promise<Arrived> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(work, options)
    } catch (error) {
      work.signal.throwIfAborted()
      const isOver = !(error instanceof Broken) || attempt >= limits.fetchAttempts
      if (isOver) throw error instanceof Broken ? unfetched(work.origin.url, error.message, error) : error
      await sleep(Math.min(30_000, 250 * 2 ** attempt), undefined, { signal: work.signal })
    }
  }
}

/** The connection ended too early, or the server is not well: the same request may go better. */
class Broken extends Error {}

async function once(work: Whole, options: FetchOptions): Promise<Arrived> {
  const { landing, origin, signal } = work
  const mark = await landing.mark()
  const isSame = mark.url === origin.url && mark.tag !== '' && mark.bytes > 0
  if (isSame && mark.bytes === mark.total) return await fromDisk(work, mark)
  const headers = isSame ? { range: `bytes=${mark.bytes}-`, 'if-range': mark.tag } : {}
  const answer = await requested(origin.url, headers, options, signal).catch((error: unknown) => {
    throw error instanceof Problem && error.code === 'image/fetch' && isOfWay(error)
      ? new Broken(story(error))
      : error
  })
  try {
    return await taken(work, isSame ? mark : undefined, answer)
  } finally {
    answer.response.destroy()
  }
}

const isOfWay = ({ cause }: Problem) =>
  /ECONN|ETIMEDOUT|EPIPE|ENETUNREACH|EHOSTUNREACH|EAI_AGAIN/.test(
    (cause as NodeJS.ErrnoException | undefined)?.code ?? '',
  ) ||
  (cause instanceof Error && /no answer in time|socket hang up/.test(cause.message))

/** Everything came in an earlier life. */
async function fromDisk(work: Whole, mark: Mark): Promise<Arrived> {
  await using handle = await work.landing.open(false)
  const pouring = pouringInto(handle, work, mark)
  await pouring.goOn(mark.bytes, work.signal)
  return { file: work.landing.file, fileBytes: pouring.bytes, sums: pouring.sums() }
}

async function taken(work: Whole, mark: Mark | undefined, { response, url }: Answer): Promise<Arrived> {
  const { landing, into, origin, signal } = work
  const { statusCode = 0, headers } = response
  if (statusCode === 429 || statusCode >= 500) throw new Broken(`the server answers ${statusCode}`)
  const isFurther =
    statusCode === 206 && mark !== undefined && startOf(headers['content-range']) === mark.bytes
  if (statusCode === 416 || (statusCode === 206 && !isFurther)) {
    await landing.clear()
    throw new Broken('the server gives another part than was asked for')
  }
  if (statusCode !== 200 && !isFurther) throw unfetched(url.href, `the server answers ${statusCode}`)
  const offset = isFurther ? (mark?.bytes ?? 0) : 0
  const length = Number(headers['content-length'])
  const total =
    headers['content-length'] === undefined || !Number.isSafeInteger(length) ? null : offset + length
  if ((total ?? 0) > limits.uploadBytes) throw refused(`it is larger than ${limits.uploadBytes} bytes`)
  await checkRoom(into, Math.max(0, (total ?? 0) - offset))
  const now: Mark = { bytes: offset, total, url: origin.url, tag: tagOf(headers) }
  await using handle = await landing.open(!isFurther)
  const pouring = pouringInto(handle, work, now)
  await pouring.goOn(offset, signal)
  await poured(pouring, response, work)
  if (total !== null && pouring.bytes < total) throw new Broken('the connection ended too early')
  await landing.setMark({ ...now, bytes: pouring.bytes, total: pouring.bytes })
  return { file: landing.file, fileBytes: pouring.bytes, sums: pouring.sums() }
}

async function poured(pouring: Pouring, response: Answer['response'], { signal }: Whole) {
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      signal.throwIfAborted()
      await pouring.take(piece)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Problem) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EIO') throw error
    throw new Broken(story(error))
  } finally {
    if (pouring.bytes > 0) await pouring.mark().catch(() => {})
  }
}

function pouringInto(handle: Awaited<ReturnType<Landing['open']>>, work: Whole, now: Mark): Pouring {
  const { into, landing, report, wantsSha512 } = work
  const pace = paceFrom(now.bytes, now.total)
  const onWay = (bytes: number) =>
    report({ step, ...pace(bytes), receivedBytes: bytes, expectedBytes: now.total })
  onWay(now.bytes)
  return new Pouring(handle, {
    into,
    mostBytes: now.total ?? limits.uploadBytes,
    tooLong: 'the server sends more than it stated',
    wantsSha512,
    onWay,
    onSafe: (bytes) => landing.setMark({ ...now, bytes }),
  })
}

/** What names this very version of the content: only a strong tag, or a time that cannot stand for two (RFC 9110, §13.1.5). */
function tagOf({
  etag,
  'last-modified': modified,
}: {
  etag?: string | undefined
  'last-modified'?: string | undefined
}) {
  if (etag !== undefined && !etag.startsWith('W/') && etag.length <= 256) return etag
  return modified !== undefined && modified.length <= 64 ? modified : ''
}

const startOf = (range: string | undefined) => Number(/^bytes (\d+)-/.exec(range ?? '')?.[1] ?? Number.NaN)
