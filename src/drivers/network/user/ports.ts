/** Whether a port of this host is free now: tried by listening on it for a moment. */

import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

export type Protocol = 'tcp' | 'udp'

/**
 * Listens on the port and lets go of it; 0 takes any free one. Resolves with the port it was, rejects with
 * the error of the system (EADDRINUSE, EACCES, EADDRNOTAVAIL).
 */
export const tryPort = (protocol: Protocol, address: string, port: number): Promise<number> =>
  protocol === 'tcp' ? tryTcp(address, port) : tryUdp(address, port)

const tryTcp = (host: string, port: number) =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      const bound = server.address()
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : port))
    })
  })

const tryUdp = (address: string, port: number) =>
  new Promise<number>((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: false })
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.bind({ address, port, exclusive: true }, () => {
      const bound = socket.address().port
      socket.close(() => resolve(bound))
    })
  })
