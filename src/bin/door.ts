/** The address that people come to: whether it is free, and how it is written. */

import { createServer, type Server } from 'node:net'
import { Problem } from '#model/problem.ts'

export const isLoopback = (address: string) =>
  address.startsWith('127.') || address === '::1' || address === '::ffff:127.0.0.1'

const isEverywhere = (address: string) => address === '0.0.0.0' || address === '::'

const host = (address: string) => (address.includes(':') ? `[${address}]` : address)

/** The URL at which this machine reaches what listens on `address`; HTTPS but for loopback. */
export const urlOf = (address: string, port: number) =>
  `${isLoopback(address) ? 'http' : 'https'}://${host(isEverywhere(address) ? '127.0.0.1' : address)}:${port}`

/** Starts to listen. Problems: `start/port-busy`, and `setting/invalid` for an address that is not this machine's. */
export async function listenTo(server: Server, address: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: address, port, exclusive: true }, resolve)
    })
  } catch (error) {
    throw refusal(error as NodeJS.ErrnoException, address, port)
  }
}

/** Takes the address for a moment and gives it back; gives the port, a free one for 0. Problems as above. */
export async function tryAddress(address: string, port: number): Promise<number> {
  const server = createServer()
  await listenTo(server, address, port)
  const taken = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof taken === 'object' && taken !== null ? taken.port : port
}

function refusal(error: NodeJS.ErrnoException, address: string, port: number): Problem {
  if (error.code === 'EADDRINUSE') return new Problem('start/port-busy', { port, address })
  if (error.code === 'EACCES') {
    const why = `port ${port} needs rights that this user has not`
    return new Problem('setting/invalid', { setting: 'port', why })
  }
  const why = `${address} is not an address of this machine`
  // Other reasons are rare; whoever meets one sees it.
  const isUsual = error.code === 'EADDRNOTAVAIL'
  return new Problem('setting/invalid', { setting: 'listen', why }, isUsual ? {} : { cause: error })
}
