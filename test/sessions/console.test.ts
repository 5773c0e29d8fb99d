/** Consoles on this terminal: keys to the guest, bytes to the screen, and the way out. */

import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test, type TestContext } from 'node:test'
import type { Console } from '#client/console.ts'
import type { World } from '#cli/command.ts'
import { attached, openKeyboard } from '#cli/terminal.ts'
import { paperWorld } from './terminal.ts'

/** A guest that says back what it hears, in capitals. */
function loudGuest(): Console & { end(): void } {
  const closed = Promise.withResolvers<string>()
  let say = (_bytes: Uint8Array) => {}
  let end = () => {}
  const bytes = new ReadableStream<Uint8Array>({
    start(controller) {
      say = (heard) => controller.enqueue(heard)
      end = () => controller.close()
    },
  })
  return {
    bytes,
    closed: closed.promise,
    write: (heard) => say(Buffer.from(Buffer.from(heard).toString().toUpperCase())),
    close: () => closed.resolve('left'),
    end: () => end(),
  }
}

function keyed(isTTY: boolean) {
  const { world, said } = paperWorld('/nowhere')
  const raw: boolean[] = []
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: (on: boolean) => raw.push(on) })
  const typedWorld: World = { ...world, stdin: stdin as unknown as World['stdin'] }
  return { stdin, raw, said, world: typedWorld }
}

test('on a terminal every key goes to the guest, Ctrl-C too, until Ctrl-]', async () => {
  const { stdin, raw, said, world } = keyed(true)
  const keyboard = openKeyboard(world)
  const left = attached(loudGuest(), { keyboard, stdout: world.stdout, lingerMs: 50 })
  stdin.write('ls\u0003')
  await new Promise((resolve) => setTimeout(resolve, 20))
  stdin.write('x\u001dnot sent')
  assert.equal(await left, 'detached')
  keyboard.close()
  assert.match(said().out, /^LS\u0003/)
  assert.doesNotMatch(said().out, /NOT/)
  assert.deepEqual(raw, [true, false], 'the terminal is given back as it was')
})

test('a pipe sends all its bytes, waits for silence, and needs no way out', async () => {
  const { stdin, raw, said, world } = keyed(false)
  const keyboard = openKeyboard(world)
  const left = attached(loudGuest(), { keyboard, stdout: world.stdout, lingerMs: 50 })
  stdin.end('a\u001db')
  assert.equal(await left, 'input-over')
  keyboard.close()
  assert.equal(said().out, 'A\u001dB')
  assert.deepEqual(raw, [])
})

test('the end of the guest ends the attachment', async (t: TestContext) => {
  const { world } = keyed(true)
  const keyboard = openKeyboard(world)
  t.after(() => keyboard.close())
  const guest = loudGuest()
  const left = attached(guest, { keyboard, stdout: world.stdout, lingerMs: 50 })
  guest.end()
  assert.equal(await left, 'ended')
})
