/** A talk with an agent that answers, is late, floods, lies or leaves. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { realClock } from '#drivers/clock/real/clock.ts'
import { GuestInside } from '#kinds/guest/schema.ts'
import { limits } from '#model/limits.ts'
import { runCommand } from './commands.ts'
import { Conversation } from './conversation.ts'
import { insideOf } from './facts.ts'
import { readAll, writeAll } from './files.ts'

type Asked = { readonly execute: string; readonly arguments?: Record<string, unknown> }
/** What it returns; an `Error` is a refusal; a function writes to the line by itself. */
type Say = (asked: Asked, line: Socket) => unknown
const alone = Symbol('says nothing')

/** An agent by script, as it stands behind a channel: it is in step, whatever came before. */
async function withAgent(say: Say, prove: (talk: Conversation) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-agent-'))
  const path = join(folder, 'agent.sock')
  const lines = new Set<Socket>()
  const server = createServer((line) => {
    lines.add(line)
    line.on('error', () => {})
    let rest = ''
    line.on('data', (bytes) => {
      const parts = (rest + bytes.toString('latin1').replaceAll('\xff', '')).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) answer(JSON.parse(part) as Asked, line, say)
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const talk = new Conversation('web', async () => connect(path), realClock)
  try {
    await prove(talk)
  } finally {
    talk.close()
    for (const line of lines) line.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  }
}

function answer(asked: Asked, line: Socket, say: Say) {
  if (asked.execute === 'guest-sync-delimited') {
    line.write(Buffer.from([0xff]))
    line.write(`${JSON.stringify({ return: asked.arguments?.['id'] })}\n`)
    return
  }
  const said = say(asked, line)
  if (said === alone) return
  const error = said instanceof Error ? { class: 'GenericError', desc: said.message } : undefined
  line.write(`${JSON.stringify(error === undefined ? { return: said } : { error })}\n`)
}

const fails = (work: Promise<unknown>, code: string) => assert.rejects(work, { code })

test('questions get their own answers; a refusal is told with its reason, made inert', () =>
  withAgent(
    ({ execute }) => (execute === 'guest-bad' ? new Error('no\u001b[2Jway') : execute),
    async (talk) => {
      const asked = ['guest-a', 'guest-b', 'guest-c'].map((execute) => talk.ask({ execute }))
      assert.deepEqual(await Promise.all(asked), ['guest-a', 'guest-b', 'guest-c'])
      await assert.rejects(talk.ask({ execute: 'guest-bad' }), {
        code: 'guest/agent-refused',
        facts: { machine: 'web', command: 'guest-bad', why: 'no\\u001b[2Jway' },
      })
    },
  ))

test('a late answer is never taken for that of the next question', async () => {
  let late: (() => void) | undefined
  await withAgent(
    ({ execute }, line) => {
      if (execute === 'guest-next') {
        return 'right'
      }
      late = () => line.write(`${JSON.stringify({ return: 'wrong' })}\n`)
      return alone
    },
    async (talk) => {
      await fails(talk.ask({ execute: 'guest-slow' }, 50), 'guest/agent-silent')
      const next = talk.ask({ execute: 'guest-next' })
      late?.()
      assert.equal(await next, 'right')
    },
  )
})

test('what is no answer ends the talk, and the next one begins anew', async () => {
  const nonsense = ['not json', '[1]', '"text"', '{"return":']
  await withAgent(
    (_, line) => {
      const word = nonsense.shift()
      if (word === undefined) return 'well'
      line.write(`${word}\n`)
      return alone
    },
    async (talk) => {
      for (let turn = 0; turn < 4; turn++) await fails(talk.ask({ execute: 'guest-x' }), 'guest/agent-broken')
      assert.equal(await talk.ask({ execute: 'guest-x' }), 'well')
    },
  )
})

test('a flood without an end is not kept and ends the talk', () => {
  const piece = Buffer.alloc(1_048_576, 'a')
  return withAgent(
    (_, line) => {
      const pour = () => {
        if (line.destroyed) return
        if (line.write(piece)) setImmediate(pour)
        else line.once('drain', pour)
      }
      pour()
      return alone
    },
    async (talk) => {
      const before = process.memoryUsage().arrayBuffers
      await fails(talk.ask({ execute: 'guest-x' }, 60_000), 'guest/agent-broken')
      assert.ok(process.memoryUsage().arrayBuffers - before < 8 * limits.agentAnswerBytes)
    },
  )
})

test('I-46 one that never stops talking, asked or not, is not listened to', async () => {
  const piece = Buffer.from('{"return": 0}\n'.repeat(1000))
  for (const isAsked of [true, false]) {
    const heard = { bytes: 0 }
    const begin = (line: Socket) => {
      const pour = () => {
        if (line.destroyed) return
        line.write(piece, () => (heard.bytes += piece.length))
        setImmediate(pour)
      }
      pour()
    }
    await withAgent(
      (_, line) => {
        // Into the sync of the next question, or after the answer to this one.
        if (isAsked) line.once('data', () => begin(line))
        else begin(line)
        return 'well'
      },
      async (talk) => {
        for (let turn = 0; turn < 2; turn++) await talk.ask({ execute: 'guest-x' }).catch(() => {})
        // Until it falls silent, or has been heard for too long.
        for (let before = -1; heard.bytes !== before && heard.bytes < 2 ** 24;) {
          before = heard.bytes
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      },
    )
    assert.ok(heard.bytes < 2 ** 24, `${heard.bytes} bytes were taken`)
  }
})

test('an agent that closes its channel is silent, and one that comes back is heard', async () => {
  let isFirst = true
  await withAgent(
    (_, line) => {
      if (!isFirst) return 'back'
      isFirst = false
      line.destroy()
      return alone
    },
    async (talk) => {
      await fails(talk.ask({ execute: 'guest-x' }), 'guest/agent-silent')
      assert.equal(await talk.ask({ execute: 'guest-x' }), 'back')
    },
  )
})

test('whatever it says of its guest fits the schema and is inert', () => {
  const lies: Record<string, unknown> = {
    'guest-info': { version: 'v\u0000\u001b]0;x\u0007' },
    'guest-get-host-name': { 'host-name': '<script>'.repeat(1000) },
    'guest-get-osinfo': { 'pretty-name': ['no text'], 'kernel-release': '\u202e'.repeat(500) },
    'guest-get-timezone': 7,
    'guest-network-get-interfaces': Array.from({ length: 5000 }, () => ({
      name: 'eth0\nlo',
      'hardware-address': 'AA:BB:CC:DD:EE:FF-and-more',
      'ip-addresses': [{ 'ip-address': '10.0.0.1' }, { 'ip-address': '$(reboot)' }, 'x', null],
    })),
    'guest-get-fsinfo': [{ mountpoint: '/\u0007', type: 'ext4', 'used-bytes': -5, 'total-bytes': 1e300 }],
  }
  return withAgent(
    ({ execute }) => lies[execute] ?? new Error('no such file'),
    async (talk) => {
      const inside = GuestInside.parse(await insideOf(talk))
      const texts: string[] = []
      JSON.stringify(inside, (_, value: unknown) => (typeof value === 'string' && texts.push(value), value))
      assert.ok(texts.length > 200 && texts.every((text) => !/[^ -~]|\$\(/.test(text)))
      assert.deepEqual(inside.addresses.length, 64)
      assert.deepEqual(inside.fileSystems[0]?.totalBytes, 0)
      assert.equal(inside.cloudInit, 'absent')
    },
  )
})

test('a command is begun, waited for, and its output taken', async () => {
  let looks = 0
  await withAgent(
    ({ execute, arguments: given }) => {
      if (execute === 'guest-exec') {
        assert.deepEqual(given?.['arg'], ['-c', "a 'b'"])
        return { pid: 7 }
      }
      looks += 1
      const out = Buffer.from('done\n').toString('base64')
      return looks < 3 ? { exited: false } : { exited: true, exitcode: 3, 'out-data': out }
    },
    async (talk) => {
      const on = { clock: realClock, signal: new AbortController().signal }
      const done = await runCommand(talk, { argv: ['/bin/sh', '-c', "a 'b'"], timeoutMs: 60_000 }, on)
      assert.deepEqual([done.exitCode, String(done.output), done.isTruncated], [3, 'done\n', false])
    },
  )
})

test('output beyond every bound is cut, the exit code still known; a command without end is left', async () => {
  let isEndless = false
  await withAgent(
    ({ execute }) =>
      execute === 'guest-exec'
        ? { pid: 7 }
        : isEndless
          ? { exited: false }
          : { exited: true, 'out-data': 'QUJD'.repeat(3_000_000), exitcode: 4 },
    async (talk) => {
      const on = { clock: realClock, signal: new AbortController().signal }
      const cut = await runCommand(talk, { argv: ['/bin/x'], timeoutMs: 60_000 }, on)
      assert.deepEqual(
        [cut.exitCode, cut.isTruncated, cut.output.length, String(cut.output.subarray(0, 6))],
        [4, true, limits.agentOutputBytes, 'ABCABC'],
      )
      isEndless = true
      await fails(runCommand(talk, { argv: ['/bin/x'], timeoutMs: 60 }, on), 'guest/agent-timeout')
    },
  )
})

test('a file comes out and goes in by parts; one that has no end is refused at the bound', async () => {
  const kept: Buffer[] = []
  await withAgent(
    ({ execute, arguments: given }) => {
      if (execute === 'guest-file-open') return 1000
      if (execute === 'guest-file-read')
        return { count: 100, 'buf-b64': Buffer.alloc(100, 'x').toString('base64'), eof: false }
      if (execute !== 'guest-file-write') return {}
      // It takes less than it was given.
      const part = Buffer.from(String(given?.['buf-b64']), 'base64').subarray(0, 300_000)
      kept.push(part)
      return { count: part.length }
    },
    async (talk) => {
      let bytes = 0
      const endless = async () => {
        for await (const part of readAll(talk, '/dev/zero', 250)) bytes += part.length
      }
      await assert.rejects(endless(), { code: 'request/too-large' })
      assert.equal(bytes, 250)
      const content = Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => at % 251))
      await writeAll(talk, '/tmp/x', [content] as unknown as AsyncIterable<Uint8Array>)
      assert.ok(Buffer.concat(kept).equals(content))
    },
  )
})
