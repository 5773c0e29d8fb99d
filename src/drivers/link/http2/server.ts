/** The controller's listener: lets in agents that prove their host's name, each as a session. */

import { constants, X509Certificate } from 'node:crypto'
import { connect, type ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { agentName, type Credentials } from '#drivers/certificates/port.ts'
import type { LinkServer, Session } from '../port.ts'
import { listenAt, type Address } from './address.ts'
import { connections, handshakeMs, pace, protocol, sessionWindow, settings, type Pace } from './bounds.ts'
import { helloFrom } from './door.ts'
import { breakOff } from './ending.ts'
import { linesOf, writeLine } from './lines.ts'
import { watchPulse } from './pulse.ts'
import { ControllerEnd, type Greeted } from './session.ts'

export type ServerPlace = Address & { readonly credentials: Credentials; readonly pace?: Pace }

/** `renew` takes new credentials for connections to come; the living ones stay. */
export type Http2LinkServer = LinkServer & {
  /** The port listened on; null on a Unix socket. */
  readonly port: number | null
  renew(credentials: Credentials): void
}

const secure = ({ authority, certificate, key }: Credentials) => ({ ca: authority, cert: certificate, key })

class Listener implements Http2LinkServer {
  readonly name = 'http2'
  readonly #server: Server
  readonly #pace: Pace
  readonly #sockets = new Set<Socket>()
  #call: ((session: Session) => void) | undefined
  #unlink = () => {}

  constructor(credentials: Credentials, bounds: Pace) {
    this.#pace = bounds
    this.#server = createServer({
      ...secure(credentials),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [protocol],
      handshakeTimeout: handshakeMs,
      // Each connection proves itself anew.
      secureOptions: constants.SSL_OP_NO_TICKET,
    })
    this.#server.maxConnections = connections
    this.#server.on('connection', (socket) => this.#count(socket))
    this.#server.on('secureConnection', (socket) => void this.#admit(socket))
    // A stranger, or one who dawdles: Node tells of the latter and leaves the socket to us.
    this.#server.on('tlsClientError', (_, socket) => socket.destroy())
  }

  async listen(address: Address) {
    this.#unlink = await listenAt(this.#server, address)
  }

  get port() {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : null
  }

  onSession(call: (session: Session) => void) {
    this.#call = call
  }

  renew(credentials: Credentials) {
    this.#server.setSecureContext({ ...secure(credentials), minVersion: 'TLSv1.3' })
  }

  async close() {
    this.#call = undefined
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
    this.#unlink()
  }

  #count(socket: Socket) {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }

  async #admit(socket: TLSSocket) {
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined || socket.alpnProtocol !== protocol) {
      socket.destroy()
      return
    }
    // Whatever the agent does meanwhile ends its own connection, and nothing else.
    try {
      await this.#greetOn(socket, certificate)
    } catch {
      socket.destroy()
    }
  }

  async #greetOn(socket: TLSSocket, certificate: X509Certificate) {
    const http = connect('https://agent', { ...settings, createConnection: () => socket })
    http.on('error', () => {})
    http.once('connect', () => http.destroyed || http.setLocalWindowSize(sessionWindow))
    const deadline = setTimeout(() => breakOff(http), this.#pace.silentMs)
    http.once('close', () => clearTimeout(deadline))
    const greeted = await greet(http)
    if (!isProven(certificate, greeted)) return refuse(greeted)
    clearTimeout(deadline)
    this.#welcome(greeted)
  }

  #welcome(greeted: Greeted) {
    if (this.#call === undefined) return breakOff(greeted.http)
    writeLine(greeted.stream, { say: 'welcome' })
    watchPulse(greeted.http, this.#pace)
    this.#call(new ControllerEnd(greeted))
  }
}

async function greet(http: ClientHttp2Session): Promise<Greeted> {
  const stream = http.request({ ':method': 'POST', ':path': '/link' })
  stream.on('error', () => {})
  const lines = linesOf(stream)
  return { http, stream, lines, hello: helloFrom((await lines.next()).value) }
}

/** Whether the certificate is that of the host that the agent says it is. */
const isProven = (certificate: X509Certificate, { hello }: Greeted) =>
  certificate.checkHost(agentName(hello.host), { subject: 'never', wildcards: false }) !== undefined

/** Says so; the deadline of the greeting ends the connection if the agent does not. */
function refuse({ http, stream }: Greeted) {
  writeLine(stream, { say: 'refused' })
  stream.end()
  http.close()
}

/** Listens for agents. Problem `start/port-busy` when another listens there. */
export async function openLinkServer(place: ServerPlace): Promise<Http2LinkServer> {
  const listener = new Listener(place.credentials, place.pace ?? pace)
  await listener.listen(place)
  return listener
}
