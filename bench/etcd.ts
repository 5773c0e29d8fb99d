/** etcd, the peer of the store: one member on loopback, spoken to through its JSON gateway. */

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { Agent } from 'node:http'
import { clients, type Peer, type Put } from './load.ts'
import { freePort, post } from './wire.ts'

/** Starts a single etcd in a folder of its own; fails plainly when it is not installed. */
export async function startEtcd(folder: string, value: unknown): Promise<Peer> {
  const program = ['/usr/bin/etcd', '/usr/local/bin/etcd'].find((path) => existsSync(path))
  if (program === undefined) throw new Error('etcd is not installed: apt-get install etcd-server')
  const [client, peer] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`)
  const child = spawn(
    program,
    [
      '--data-dir',
      folder,
      '--name',
      'bench',
      '--logger',
      'zap',
      '--log-level',
      'error',
      '--listen-client-urls',
      `${client}`,
      '--advertise-client-urls',
      `${client}`,
      '--listen-peer-urls',
      `${peer}`,
      '--initial-advertise-peer-urls',
      `${peer}`,
      '--initial-cluster',
      `bench=${peer}`,
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const put: Put = (id) =>
    post(`${client}/v3/kv/put`, agent, { key: base64(id), value: base64(JSON.stringify(value)) })
  const stop = async () => {
    agent.destroy()
    child.kill('SIGKILL')
    await ended
  }
  for (let tries = 0; ; tries++) {
    if (
      await put('ready').then(
        () => true,
        () => false,
      )
    )
      return { put, stop }
    if (tries === 100) {
      await stop()
      throw new Error('etcd did not start within 10 s')
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
