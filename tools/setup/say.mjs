/**
 * What the start-up scripts tell people. Plain JavaScript: it runs on Node 18 before anything is installed.
 */

const isTerminal = process.stdout.isTTY === true

/** @param {string} line */
export const say = (line) => void process.stdout.write(`${line}\n`)

/**
 * @param {number} sinceMs
 * @param {number} digits
 */
const elapsed = (sinceMs, digits = 1) => `${((performance.now() - sinceMs) / 1000).toFixed(digits)} s`

/** How often one who waits is told that something still happens: a terminal's line, a pipe's. */
const [tickMs, newsMs] = [1000, 15_000]

/**
 * Says what is being done, how far it is, and how long it took. On a terminal the line is rewritten each
 * second; in a pipe each tenth of the way is a line, and so is every quarter of a minute without one.
 *
 * @template T
 * @param {string} what
 * @param {(progress: (percent: number, detail: string) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function during(what, work) {
  const sinceMs = performance.now()
  let [tenth, saidMs, how] = [-1, sinceMs, '']
  const line = (/** @type {string} */ text) => {
    saidMs = performance.now()
    if (isTerminal) process.stdout.write(`\r\u001b[K  ${text}`)
    else say(`  ${text}`)
  }
  say(`${what} …`)
  const timer = setInterval(() => {
    if (isTerminal || performance.now() - saidMs >= newsMs) line(`${elapsed(sinceMs, 0)}${how}`)
  }, tickMs)
  try {
    return await work((percent, detail) => {
      how = `, ${Math.round(percent)} % ${detail.slice(0, 60)}`
      const now = Math.floor(percent / 10)
      if (isTerminal || now > tenth) line(`${elapsed(sinceMs, 0)}${how}`)
      tenth = Math.max(tenth, now)
    })
  } finally {
    clearInterval(timer)
    if (isTerminal) process.stdout.write('\r\u001b[K')
    say(`  took ${elapsed(sinceMs)}`)
  }
}

/** A failure that people can mend: what is wrong, and what to do about it. */
export class Failure extends Error {
  /**
   * @param {string} message
   * @param {string} advice
   */
  constructor(message, advice) {
    super(message)
    this.advice = advice
  }
}

/**
 * Runs a script's main function; a failure is told in the form of all problems and ends with exit code 1.
 *
 * @param {() => Promise<number>} main Gives the exit code.
 */
export async function honestly(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    process.stderr.write(`${error.message}\n${error.advice}\n`)
    process.exitCode = 1
  }
}
