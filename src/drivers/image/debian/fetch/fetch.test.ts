/** Contents fetched from a server of the test: whole, broken off, changed, lying; and addresses that nobody may reach. */

import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import type { ImageProgress } from '#drivers/image/port.ts'
import { catalogue, originOf } from '#kinds/image/catalogue.ts'
import { image as imageKind } from '#kinds/image/schema.ts'
import { Problem } from '#model/problem.ts'
import { openImageMaker, type ImageMakerOptions } from '../maker.ts'
import { faultOfAddress, isWithin, ownNetworks } from './address.ts'
import { checksumIn } from './checksum.ts'

const never = new AbortController().signal
const content = Buffer.alloc(1_500_160, 'what a server gives ')
const sha256 = createHash('sha256').update(content).digest('hex')
const sha512 = createHash('sha512').update(content).digest('hex')

type Answering = (request: IncomingMessage, response: ServerResponse) => void

async function lair(t: TestContext, answer: Answering, options: Partial<ImageMakerOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-fetch-'))
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const into = await openDirectory({ folder: join(folder, 'store') })
  const { port } = server.address() as AddressInfo
  const open = () =>
    openImageMaker({ cacheFolder: join(folder, 'cache'), allowsPrivateAddresses: true, ...options })
  const maker = await open()
  const make = async (spec: object, { id = randomUUID(), by = maker, signal = never } = {}) => {
    const seen: ImageProgress[] = []
    const order = { spec: imageKind.spec.parse({ format: 'raw', ...spec }), volume: null }
    await by.make(id, into, order, (progress) => seen.push(progress), signal)
    return { id, seen, sight: await into.observeImage(id) }
  }
  return { folder, into, maker, open, asked, make, base: `http://127.0.0.1:${port}` }
}

/** Serves the content with ranges, as image servers do. */
const honest: Answering = (request, response) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const isPart = from > 0 && request.headers['if-range'] === '"v1"'
  const body = isPart ? content.subarray(from) : content
  response.writeHead(isPart ? 206 : 200, {
    etag: '"v1"',
    'content-length': body.length,
    ...(isPart ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
  })
  response.end(body)
}

const code = (wanted: string, said?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Problem, String(error))
  assert.equal(error.code, wanted, error.message)
  if (said !== undefined) assert.match(error.message, said)
  return true
}

test('what is fetched is checked by each form of checksum, and is told how far it is', async (t) => {
  const sums: Record<string, string> = {
    '/SHA256SUMS': `${'0'.repeat(64)}  other.img\n${sha256} *disk.img\n`,
    '/SHA512SUMS': `${sha512}  ./disk.img\n`,
    '/CHECKSUM': `# disk.img: ${content.length} bytes\nSHA256 (disk.img) = ${sha256}\n`,
    '/disk.img.sha512': `${sha512}\n`,
  }
  const here = await lair(t, (request, response) => {
    const text = sums[request.url ?? '']
    if (text === undefined) honest(request, response)
    else response.end(text)
  })
  const url = `${here.base}/disk.img`
  for (const spec of [
    {},
    { sha256 },
    { sha512 },
    ...Object.keys(sums).map((path) => ({ checksumUrl: here.base + path })),
  ]) {
    const { sight, seen } = await here.make({ url, ...spec })
    assert.deepEqual([sight.state, sight.sha256], ['ready', sha256])
    assert.ok(seen.some(({ expectedBytes }) => expectedBytes === content.length))
  }
  await assert.rejects(here.make({ url, sha256: '0'.repeat(64) }), code('image/checksum'))
  await assert.rejects(here.make({ url, sha512: '0'.repeat(128) }), code('image/checksum'))
  await assert.rejects(
    here.make({ url: `${here.base}/x.img`, checksumUrl: `${here.base}/SHA256SUMS` }),
    code('image/fetch', /not name/),
  )
})

test('a connection that breaks off is taken up where it was, also by the next life of the agent', async (t) => {
  let cuts = 3
  const here = await lair(t, (request, response) => {
    if (cuts-- <= 0) return honest(request, response)
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const headers = { etag: '"v1"', 'content-length': content.length - from }
    response.writeHead(from === 0 ? 200 : 206, {
      ...headers,
      'content-range': `bytes ${from}-${content.length - 1}/${content.length}`,
    })
    response.write(content.subarray(from, from + 300_000), () => setTimeout(() => response.destroy(), 50))
  })
  const id = randomUUID()
  const stop = new AbortController()
  const first = here.make({ url: here.base, sha256 }, { id, signal: stop.signal })
  // The agent ends while it waits for the next attempt.
  while (here.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  stop.abort(new Error('the agent ends'))
  await assert.rejects(first, /the agent ends/)
  const { sight } = await here.make({ url: here.base, sha256 }, { id, by: await here.open() })
  assert.equal(sight.sha256, sha256)
  const ranges = here.asked.map(({ headers }) => headers.range)
  assert.equal(ranges[0], undefined)
  assert.ok(
    ranges.slice(1).some((range) => /^bytes=[1-9]/.test(range ?? '')),
    ranges.join(),
  )
})

test('what changed on the server meanwhile is fetched anew, not patched together', async (t) => {
  let version = 1
  const other = Buffer.alloc(content.length, 'another version ')
  const here = await lair(t, (request, response) => {
    const body = version === 1 ? content : other
    const isSame = request.headers['if-range'] === `"v${version}"`
    assert.ok(!isSame || version === 1)
    response.writeHead(200, { etag: `"v${version}"`, 'content-length': body.length })
    if (version === 1) {
      version = 2
      response.write(body.subarray(0, 400_000), () => setTimeout(() => response.destroy(), 50))
    } else response.end(body)
  })
  const { sight } = await here.make({ url: here.base })
  assert.equal(sight.sha256, createHash('sha256').update(other).digest('hex'))
})

test('redirects are followed a few times, each judged anew; never to another scheme or a private address', async (t) => {
  const here = await lair(
    t,
    (request, response) => {
      const hops = Number(/^\/hop\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0)
      const far: Record<string, string> = {
        '/file': 'file:///etc/passwd',
        '/private': 'http://169.254.169.254/latest',
      }
      const location = far[request.url ?? ''] ?? (hops > 0 ? `/hop/${hops - 1}` : undefined)
      if (location === undefined) honest(request, response)
      else response.writeHead(302, { location }).end()
    },
    {
      allowsPrivateAddresses: false,
      // The test's own server stands for one in the world.
      resolve: async () => [{ address: '93.184.215.14', family: 4 }],
    },
  )
  // Without leave, the very first address is refused already.
  await assert.rejects(here.make({ url: `${here.base}/hop/1` }), code('image/address', /own networks/))
  const free = await lair(t, (request, response) => {
    const hops = Number(/^\/hop\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0)
    const far: Record<string, string> = { '/file': 'file:///etc/passwd', '/nowhere': 'http://224.0.0.1/x' }
    const location = far[request.url ?? ''] ?? (hops > 0 ? `/hop/${hops - 1}` : undefined)
    if (location === undefined) honest(request, response)
    else response.writeHead(302, { location }).end()
  })
  assert.equal((await free.make({ url: `${free.base}/hop/5` })).sight.sha256, sha256)
  await assert.rejects(free.make({ url: `${free.base}/hop/6` }), code('image/fetch', /more than 5 times/))
  await assert.rejects(free.make({ url: `${free.base}/file` }), code('image/fetch', /only http and https/))
  await assert.rejects(free.make({ url: `${free.base}/nowhere` }), code('image/address', /no server/))
})

test('a name that answers with another address the second time changes nothing: the first is pinned (DNS rebinding)', async (t) => {
  let asked = 0
  const here = await lair(t, honest, {
    allowsPrivateAddresses: false,
    resolve: async () =>
      asked++ === 0 ? [{ address: '192.0.0.1', family: 4 }] : [{ address: '127.0.0.1', family: 4 }],
  })
  const port = new URL(here.base).port
  await assert.rejects(here.make({ url: `http://images.example:${port}/` }), code('image/address'))
  assert.equal(asked, 1)
  // One bad address among good ones is enough.
  const mixed = await lair(t, honest, {
    allowsPrivateAddresses: false,
    resolve: async () => [
      { address: '93.184.215.14', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ],
  })
  await assert.rejects(
    mixed.make({ url: `http://images.example:${port}/` }),
    code('image/address', /127\.0\.0\.1/),
  )
  assert.equal(mixed.asked.length, 0)
  // And what passed is what is connected to: the name itself leads nowhere.
  const pinned = await lair(t, honest, { resolve: async () => [{ address: '127.0.0.1', family: 4 }] })
  const { sight } = await pinned.make({ url: `http://no-such-name.invalid:${new URL(pinned.base).port}/` })
  assert.equal(sight.sha256, sha256)
})

test('addresses of the host, its networks and its cloud are refused in every spelling', () => {
  const inner = [
    '127.0.0.1', '127.255.255.254', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1',
    '0.0.0.0', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fec0::1', 'fc00::1', 'fd12:3456::1', 'ff02::1',
    '::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '::ffff:0:127.0.0.1', '64:ff9b::7f00:1', '64:ff9b::10.0.0.1', '64:ff9b:1::a00:1', '64:ff9b:1:7f00:0:100:808:808',
    '2002:7f00:1::', '2002:c0a8:101::1', '2001:db8::1', '2001::1', 'fe80::1%eth0', 'no address',
  ] // prettier-ignore
  for (const address of inner) assert.ok(faultOfAddress(address, false) !== undefined, address)
  const outer = [
    '93.184.215.14',
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2a00:1450::1',
  ]
  for (const address of outer) assert.equal(faultOfAddress(address, false), undefined, address)
  // Spellings that the address parser of URLs makes plain.
  for (const host of ['2130706433', '0x7f.1', '0177.0.0.1', '127.1', '[::ffff:7f00:1]', '127。0。0。1'])
    assert.ok(
      faultOfAddress(new URL(`http://${host}/`).hostname.replace(/^\[|\]$/g, ''), false) !== undefined,
      host,
    )
  assert.equal(faultOfAddress('192.168.1.1', true), undefined)
  for (const address of ['0.0.0.0', '224.0.0.1', '::', 'ff02::1', '::ffff:0.0.0.0'])
    assert.ok(faultOfAddress(address, true) !== undefined, address)
})

test('what the host’s own interfaces are on is its own, though it looks like the world', () => {
  const at = (address: string, prefix: number, family: 'IPv4' | 'IPv6') =>
    ({
      address,
      cidr: `${address}/${prefix}`,
      family,
      netmask: '',
      mac: '',
      internal: false,
      scopeid: 0,
    }) as never
  const own = ownNetworks({
    eth0: [at('8.8.4.4', 24, 'IPv4'), at('2606:4700:1:2::5', 64, 'IPv6')],
    eth1: [at('9.9.9.9', 32, 'IPv4')],
  })
  for (const address of [
    '8.8.4.4',
    '8.8.4.77',
    '::ffff:8.8.4.4',
    '9.9.9.9',
    '2606:4700:1:2::99',
    '64:ff9b::909:909',
  ])
    assert.ok(isWithin(own, address), address)
  for (const address of ['8.8.5.4', '9.9.9.8', '2606:4700:1:3::5', '64:ff9b::909:908'])
    assert.ok(!isWithin(own, address), address)
  for (const { address } of Object.values(networkInterfaces()).flatMap((each) => each ?? []))
    assert.ok(isWithin(ownNetworks(), address), address)
})

test('other schemes, secrets in addresses, servers that refuse, lie about lengths or are not there: plain problems', async (t) => {
  let answers = 0
  const here = await lair(t, (request, response) => {
    answers += 1
    if (request.url?.startsWith('/404') === true) response.writeHead(404).end()
    else if (request.url === '/huge')
      response.writeHead(200, { 'content-length': String(2 ** 50) }).flushHeaders()
    else if (request.url === '/sums') response.end(Buffer.alloc(2 * 1_048_576, 'a'))
    else response.end('x'.repeat(700))
  })
  const make = (url: string, more = {}) => here.make({ url, ...more })
  for (const url of ['ftp://a.example/x', 'file:///etc/passwd', 'gopher://x/', 'javascript:1', 'no address'])
    await assert.rejects(make(url), code('image/fetch'))
  await assert.rejects(make('http://me:secret@a.example/'), (error) => {
    assert.ok(!String((error as Error).message).includes('secret'))
    return code('image/fetch')(error)
  })
  assert.equal(answers, 0)
  await assert.rejects(make(`${here.base}/404?token=geheim`), (error) => {
    assert.ok(!String((error as Error).message).includes('geheim'))
    return code('image/fetch', /answers 404/)(error)
  })
  await assert.rejects(make(`${here.base}/huge`), code('image/refused', /larger/))
  await assert.rejects(make(here.base, { checksumUrl: `${here.base}/sums` }), code('image/fetch', /too long/))
  await assert.rejects(make(here.base, { format: 'auto' }), code('image/refused', /512/))
})

test('every entry of the catalogue is fetched the same way: its server answers here', async (t) => {
  const here = await lair(t, (request, response) => {
    const name = (request.url ?? '').split('/').at(-1) ?? ''
    if (/SUMS$|CHECKSUM$|\.sha(256|512)$/.test(name)) return response.end(sumsFor(request.url ?? ''))
    return honest(request, response)
  })
  for (const entry of catalogue.filter(({ places }) => places.x86_64 !== undefined)) {
    const spec = imageKind.spec.parse({ catalogue: entry.name })
    const origin = originOf(spec, 'x86_64')
    const local = (url: string | null | undefined) =>
      typeof url === 'string' ? here.base + new URL(url).pathname : null
    const { sight } = await here.make({ url: local(origin?.url), checksumUrl: local(origin?.checksumUrl) })
    assert.equal(sight.sha256, sha256, entry.name)
  }
})

/** A file of checksums that names every image of the catalogue, in the form of its maker. */
function sumsFor(path: string): string {
  const names = catalogue.flatMap(({ places }) =>
    Object.values(places).map(({ url }) => url.split('/').at(-1) ?? ''),
  )
  if (path.endsWith('.sha256')) return `${sha256}  a-name-that-a-link-leads-to.qcow2\n`
  if (path.endsWith('.sha512')) return `${sha512}\n`
  if (path.endsWith('CHECKSUM')) return names.map((name) => `SHA256 (${name}) = ${sha256}`).join('\n')
  return names.map((name) => `${path.includes('512') ? sha512 : sha256}  ${name}`).join('\n')
}

test('a file of checksums that is nonsense names nothing', () => {
  for (const text of ['', 'x', `${'g'.repeat(64)}  a`, '<html>', `${sha256} a\n${sha256} b`])
    assert.equal(checksumIn(text, 'c'), undefined)
})

test('a file of the host comes in only from below an allowed folder, never through a link', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-import-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const allowed = join(folder, 'allowed')
  mkdirSync(join(allowed, 'sub'), { recursive: true })
  writeFileSync(join(allowed, 'sub', 'disk.img'), content)
  writeFileSync(join(folder, 'secret'), content)
  symlinkSync(join(folder, 'secret'), join(allowed, 'link.img'))
  symlinkSync(folder, join(allowed, 'up'))
  const here = await lair(t, honest, { importFolders: [allowed] })
  const { sight } = await here.make({ path: join(allowed, 'sub', 'disk.img') })
  assert.equal(sight.sha256, sha256)
  for (const path of [
    join(folder, 'secret'),
    `${allowed}/../secret`,
    '/etc/passwd',
    'allowed/sub/disk.img',
    allowed,
    `${allowed}2/x`,
  ])
    await assert.rejects(here.make({ path }), code('image/path'), path)
  for (const path of ['link.img', 'up/secret', 'none'])
    await assert.rejects(here.make({ path: join(allowed, path) }), code('image/unreadable'), path)
  await assert.rejects(here.make({ path: join(allowed, 'sub') }), code('image/refused', /plain file/))
  const none = await lair(t, honest)
  await assert.rejects(none.make({ path: join(allowed, 'sub', 'disk.img') }), code('image/path'))
})
