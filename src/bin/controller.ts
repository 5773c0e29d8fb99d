/** The controller as a program: its drivers, its rights, its address. It touches no host. */

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { Server as TlsServer } from 'node:tls'
import { openApi } from '#api/open.ts'
import { x509Certificates } from '#drivers/certificates/x509/authority.ts'
import type { Authority } from '#drivers/certificates/port.ts'
import { realClock } from '#drivers/clock/real/clock.ts'
import { openSqliteLedger } from '#drivers/ledger/sqlite/ledger.ts'
import { isGuestUid } from '#drivers/hypervisor/qemu/jail/uids.ts'
import { openLinkServer } from '#drivers/link/http2/server.ts'
import type { LinkServer } from '#drivers/link/port.ts'
import { openSqliteMetrics } from '#drivers/metrics/sqlite/metrics.ts'
import { openVault } from '#drivers/vault/file/vault.ts'
import { present } from '#base/assert.ts'
import { story } from '#model/problem.ts'
import { openSqliteStore } from '#drivers/store/sqlite/store.ts'
import { runController, type Controller } from '#program/controller/controller.ts'
import { ownAddresses } from './addresses.ts'
import { listenTo } from './door.ts'
import { everyDay } from './freshness.ts'
import { controllerUid, layoutOf } from './layout.ts'
import type { ControllerOrder } from './orders.ts'
import { Peers } from './peers.ts'
import { simulated } from './simulated.ts'
import { tether, type Running } from './tether.ts'
import { version } from './version.ts'

const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`)

/** Every name and address by which this machine may be called when it serves others. */
const ownNames = () => [
  hostname(),
  ...Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  ),
]

const loopback = ['localhost', '127.0.0.1', '::1']

const namesFor = ({ address, isSecure }: ControllerOrder) => [
  ...new Set([...loopback, address, ...(isSecure ? ownNames() : [])]),
]

const asHost = (name: string) => (name.includes(':') ? `[${name}]` : name)

/** Where Decant was started by root, its guests are users of their own; else they are the same as we. */
const guestsHaveUids = ({ simulation }: ControllerOrder) =>
  simulation === null && [0, controllerUid].includes(process.getuid?.() ?? -1)

/** The API's own certificate, renewed when it is due; nothing where plain HTTP is served. */
async function tlsOf(order: ControllerOrder, authority: Authority, folder: string) {
  if (!order.isSecure) return undefined
  const purpose = { purpose: 'api', names: namesFor(order) } as const
  const { key, certificate } = await authority.ensure(join(folder, 'api.pem'), purpose)
  return { key, cert: certificate }
}

async function openDoor(order: ControllerOrder, { desk }: Controller, authority: Authority, folder: string) {
  const tls = await tlsOf(order, authority, folder)
  return await openApi(desk, {
    allowedHosts: namesFor(order).map(asHost),
    localTokenHash: order.tokenHash,
    log,
    ...(tls === undefined ? {} : { tls }),
    ...(guestsHaveUids(order) ? { isWelcome: new Peers(isGuestUid).isWelcome } : {}),
  })
}

tether<ControllerOrder>(async (order, tell): Promise<Running> => {
  const { controller: folder, linkSocket: path } = layoutOf(order.data)
  const isFirstStart = !existsSync(join(folder, 'store.db'))
  const authority = await x509Certificates(Date.now).ensureAuthority(folder, [hostname()])
  const store = await openSqliteStore({ folder })
  const ledger = await openSqliteLedger({ folder })
  const metrics = openSqliteMetrics({ folder })
  const vault = openVault(join(folder, 'volumes.key'))
  const simulation = order.simulation === null ? undefined : simulated(order.simulation, log)
  const linkCredentials = () => authority.ensure(join(folder, 'link.pem'), { purpose: 'controller' })
  const real = simulation ? null : await openLinkServer({ path, credentials: await linkCredentials() })
  const link: LinkServer = simulation?.link ?? present(real, 'one of the two links is open')
  const controller = await runController(
    { store, ledger, link, metrics, vault, clock: realClock, newId: randomUUID, ownAddresses, log },
    { version, host: simulation === undefined ? order.host : null, withHello: order.makesHello },
  )
  await simulation?.begin(controller.desk)
  const api = await openDoor(order, controller, authority, folder)
  await listenTo(api.server, order.address, order.port)
  const stopRenewing = everyDay(async () => {
    real?.renew(await linkCredentials())
    const tls = await tlsOf(order, authority, folder)
    if (tls !== undefined && api.server instanceof TlsServer) api.server.setSecureContext(tls)
  }, log)
  await tell({
    say: 'ready',
    isFirstStart,
    authority: authority.certificate,
    agent: await authority.issue({ purpose: 'agent', host: order.host }),
  })
  return {
    close: async () => {
      stopRenewing()
      await api.close()
      await simulation?.close()
      await controller.stop()
      await link.close()
      await ledger.close()
      await metrics.close().catch((fault) => log(`metrics: ${story(fault)}`))
      await store.close()
    },
  }
})
