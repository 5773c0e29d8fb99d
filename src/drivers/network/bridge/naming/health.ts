/** How the servers of names fare: which of them does not start, or ends again and again, and what it said. */

/** One that ends sooner than this has not served: it would only end again. */
export const tooSoonMs = 5_000

/** So many ends within this time are no accident. */
const [ends, withinMs] = [3, 60_000]

type Course = {
  startedAtMs: number
  isRunning: boolean
  /** Of each end that nobody asked for. */
  endedAtMs: number[]
  said: string
}

/** Times are monotonic, in milliseconds. */
export class Health {
  readonly #courses = new Map<string, Course>()

  /** The course of this very process, to be named when it ends. */
  started(network: string, nowMs: number): Course {
    const { endedAtMs = [], said = '' } = this.#courses.get(network) ?? {}
    const course = { startedAtMs: nowMs, isRunning: true, endedAtMs, said }
    this.#courses.set(network, course)
    return course
  }

  /** Found running: started by an earlier agent, or long ago. */
  found(network: string, nowMs: number) {
    const course = this.#courses.get(network)
    if (course === undefined) this.started(network, nowMs - tooSoonMs)
    else course.isRunning = true
  }

  says(network: string, text: string) {
    const course = this.#courses.get(network)
    if (course !== undefined && text !== '') course.said = text
  }

  /** Whether it ended too soon; ending twice is ending once, and what went before another start is past. */
  ended(network: string, nowMs: number, of = this.#courses.get(network)): boolean {
    const course = this.#courses.get(network)
    if (course === undefined || course !== of || !course.isRunning) return false
    course.isRunning = false
    course.endedAtMs = [...course.endedAtMs, nowMs].slice(-ends)
    return nowMs - course.startedAtMs < tooSoonMs
  }

  /** It was ended by us, or is no longer wished. */
  forget(network: string) {
    this.#courses.delete(network)
  }

  /** Networks whose server cannot be relied on now, and why. */
  troubles(nowMs: number): ReadonlyMap<string, string> {
    return new Map(
      [...this.#courses].flatMap(([network, course]): [string, string][] => {
        const last = course.endedAtMs.at(-1) ?? -Infinity
        const hasServed = course.isRunning && nowMs - course.startedAtMs >= tooSoonMs
        const recent = course.endedAtMs.filter((at) => nowMs - at < withinMs).length
        const isSound = last === -Infinity || (hasServed && recent < ends)
        return isSound ? [] : [[network, course.said || 'it ends again and again']]
      }),
    )
  }
}
