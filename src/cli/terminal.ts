/** A console on this terminal: every key goes to the guest but one, every byte of the guest to the screen. */

import type { Console } from '#client/console.ts'
import type { World } from './command.ts'

/** Ctrl-], as in telnet and virsh: no shell and no editor of a guest needs it. */
export const detachKey = 0x1d

export type Left = 'detached' | 'ended' | 'input-over'

/** The keys of this terminal, or the bytes of a pipe. Made once, used for each attachment in turn. */
export type Keyboard = {
  /** Where the bytes go now; nothing: they are dropped. */
  sink: ((bytes: Uint8Array) => void) | undefined
  readonly detached: Promise<'detached'>
  /** The pipe has ended. */
  readonly over: Promise<void>
  close(): void
}

export function openKeyboard({ stdin, interrupted }: World): Keyboard {
  const isRaw = stdin.isTTY === true
  const left = Promise.withResolvers<'detached'>()
  const over = Promise.withResolvers<void>()
  const keyboard: Keyboard = {
    sink: undefined,
    detached: left.promise,
    over: over.promise,
    close() {
      stdin.off('data', take)
      stdin.pause()
      if (isRaw) stdin.setRawMode(false)
    },
  }
  const take = (bytes: Buffer) => {
    // In a pipe the byte is data like any other.
    const key = isRaw ? bytes.indexOf(detachKey) : -1
    const before = key < 0 ? bytes : bytes.subarray(0, key)
    if (before.byteLength > 0) keyboard.sink?.(before)
    if (key >= 0) left.resolve('detached')
  }
  interrupted.addEventListener('abort', () => left.resolve('detached'), { once: true })
  stdin.once('end', () => over.resolve())
  return start(keyboard, stdin, take)
}

function start(keyboard: Keyboard, stdin: World['stdin'], take: (bytes: Buffer) => void): Keyboard {
  if (stdin.isTTY === true) stdin.setRawMode(true)
  stdin.on('data', take)
  stdin.resume()
  return keyboard
}

export type Attachment = {
  readonly keyboard: Keyboard
  readonly stdout: World['stdout']
  /** Silence after the end of a piped input that ends the attachment. */
  readonly lingerMs: number
}

/** Joins a console and a keyboard until one of them has enough. */
export async function attached(console: Console, { keyboard, stdout, lingerMs }: Attachment): Promise<Left> {
  let heard = () => {}
  const ended = (async (): Promise<Left> => {
    for await (const bytes of console.bytes) {
      stdout.write(bytes)
      heard()
    }
    return 'ended'
  })()
  const quiet = keyboard.over.then(
    () =>
      new Promise<Left>((resolve) => {
        let timer = setTimeout(() => resolve('input-over'), lingerMs)
        heard = () => {
          clearTimeout(timer)
          timer = setTimeout(() => resolve('input-over'), lingerMs)
        }
        void ended.then(() => clearTimeout(timer))
      }),
  )
  keyboard.sink = (bytes) => console.write(bytes)
  try {
    return await Promise.race([ended, quiet, keyboard.detached])
  } finally {
    keyboard.sink = undefined
    console.close()
  }
}
