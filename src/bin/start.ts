/**
 * `npm start`: the supervisor. Lays out the data, runs the controller and the agent, shows what people
 * need to know, and ends both when it is ended. Guests are the agent's work and outlive all three.
 */

import { existsSync, fstatSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { languageOf } from '#cli/everywhere.ts'
import { clientAt } from '#cli/place.ts'
import type { Client } from '#client/client.ts'
import { signInLink } from '#client/records.ts'
import { readSettings, settingsText, type Settings } from './config.ts'
import { isLoopback, tryAddress, urlOf } from './door.ts'
import { showFirstStart } from './first-start.ts'
import { ensureHostName, ensureToken, hashOf, keep } from './identity.ts'
import { cellFor } from './jail.ts'
import { Journal } from './journal.ts'
import { layOut, layoutOf, type Layout } from './layout.ts'
import { takeLock } from './lock.ts'
import type { AgentReady, ControllerReady } from './orders.ts'
import { runningMachines } from './pool.ts'
import { Program } from './program.ts'
import { problemOf } from './tether.ts'
import { settleDown } from './thrift.ts'
import { complain, tell } from './voice.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const isRoot = process.getuid?.() === 0
const language = languageOf(process.env)

type Place = { readonly layout: Layout; readonly port: number; readonly lock: number; readonly url: string }

/** Finds out whether we may run here, before anything is changed; then makes the folders. */
async function settle({ data, listen, port }: Settings): Promise<Place> {
  const layout = layoutOf(data)
  // Where a Decant has been before, it may still run: that says more than a busy port.
  const early = existsSync(layout.lockFile) ? await takeLock(layout.lockFile, data) : undefined
  const free = await tryAddress(listen, port)
  layOut(layout, isRoot)
  const lock = early ?? (await takeLock(layout.lockFile, data))
  return { layout, port: free, lock, url: urlOf(listen, free) }
}

function controllerOf(settings: Settings, { layout, port, lock }: Place, tokenHash: string) {
  const script = join(checkout, 'src/bin/controller.ts')
  const cell = cellFor([process.execPath, script], checkout, layout, isRoot)
  if (cell.lack !== null) tell(`Note: ${cell.lack}`)
  const host = ensureHostName(layout, settings.name)
  return new Program<ControllerReady>({
    name: 'controller',
    argv: cell.argv,
    folder: layout.data,
    keep: layout.controller,
    // It has a user of its own; the secrets that may stand in root's environment are not for it.
    environment: ['PATH', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NODE_OPTIONS'],
    lock,
    journal: new Journal(join(layout.run, 'controller.log')),
    begin: () => ({
      say: 'begin',
      data: layout.data,
      address: settings.listen,
      port,
      isSecure: !isLoopback(settings.listen),
      host,
      makesHello: settings.hello,
      simulation: settings.simulate ?? null,
      tokenHash,
    }),
    onReady: () => {},
    tell,
  })
}

function agentOf(settings: Settings, { layout, port, lock }: Place, { agent: credentials }: ControllerReady) {
  const host = ensureHostName(layout, settings.name)
  return new Program<AgentReady>({
    name: 'agent',
    argv: [process.execPath, join(checkout, 'src/bin/agent.ts')],
    folder: layout.data,
    keep: layout.agent,
    lock,
    journal: new Journal(join(layout.run, 'agent.log')),
    begin: () => ({
      say: 'begin',
      data: layout.data,
      host,
      port,
      credentials,
      importFolders: settings.importFolder,
      allowsPrivateAddresses: settings.allowPrivateAddresses,
      shareFolders: settings.shareFolder,
      usbDevices: settings.usbDevice,
      datastoreFolders: settings.datastoreFolder,
    }),
    onReady: () => {},
    tell,
  })
}

/** The guests that an earlier agent started and this one found running: the same processes. */
function showFound({ found }: AgentReady) {
  if (found.length === 0) return
  const list = found.slice(0, 20).map(({ name, pid }) => `${name} (pid ${pid})`)
  const more = found.length > list.length ? `, and ${found.length - list.length} more` : ''
  const what = found.length === 1 ? '1 running machine' : `${found.length} running machines`
  tell(`Found ${what}: ${list.join(', ')}${more}; same processes, they were never stopped`)
}

/** Whether our words are kept by systemd, which lets others read them (systemd.exec(5), JOURNAL_STREAM). */
function isJournalled(): boolean {
  const { dev, ino } = fstatSync(1)
  return process.env.JOURNAL_STREAM === `${dev}:${ino}`
}

async function showWayIn({ port }: Place, client: Client, listen: string) {
  // A link is a secret for ten minutes (I-45).
  if (isJournalled()) return tell('Sign in by the link that this prints: ./decant login')
  tell(`Sign in, once and within 10 minutes: ${(await signInLink(client, 'admin')).url}`)
  const [, , server] = (process.env.SSH_CONNECTION ?? '').split(' ')
  if (server !== undefined && /^[\w.:%]+$/.test(server) && isLoopback(listen)) {
    tell(`From your own computer: ssh -L ${port}:127.0.0.1:${port} ${server}`)
  }
}

/** Resolves with the first wish to end: a signal, or the end of whoever started us. */
const wishToEnd = () =>
  new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve())
    if (process.connected) process.on('disconnect', () => resolve())
  })

async function sayFarewell(client: Client) {
  const names = await Promise.race([
    runningMachines(client).catch(() => undefined),
    new Promise<undefined>((resolve) => setTimeout(resolve, 1500, undefined)),
  ])
  if (names === undefined) return tell('Decant stops; its machines run on')
  if (names.length === 0) return tell('Decant stops; no machine runs')
  const list = names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '')
  tell(`Decant stops; ${names.length} ${names.length === 1 ? 'machine runs' : 'machines run'} on: ${list}`)
}

async function serve(settings: Settings, ended: Promise<void>) {
  const place = await settle(settings)
  const { layout, url } = place
  const token = ensureToken(layout)
  tell(`Starting Decant on ${layout.data}`)
  const controller = controllerOf(settings, place, hashOf(token))
  const programs: { stop(): Promise<void> }[] = [controller]
  const stopAll = async () => {
    for (const program of programs.toReversed()) await program.stop()
    rmSync(layout.endpointFile, { force: true })
  }
  try {
    const ready = await controller.start()
    const client = await open(place, ready, token)
    if (settings.simulate === undefined) {
      const agent = agentOf(settings, place, ready)
      programs.push(agent)
      showFound(await agent.start())
    }
    const stopping = new AbortController()
    void ended.then(() => stopping.abort())
    if (ready.isFirstStart && settings.hello && settings.simulate === undefined) {
      await showFirstStart(client, stopping.signal)
    }
    if (!stopping.signal.aborted) {
      await showWayIn(place, client, settings.listen)
      tell(`Decant is ready: ${url}`)
      settleDown()
    }
    await ended
    if (settings.simulate === undefined) await sayFarewell(client)
    else tell('Decant stops, and its simulated hosts with it')
  } finally {
    await stopAll()
  }
}

/** Says where we are for `./decant` and others, and opens the way for ourselves. */
async function open({ layout, url }: Place, { authority }: ControllerReady, token: string) {
  const isSecure = url.startsWith('https:')
  keep(layout.authorityFile, authority)
  const caFile = isSecure ? layout.authorityFile : undefined
  keep(layout.endpointFile, `${JSON.stringify({ url, ...(caFile === undefined ? {} : { caFile }) })}\n`)
  return clientAt({ url, token, caFile, data: layout.data }, language)
}

async function main(): Promise<number> {
  try {
    const settings = readSettings(process.argv.slice(2), process.env, process.getuid?.() ?? -1)
    if (settings.help) tell(settingsText())
    else await serve(settings, wishToEnd())
    return 0
  } catch (error) {
    return complain(problemOf(error), language)
  }
}

process.exit(await main())
