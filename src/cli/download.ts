/**
 * A content that may take an hour to begin: asked for by Node's own HTTP, because `fetch` gives up after five minutes
 * without a header.
 */

import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Problem, story } from '#model/problem.ts'
import { withQuery, type Query } from '#client/addresses.ts'
import type { Access } from '#client/caller.ts'
import { refusalFrom } from '#client/refusal.ts'

const longestRefusal = 65_536

/** The answer once it begins; its body is to be read. Problems as of any other call. */
export async function download(
  access: Access,
  path: string,
  query: Query,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const url = new URL(withQuery(path, query), access.url)
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asking = request(url, {
      agent: false,
      signal,
      headers: {
        accept: 'application/octet-stream, application/problem+json',
        'accept-language': access.language ?? 'en',
        ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
        ...access.headers,
      },
    })
    asking.once('response', resolve)
    asking.once('error', (error) =>
      reject(
        signal.aborted
          ? error
          : new Problem('start/unreachable', { url: access.url, why: story(error) }, { cause: error }),
      ),
    )
    asking.end()
  })
  const { statusCode = 0 } = response
  if (statusCode === 200) return response
  let text = ''
  for await (const piece of response) text = (text + String(piece)).slice(0, longestRefusal)
  throw refusalFrom(statusCode, parsed(text))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
