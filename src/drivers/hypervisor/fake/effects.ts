/** How faults strike the fake: a function is asked before and after each effect, and throws to make it fail. */

/** `before`: nothing has happened yet. `after`: it has, but whoever asked is not told. */
export type Act = {
  readonly do:
    | 'spawn'
    | 'powerdown'
    | 'pause'
    | 'resume'
    | 'kill'
    | 'remove'
    | 'observe'
    | 'attachDisk'
    | 'detachDisk'
    | 'resizeDisk'
    | 'limitDisk'
    | 'changeMedium'
    | 'attachNic'
    | 'detachNic'
    | 'setLink'
    | 'setCpus'
    | 'setMemory'
    | 'setBalloon'
    | 'overlay'
    | 'merge'
    | 'mirror'
    | 'agent'
  readonly guest: string
  readonly moment: 'before' | 'after'
}

/** Throws to make an effect fail. */
export type Fault = (act: Act) => void

/** Does some work as an effect of a guest, stopped before it begins when the signal has aborted. */
export type Effects = <Result>(
  act: Act['do'],
  guest: string,
  signal: AbortSignal,
  work: () => Result | Promise<Result>,
) => Promise<Result>

export const effectsOf =
  (fault: Fault): Effects =>
  async (act, guest, signal, work) => {
    signal.throwIfAborted()
    fault({ do: act, guest, moment: 'before' })
    const result = await work()
    fault({ do: act, guest, moment: 'after' })
    return result
  }
