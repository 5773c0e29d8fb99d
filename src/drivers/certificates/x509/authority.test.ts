/** Certificates serve their purpose and no other, seen with the eyes of real TLS on loopback. */

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import tls from 'node:tls'
import { controllerName, type Authority, type Credentials } from '../port.ts'
import { x509Certificates } from './authority.ts'

const dayMs = 24 * 3_600_000
const years = (count: number) => count * 365 * dayMs

async function scene(proof: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-certificates-'))
  await proof(folder).finally(() => rmSync(folder, { recursive: true }))
}

const authorityIn = (folder: string, now = () => Date.now(), names: string[] = []) =>
  x509Certificates(now).ensureAuthority(folder, names)

const pemOf = ({ certificate, key }: Credentials) => ({ cert: certificate, key })

/** One handshake; resolves with what each side thinks of the other. */
async function handshake(server: Credentials, client: Credentials | undefined, servername: string) {
  const listener = tls.createServer({
    ...pemOf(server),
    ca: server.authority,
    requestCert: true,
    rejectUnauthorized: false,
  })
  listener.on('tlsClientError', () => {})
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const arrived = once(listener, 'secureConnection')
  const socket = tls.connect({
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    ca: (client ?? server).authority,
    servername,
    minVersion: 'TLSv1.3',
    ...(client === undefined ? {} : pemOf(client)),
  })
  try {
    await once(socket, 'secureConnect')
    const [seen] = (await arrived) as [tls.TLSSocket]
    return seen.authorized ? 'ok' : String(seen.authorizationError)
  } catch (error) {
    return `server refused: ${(error as NodeJS.ErrnoException).code}`
  } finally {
    socket.destroy()
    listener.close()
  }
}

const agent = (authority: Authority, host = 'h-1') => authority.issue({ purpose: 'agent', host })
const controller = (authority: Authority) => authority.issue({ purpose: 'controller' })

test('controller and agent of one authority know each other over TLS 1.3', () =>
  scene(async (folder) => {
    const authority = await authorityIn(folder)
    assert.equal(await handshake(await controller(authority), await agent(authority), controllerName), 'ok')
    const api = await authority.issue({
      purpose: 'api',
      names: ['localhost', '127.0.0.1', '::1', 'node.lan'],
    })
    assert.equal(await handshake(api, await agent(authority), 'node.lan'), 'ok')
  }))

test('an agent of another authority is refused, and so is a controller', () =>
  scene(async (folder) => {
    const ours = await authorityIn(join(folder, 'ours'))
    const other = await authorityIn(join(folder, 'other'))
    const stranger = { ...(await agent(other)), authority: ours.certificate }
    assert.match(
      await handshake(await controller(ours), stranger, controllerName),
      /UNABLE|VERIFY|SELF_SIGNED/,
    )
    assert.match(
      await handshake(await controller(other), await agent(ours), controllerName),
      /server refused/,
    )
  }))

test('no certificate serves the purpose of another', () =>
  scene(async (folder) => {
    const authority = await authorityIn(folder)
    const [link, host] = [await controller(authority), await agent(authority)]
    const api = await authority.issue({ purpose: 'api', names: ['localhost'] })
    for (const server of [link, api]) {
      assert.match(await handshake(link, server, controllerName), /PURPOSE/)
    }
    assert.match(await handshake(host, host, 'h-1.agents.decant.internal'), /server refused: .*PURPOSE/)
    assert.match(await handshake(api, host, controllerName), /server refused: ERR_TLS_CERT_ALTNAME/)
  }))

test('an expired certificate is refused', () =>
  scene(async (folder) => {
    const past = Date.now() - years(5)
    const authority = await authorityIn(folder, () => past)
    assert.match(
      await handshake(await controller(authority), await agent(authority), controllerName),
      /CERT_HAS_EXPIRED/,
    )
    const fresh = await authorityIn(folder)
    assert.match(
      await handshake(await controller(fresh), await agent(authority), controllerName),
      /CERT_HAS_EXPIRED/,
    )
  }))

test('the authority keeps its file, its owner alone reads it, and the fingerprint is that of the export', () =>
  scene(async (folder) => {
    const first = await authorityIn(folder)
    const second = await authorityIn(folder)
    assert.equal(first.fingerprint, second.fingerprint)
    assert.match(first.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
    assert.equal(new X509Certificate(first.certificate).fingerprint256, first.fingerprint)
    assert.equal(statSync(join(folder, 'authority.pem')).mode & 0o777, 0o600)
    assert.doesNotMatch(first.certificate, /PRIVATE/)
  }))

test('a damaged or expired authority is a problem, never replaced', () =>
  scene(async (folder) => {
    const file = join(folder, 'authority.pem')
    const pem = readFileSync(file, { encoding: 'utf8', flag: 'a+' })
    assert.equal(pem, '')
    await assert.rejects(authorityIn(folder), { code: 'certificate/damaged' })
    rmSync(file)
    await authorityIn(folder)
    const [good, other] = [readFileSync(file, 'utf8'), join(folder, 'other')]
    await authorityIn(other)
    const foreign = readFileSync(join(other, 'authority.pem'), 'utf8')
    const [certificate = '', key = ''] = [
      good.split('-----BEGIN PRIV')[0],
      foreign.split(/(?=-----BEGIN PRIV)/)[1],
    ]
    for (const bad of [good.slice(0, 300), good.slice(0, -200), certificate + key, `${certificate}garbage`]) {
      writeFileSync(file, bad)
      await assert.rejects(authorityIn(folder), { code: 'certificate/damaged' })
      assert.equal(readFileSync(file, 'utf8'), bad)
    }
    writeFileSync(file, good)
    await assert.rejects(
      authorityIn(folder, () => Date.now() + years(11)),
      { code: 'certificate/damaged' },
    )
  }))

test('ensure keeps what serves, and renews it in the last third of its life or when its names change', () =>
  scene(async (folder) => {
    const start = Date.now()
    let now = start
    const authority = await authorityIn(folder, () => now)
    const file = join(folder, 'api.pem')
    const ensure = (...names: string[]) => authority.ensure(file, { purpose: 'api', names })
    const first = await ensure('localhost', '127.0.0.1')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    now = start + 240 * dayMs
    assert.deepEqual(await ensure('localhost', '127.0.0.1'), first)
    now = start + 250 * dayMs
    const renewed = await ensure('localhost', '127.0.0.1')
    assert.notEqual(renewed.certificate, first.certificate)
    assert.notEqual(renewed.key, first.key)
    for (const names of [['localhost'], ['localhost', '10.0.0.1'], ['localhost', '::1']]) {
      const before = readFileSync(file, 'utf8')
      const other = await ensure(...names)
      assert.notEqual(before, readFileSync(file, 'utf8'))
      assert.deepEqual(await ensure(...names), other)
    }
    writeFileSync(file, 'damaged')
    chmodSync(file, 0o644)
    assert.match((await ensure('localhost')).key, /PRIVATE KEY/)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const asAgent = await authority.ensure(file, { purpose: 'agent', host: 'h-1' })
    assert.deepEqual(
      new X509Certificate(asAgent.certificate).subjectAltName,
      'DNS:h-1.agents.decant.internal',
    )
  }))

test('the authority vouches for private names and those it was made for, and for no other', () =>
  scene(async (folder) => {
    const authority = await authorityIn(folder, undefined, ['dc.example.org'])
    const api = (name: string) => authority.issue({ purpose: 'api', names: [name] })
    for (const name of [
      'localhost',
      'a.home.arpa',
      'dc.example.org',
      'x.DC.example.org',
      '203.0.113.9',
      '2001:db8::1',
    ])
      assert.match((await api(name)).certificate, /BEGIN CERT/, name)
    for (const name of [
      'bank.example',
      'example.org',
      'evildc.example.org',
      controllerName,
      'a b',
      '*.lan',
      '',
      'a,DNS:b.lan',
    ])
      await assert.rejects(api(name), { code: 'certificate/refused' }, name)
    for (const host of ['', 'a.b', '-x', 'h,DNS:evil', 'x'.repeat(64), 'h\n'])
      await assert.rejects(agent(authority, host), { code: 'certificate/refused' }, host)
    const ok = await api('dc.example.org')
    assert.equal(await handshake(ok, await agent(authority), 'dc.example.org'), 'ok')
  }))
