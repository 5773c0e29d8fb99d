/**
 * Programs that die. A program's ports are wrapped so that from the moment of its death nothing it still
 * computes reaches the world: calls never return, timers and watches never call back.
 */

import type { Clock } from '#drivers/clock/port.ts'

/** Ends a step or an effect of a program that was killed at that very moment. */
export class Killed extends Error {
  override readonly name = 'Killed'
}

export class Life {
  readonly #end = new AbortController()

  get isOver() {
    return this.#end.signal.aborted
  }

  /** Aborts with the life. */
  get signal() {
    return this.#end.signal
  }

  end() {
    this.#end.abort(new Killed('the program was killed'))
  }
}

/** What may strike an effect: kill the program, fail the effect by a problem thrown before it, take time. */
export type Strike = (effect: {
  readonly port: string
  readonly does: string
  readonly moment: 'before' | 'after'
}) => void | Promise<void>

export type Mortality = {
  readonly life: Life
  /** Name of the port, for the strike. */
  readonly port: string
  /** Methods that change the world; only these are struck. */
  readonly effects: ReadonlySet<string>
  readonly strike: Strike
}

/** Members of a port that are ports themselves: the hypervisor's. */
const portsWithin: ReadonlySet<string> = new Set(['parts', 'layers', 'agent'])

const never = <T>() => new Promise<T>(() => {})

/** The same port for as long as the life lasts. */
export function mortal<Port extends object>(port: Port, on: Mortality): Port {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (portsWithin.has(String(name)) && typeof member === 'object' && member !== null)
        return mortal(member, on)
      if (typeof member !== 'function') return member
      const call = (args: unknown[]): unknown => Reflect.apply(member, target, args)
      if (on.effects.has(String(name)))
        return (...args: unknown[]) => struck(on, String(name), () => call(bound(args, on.life)))
      return (...args: unknown[]) => guarded(call(args.map((arg) => heard(arg, on.life))), on.life)
    },
  })
}

async function struck(on: Mortality, does: string, call: () => unknown): Promise<unknown> {
  const { life, port, strike } = on
  if (life.isOver) return never()
  await strike({ port, does, moment: 'before' })
  if (life.isOver) return never()
  const result = await guarded(call(), life)
  await strike({ port, does, moment: 'after' })
  return life.isOver ? never() : result
}

/** An effect that takes time stops with the program that waits for it. */
const bound = (args: unknown[], life: Life) =>
  args.map((arg) => (arg instanceof AbortSignal ? AbortSignal.any([arg, life.signal]) : arg))

/** A callback of a dead program is called no more. */
function heard(arg: unknown, life: Life): unknown {
  if (typeof arg !== 'function') return arg
  return (...args: unknown[]) => (life.isOver ? undefined : Reflect.apply(arg, undefined, args))
}

function guarded(result: unknown, life: Life): unknown {
  if (result instanceof Promise)
    return result.then(
      (value: unknown) => (life.isOver ? never() : value),
      (fault: unknown) => (life.isOver ? never() : Promise.reject(fault as Error)),
    )
  return isStream(result) ? streamed(result, life) : result
}

const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value

async function* streamed(stream: AsyncIterable<unknown>, life: Life) {
  for await (const item of stream) {
    if (life.isOver) return
    yield item
  }
}

export const mortalClock = (clock: Clock, life: Life): Clock => ({
  now: () => clock.now(),
  monotonic: () => clock.monotonic(),
  after: (ms, call) => clock.after(ms, () => (life.isOver ? undefined : call())),
  sleep: (ms, signal) => guarded(clock.sleep(ms, signal), life) as Promise<void>,
})
