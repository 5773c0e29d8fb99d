/** HTTP as the benches speak it: kept connections, JSON, one answer a question. */

import { request, type Agent } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'

export const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** One POST of JSON over a kept connection; fails on any answer but 2xx. */
export const post = (url: string, agent: Agent, body: object, headers: Record<string, string> = {}) =>
  new Promise<void>((resolve, reject) => {
    const asked = request(
      url,
      { method: 'POST', agent, headers: { 'content-type': 'application/json', ...headers } },
      (answer) => {
        answer.resume()
        answer.once('end', () =>
          Math.floor((answer.statusCode ?? 0) / 100) === 2
            ? resolve()
            : reject(new Error(`${url} answered ${answer.statusCode}`)),
        )
      },
    )
    asked.once('error', reject)
    asked.end(JSON.stringify(body))
  })
