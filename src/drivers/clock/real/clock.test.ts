import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { realClock } from './clock.ts'

/** Timers here do not hold the test's process; this one does. */
async function held<T>(work: () => Promise<T>): Promise<T> {
  const hold = setInterval(() => undefined, 1000)
  return work().finally(() => clearInterval(hold))
}

test('sleep lasts at least as long as asked, by monotonic time', () =>
  held(async () => {
    const before = realClock.monotonic()
    await realClock.sleep(20)
    assert.ok(realClock.monotonic() - before >= 19)
  }))

test('an aborted sleep rejects at once with the reason of its signal', () =>
  held(async () => {
    const reason = new Error('enough')
    await assert.rejects(realClock.sleep(60_000, AbortSignal.abort(reason)), reason)
    const controller = new AbortController()
    const sleeping = realClock.sleep(60_000, controller.signal)
    controller.abort(reason)
    await assert.rejects(sleeping, reason)
  }))

test('a cancelled call is not made, another is', () =>
  held(async () => {
    const calls: string[] = []
    const cancel = realClock.after(1, () => calls.push('cancelled'))
    cancel()
    await new Promise<void>((resolve) => realClock.after(5, resolve))
    assert.deepEqual(calls, [])
  }))

test('a waiting timer does not keep a finished program alive', () => {
  const here = new URL('./clock.ts', import.meta.url).href
  const code = `import { realClock } from '${here}'; realClock.after(600000, () => {}); void realClock.sleep(600000)`
  execFileSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 10_000 })
})
