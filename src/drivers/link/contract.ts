/** What every link driver keeps, whatever carries it; run for each driver by the test beside it. */

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { channelPair, readerOf } from './contract-ends.ts'
import type {
  AgentDoor,
  Ask,
  ByteChannel,
  Down,
  LinkClient,
  LinkServer,
  Open,
  Session,
  Up,
  Uplink,
} from './port.ts'

export type LinkRig = {
  readonly server: LinkServer
  /** The client of a host, with that host's proof of identity. */
  client(host: string): LinkClient
  /** Breaks the connections of a host without a word of farewell. */
  cut(host: string): void
  /** Lets that much time of the driver pass, and what is under way arrive. */
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

class TestAgent implements AgentDoor {
  readonly host: string
  readonly downs: Down[] = []
  readonly opened: { readonly open: Open; readonly mine: ByteChannel }[] = []
  answer = async (ask: Ask): Promise<Uint8Array> => Buffer.from('guest' in ask ? ask.guest : ask.image)
  refusal: Problem | undefined

  constructor(host: string) {
    this.host = host
  }

  hello() {
    return { host: this.host, incarnation: 'i1', version: '0.1.0', have: { 'guest/g-1': 7, 'guest/g-2': -1 } }
  }

  down(down: Down) {
    this.downs.push(down)
  }

  ask(ask: Ask) {
    return this.answer(ask)
  }

  async open(open: Open) {
    if (this.refusal !== undefined) throw this.refusal
    const [mine, theirs] = channelPair()
    this.opened.push({ open, mine })
    return theirs
  }

  get mine() {
    const opened = this.opened.at(-1)
    assert.ok(opened !== undefined)
    return opened.mine
  }
}

const isProblem =
  (code: string, facts: object = {}) =>
  (error: unknown) => {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.code, code)
    assert.partialDeepStrictEqual(error.facts, facts)
    return true
  }

const wish = (n: number, text = ''): Down => ({
  say: 'wish',
  wish: { revision: n, document: { id: `g-${n}`, text } },
})
const report = (sequence: number, text = ''): Up => ({
  say: 'report',
  sequence,
  kind: 'guest',
  id: `g-${sequence}`,
  generation: 1,
  status: { text },
})
const serial: Open = { open: 'serial', guest: 'g-1' }
const sending = (bytes: number): Open => ({ open: 'content', image: 'i-1', bytes, offset: 0, total: null })
const signal = () => new AbortController().signal

/** Polls, letting the driver's time pass, until it holds. */
async function until(rig: LinkRig, what: string, holds: () => boolean) {
  for (let turn = 0; turn < 500; turn++) {
    if (holds()) return
    await rig.pass(10)
  }
  assert.fail(`in vain: ${what}`)
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

const text = async (bytes: AsyncIterable<Uint8Array>) => String(Buffer.concat(await all(bytes)))

type Scene = {
  readonly rig: LinkRig
  readonly sessions: Session[]
  join(host?: string): Promise<{ agent: TestAgent; session: Session; uplink: Uplink }>
}

/** `make` gives a fresh rig; the contract closes it. */
export function obeysLinkContract(name: string, make: () => Promise<LinkRig>) {
  const promise = (sentence: string, proof: (scene: Scene) => Promise<void>) =>
    test(sentence, { timeout: 60_000 }, async () => {
      const rig = await make()
      const sessions: Session[] = []
      rig.server.onSession((session) => sessions.push(session))
      const join = async (host = 'h-1') => {
        const agent = new TestAgent(host)
        const before = sessions.length
        const uplink = await rig.client(host).connect(agent, signal())
        await until(rig, 'session', () => sessions.length > before)
        const session = sessions.at(-1)
        assert.ok(session !== undefined)
        return { agent, session, uplink }
      }
      await proof({ rig, sessions, join }).finally(() => rig.close())
    })

  describe(`${name} keeps the contract of the link`, () => {
    promise('the hello arrives whole', async ({ join }) => {
      const { agent, session } = await join()
      assert.deepEqual(session.hello, agent.hello())
    })

    promise('downs and ups arrive once, in order, equal and not shared', async ({ rig, join }) => {
      const { agent, session, uplink } = await join()
      const downs = Array.from({ length: 300 }, (_, n) => wish(n, 'é\n\u2028"'.repeat(n % 7)))
      const ups = Array.from({ length: 300 }, (_, n) => report(n, '한\r\n'.repeat(n % 5)))
      for (const down of downs) session.send(down)
      for (const up of ups) uplink.say(up)
      await until(rig, 'downs', () => agent.downs.length === downs.length)
      assert.deepEqual(agent.downs, downs)
      assert.notEqual(agent.downs[3], downs[3])
      const next = readerOf(session.ups)
      for (const up of ups) assert.deepEqual(await next(), up)
    })

    promise('no down arrives before connect has resolved', async ({ rig }) => {
      rig.server.onSession((session) => session.send({ say: 'sync' }))
      const agent = new TestAgent('h-1')
      await rig.client('h-1').connect(agent, signal())
      assert.equal(agent.downs.length, 0)
      await until(rig, 'sync', () => agent.downs.length === 1)
    })

    promise('the largest document passes, a larger line is refused to its sender', async (scene) => {
      const { agent, session, uplink } = await scene.join()
      session.send(wish(1, 'x'.repeat(limits.documentBytes - 100)))
      uplink.say(report(1, 'x'.repeat(limits.documentBytes - 100)))
      await until(scene.rig, 'large wish', () => agent.downs.length === 1)
      assert.equal((await readerOf(session.ups)())?.say, 'report')
      const huge = 'x'.repeat(limits.documentBytes * 2)
      assert.throws(() => session.send(wish(1, huge)), isProblem('request/too-large'))
      assert.throws(() => uplink.say(report(1, huge)), isProblem('request/too-large'))
      session.send({ say: 'sync' })
      await until(scene.rig, 'the connection lives on', () => agent.downs.length === 2)
    })

    promise('an ask brings back bytes, or the problem with code and facts', async ({ join }) => {
      const { agent, session } = await join()
      assert.equal(String(Buffer.from(await session.ask({ ask: 'log', guest: 'g-9' }, 5000))), 'g-9')
      agent.answer = async () => {
        throw new Problem('guest/absent', { guest: '손님 9' }, { field: 'spec.x' })
      }
      await assert.rejects(
        session.ask({ ask: 'log', guest: 'g-9' }, 5000),
        isProblem('guest/absent', { guest: '손님 9' }),
      )
      agent.answer = async () => {
        throw new Error('secret of the agent')
      }
      await assert.rejects(session.ask({ ask: 'log', guest: 'g-9' }, 5000), isProblem('bug'))
      agent.answer = async () => randomBytes(3 << 20)
      assert.equal((await session.ask({ ask: 'screenshot', guest: 'g-9' }, 5000)).length, 3 << 20)
    })

    promise('an ask that is not answered in time is host/silent, acts once, harms nothing', async (scene) => {
      const { agent, session } = await scene.join()
      let asked = 0
      const late = Promise.withResolvers<Uint8Array>()
      agent.answer = () => {
        asked++
        return late.promise
      }
      const refused = assert.rejects(
        session.ask({ ask: 'reset', guest: 'g-1', epoch: 1 }, 60),
        isProblem('host/silent', { host: 'h-1' }),
      )
      await scene.rig.pass(150)
      await refused
      late.resolve(new Uint8Array(1))
      agent.answer = async () => new Uint8Array([5])
      assert.deepEqual([...(await session.ask({ ask: 'log', guest: 'g-1' }, 5000))], [5])
      assert.equal(asked, 1)
    })

    promise('open gives a channel both ways; end closes half of it', async ({ join }) => {
      const { agent, session } = await join()
      const channel = await session.open(serial)
      assert.deepEqual(agent.opened.at(-1)?.open, serial)
      for (const [from, to] of [
        [channel, agent.mine],
        [agent.mine, channel],
      ] as const) {
        const heard = text(to.bytes)
        await from.write(Buffer.from('ping'))
        from.end()
        assert.equal(await heard, 'ping')
      }
      channel.close()
    })

    promise('a refused open arrives as the problem of the agent', async ({ join }) => {
      const { agent, session } = await join()
      agent.refusal = new Problem('guest/absent', { guest: 'g-1' })
      await assert.rejects(session.open(serial), isProblem('guest/absent', { guest: 'g-1' }))
    })

    for (const side of ['controller', 'agent']) {
      promise(
        `a channel closed by the ${side} ends, and a part never passes for the whole`,
        async (scene) => {
          const { agent, session } = await scene.join()
          const channel = await session.open(serial)
          const [near, far] = side === 'agent' ? [agent.mine, channel] : [channel, agent.mine]
          const heard = assert.rejects(all(far.bytes), isProblem('link/lost'))
          await near.write(Buffer.from('half'))
          await scene.rig.pass(20)
          near.close()
          near.close()
          await heard
          await assert.rejects(near.write(Buffer.from('more')), isProblem('link/lost'))
          await assert.rejects(far.write(Buffer.from('more')), isProblem('link/lost'))
        },
      )
    }

    for (const way of ['down', 'up'] as const) {
      promise(`64 MiB stream ${way} whole, and a reader that waits makes the writer wait`, async (scene) => {
        const { agent, session } = await scene.join()
        const channel = await session.open(sending(64 << 20))
        const [writer, reader] = way === 'down' ? [channel, agent.mine] : [agent.mine, channel]
        const piece = randomBytes(1 << 20)
        const want = createHash('sha256')
        let written = 0
        const writing = (async () => {
          for (let n = 0; n < 64; n++) {
            piece.writeUInt32BE(n)
            want.update(piece)
            await writer.write(Uint8Array.from(piece))
            written++
          }
          writer.end()
        })()
        await scene.rig.pass(300)
        assert.ok(written < 16, `${written} MiB were written while nobody read`)
        const got = createHash('sha256')
        for await (const bytes of reader.bytes) got.update(bytes)
        await writing
        assert.equal(got.digest('hex'), want.digest('hex'))
        channel.close()
      })
    }

    promise('many open channels do not hold up reports, asks and each other', async ({ rig, join }) => {
      const { agent, session, uplink } = await join()
      const channels = await Promise.all(Array.from({ length: 64 }, () => session.open(serial)))
      const stuck = channels.map((channel) => channel.write(randomBytes(1 << 20)).catch(() => undefined))
      await rig.pass(50)
      uplink.say({ say: 'heartbeat', atMs: 1, usage: {} })
      session.send({ say: 'sync' })
      assert.equal((await readerOf(session.ups)())?.say, 'heartbeat')
      await until(rig, 'sync', () => agent.downs.length === 1)
      assert.equal((await session.ask({ ask: 'log', guest: 'abc' }, 5000)).length, 3)
      session.close()
      await Promise.all(stuck)
    })

    promise('a cut ends everything on both sides within the bound', async ({ rig, join }) => {
      const { agent, session, uplink } = await join()
      agent.answer = () => new Promise(() => {})
      const channel = await session.open(serial)
      const ends = [
        assert.rejects(all(channel.bytes), isProblem('link/lost')),
        assert.rejects(all(agent.mine.bytes), isProblem('link/lost')),
        assert.rejects(session.ask({ ask: 'log', guest: 'g-1' }, 1e6), isProblem('link/lost')),
        all(session.ups),
        session.closed,
        uplink.closed,
      ]
      await rig.pass(20)
      rig.cut('h-1')
      await rig.pass(limits.heartbeatMs / 10)
      await Promise.all(ends)
      await assert.rejects(channel.write(Buffer.from('x')), isProblem('link/lost'))
      await assert.rejects(session.open(serial), isProblem('link/lost'))
      await assert.rejects(session.ask({ ask: 'log', guest: 'g-1' }, 1000), isProblem('link/lost'))
      session.send({ say: 'sync' })
      uplink.say(report(1))
      await join()
    })

    for (const side of ['controller', 'agent'] as const) {
      promise(`close by the ${side} closes both`, async ({ rig, join }) => {
        const { session, uplink } = await join()
        const face = side === 'agent' ? uplink : session
        face.close()
        face.close()
        await rig.pass(20)
        await Promise.all([session.closed, uplink.closed, all(session.ups)])
      })
    }

    promise('a host that comes twice has two sessions; closing one leaves the other', async (scene) => {
      const first = await scene.join()
      const second = await scene.join()
      first.session.close()
      await first.uplink.closed
      second.session.send({ say: 'sync' })
      await until(scene.rig, 'sync', () => second.agent.downs.length === 1)
      assert.equal(first.agent.downs.length, 0)
    })

    promise('an agent that claims the name of another host is refused; the others stay', async (scene) => {
      const honest = await scene.join('h-1')
      const liar = new TestAgent('h-1')
      await assert.rejects(scene.rig.client('h-2').connect(liar, signal()), isProblem('link/refused'))
      assert.equal(scene.sessions.length, 1)
      assert.equal((await honest.session.ask({ ask: 'log', guest: 'a' }, 5000)).length, 1)
    })

    promise('what is no word of the link ends that session alone', async ({ rig, join }) => {
      const [bad, good] = [await join('h-1'), await join('h-2')]
      bad.uplink.say({ say: 'nonsense' } as unknown as Up)
      await rig.pass(20)
      assert.deepEqual(await all(bad.session.ups), [])
      await bad.session.closed
      good.session.send({ say: 'shout' } as unknown as Down)
      await rig.pass(20)
      await good.uplink.closed
      assert.equal(good.agent.downs.length, 0)
    })

    promise('nobody at the other end, or an aborted attempt, is link/lost', async ({ rig }) => {
      const attempt = rig.client('h-1').connect(new TestAgent('h-1'), AbortSignal.abort())
      await assert.rejects(attempt, isProblem('link/lost'))
      await rig.server.close()
      const late = rig.client('h-1').connect(new TestAgent('h-1'), signal())
      await assert.rejects(late, isProblem('link/lost'))
    })

    promise('closing the server closes its sessions', async ({ rig, join }) => {
      const { session, uplink } = await join()
      await rig.server.close()
      await rig.pass(20)
      await Promise.all([session.closed, uplink.closed])
    })
  })
}
